"""The acceptance checks that task types name: pure questions about an output, answered by what has to be mended.

A check reads the output, its parameters and a context, and nothing else; it never raises, whatever the text. Every
check has a heading in docs/reference/checks.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias, cast

from msgspec import Struct

from chimera.domain.faults import shown
from chimera.domain.spec import Check
from chimera.domain.work import Assignment
from chimera.governance import graphemes, grounding, texts
from chimera.governance.safety.networks import network_of
from chimera.governance.schemas import Schema

RECENT_MAX = 100
FIELDS_MAX = 1_024
Parameters: TypeAlias = dict[str, Any]


class Context(Struct, frozen=True, kw_only=True):
    """What a check may compare an output with. `sources` are the texts that the draft could take facts from."""

    disclosure: str = ""
    sources: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    platform: str = ""


Run: TypeAlias = Callable[[str, Parameters, Context], Iterator[str]]
NOTHING = Context()


class CheckKind(Struct, frozen=True, kw_only=True):
    """A check that exists: its meaning, the schema of its parameters, and how it is run on one text.

    `whole`: it is run once on all texts of its field together, instead of on each.
    """

    name: str
    meaning: str
    parameters: dict[str, Any]
    run: Run
    whole: bool = False


def context_of(assignment: Assignment, checks: Iterable[Check]) -> Context:
    """What these checks of one assignment may compare with. The author of a post that is being answered may be named.

    Sources are only gathered where a check asks after them.
    """
    task, persona = assignment.task, assignment.persona
    author = task.input.get("author")
    return Context(
        disclosure=persona.disclosure,
        avoid=persona.avoid,
        platform=str(task.input.get("platform", assignment.platform)),
        sources=_sources_of(assignment) if any(check.name in _ABOUT_SOURCES for check in checks) else (),
        recent=assignment.recent,
        mentions=(assignment.account, author) if isinstance(author, str) else (assignment.account,),
    )


def _sources_of(assignment: Assignment) -> tuple[str, ...]:
    return tuple(texts_within([assignment.task.input, *(material.content for material in assignment.materials)]))


def run(checks: Iterable[Check], output: dict[str, Any], context: Context = NOTHING) -> tuple[str, ...]:
    """What has to be mended before the checks are met, each with the name of its check. None: they are met."""
    found = (f"{finding} [{check.name}]" for check in checks for finding in run_one(check, output, context))
    return tuple(dict.fromkeys(found))


def run_one(check: Check, output: dict[str, Any], context: Context = NOTHING) -> Iterator[str]:
    """The findings of one check. A check that does not exist is a finding, never a pass."""
    kind = CHECKS.get(check.name)
    if kind is None:
        yield f"there is no check {shown(check.name)}"
        return
    field = str(check.parameters.get("field", "text"))
    found = [text[: texts.TEXT_LENGTH_MAX] for text in texts_at(output, field)]
    if kind.whole:
        found = ["\n".join(found)]
    for text in found:
        for finding in kind.run(text, check.parameters, context):
            yield f"{field}: {finding}"


def texts_at(output: object, field: str) -> list[str]:
    """The texts at a path such as `text` or `roundtable[].line`. None where there is nothing."""
    first, *deeper = _names_in(field)
    values = _parts(output, first)
    for name in deeper:
        values = [part for value in values for part in _parts(value, name)]
    return [value for value in values if isinstance(value, str)]


@lru_cache(maxsize=FIELDS_MAX)
def _names_in(field: str) -> tuple[str, ...]:
    return tuple(field.replace("[]", ".[]").split("."))


def _parts(value: object, name: str) -> Iterable[Any]:
    if name == "[]":
        return cast("list[Any]", value) if isinstance(value, list | tuple) else ()
    return (cast("dict[str, Any]", value)[name],) if isinstance(value, dict) and name in value else ()


def texts_within(value: object) -> Iterator[str]:
    """Every text within a plain value, and every number as text, however deep."""
    waiting: list[Any] = [value]
    while waiting:
        match item := waiting.pop():
            case str():
                yield item
            case bool():
                pass
            case int():
                yield str(item)
            case dict():
                waiting.extend(reversed(cast("dict[str, Any]", item).values()))
            case list() | tuple():
                waiting.extend(reversed(cast("list[Any]", item)))
            case _:
                pass


# ── size ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _min_length(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    if (length := graphemes.count(text.strip())) < parameters["graphemes_min"]:
        yield f"{length} characters, at least {parameters['graphemes_min']} are needed"


def _max_graphemes(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    limit = parameters["graphemes_max"]
    if (length := graphemes.count(text)) > limit:
        yield f"{length} characters, {limit} at most; shorten it by {length - limit}"


def _fits_network(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    """What the network that it is for would not take, or not show."""
    network = network_of(context.platform)
    if network.graphemes_max is not None:
        yield from _max_graphemes(text, {"graphemes_max": network.graphemes_max}, context)
    yield from _hashtags_max(text, {"count_max": network.hashtags_max}, context)


def _one_paragraph(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    if len([part for part in text.split("\n") if part.strip()]) > 1:
        yield "more than one paragraph; write it as one"


def _hashtags_max(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    if (count := len(texts.hashtags(text))) > parameters["count_max"]:
        yield f"{count} hashtags, {parameters['count_max']} at most"


# ── who and where ───────────────────────────────────────────────────────────────────────────────────────────────────


def _no_links(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    for link in texts.links(text):
        yield f"the link {shown(link)} does not belong here"


def _links_from_sources(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    found = texts.links(text)
    known = {texts.without_scheme(link) for source in context.sources if found for link in texts.links(source)}
    for link in found:
        if texts.without_scheme(link) not in known:
            yield f"the link {shown(link)} stands in none of the sources"


def _mentions_only(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    allowed = {_handle(name) for name in (*parameters.get("handles", ()), *context.mentions)}
    for mention in texts.mentions(text):
        if _handle(mention) not in allowed:
            yield f"{shown(mention)} is not to be mentioned"


def _handle(name: str) -> str:
    return "@" + name.casefold().lstrip("@")


# ── wording ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _language_plain(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    limit = parameters.get("sentence_words_max", 40)
    if (longest := texts.longest_sentence(text)) > limit:
        yield f"a sentence has {longest} words, {limit} at most"
    if loud := texts.shouting(text):
        yield f"{shown(loud)} is shouted"
    if signs := texts.repeated_signs(text):
        yield f"{shown(signs)} repeats itself"
    if hidden := texts.invisible(text):
        yield f"the invisible letter {hidden} stands in the text"


def _no_placeholder(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    for gap in texts.placeholders(text):
        yield f"{shown(gap)} was not filled in"


def _contains_disclosure(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    if not context.disclosure.strip():
        yield "the persona has no disclosure to show"
    elif context.disclosure not in text and texts.folded(context.disclosure) not in texts.folded(text):
        yield f"the disclosure {shown(context.disclosure)} is missing"


def _avoids_topics(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    for topic in texts.mentioned(text, (*parameters.get("topics", ()), *context.avoid)):
        yield f"the persona keeps away from {shown(topic)}"


def _not_repeating(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    size, limit = parameters.get("shingle_words", 3), parameters["similarity_bp_max"]
    for earlier in context.recent[-RECENT_MAX:]:
        if (alike := texts.similarity_bp(text, earlier, size=size)) > limit:
            yield f"{alike // 100} % the same as an earlier text: {shown(earlier)}"
            return


def _items_distinct(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    seen: set[str] = set()
    for item in text.split("\n"):
        if (key := texts.folded(item)) and key in seen:
            yield f"{shown(item)} stands here twice"
        seen.add(key)


# ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sources_present(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    named = [line for line in text.split("\n") if line.strip()]
    if len(named) < parameters.get("count_min", 1):
        yield f"{len(named)} sources, at least {parameters.get('count_min', 1)} are needed"
    given = [texts.folded(source) for source in context.sources]
    for name in named:
        if not any(texts.folded(name) in source for source in given):
            yield f"the source {shown(name)} was not among those given"


def _numbers_from_sources(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    free_max = parameters.get("free_max", 10)
    found = [number for number in texts.numbers(text) if not _is_small(number, free_max)]
    known = {number for source in context.sources if found for number in texts.numbers(source)}
    for number in found:
        if number not in known:
            yield f"the number {number} stands in none of the sources"


def _claims_from_sources(text: str, parameters: Parameters, context: Context) -> Iterator[str]:
    for claim in grounding.unfounded(text, context.sources):
        yield f"{shown(claim)} stands in none of the sources"


def _is_small(number: str, free_max: int) -> bool:
    return number.isascii() and number.isdigit() and len(number) < 8 and int(number) <= free_max


def _schema(*, required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    field = {
        "type": "string",
        "pattern": r"^[a-z_]+(\[\])?(\.[a-z_]+(\[\])?)*$",
        "maxLength": 100,
        "x-form": "a path in the output, like text or lines[].text",
    }
    return {
        "type": "object",
        "properties": {"field": field, **properties},
        "required": list(required),
        "additionalProperties": False,
    }


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 100_000}
_SHARE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 10_000}
_TERM: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 256}
_TERMS: dict[str, Any] = {"type": "array", "items": _TERM, "maxItems": 100}
_ALL = (
    CheckKind(name="min_length", meaning="has at least so many visible characters", run=_min_length,
              parameters=_schema(required=("graphemes_min",), graphemes_min=_COUNT)),
    CheckKind(name="max_graphemes", meaning="has at most so many visible characters", run=_max_graphemes,
              parameters=_schema(required=("graphemes_max",), graphemes_max=_COUNT)),
    CheckKind(name="fits_network", meaning="is as long, and has as many hashtags, as its network takes",
              run=_fits_network, parameters=_schema()),
    CheckKind(name="one_paragraph", meaning="is one paragraph", run=_one_paragraph, parameters=_schema()),
    CheckKind(name="hashtags_max", meaning="has at most so many hashtags", run=_hashtags_max,
              parameters=_schema(required=("count_max",), count_max=_COUNT)),
    CheckKind(name="no_links", meaning="has no link, with or without a scheme", run=_no_links, parameters=_schema()),
    CheckKind(name="links_from_sources", meaning="has only links that stand in a source", run=_links_from_sources,
              parameters=_schema()),
    CheckKind(name="mentions_only", meaning="mentions nobody but those listed and those being answered",
              run=_mentions_only, parameters=_schema(handles=_TERMS)),
    CheckKind(name="language_plain", meaning="no endless sentence, shouting, rows of signs, invisible letters",
              run=_language_plain, parameters=_schema(sentence_words_max=_COUNT)),
    CheckKind(name="no_placeholder", meaning="has nothing that was to be filled in", run=_no_placeholder,
              parameters=_schema()),
    CheckKind(name="contains_disclosure", meaning="says that an AI wrote it, in the persona's words", whole=True,
              run=_contains_disclosure, parameters=_schema()),
    CheckKind(name="avoids_topics", meaning="keeps away from what the persona avoids", run=_avoids_topics,
              parameters=_schema(topics=_TERMS)),
    CheckKind(name="not_repeating", meaning="is not nearly the same as a recent text", run=_not_repeating,
              parameters=_schema(required=("similarity_bp_max",), similarity_bp_max=_SHARE,
                                 shingle_words={"type": "integer", "minimum": 1, "maximum": 10})),
    CheckKind(name="items_distinct", meaning="no two entries are the same", whole=True, run=_items_distinct,
              parameters=_schema()),
    CheckKind(name="sources_present", meaning="names its sources, and only ones that were given", whole=True,
              run=_sources_present, parameters=_schema(count_min=_COUNT)),
    CheckKind(name="numbers_from_sources", meaning="has only numbers that stand in a source, beside small ones",
              run=_numbers_from_sources, parameters=_schema(free_max=_COUNT)),
    CheckKind(name="claims_from_sources", meaning="quotes and names as its authority only what stands in a source",
              run=_claims_from_sources, parameters=_schema()),
)  # fmt: skip
# A check that is missing here finds no source, and so no text that it lets pass.
_ABOUT_SOURCES = ("links_from_sources", "sources_present", "numbers_from_sources", "claims_from_sources")
CHECKS: dict[str, CheckKind] = {kind.name: kind for kind in _ALL}
_PARAMETER_SCHEMAS = {kind.name: Schema(kind.parameters) for kind in _ALL}


def parameter_schema(name: str) -> Schema:
    """The compiled schema of a check's parameters."""
    return _PARAMETER_SCHEMAS[name]


def is_about_sources(finding: str) -> bool:
    """Whether a finding of `run` says that something stands in no source."""
    return finding.endswith(tuple(f"[{name}]" for name in _ABOUT_SOURCES))
