"""What is set aside before a model is asked: how it is opened, and how it goes back. Decides nothing about amounts.

Whatever asks models for one thing, a task or a campaign's plan, holds money for it once: what is still held for it when
somebody begins anew belongs to a process that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from chimera.domain.budget import MODEL_CALLS, Hold, HoldState
from chimera.domain.change import Change, fused
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.ports.store import Store


async def left_behind(store: Store, subjects: Sequence[str]) -> Mapping[str, Sequence[Hold]]:
    """What is still set aside for each of these tasks and campaigns."""
    found: dict[str, list[Hold]] = {}
    for hold in await store.list_of(Hold, subjects) if subjects else ():
        if hold.category == MODEL_CALLS and hold.state is HoldState.HELD:
            found.setdefault(hold.task_id, []).append(hold)
    return found


async def set_aside(
    store: Store, hold: Hold, *, campaign_id: str, at_us: int, former: Sequence[Hold] = ()
) -> None:  # fmt: skip
    """Open this hold, and end what was left behind for the same thing in the same change; `Refused` without room."""
    event = Event(kind=EventKind.MODEL_COST_HELD, subject=hold.task_id, at_us=at_us,
                  data={"hold": hold.id, "micros": hold.amount_micros, "campaign": campaign_id})  # fmt: skip
    opened = Change(records=(hold,), events=(event,), movements=hold.opening())
    try:
        # One after the other: what is given back makes the room.
        await store.commit(reduce(fused, [*(released(one, at_us=at_us) for one in former), opened]))
    except Conflict:
        if not former:
            raise
        # Somebody was quicker, and gave it back as expired.
        await set_aside(store, hold, campaign_id=campaign_id, at_us=at_us)


def released(hold: Hold, *, at_us: int) -> Change:
    """What was set aside given back, on record."""
    ended, movements = hold.released()
    return Change(records=(ended,), events=(gone_back(hold, at_us=at_us),), movements=movements)


def gone_back(hold: Hold, *, at_us: int) -> Event:
    """That nothing came of what it was set aside for."""
    return Event(kind=EventKind.MODEL_COST_RELEASED, subject=hold.task_id, at_us=at_us,
                 data={"hold": hold.id, "micros": hold.amount_micros})  # fmt: skip
