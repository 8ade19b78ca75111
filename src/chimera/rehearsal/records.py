"""The network's own log of what our accounts did, and the comparison with ours. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct


class Deed(Struct, frozen=True, kw_only=True):
    """One thing that one of our accounts did, as the network saw it. `key` is the idempotency key that came with it."""

    seq: int
    at_us: int
    platform: str
    kind: str
    account: str
    key: str
    id: str
    text: str = ""
    disclosure: str = ""
    target: str = ""
    recipient: str = ""
    amount_micros: int = 0
    media: tuple[str, ...] = ()
    films: int = 0


class Performed(Struct, frozen=True, kw_only=True):
    """One act that we believe happened, under its key. Acts of one `task_id` are one act, however many keys it took."""

    key: str
    task_id: str = ""
    amount_micros: int = 0


class Counts(Struct, frozen=True, kw_only=True):
    """What differs between the network's records and ours. All zero when the books agree."""

    lost: int
    doubled: int
    unknown: int
    overspent: int

    @property
    def agree(self) -> bool:
        """Whether nothing differs."""
        return not (self.lost or self.doubled or self.unknown or self.overspent)


def compare(records: Iterable[Deed], ours: Sequence[Performed], *, tasks: dict[str, str] | None = None) -> Counts:
    """Lost: we say it happened and the network has it not. Doubled: it happened more than once.

    Unknown: it happened and we do not know. Overspent: more was paid than we booked.

    `tasks` gives the task of every key that we ever used, so that one act under two keys is seen as doubled.
    """
    deeds: defaultdict[str, list[Deed]] = defaultdict(list)
    for deed in records:
        deeds[deed.key].append(deed)
    known = {act.key: act for act in ours}
    return Counts(
        lost=sum(key not in deeds for key in known),
        doubled=_doubled(deeds, {key: act.task_id for key, act in known.items() if act.task_id} | (tasks or {})),
        unknown=sum(key not in known for key in deeds),
        overspent=sum(_paid_micros(deeds[key]) > act.amount_micros for key, act in known.items() if key in deeds),
    )


def _doubled(deeds: dict[str, list[Deed]], tasks: dict[str, str]) -> int:
    times = Counter(tasks.get(key, key) for key, done in deeds.items() for _ in done)
    return sum(count - 1 for count in times.values())


def _paid_micros(deeds: Iterable[Deed]) -> int:
    return sum(deed.amount_micros for deed in deeds)
