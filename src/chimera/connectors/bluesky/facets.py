"""What in a text is a link, a handle or a tag, by its place in bytes, as the network wants to be told. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

# With its scheme, or as people write one: a host with something behind it.
_LINK = re.compile(r"https?://[^\s<>\"']+|(?<![\w@./:-])(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}/[^\s<>\"']*")
_HANDLE = re.compile(
    r"(?<![\w.@/])@([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+)"
)
_TAG = re.compile(r"(?<![\w#/&])#([^\W\d_][\w]{0,63})")
_ENDINGS = ".,;:!?)]}…"


class Mark(Struct, frozen=True, kw_only=True):
    """A stretch of the text that is more than words. Places count bytes of UTF-8."""

    kind: str
    value: str
    start: int
    end: int


def marks(text: str) -> tuple[Mark, ...]:
    """Every link, handle and tag, in their order. A tag or a handle inside a link is part of the link."""
    links = [_mark(text, "link", *_link_at(text, found)) for found in _LINK.finditer(text)]
    taken = [(mark.start, mark.end) for mark in links]
    others = [
        _mark(text, kind, found.start(), found.end(), found[1])
        for kind, form in (("handle", _HANDLE), ("tag", _TAG))
        for found in form.finditer(text)
    ]
    free = [mark for mark in others if not any(start <= mark.start < end for start, end in taken)]
    return tuple(sorted((*links, *free), key=lambda mark: mark.start))


def _link_at(text: str, found: re.Match[str]) -> tuple[int, int, str]:
    """Where a link ends: the full stop after it is the sentence's."""
    link = found[0].rstrip(_ENDINGS)
    if "(" in link and text[found.start() + len(link) :].startswith(")"):
        link += ")"
    address = link if "://" in link else f"https://{link}"
    return found.start(), found.start() + len(link), address


def _mark(text: str, kind: str, start: int, end: int, value: str) -> Mark:
    before = len(text[:start].encode())
    return Mark(kind=kind, value=value, start=before, end=before + len(text[start:end].encode()))
