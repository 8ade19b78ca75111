"""What people say for what tools are named for: the words by which a tool is found that are not its own.

Adds words to an index; decides nothing. `thesaurus.txt` says how it was written.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from msgspec import Struct

from chimera.domain.tools import Definition
from chimera.gateway.wording import stems

FILE = Path(__file__).parent / "thesaurus.txt"


class Entry(Struct, frozen=True, kw_only=True):
    """Whoever's name holds all of these words is asked for with those."""

    named: frozenset[str]
    said: tuple[str, ...]


def said_of(definition: Definition) -> frozenset[str]:
    """The stems that people say for this tool, by its name and its server's."""
    own = frozenset((*stems(definition.name), *stems(definition.server)))
    return frozenset(word for entry in _entries() if entry.named <= own for word in entry.said)


@cache
def _entries() -> tuple[Entry, ...]:
    found: list[Entry] = []
    for line in FILE.read_text("utf-8").splitlines():
        names, _, said = line.partition("#")[0].partition(":")
        for name in names.split():
            found.append(Entry(named=frozenset(stems(name.replace("+", " "))), said=tuple(stems(said))))
    return tuple(entry for entry in found if entry.named)
