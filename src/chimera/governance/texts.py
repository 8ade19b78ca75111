"""What stands in a text: links, mentions, hashtags, numbers, sentences; and how alike two texts are. Linear, pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from chimera.domain.action import Action
from chimera.domain.errors import Invalid
from chimera.domain.tools import call_of

TEXT_LENGTH_MAX = 100_000
_LINK = re.compile(r"https?://[^\s<>()\[\]\"'“”]+", re.I)
# Networks turn a bare host into a link when its ending exists; these are those that people, shops and frauds use.
_BARE_HOST = re.compile(
    r"(?:www(?:\.[a-z0-9-]{1,63}){1,8}|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\."
    r"(?:com|net|org|io|gg|tv|ai|app|dev|me|co|uk|de|fr|eu|us|info|biz|xyz|top|shop|store|link|site|online|live|news|game"
    r"|games|bet|casino|club|vip|ly|be|ru|cn|jp|social|example|test))(?:[/:?#].*)?",
    re.I,
)
_MENTION = re.compile(r"(?<![\w@./-])@[A-Za-z0-9_][\w.-]{0,252}(?:@[\w.-]{1,253})?")
_HASHTAG = re.compile(r"(?<![\w&/#])#(?=\w{0,100}[^\W\d_])\w{1,100}")
_NUMBER = re.compile(r"\d[\d.,]{0,40}")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\s\"'”)]+|\n+")
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_BRACKETED = re.compile(
    r"\{\{[^{}]{0,80}\}\}|\{[a-z_]{1,40}\}|\[(?:insert|your|name|link|date|topic|tbd|todo|placeholder)\b[^\]]{0,60}\]"
    r"|<(?:insert|your|name|link|date|topic)\b[^>]{0,60}>",
    re.I,
)
_UNFINISHED = re.compile(r"\b(?:lorem ipsum|todo|tbd|fixme|xxx+)\b", re.I)
_UNFINISHED_SIGNS = ("lorem ipsum", "todo", "tbd", "fixme", "xxx")
_REPEATED_SIGN = re.compile(r"[!?]{3,}|\.{4,}")
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs"})
_TRAILING = ".,;:!?…'\"”’*_~"
SHOUTED_WORDS_MAX = 2


def said_by(action: Action) -> str:
    """The words of an act: its text; of a call of a tool server's tool, every word in its arguments."""
    if not action.is_tool_act:
        return str(action.arguments.get("text", ""))
    try:
        return "\n".join(str(leaf) for leaf in leaves_of(call_of(action.arguments)))
    except Invalid:
        return str(action.arguments.get("arguments", ""))


def leaves_of(value: object) -> Iterator[str | int | float]:
    """Every text and number within a plain value, however deep, keys left out."""
    match value:
        case dict():
            for item in cast("dict[str, object]", value).values():
                yield from leaves_of(item)
        case list() | tuple():
            for item in cast("Sequence[object]", value):
                yield from leaves_of(item)
        case bool() | None:
            return
        case str() | int() | float():
            yield value
        case _:
            yield str(value)


def links(text: str) -> tuple[str, ...]:
    """Every address, also those without a scheme that networks turn into links."""
    found: list[str] = []
    if "://" in text:
        found = [match.group().rstrip(_TRAILING) for match in _LINK.finditer(text)]
        text = _LINK.sub(" ", text)
    for token in text.split():
        word = token.strip("()[]<>{}" + _TRAILING)
        if "." in word and "@" not in word and _BARE_HOST.fullmatch(word):
            found.append(word)
    return tuple(dict.fromkeys(found))


def without_scheme(link: str) -> str:
    """A link for comparison."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", link.casefold()).rstrip("/")


def mentions(text: str) -> tuple[str, ...]:
    """Every handle with its @."""
    if "@" not in text:
        return ()
    return tuple(dict.fromkeys(match.group().rstrip(".-") for match in _MENTION.finditer(text)))


def hashtags(text: str) -> tuple[str, ...]:
    """Every hashtag with its #."""
    return tuple(match.group() for match in _HASHTAG.finditer(text)) if "#" in text else ()


def numbers(text: str) -> tuple[str, ...]:
    """Every number, without thousands separators: `1,000` and `1000` are one. Digits inside a word are none."""
    found = (_plain_number(match.group()) for match in _NUMBER.finditer(text) if not _is_in_word(text, match.start()))
    return tuple(dict.fromkeys(found))


def _is_in_word(text: str, start: int) -> bool:
    return start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_")


def _plain_number(text: str) -> str:
    text = text.rstrip(".,")
    return text.replace(",", "") if "," in text and _THOUSANDS.fullmatch(text) else text


def words(text: str) -> list[str]:
    """Its words, in lower case."""
    return _WORD.findall(text.casefold())


def longest_sentence(text: str) -> int:
    """How many words its longest sentence has, roughly."""
    return max(len(part.split()) for part in _SENTENCE_END.split(text))


def placeholders(text: str) -> tuple[str, ...]:
    """What somebody forgot to fill in."""
    found: list[str] = []
    if "{" in text or "[" in text or "<" in text:
        found += [match.group() for match in _BRACKETED.finditer(text)]
    lowered = text.casefold()
    if any(sign in lowered for sign in _UNFINISHED_SIGNS):
        found += [match.group() for match in _UNFINISHED.finditer(text)]
    return tuple(found)


def shouting(text: str) -> str:
    """The first words in capitals, when there are more in a row than a name would have; or nothing."""
    found = text.split()
    if sum(map(str.isupper, found)) <= SHOUTED_WORDS_MAX:
        return ""
    row: list[str] = []
    for word in found:
        row = [*row, word] if len(word) > 1 and word.isupper() and any(map(str.isalpha, word)) else []
        if len(row) > SHOUTED_WORDS_MAX:
            return " ".join(row)
    return ""


def repeated_signs(text: str) -> str:
    """The first row of exclamation or question marks, or nothing."""
    found = _REPEATED_SIGN.search(text)
    return found.group() if found else ""


def invisible(text: str) -> str:
    """The first letter that nobody sees and that changes what is read, by its number; or nothing."""
    if text.replace("\n", "").isprintable():
        return ""
    for letter in text:
        if unicodedata.category(letter) in _INVISIBLE and letter not in "\n\t\u200d\u200c":
            return f"U+{ord(letter):04X}"
    return ""


def folded(text: str) -> str:
    """A text for comparison: one form, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def similarity_bp(one: str, other: str, *, size: int) -> int:
    """How alike two texts are, in basis points: shared runs of `size` words among all of them."""
    first, second = shingles(one, size=size), shingles(other, size=size)
    if not first or not second:
        return 0
    return len(first & second) * 10_000 // len(first | second)


def shingles(text: str, *, size: int) -> frozenset[tuple[str, ...]]:
    """All runs of `size` words; of a shorter text, the whole."""
    row = words(text)
    if len(row) <= size:
        return frozenset({tuple(row)} if row else ())
    return frozenset(tuple(row[start : start + size]) for start in range(len(row) - size + 1))


def mentioned(text: str, terms: Iterable[str]) -> Iterator[str]:
    """Those of the terms that stand in the text as whole words."""
    row = ""
    for term in terms:
        row = row or f" {' '.join(words(text))} "
        key = " ".join(words(term))
        if key and f" {key} " in row:
            yield term


_ROWS = (list, tuple)


def texts_of(value: object) -> list[str]:
    """Every text within a plain value, however deep, keys included."""
    found: list[str] = []
    _gather(value, found)
    return found


def _gather(value: object, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        for key in held:
            found.append(key)
            _gather(held[key], found)
    elif isinstance(value, _ROWS):
        for item in cast("Sequence[Any]", value):
            _gather(item, found)
