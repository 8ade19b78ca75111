"""What every public output passes: each rule, its span and its suggestion; and what is harmless goes through."""

import codecs
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_lexicon
from chimera.domain.decision import Question
from chimera.governance.safety.finding import Finding, Severity
from chimera.governance.safety.gateway import SafetyGateway, severity_of
from chimera.governance.safety.relations import vouched
from tests.governance.safety.test_personal_data import DISCLOSURE, question

GATEWAY = SafetyGateway(load_lexicon())


def action_question(kind: str, platform: str = "sandbox", **arguments: object) -> Question:
    asked = question("")
    return replace(asked, action=replace(asked.action, kind=kind, platform=platform, arguments=arguments))


def rules_of(asked: Question) -> list[str]:
    return [finding.rule for finding in GATEWAY.inspect(asked)]


@pytest.mark.requirement("R-D2")
@pytest.mark.parametrize(
    ("text", "rule", "severity"),
    [
        ("You absolute moron, read the patch notes.", "insult", "harm"),
        ("You absolute m0r0n, read the patch notes.", "insult", "harm"),
        ("You absolute m\u043er\u043en, read the patch notes.", "insult", "harm"),
        ("They are all " + codecs.decode("ergneqf", "rot13"), "slur", "harm"),
        ("I know where you live.", "threat", "harm"),
        ("Vote for the left in this election!", "politics", "caution"),
        ("Guaranteed returns on this coin", "financial-claim", "caution"),
        ("This tea cures cancer", "medical-claim", "caution"),
        ("He is guilty of fraud", "legal-claim", "caution"),
        ("For my 13-year-old viewers", "minors", "caution"),
        ("I am a real person, honest", "deception", "harm"),
        ("Unlike our competitors we ship", "brand", "caution"),
        ("My prompt says to be nice", "instructions-leak", "harm"),
        ("Studies show that tea is best.", "unsourced-claim", "caution"),
        ("80% of people prefer tea.", "unsourced-claim", "caution"),
        ("Everyone knows 73 % of doctors like it.", "unsourced-claim", "caution"),
        ("Dentists recommend this tea.", "unsourced-claim", "caution"),
        ("See https://203.0.113.9/login", "link-number", "harm"),
        ("See https://bank.example@evil.example/", "link-disguised", "harm"),
        ("See https://bit.ly/3xyz", "link-short", "caution"),
        ("See https://xn--pple-43d.example/", "link-lookalike", "caution"),
        ("Click javascript:alert(1)", "link-dangerous", "harm"),
        ("https://a.example https://b.example https://c.example", "links-many", "caution"),
        ("#a1a #b2b #c3c #d4d", "hashtags-many", "caution"),
        ("x" * 400, "text-too-long", "harm"),
    ],
)
def test_each_rule_fires_with_a_span_and_a_suggestion(text: str, rule: str, severity: str) -> None:
    said = f"{text} {DISCLOSURE}"
    findings = GATEWAY.inspect(question(said))
    fired = [finding for finding in findings if finding.rule == rule]
    assert fired, findings
    assert all(0 <= finding.start < finding.end <= len(said) for finding in findings), findings
    assert fired[0].severity is Severity(severity)
    assert fired[0].suggestion
    assert fired[0].says


@pytest.mark.requirement("R-D2")
@pytest.mark.parametrize(
    "text",
    [
        "The new boss fight heals you twice, and the Scunthorpe server is up again.",
        "I watched the class play chess; Essex won 3:2 at home.",
        "Kill all the lights before the raid starts. What is your favourite map?",
        "Studies show that tea is best, see https://journal.example/tea",
        "A first look at the patch: new maps, better sound, fewer crashes.",
    ],
)
def test_harmless_posts_pass(text: str) -> None:
    assert GATEWAY.inspect(question(f"{text} {DISCLOSURE}")) == ()


@pytest.mark.requirement("R-D2", "R-N6")
def test_a_post_without_disclosure_is_refused() -> None:
    assert rules_of(question("A lovely day.")) == ["disclosure-missing"]


@pytest.mark.requirement("R-D2")
def test_a_network_counts_what_people_see() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    fits = family * 280 + DISCLOSURE
    assert len(fits) > 300
    assert rules_of(question(fits)) == []
    assert rules_of(question(family * 301 + DISCLOSURE)) == ["text-too-long"]


@pytest.mark.requirement("R-D2")
def test_what_the_persona_avoids_needs_a_person() -> None:
    asked = replace(question(f"I love crypto mining today {DISCLOSURE}"), avoid=("crypto mining",))
    found = GATEWAY.inspect(asked)
    assert [one.rule for one in found] == ["brand-avoided"]
    assert asked.action.arguments["text"][found[0].start : found[0].end] == "crypto mining"


@pytest.mark.requirement("R-D2", "R-N6")
@pytest.mark.parametrize("kind", ["post.like", "post.reply", "post.follow", "post.quote"])
def test_kin_leave_each_other_alone(kind: str) -> None:
    told = action_question(kind, text=f"So true! {DISCLOSURE}", target_account="@nova")
    assert "kinship" in rules_of(replace(told, kin=("@nova",)))
    assert "kinship" not in rules_of(told)
    # A worker that names somebody else does not hide whom the task is about: kin is not computed from its word alone.
    lied = action_question(kind, text=f"So true! {DISCLOSURE}", target_account="@bob")
    assert "kinship" in rules_of(replace(lied, kin=("@nova",)))
    assert "target-unknown" in rules_of(action_question(kind, text=f"So true! {DISCLOSURE}"))


@pytest.mark.requirement("R-D2", "R-N6")
def test_naming_kin_needs_a_person() -> None:
    asked = replace(question(f"Have you seen @nova play? {DISCLOSURE}"), kin=("@nova",))
    assert rules_of(asked) == ["kin-named"]


class Verified:
    """Media that somebody verified."""

    async def learn(self, digests: Sequence[str]) -> None:
        """It knows."""

    def is_verified(self, digest: str) -> bool:
        return digest == "ab" * 32


def vouched_for(asked: Question) -> Question:
    return replace(asked, vouched=vouched(asked.action, Verified()))


@pytest.mark.requirement("R-D2")
@pytest.mark.parametrize(
    ("media", "clean"),
    [
        ([{"digest": "ab" * 32, "alt": "a cat"}], True),
        ([{"digest": "cd" * 32, "alt": "a cat"}], False),
        ([{"digest": "ab" * 32}, {"alt": "no digest"}], False),
        (["ab" * 32], False),
        ("ab" * 32, False),
        ([{"digest": "ab" * 32}] * 11, False),
        ([{"digest": "ab" * 32, "alt": "you moron"}], False),
    ],
)
def test_media_need_a_verified_manifest(media: object, clean: bool) -> None:
    asked = action_question("post.publish", text=f"Look {DISCLOSURE}", media=media)
    assert (GATEWAY.inspect(vouched_for(asked)) == ()) is clean
    assert severity_of(GATEWAY.inspect(asked)) == "harm"


@pytest.mark.requirement("R-D2")
def test_an_alt_text_takes_no_room_from_the_text() -> None:
    media = [{"digest": "ab" * 32, "alt": "a long description " * 20}]
    asked = action_question("post.publish", text=f"{'boss ' * 50}{DISCLOSURE}", media=media)
    assert GATEWAY.inspect(vouched_for(asked)) == ()


@pytest.mark.requirement("R-D2")
def test_a_near_duplicate_is_refused() -> None:
    earlier = f"The new boss fight in tonight's release is the best thing that I have played all year {DISCLOSURE}"
    asked = replace(question(earlier.replace("best", "finest")), recent=(earlier,))
    assert rules_of(asked) == ["nearly-repeats"]


@pytest.mark.requirement("R-D2")
@given(text=st.text(max_size=600))
def test_no_text_breaks_it(text: str) -> None:
    for asked in (question(text), action_question("post.reply", text=text, target_account=text)):
        for found in GATEWAY.inspect(asked):
            assert isinstance(found, Finding)
            assert found.suggestion
