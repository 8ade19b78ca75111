"""In which order tests are handed to workers, so that at the end of a run no core is idle (ADR-211)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def arranged(
    items: Sequence[T], *, is_fleet: Callable[[T], bool], is_chain: Callable[[T], bool], workers: int
) -> list[T]:
    """The first worker begins with whole fleets and the last with chains, which wait more than they compute.

    Each worker is given as long a stretch of the list; who is through takes from the end of another's. So what is left
    for the end is short.
    """
    fleets = [item for item in items if is_fleet(item)]
    chains = [item for item in items if is_chain(item) and not is_fleet(item)]
    rest = [item for item in items if not is_fleet(item) and not is_chain(item)]
    last = max(0, len(items) * (workers - 1) // workers - len(fleets)) if workers > 1 else 0
    return [*fleets, *rest[:last], *chains, *rest[last:]]
