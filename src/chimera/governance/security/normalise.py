"""Makes a text comparable, and looks into what it hides: in fullwidth letters, base64 or reversed, words read the same.

Pure and bounded: it takes any `str`, never raises, and gives back at most `VIEWS_MAX` views. It decides nothing about
the text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import ahocorasick_rs
import msgspec

from chimera.governance.security.confusables import CONFUSABLES, INVISIBLE
from chimera.governance.security.look_ins import (
    LONG_TOKEN_CHARS,
    LOOK_IN_CHARS_MAX,
    LOOK_INS,
    SURROGATE,
    TEXT_CHARS_MAX,
    decode_base64,
    decode_hex,
    join_spaced,
)

TAIL_CHARS = 65_536  # Kept of a longer text, so that padding in front does not push an order out of sight.
VIEWS_MAX = 8
LOOK_IN_DEPTH_MAX = 2
SPACED_LETTERS_MIN = 5
SPACED_ALPHA_MIN = 3  # "i.g.n" has a sentence end between every two letters.
FEW_SIGNS = 64
SIGNS_KNOWN_MAX = 8_192


class View(msgspec.Struct, frozen=True):
    """One reading of the text: `plain`, or what one look-in found, in lower-case words with " . " between sentences."""

    kind: str
    text: str


class Normalised(msgspec.Struct, frozen=True):
    """All readings, the plain one first, and in words what was unusual about the writing."""

    views: tuple[View, ...]
    notes: tuple[str, ...]


# Cheap literal triggers, found in one pass: a look-in is tried only where its own sign is present.
_SIGNS: dict[str, tuple[str, ...]] = {
    "url": ("%",),
    "escapes": ("\\x", "\\u"),
    "entities": ("&#", "&lt", "&gt", "&quot", "&nbsp"),
    "comment": ("<!--",),
    "rot13": (" gur ", " lbhe ", "vtaber", "vafgehpg", "cebzcg", "flfgrz", "cerivbhf", "erirny", "qvfertneq"),
    "reversed": ("erongi", "noitcurtsni", "tpmorp", "suoiverp", "metsys", "drageris", "laever", "tegrof"),
    "leet": ("0r", "3v", "1n", "gn0", "c7", "pr0", "c0m", "$y", "3m", "@l", "@y", "1g", "0m", "5t", "y5", "p@", "3t"),
}
_TRIGGERS = tuple((sign, kind) for kind, signs in _SIGNS.items() for sign in signs)
_TRIGGER_KINDS = tuple(kind for _, kind in _TRIGGERS)
TRIGGER_SIGNS = tuple(sign for sign, _ in _TRIGGERS)
_TRIGGER_SCAN = ahocorasick_rs.BytesAhoCorasick([sign.encode() for sign in TRIGGER_SIGNS])

_ENDERS = ".!?;:\n\r|。！？；：।"
_FOLD_ASCII = {code: " " for code in range(128) if not chr(code).isalnum() and chr(code) != "@"} | {
    ord(sign): "." for sign in _ENDERS if sign.isascii()
}
# The same and lower case, for bytes: they take a fifth of the time.
FOLD_BYTES = bytes(ord(_FOLD_ASCII.get(code, chr(code).lower())) for code in range(128)) + bytes(range(128, 256))
_FOLD_OTHER: dict[int, str] = {**CONFUSABLES, **{ord(sign): "." for sign in _ENDERS if not sign.isascii()}}
_APOSTROPHES = "'’‘`´ʼ"
_ASCII_BYTES = bytes(range(128))
_BY_ITS_NEIGHBOURS = "Σ"  # Its small letter is another at the end of a word.
_WRAPPED_LINE = re.compile(r"\n[ \t]*(?=[a-z(])")
_WRAPPED_BYTES = re.compile(_WRAPPED_LINE.pattern.encode())
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]+"
)
_SYMBOLS = re.compile(r"[^\w\x00-\x7f]+")
LENGTH_TOLD_MAX = 255
_SHORT, _SPACED_RUN = bytes(range(LONG_TOKEN_CHARS)), b"\x01" * SPACED_LETTERS_MIN
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SPLIT_WORD = re.compile(
    "[A-Za-z][\u00ad\u034f\u115f\u1160\u180b-\u180e\u200b-\u200f\u2060-\u2064\u3164\ufeff]+[A-Za-z]"
)
_FOREIGN = "[\u0370-\u03ff\u0400-\u052f\u13a0-\u13ff\ua4d0-\ua4ff]"
_MIXED_SCRIPT = re.compile(f"[A-Za-z]{_FOREIGN}|{_FOREIGN}[A-Za-z]")
_STYLED = re.compile("[\U0001d400-\U0001d7ff\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\U0001f130-\U0001f169]")


def normalise(text: str) -> Normalised:
    """Reads `text` every way it can be read within the limits."""
    if text.isascii() and len(text) <= TEXT_CHARS_MAX and (view := _plainly(text)):
        return Normalised((view,), ())
    notes: list[str] = []
    if len(text) > TEXT_CHARS_MAX:
        notes.append("truncated")
        text = text[: TEXT_CHARS_MAX - TAIL_CHARS] + "\n" + text[1 - TAIL_CHARS :]
    views: list[View] = []
    if not text.isascii():
        text = _unhide(text, views, notes)
    words = _words(text)
    plain = " ".join(words)
    views.insert(0, View("plain", plain))
    _look_in(text, plain, words, views, notes, depth=0)
    return Normalised(_distinct(views), tuple(dict.fromkeys(notes)) if notes else ())


def _plainly(text: str) -> View | None:
    """The one reading of a text in ASCII that carries no sign of a look-in, as most do: all of it on bytes, in one go.

    None where there may be more to read.
    """
    data = text.encode()
    if _TRIGGER_SCAN.find_matches_as_indexes(data.lower()):
        return None
    if b"\n" in data:
        data = _WRAPPED_BYTES.sub(b" ", data)
    words = _folded_ascii(data).split()
    lengths = _lengths(words)
    if lengths.translate(None, _SHORT) or lengths.count(2) * 2 > len(words):
        return None
    if _SPACED_RUN in lengths and _has_run(words, lengths):
        return None
    return View("plain", b" ".join(words).decode())


def fold(text: str) -> str:
    """Lower-case words separated by one space, sentence ends as a word of their own. `fold(fold(x)) == fold(x)`."""
    return " ".join(_words(text))


def _lengths(words: Sequence[bytes] | Sequence[str]) -> bytes:
    """How long each word is, one byte for each: bytes are searched at once."""
    try:
        return bytes(map(len, words))
    except ValueError:
        return bytes(min(len(word), LENGTH_TOLD_MAX) for word in words)


def _folded_ascii(data: bytes) -> bytes:
    return data.translate(FOLD_BYTES, b"'`").replace(b".", b" . ")


def _words(text: str) -> list[str]:
    if "\n" in text:
        text = _WRAPPED_LINE.sub(" ", text)
    text = text if text.isascii() else _fold_other(text)
    if text.isascii():
        return _folded_ascii(text.encode()).decode().split()
    return text.replace("'", "").replace("`", "").translate(_FOLD_ASCII).replace(".", " . ").split()


def _fold_other(text: str) -> str:
    """Without accents, look-alikes and symbols. Signs that become ASCII each for itself are changed one by one."""
    signs = _others(text)
    if len(signs) <= FEW_SIGNS:
        plain = {sign: _plain_sign(sign) for sign in signs}
        if None not in plain.values():
            for sign, instead in plain.items():
                text = text.replace(sign, instead or "")
            return text
    return _fold_whole(text)


@lru_cache(maxsize=SIGNS_KNOWN_MAX)
def _plain_sign(sign: str) -> str | None:
    """What one sign becomes, if that is ASCII and does not depend on what stands beside it."""
    folded = _fold_whole(sign)
    alone = _BY_ITS_NEIGHBOURS not in unicodedata.normalize("NFKD", sign)
    return folded if alone and folded.isascii() else None


def _others(text: str) -> set[str]:
    """The signs that are not ASCII: most texts have few, and throwing the others away is quickest for bytes."""
    return set(text.encode("utf-8", "surrogatepass").translate(None, _ASCII_BYTES).decode("utf-8", "surrogatepass"))


def _fold_whole(text: str) -> str:
    for sign in _APOSTROPHES:
        text = text.replace(sign, "")
    # Lower-casing may decompose and decomposing may give capitals, so the pair is run until nothing changes.
    for _ in range(4):
        before = text
        text = unicodedata.normalize("NFKD", text).lower()
        signs = _others(text)
        text = _MARKS.sub("", _replaced(text, signs & _FOLDED_SIGNS, _FOLD_OTHER))
        if not all(map(str.isalnum, signs)):
            text = _SYMBOLS.sub(" ", text)
        if text.isascii() or text == before:
            break
    return text


def _unhide(text: str, views: list[View], notes: list[str]) -> str:
    """Takes out what the eye does not see, and reads what was written with it."""
    signs = _others(text)
    telltales = signs & _TELLTALES
    if not telltales:
        return text
    if SURROGATE.search(text):
        notes.append("lone surrogate")
        text = SURROGATE.sub("\ufffd", text)
    if not _TAG_SIGNS.isdisjoint(telltales):
        text = _FLAG.sub(" ", text)
        hidden = "".join(_TAGS.findall(text))
        if hidden:
            notes.append("hidden tag characters")
            views.append(View(kind="tags", text=fold(hidden[:LOOK_IN_CHARS_MAX].translate(_TAG_LETTERS))))
    unseen = telltales & _UNSEEN
    if unseen:
        notes.extend(note for pattern, note in _HIDING if pattern.search(text))
    if _STYLED.search(text):
        notes.append("styled letters")
    if not telltales <= _UNSEEN and _MIXED_SCRIPT.search(text):
        notes.append("mixed scripts in one word")
    return _replaced(text, unseen, INVISIBLE)


def _replaced(text: str, signs: set[str], instead: Mapping[int, str | None]) -> str:
    """Each of these signs changed. One by one is quicker than asking about every sign of the text."""
    if len(signs) > FEW_SIGNS:
        return text.translate(instead)
    for sign in signs:
        text = text.replace(sign, instead[ord(sign)] or "")
    return text


_FOLDED_SIGNS = frozenset(map(chr, _FOLD_OTHER))
# Everything that makes the searches below worth their time; an accent, a dash or an emoji is not among it.
_TELLTALE_RANGES = (
    range(0x0370, 0x0530),  # Greek, Cyrillic
    range(0x13A0, 0x1400),  # Cherokee
    range(0x24B6, 0x24EA),  # circled letters
    range(0xA4D0, 0xA500),  # Lisu
    range(0xD800, 0xE000),  # surrogates
    range(0xFF21, 0xFF5B),  # fullwidth letters
    range(0x1D400, 0x1D800),  # mathematical letters
    range(0x1F130, 0x1F16A),  # squared letters
)
_UNSEEN = frozenset(map(chr, INVISIBLE))
_TELLTALES = _UNSEEN | {chr(code) for codes in _TELLTALE_RANGES for code in codes}
_TAG_SIGNS = frozenset(map(chr, range(0xE0020, 0xE0080)))
_HIDING = ((_BIDI, "hidden bidi control"), (_SPLIT_WORD, "zero-width characters inside words"))
_TAG_LETTERS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}


def _look_in(text: str, folded: str, words: list[str], views: list[View], notes: list[str], *, depth: int) -> None:
    found: list[str] = []
    for kind, note, decode in _signs(text, words):
        if len(views) >= VIEWS_MAX:
            return
        decoded = decode(text)
        reading = fold(decoded)
        if reading and reading != folded:
            notes.append(note)
            views.append(View(kind=kind, text=reading))
            found.append(decoded)
    if depth + 1 < LOOK_IN_DEPTH_MAX:
        for decoded in found:
            words = _words(decoded)
            _look_in(decoded, " ".join(words), words, views, notes, depth=depth + 1)


def _signs(text: str, words: list[str]) -> Iterator[tuple[str, str, Callable[[str], str]]]:
    """Names the look-ins whose signs the text carries, and no others: most texts carry none."""
    hits = _TRIGGER_SCAN.find_matches_as_indexes(_small_bytes(text))
    if hits:
        for kind in {_TRIGGER_KINDS[index]: None for index, _, _ in hits}:
            yield kind, *LOOK_INS[kind]
    lengths = _lengths(words)
    has_long = bool(lengths.translate(None, _SHORT))
    if has_long:
        yield "base64", "base64 payload", decode_base64
    if has_long or lengths.count(2) * 2 > len(words):
        yield "hex", "hex payload", decode_hex
    if _has_run(words, lengths):
        yield "spaced", "spaced-out letters", join_spaced


def _small_bytes(text: str) -> bytes:
    """The text for a search in small ASCII letters. Two signs alone have those as their small letters."""
    text = text.lower() if not text.isascii() and ("\u212a" in text or "\u0130" in text) else text
    return text.encode("utf-8", "surrogatepass").lower()


def _has_run(words: Sequence[bytes] | Sequence[str], lengths: bytes) -> bool:
    """Whether one-letter words stand side by side, letters and not the numbers of a table."""
    place = lengths.find(_SPACED_RUN)
    while place >= 0:
        if sum([word.isalpha() for word in words[place : place + SPACED_LETTERS_MIN]]) >= SPACED_ALPHA_MIN:
            return True
        place = lengths.find(_SPACED_RUN, place + 1)
    return False


def _distinct(views: list[View]) -> tuple[View, ...]:
    if len(views) == 1:
        return (views[0],)
    seen: dict[str, View] = {}
    for view in views:
        seen.setdefault(view.text, view)
    return tuple(seen.values())[:VIEWS_MAX]
