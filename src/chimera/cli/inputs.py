"""What commands are given to read: a text from a file or from stdin, a corpus. Bounded; writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from chimera.domain.errors import Invalid, Missing

STDIN = Path("-")
TEXT_BYTES_MAX = 16 * 1024 * 1024


def cannot_read(error: OSError) -> str:
    """Why a file cannot be read, in the system's words."""
    return f"it cannot be read: {error.strerror or type(error).__name__}"


def text_of(path: Path, *, chars_max: int = TEXT_BYTES_MAX) -> str:
    """The text in a file, or on stdin for `-`. Bytes that are no UTF-8 are shown as such and not refused."""
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(TEXT_BYTES_MAX + 1)
        else:
            with path.open("rb") as file:
                data = file.read(TEXT_BYTES_MAX + 1)
    except OSError as error:
        raise Missing(
            "file_unreadable", cannot_read(error), where=str(path), remedy="give a file, or - for stdin"
        ) from error
    if len(data) > TEXT_BYTES_MAX:
        raise Invalid("file_too_large", f"more than {TEXT_BYTES_MAX} bytes", where=str(path), remedy="give it in parts")
    text = data.decode("utf-8", "replace")
    if len(text) > chars_max:
        raise Invalid("file_too_large", f"more than {chars_max} characters", where=str(path), remedy="give it in parts")
    return text


def measured(measure: Callable[[Path], dict[str, Any]], corpus: Path) -> dict[str, Any]:
    """What a measurement says of a corpus; a corpus that cannot be read is the caller's to mend."""
    try:
        if not corpus.read_bytes().strip():
            raise Invalid(
                "corpus_empty", "there is nothing to measure", where=str(corpus), remedy="give a row at least"
            )
        return measure(corpus)
    except OSError as error:
        raise Missing("file_unreadable", cannot_read(error), where=str(corpus), remedy="give a .jsonl file") from error
    except msgspec.DecodeError as error:
        raise Invalid("corpus_malformed", str(error), where=str(corpus), remedy="one JSON object per line") from error
