"""Each acceptance check, met and not met; none raises on any text, none is passed by being unknown."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.adapters.documents.specs import load_specs
from chimera.domain.agent import Persona
from chimera.domain.spec import Check, SpecRef
from chimera.domain.task import Task
from chimera.domain.work import Assignment, Material
from chimera.governance import checks
from chimera.governance.checks import CHECKS, Context, context_of, parameter_schema
from tests.examples import examples

SOURCE = "The patch brings 1,200 fixes, says https://Games.example/patch-2 and www.other.example."
CONTEXT = Context(
    disclosure="[AI persona]",
    sources=(SOURCE,),
    recent=("the healer heals a little faster than before now",),
    mentions=("@mila",),
    avoid=("election", "loot box"),
    platform="threads",
)


def found(name: str, output: object, context: Context = CONTEXT, **parameters: Any) -> tuple[str, ...]:
    document = {"text": output} if isinstance(output, str) else output
    assert isinstance(document, dict)
    assert parameter_schema(name).accepts(parameters), f"{parameters} are no parameters of {name}"
    return checks.run([Check(name, dict(parameters))], document, context)


MET = [
    ("min_length", "12345", {"graphemes_min": 5}),
    ("min_length", "👨‍👩‍👧‍👦" * 5, {"graphemes_min": 5}),
    ("max_graphemes", "👨‍👩‍👧‍👦" * 5, {"graphemes_max": 5}),
    ("max_graphemes", "", {"graphemes_max": 0}),
    ("fits_network", "x" * 495 + " #one", {}),
    ("one_paragraph", "one line\n\n", {}),
    ("hashtags_max", "#one #two c#", {"count_max": 2}),
    ("hashtags_max", "we are #1, see /page#top", {"count_max": 0}),
    ("no_links", "No link. None at all, e.g. this one, v1.2.3, 3.5 or a@b", {}),
    ("no_links", "It ended.Then it began. Wait...what", {}),
    ("links_from_sources", "see https://games.example/patch-2, and http://other.example/", {}),
    ("links_from_sources", "none", {}),
    ("mentions_only", "@mila and @Pix say hi to mail@example", {"handles": ["pix"]}),
    ("mentions_only", "@MILA!", {}),
    ("language_plain", "The NASA and the ESA agree!! Really? Yes… A🧑‍🚀.", {}),
    ("language_plain", "one\ntwo", {}),
    ("no_placeholder", "Todos are done. {braces} of CSS: a[0] and [AI persona]".replace("{braces}", "{ }"), {}),
    ("contains_disclosure", "Hello [AI persona]", {}),
    ("contains_disclosure", "Hello [ai  PERSONA]", {}),
    ("avoids_topics", "selections of loot, boxes", {"topics": ["war"]}),
    ("not_repeating", "the tank holds the door while everybody runs away", {"similarity_bp_max": 5000}),
    ("not_repeating", "the healer heals a little faster than before now", {"similarity_bp_max": 10000}),
    ("items_distinct", {"text": "a\nb"}, {}),
    ("sources_present", {"text": "https://games.example/patch-2"}, {"count_min": 1}),
    ("numbers_from_sources", "1200 fixes, 1,200 of them, in 10 days, by R2D2", {}),
    ("numbers_from_sources", "none", {"free_max": 0}),
    ("claims_from_sources", "According to the patch, games get 1,200 fixes. We like it.", {}),
    ("claims_from_sources", 'They say “the patch brings 1,200 fixes”, and "so be it".', {}),
    ("claims_from_sources", "According to my very small spreadsheet, the official healer is a doctor.", {}),
]
NOT_MET = [
    ("min_length", "  1234  ", {"graphemes_min": 5}, "4 characters"),
    ("max_graphemes", "123456", {"graphemes_max": 5}, "shorten it by 1"),
    ("fits_network", "x" * 501, {}, "shorten it by 1"),
    ("fits_network", "#one #two", {}, "2 hashtags"),
    ("one_paragraph", "one\ntwo", {}, "more than one paragraph"),
    ("hashtags_max", "#one #two", {"count_max": 1}, "2 hashtags"),
    ("hashtags_max", "#über", {"count_max": 0}, "1 hashtags"),
    ("no_links", "see https://x.example/a?b", {}, "https://x.example/a?b"),
    ("no_links", "(HTTP://X.y)", {}, "HTTP://X.y"),
    ("no_links", "buy at shop.example.com/now!", {}, "shop.example.com/now"),
    ("no_links", "www.x.org.", {}, "www.x.org"),
    ("no_links", "at www.any.thing", {}, "www.any.thing"),
    ("no_links", "[x](https://a.b/c)", {}, "https://a.b/c"),
    ("links_from_sources", "see https://games.example/patch-3", {}, "stands in none of the sources"),
    ("links_from_sources", "see games.com", {}, "stands in none"),
    ("mentions_only", "@somebody", {}, "'@somebody' is not to be mentioned"),
    ("mentions_only", "hi @mila@evil.example", {}, "not to be"),
    ("language_plain", "a " * 40 + "a.", {}, "41 words"),
    ("language_plain", "BUY THIS NOW", {}, "is shouted"),
    ("language_plain", "what?!?", {}, "repeats itself"),
    ("language_plain", "a\u202eb", {}, "U+202E"),
    ("language_plain", "zero\u200bwidth", {}, "U+200B"),
    ("language_plain", "one two three", {"sentence_words_max": 2}, "3 words"),
    ("no_placeholder", "Hi {{name}}", {}, "{{name}}"),
    ("no_placeholder", "Hi {name}", {}, "{name}"),
    ("no_placeholder", "[insert link here]", {}, "not filled in"),
    ("no_placeholder", "<your name>", {}, "not filled in"),
    ("no_placeholder", "Lorem Ipsum dolor", {}, "Lorem Ipsum"),
    ("no_placeholder", "TODO: write", {}, "TODO"),
    ("contains_disclosure", "Hello", {}, "the disclosure '[AI persona]' is missing"),
    ("avoids_topics", "the Election is near", {}, "election"),
    ("avoids_topics", "one more LOOT BOX", {}, "loot box"),
    ("avoids_topics", "a war", {"topics": ["war"]}, "war"),
    (
        "not_repeating",
        "The healer heals a little faster than before, now!",
        {"similarity_bp_max": 5000},
        "100 % the same",
    ),
    ("not_repeating", "the healer", {"similarity_bp_max": 0, "shingle_words": 1}, "% the same"),
    ("items_distinct", {"text": "One  topic\none topic"}, {}, "stands here twice"),
    ("sources_present", {"text": ""}, {"count_min": 1}, "0 sources"),
    ("sources_present", {}, {}, "0 sources"),
    ("sources_present", {"text": "https://made.example/up"}, {}, "was not among those given"),
    ("numbers_from_sources", "94 percent", {}, "the number 94"),
    ("numbers_from_sources", "1.200,5 fixes", {}, "1.200,5"),
    ("numbers_from_sources", "3 fixes", {"free_max": 2}, "the number 3"),
    ("numbers_from_sources", "١٢٣٤٥", {}, "stands in none"),
    ("claims_from_sources", "Nice. Studies show that players prefer healers to sleep.", {}, "'Studies show"),
    ("claims_from_sources", "Official figures: nobody sleeps", {}, "stands in none"),
    ("claims_from_sources", "The maker said “we will never ever patch this again”.", {}, "we will never ever"),
]


@pytest.mark.requirement("R-K1")
@pytest.mark.parametrize(("name", "output", "parameters"), MET)
def test_met(name: str, output: object, parameters: dict[str, Any]):
    assert found(name, output, **parameters) == ()


@pytest.mark.requirement("R-K1")
@pytest.mark.parametrize(("name", "output", "parameters", "says"), NOT_MET)
def test_not_met(name: str, output: object, parameters: dict[str, Any], says: str):
    told = found(name, output, **parameters)
    assert told
    assert says in told[0]
    assert told[0].endswith(f"[{name}]")


def test_every_check_is_tested_both_ways():
    assert {case[0] for case in MET} == {case[0] for case in NOT_MET} == set(CHECKS)


def test_a_check_that_does_not_exist_is_no_pass():
    assert checks.run([Check("no_such")], {"text": "x"}) == ("there is no check 'no_such' [no_such]",)


def test_a_persona_without_disclosure_never_passes():
    assert found("contains_disclosure", "anything", Context()) != ()


def test_fields_reach_into_lists():
    output = {"lines": [{"line": "TODO"}, {"line": "fine"}], "lists": [["x", "TBD"]]}
    assert len(found("no_placeholder", output, field="lines[].line")) == 1
    assert len(checks.run([Check("no_placeholder", {"field": "lists[][]"})], output)) == 1
    assert found("no_placeholder", output, field="nowhere[].at.all") == ()


def test_the_context_of_an_assignment():
    task = Task(
        id="t",
        campaign_id="c",
        agent_id="a",
        spec=SpecRef("copy.reply", 1, ""),
        key="k",
        labels=(),
        input={"author": "@mila", "text": "see https://a.example", "n": 7, "flag": True},
    )
    persona = Persona(name="P", voice="v", disclosure="[AI]", avoid=("war",))
    material = Material(name="facts", content={"rows": [{"count": 94}, "ninety"]}, labels=())
    context = context_of(
        Assignment(
            task=task, persona=persona, account="@me", permissions=(), materials=(material,), recent=("said before",)
        ),
        (Check("max_graphemes"), Check("numbers_from_sources")),
    )
    assert context.recent == ("said before",)
    assert (context.disclosure, context.avoid, context.mentions) == ("[AI]", ("war",), ("@me", "@mila"))
    assert set(context.sources) == {"@mila", "see https://a.example", "7", "94", "ninety"}


ANY_TEXT = st.text(st.characters(), max_size=120) | st.text("@#[]{}<>!?. /:a1\n\u200b", max_size=80)
PARAMETERS = {
    "min_length": {"graphemes_min": 5},
    "max_graphemes": {"graphemes_max": 5},
    "hashtags_max": {"count_max": 1},
    "not_repeating": {"similarity_bp_max": 5000},
    "mentions_only": {"handles": ["x"]},
}


@settings(max_examples=examples(300))
@given(
    ANY_TEXT,
    ANY_TEXT,
    st.recursive(
        ANY_TEXT | st.integers() | st.none(),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(["text", "a"]), part, max_size=2),
        max_leaves=6,
    ),
)
def test_no_check_raises_on_anything(text: str, other: str, value: object):
    context = Context(disclosure=other, sources=(other,), recent=(other,), mentions=(other,), avoid=(other,))
    every = [Check(name, PARAMETERS.get(name, {})) for name in CHECKS]
    for output in ({"text": text}, {"text": value}, {}):
        for finding in checks.run(every, output, context):
            finding.encode("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "@" * 100_000,
        "#" * 100_000,
        "a." * 50_000,
        "{" * 100_000,
        "[insert" * 14_000,
        "!?" * 50_000,
        "! ?\n" * 25_000,
        "\n" * 100_000,
        " " * 100_000,
        "(" * 100_000,
        "1," * 50_000,
        "http://" * 14_000,
        "a-" * 50_000,
        "A B " * 25_000,
        "<your " * 16_000,
        "\u200d" * 100_000,
        "www." * 25_000,
        "1.a." * 25_000,
    ],
)
def test_no_text_makes_a_check_slow(text: str):
    every = [Check(name, PARAMETERS.get(name, {})) for name in CHECKS]
    context = Context(disclosure="x", sources=(text,), recent=(text,), mentions=("@x",), avoid=("x",))
    begun = time.process_time()
    checks.run(every, {"text": text}, context)
    assert time.process_time() - begun < 8, "linear: about 100,000 letters"


@pytest.mark.requirement("R-K1")
def test_parameters_of_every_check_in_the_house_match_its_schema():
    for spec in load_specs().values():
        for check in spec.checks:
            assert parameter_schema(check.name).accepts(check.parameters), f"{spec.name}: {check.name}"
