"""What is wrong with a document from outside: every fault with its place and its remedy. May not read one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from chimera.domain.errors import Invalid

FAULTS_MAX = 50
_SHOWN_MAX = 60

Path: TypeAlias = tuple[str | int, ...]


class Fault(Struct, frozen=True, kw_only=True):
    """One fault. `path` is the way through the document: `("persona", "cast", 2)`."""

    file: str
    line: int
    column: int = 1
    path: Path = ()
    reason: str
    remedy: str = ""

    @property
    def where(self) -> str:
        """File, line and, when there is one, the path in the document."""
        return f"{self.file}:{self.line}" + (f" {dotted(self.path)}" if self.path else "")

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f" ({self.remedy})" if self.remedy else "")


class Faults(Invalid):
    """Several faults of one input, in the order of the document. Each is a message of its own."""

    def __init__(self, faults: Iterable[Fault], *, code: str = "document_invalid") -> None:
        ordered = sorted(set(faults), key=lambda fault: (fault.file, fault.line, fault.column, fault.reason))
        assert ordered, "no faults are not an error"
        self.faults = tuple(ordered[:FAULTS_MAX])
        first, more = ordered[0], len(ordered) - 1
        tail = f" (and {more} more)" if more else ""
        super().__init__(code, first.reason + tail, where=first.where, remedy=first.remedy)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def dotted(path: Path) -> str:
    """A path as people write it: `persona.cast[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """A value for a message: quoted, on one line, short, and with nothing in it that a terminal would obey."""
    text = ascii(value) if not isinstance(value, str) else repr(value[: _SHOWN_MAX + 1])
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
