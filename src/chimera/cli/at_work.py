"""Which parts of a house live, for `chimera doctor`: office, managers, effects, gateway. Asks them; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from chimera.adapters.postgres.presence import Present
from chimera.assembly.present import SILENT_SECONDS_MAX
from chimera.domain.roles import Role
from chimera.processes.lines import line_of
from chimera.settings import Settings

GATEWAY_SECONDS_MAX = 6.0
MICROS = 1_000_000
# What was killed is remembered for a day: after a bad one there are many.
SILENT_NAMED_MAX = 3
# Without one of these nothing goes on; a gateway is needed by worker processes alone.
NEEDED = (Role.OFFICE, Role.MANAGER, Role.EFFECTS)
CALLED = {Role.OFFICE: "office", Role.MANAGER: "managers", Role.EFFECTS: "effects", Role.GATEWAY: "gateway"}
START = {
    Role.OFFICE: "start `chimera office`, or `chimera up` where all of it is one process",
    Role.MANAGER: "start `chimera manager`, or `chimera up` where all of it is one process; its log says why it ended",
    Role.EFFECTS: "start `chimera effects`, or `chimera up` where all of it is one process",
    Role.GATEWAY: "start `chimera gateway workers` anew; workers give back what they hold until it answers",
}


class Part(Struct, frozen=True, kw_only=True):
    """What is found of one role."""

    name: str
    ok: bool
    found: str
    remedy: str
    who: tuple[Present, ...] = ()


def lives(one: Present) -> bool:
    """Whether it was heard of lately."""
    return one.silent_us <= SILENT_SECONDS_MAX * MICROS


def parts_of(present: Sequence[Present], *, slots: int, zone: tzinfo) -> list[Part]:
    """Each role: who works in it, since when, last heard of when; what lacks while others work."""
    runs = any(lives(one) for one in present)
    of_role = {role: [one for one in present if one.role == role] for role in CALLED}
    return [_part(role, found, runs=runs, slots=slots, zone=zone) for role, found in of_role.items()]


async def gateway_answers(settings: Settings) -> bool:
    """Whether the gateway answers at its address, asked from here as workers ask it."""
    line = line_of(settings)
    try:
        async with asyncio.timeout(GATEWAY_SECONDS_MAX):
            return await line.stands()
    except TimeoutError:
        return False
    finally:
        await line.close()


def _part(role: Role, found: Sequence[Present], *, runs: bool, slots: int, zone: tzinfo) -> Part:
    living = [one for one in found if lives(one)]
    silent = sorted((one for one in found if not lives(one)), key=lambda one: one.silent_us)
    more = f"; {len(silent) - SILENT_NAMED_MAX} more are silent" if len(silent) > SILENT_NAMED_MAX else ""
    said = "; ".join(_said(one, zone) for one in (*living, *silent[:SILENT_NAMED_MAX])) + more
    if not found:
        lacks = runs and role in NEEDED
        why = "none is at work" if lacks else "none runs, and only worker processes need one"
        return _finding(role, ok=not lacks, found=why if runs else "not started")
    lost = _slots_of_nobody(living, slots) if role is Role.MANAGER and living else ""
    return _finding(role, ok=bool(living) and not lost, found=f"{said}{lost}", who=tuple(found))


def _finding(role: Role, *, ok: bool, found: str, who: tuple[Present, ...] = ()) -> Part:
    return Part(name=CALLED[role], ok=ok, found=found, remedy=START[role], who=who)


def _slots_of_nobody(living: Sequence[Present], slots: int) -> str:
    held = {number for one in living for number in one.slots}
    free = [str(number) for number in range(slots) if number not in held]
    return f"; nobody holds slot {', '.join(free)}" if free else ""


def _said(one: Present, zone: tzinfo) -> str:
    """Such as `host, process 12: slots 0-3, since 2026-11-22 23:10:04, heard of 1 s ago`."""
    slots = f"slots {_spans(one.slots)}, " if one.slots else ""
    seconds, since = one.silent_us // MICROS, datetime.fromtimestamp(one.since_us // MICROS, zone)
    heard = f"heard of {seconds} s ago" if lives(one) else f"SILENT for {seconds} s"
    return f"{one.process}: {slots}since {since:%Y-%m-%d %H:%M:%S}, {heard}"


def _spans(numbers: Sequence[int]) -> str:
    """`0-3, 7` of the numbers in order."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("-".join(map(str, span)) for span in spans)
