"""The hand-written half of the detector: what attackers say, in which words, and what said together is trouble.

A *concept* is one thing that can be said, in many wordings and languages; a *rule* is a set of concepts said close
together, with the weight (in thousandths of a logit) that it adds. Parses the shipped data; matches nothing itself.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from chimera.governance.security.normalise import fold

# What may follow a stem inside a term: the search is for literals, so a few endings stand for all.
_ENDINGS = ("", "e", "s", "es", "en", "er", "em", "o", "i", "a", "y")
_CYRILLIC_ENDINGS = (*_ENDINGS, "ые", "ых", "ый", "ое", "ая", "ую", "ого", "ой", "и")
_CYRILLIC = re.compile("[\u0400-\u052f]$")
_PLAIN = re.compile(r"[^()|?]+(?!\?)")
# Most terms are folded already, and have tens of thousands of wordings.
_FOLDED_TERM = re.compile("[a-z0-9@ ()|?]+")
_UNSPACED = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u1100-\u11ff\u0e00-\u0e7f]")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Concepts that mean trouble together; the order in which they are said does not matter."""

    family: str
    all: tuple[str, ...]
    weight: int


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Concept → language → terms, and the rules over concepts. The terms' little grammar is in `expand`."""

    format: int
    concepts: dict[str, dict[str, str]]
    rules: tuple[Rule, ...]


def parse_lexicon(data: bytes) -> Lexicon:
    """Reads the shipped lexicon; a rule about an unknown concept is refused here and not at the first attack."""
    lexicon = msgspec.json.decode(data, type=Lexicon)
    unknown = {concept for rule in lexicon.rules for concept in rule.all} - lexicon.concepts.keys()
    assert not unknown, f"the lexicon's rules name unknown concepts: {sorted(unknown)}"
    return lexicon


def literals(lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """Every (concept, literal): what to search for in a folded text that is padded with " . " on both sides."""
    for concept, languages in lexicon.concepts.items():
        for terms in languages.values():
            for term in terms.split(";"):
                yield from ((concept, literal) for literal in _literals_of(term.strip()))


def expand(term: str) -> tuple[str, ...]:
    """All wordings of a term: `(a|b)` is a choice, `x?` may be missing, `stem*` may be continued."""
    wordings, position = _expand_choice(term, 0)
    assert position == len(term), f"a bracket in the lexicon does not close: {term!r}"
    return tuple(dict.fromkeys(wording for wording in (" ".join(each.split()) for each in wordings) if wording))


def _expand_choice(term: str, position: int) -> tuple[list[str], int]:
    chosen: list[str] = []
    current = [""]
    while position < len(term) and term[position] != ")":
        if term[position] == "|":
            chosen += current
            current, position = [""], position + 1
            continue
        options, position = _expand_part(term, position)
        if position < len(term) and term[position] == "?":
            options, position = [*options, ""], position + 1
        current = [start + end for start in current for end in options]
    return chosen + current, position


def _expand_part(term: str, position: int) -> tuple[list[str], int]:
    """A group, or as many plain signs as stand together; one, where it may be missing."""
    if term[position] == "(":
        return _expand_group(term, position)
    plain = _PLAIN.match(term, position)
    stop = plain.end() if plain else position + 1
    return [term[position:stop]], stop


def _expand_group(term: str, position: int) -> tuple[list[str], int]:
    options, position = _expand_choice(term, position + 1)
    assert position < len(term), f"a bracket in the lexicon does not close: {term!r}"
    return options, position + 1


def _literals_of(term: str) -> Iterable[str]:
    if _FOLDED_TERM.fullmatch(term):
        return [f" {wording} " for wording in expand(term)]
    return (literal for wording in expand(term) for literal in _literal(wording))


def _literal(wording: str) -> Iterator[str]:
    anywhere, first = wording.startswith("~"), wording.startswith("^")
    stem = wording.endswith("*")
    body = wording.lstrip("~^").rstrip("*").strip()
    before, after = " . " if first else " ", "" if stem else " "
    for inner in _with_endings(body):
        folded = fold(inner)
        if not folded:
            continue
        yield folded if anywhere or _UNSPACED.search(folded) else before + folded + after


def _with_endings(body: str) -> Iterator[str]:
    if "*" not in body:
        yield body
        return
    before, after = body.split("*", 1)
    for rest in _with_endings(after):
        for ending in _CYRILLIC_ENDINGS if _CYRILLIC.search(before) else _ENDINGS:
            yield before + ending + rest
