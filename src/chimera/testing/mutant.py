"""One check that is removed on purpose: where it stands, what stands there without it, and who has to notice."""

from __future__ import annotations

from msgspec import Struct


class Mutant(Struct, frozen=True, kw_only=True):
    """One check, removed. `tests` are pytest's names for what is run; `seeds` how many worlds of the simulator.

    `also` are further places (file, old, new) where the same check is made a second time.
    """

    check: str
    file: str
    old: str
    new: str
    also: tuple[tuple[str, str, str], ...] = ()
    tests: tuple[str, ...] = ()
    seeds: int = 0
