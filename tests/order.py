"""In which order tests are handed to workers, so that at the end of a run no core is idle (ADR-211)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def arranged(
    items: Sequence[T],
    *,
    is_fleet: Callable[[T], bool],
    is_chain: Callable[[T], bool],
    is_long: Callable[[T], bool],
    workers: int,
) -> list[T]:
    """The first worker begins with whole fleets and the last with chains, which wait more than they compute.

    One between them begins with what computes for long. Each worker is given as long a stretch of the list; who is
    through takes from the end of another's. So what is left for the end is short, and can be shared.
    """
    fleets = [item for item in items if is_fleet(item)]
    chains = [item for item in items if is_chain(item) and not is_fleet(item)]
    long = [item for item in items if is_long(item) and not is_fleet(item) and not is_chain(item)]
    rest = [item for item in items if not is_fleet(item) and not is_chain(item) and not is_long(item)]
    middle = max(0, len(items) * (workers // 2) // workers - len(fleets))
    last = max(middle, len(items) * (workers - 1) // workers - len(fleets) - len(long))
    return [*fleets, *rest[:middle], *long, *rest[middle:last], *chains, *rest[last:]]
