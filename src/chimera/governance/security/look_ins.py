"""Reads what a text hides, one way each: base64, hex, escapes, rot13, reversed or spaced-out letters.

Pure and bounded: takes any `str`, never raises, and gives back "" where it finds nothing. Which of them is tried, and
what is made of it, `normalise` says.
"""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable

TEXT_CHARS_MAX = 262_144
LOOK_IN_CHARS_MAX = 16_384
LONG_TOKEN_CHARS = 16
READABLE_SHARE = 0.9
TOKENS_MAX = 16
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ ._*\-|/][^\W\d_]){2,}(?![^\W_])")
_SEPARATOR = re.compile(r"[ ._*\-|/]")
_KEYWORD = re.compile(
    "(ignore|disregard|forget|override|bypass|reveal|show|print|repeat|send|all|any|the|your|you|are|now|previous|prior|above|"
    "instructions?|"
    "rules?|guidelines?|system|prompt|secret|password|restrictions?|developer|mode|and|without)"
)
_LEET_WORD = re.compile(r"[a-z0-9@$!|+]*[a-z][013457@$!|+][a-z0-9@$!|+]*|[013457@$!|+]+[a-z][a-z0-9@$!|+]*")
_LEET_SIGN = re.compile(r"[013457@$!|+]")
_LEET = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "l", "+": "t"}
)
_UNREADABLE = re.compile(r"[^\w \n.,!?'\"\-:/]+|_+")
_BASE64_ONLY = bytes(code if chr(code).isalnum() or code in b"+/_-" else 32 for code in range(128)) + b" " * 128
_HEX = re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2}[ :]?){10,}")
_HEX_ONLY = bytes(104 if chr(code) in "0123456789abcdefABCDEF" else 32 for code in range(256))
_HEX_RUN = b"h" * 20
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u\{?([0-9a-fA-F]{4,6})\}?)")
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
SURROGATE = re.compile("[\ud800-\udfff]")


def _readable(data: bytes) -> str:
    """The decoded bytes when they are text; a hash or a key decodes to noise and is left alone."""
    for encoding in ("utf-8", "utf-16-le"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(text.encode("ascii", "ignore")) * 2 < len(text):
            continue
        if len(_UNREADABLE.sub("", text)) >= READABLE_SHARE * len(text):
            return text
    return ""


def decode_base64(text: str) -> str:
    parts: list[str] = []
    runs = text[:TEXT_CHARS_MAX].encode("ascii", "replace").translate(_BASE64_ONLY).decode().split()
    for run in [run for run in runs if len(run) >= LONG_TOKEN_CHARS][:TOKENS_MAX]:
        body = run[:LOOK_IN_CHARS_MAX].replace("-", "+").replace("_", "/")
        body = body[: len(body) - 1] if len(body) % 4 == 1 else body
        try:
            parts.append(_readable(base64.b64decode(body + "=" * (-len(body) % 4))))
        except (binascii.Error, ValueError):
            continue
    return " . ".join(part for part in parts if part)


def decode_hex(text: str) -> str:
    if _HEX_RUN not in text.encode("ascii", "replace").translate(_HEX_ONLY, b" :"):
        return ""
    parts: list[str] = []
    for token in _HEX.findall(text)[:TOKENS_MAX]:
        digits = re.sub(r"[ :]|^0x", "", token)[:LOOK_IN_CHARS_MAX]
        parts.append(_readable(bytes.fromhex(digits[: len(digits) & ~1])))
    return " . ".join(part for part in parts if part)


def _decode_percent(text: str) -> str:
    text = text[:LOOK_IN_CHARS_MAX]
    if len(_PERCENT.findall(text)) < 3:
        return ""
    return _PERCENT.sub(lambda match: chr(int(match[1], 16)), text)


def _decode_escapes(text: str) -> str:
    text = text[:LOOK_IN_CHARS_MAX]
    if len(_ESCAPE.findall(text)) < 3:
        return ""
    return _ESCAPE.sub(lambda match: _character(int(match[1] or match[2], 16)), text)


def _character(code: int) -> str:
    return " " if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


def _decode_entities(text: str) -> str:
    text = text[:LOOK_IN_CHARS_MAX]
    decoded = html.unescape(text)
    return SURROGATE.sub(" ", decoded) if len(text) - len(decoded) >= LONG_TOKEN_CHARS else ""


def _decode_rot13(text: str) -> str:
    return codecs.encode(text[:LOOK_IN_CHARS_MAX], "rot13")


def _reverse(text: str) -> str:
    return text[:LOOK_IN_CHARS_MAX][::-1]


def _decode_leet(text: str) -> str:
    lowered = text[:LOOK_IN_CHARS_MAX].lower()
    count = 0
    chunks = lowered.split(" ")
    for place, chunk in enumerate(chunks):
        if not chunk.isalpha() and _LEET_SIGN.search(chunk):
            chunks[place], found = _LEET_WORD.subn(lambda match: match[0].translate(_LEET), chunk)
            count += found
    return " ".join(chunks) if count >= 2 else ""


def _comment(text: str) -> str:
    return " . ".join(re.findall(r"<!--(.{8,2048}?)-->", text[:LOOK_IN_CHARS_MAX], flags=re.DOTALL))


def join_spaced(text: str) -> str:
    """Joins "i g n o r e"; where no wider gap shows the words, the ones that matter are cut out of the run."""
    return _SPACED.sub(
        lambda match: _KEYWORD.sub(r" \1 ", _SEPARATOR.sub("", match[0])), text[:LOOK_IN_CHARS_MAX].lower()
    )


LOOK_INS: dict[str, tuple[str, Callable[[str], str]]] = {
    "url": ("URL-encoded payload", _decode_percent),
    "escapes": ("escaped characters", _decode_escapes),
    "entities": ("HTML entities", _decode_entities),
    "comment": ("HTML comment", _comment),
    "rot13": ("rot13 payload", _decode_rot13),
    "reversed": ("reversed text", _reverse),
    "leet": ("leetspeak", _decode_leet),
}
