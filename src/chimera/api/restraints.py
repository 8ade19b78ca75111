"""Which task types wait because models turn their work away, as managers put it on record. Decides nothing.

Heard by whoever follows the chains. A manager says it again while it goes on: what one that died has said runs out.
"""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

from chimera.domain.event import Event, EventKind
from chimera.ports.clock import Clock


class HeldBack(Struct, frozen=True, kw_only=True):
    """A task type of which less is out than workers have room for, since when, and the models that turn it away.

    `assignments_at_once` is how many of it all managers together let out.
    """

    task_type: str
    assignments_at_once: int
    models: tuple[str, ...]
    since_us: int


class _Word(Struct, frozen=True):
    at_us: int
    until_us: int
    held: HeldBack | None


class Restraints:
    """By task type and manager. Events may come out of their order: whoever counts the day begins later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._words: dict[tuple[str, str], _Word] = {}

    def note(self, event: Event) -> None:
        """One more event; those that are not about work held back say nothing here."""
        if event.kind not in (EventKind.WORK_HELD_BACK, EventKind.WORK_LET_GO):
            return
        key = (event.subject, str(event.data["manager"]))
        known = self._words.get(key)
        if known is None or known.at_us <= event.at_us:
            is_held = event.kind is EventKind.WORK_HELD_BACK
            until_us = int(event.data["until_us"]) if is_held else 0
            self._words[key] = _Word(event.at_us, until_us, _held(event) if is_held else None)

    def now(self) -> tuple[HeldBack, ...]:
        """What is held back at this moment, by task type."""
        now_us = self._clock.now_us()
        by_type: defaultdict[str, list[HeldBack]] = defaultdict(list)
        for word in self._words.values():
            if word.held is not None and word.until_us > now_us:
                by_type[word.held.task_type].append(word.held)
        return tuple(_together(found) for _, found in sorted(by_type.items()))


def _held(event: Event) -> HeldBack:
    return HeldBack(task_type=event.subject, assignments_at_once=event.data["assignments_at_once"],
                    models=tuple(event.data["models"]), since_us=event.data["since_us"])  # fmt: skip


def _together(found: list[HeldBack]) -> HeldBack:
    """What several managers say of one task type."""
    return HeldBack(
        task_type=found[0].task_type, assignments_at_once=sum(one.assignments_at_once for one in found),
        models=tuple(sorted({model for one in found for model in one.models})),
        since_us=min(one.since_us for one in found),
    )  # fmt: skip
