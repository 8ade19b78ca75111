"""Takes quotations out of a sentence. History keeps that a rule fired, never the words of a stranger. Pure."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_HANDLE = re.compile(r"(?<![\w.])@[\w.@-]+")


def unquoted(sentence: str) -> str:
    """The sentence with "…" for every quotation and every handle in it."""
    if "'" not in sentence and '"' not in sentence and "@" not in sentence:
        return sentence
    return _HANDLE.sub("@…", _QUOTED.sub("'…'", sentence))
