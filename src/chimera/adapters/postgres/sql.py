"""Hands out the named SQL of this adapter. All of it stands in `.sql` files; only a kind is put in here."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from chimera.domain.kinds import KINDS

_HERE = Path(__file__).parent


@cache
def query(name: str) -> str:
    """The query of that name."""
    return (_HERE / "queries" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def query_of(name: str, kind: str) -> str:
    """The query of that name for the table of one kind. Tables cannot be parameters; only known kinds get in."""
    assert kind in KINDS, kind
    return query(name).replace("{kind}", kind)


def migrations(phase: str) -> tuple[tuple[str, str], ...]:
    """Name and text of every migration of a phase, in order."""
    paths = sorted((_HERE / "migrations" / phase).glob("*.sql"))
    return tuple((f"{phase}/{path.stem}", path.read_text(encoding="utf-8")) for path in paths)
