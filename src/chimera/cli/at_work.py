"""Which parts of a house live, for `chimera doctor`: office to gateway, and the vault. Asks them; changes nothing."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from chimera.adapters.postgres.presence import Present
from chimera.assembly import vaults
from chimera.assembly.present import SILENT_SECONDS_MAX
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import ChimeraError
from chimera.domain.roles import Role
from chimera.processes.lines import line_of
from chimera.settings import Settings

GATEWAY_SECONDS_MAX = 6.0
# What was killed is remembered for a day: after a bad one there are many.
SILENT_NAMED_MAX = 3
WORKER, VAULT = "worker", "vault"
# Without one of these nothing goes on; workers and a gateway are needed where managers work by worker processes.
NEEDED = (Role.OFFICE, Role.MANAGER, Role.EFFECTS)
CALLED = {Role.OFFICE: "office", Role.MANAGER: "managers", WORKER: "workers", Role.EFFECTS: "effects",
          Role.GATEWAY: "gateway"}  # fmt: skip
NOT_NEEDED = {WORKER: "none runs, and the managers work by themselves",
              Role.GATEWAY: "none runs, and only worker processes need one"}  # fmt: skip
# What nobody could know: workers are heard by managers alone.
UNHEARD = "no manager listens to them"
START = {
    Role.OFFICE: "start `chimera office`, or `chimera up` where all of it is one process",
    Role.MANAGER: "start `chimera manager`, or `chimera up` where all of it is one process; its log says why it ended",
    WORKER: "start `chimera worker`, under a name that has a user in Valkey; its log says why it ended",
    Role.EFFECTS: "start `chimera effects`, or `chimera up` where all of it is one process",
    Role.GATEWAY: "start `chimera gateway workers` anew; workers give back what they hold until it answers",
    VAULT: "`chimera up` and `chimera office` start it, and again when it died; alone it is `chimera vault serve`: "
    "docs/runbooks/vault-gone.md",
}


class Part(Struct, frozen=True, kw_only=True):
    """What is found of one role."""

    name: str
    ok: bool
    found: str
    remedy: str
    who: tuple[Present, ...] = ()


class House(Struct, frozen=True, kw_only=True):
    """What the parts of a house are told of each other: whether any lives, and which of them others need."""

    runs: bool
    needed: tuple[str, ...]
    hears: bool
    slots: int
    zone: tzinfo


def lives(one: Present) -> bool:
    """Whether it was heard of lately, and did not say that it ends."""
    return not one.has_left and one.silent_us <= SILENT_SECONDS_MAX * SECOND_US


def parts_of(present: Sequence[Present], *, slots: int, zone: tzinfo) -> list[Part]:
    """Each role: who works in it, since when, last heard of when; what lacks while others work."""
    living = [one for one in present if lives(one)]
    hears = any(one.needs_workers for one in living)
    needs_gateway = hears or any(one.role == WORKER for one in living)
    needed = (*NEEDED, *((WORKER,) if hears else ()), *((Role.GATEWAY,) if needs_gateway else ()))
    house = House(runs=bool(living), needed=needed, hears=hears, slots=slots, zone=zone)
    return [_part(role, [one for one in present if one.role == role], house) for role in CALLED]


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


async def vault_part(settings: Settings, present: Sequence[Present]) -> Part:
    """Whether the vault answers, asked from here as the office asks it: it has no database in which it could say so."""
    living = [one for one in present if lives(one) and one.role in NEEDED]
    try:
        found = await vaults.standings(settings)
    except ChimeraError as error:
        # A house that ended may leave its socket behind.
        return _finding(VAULT, ok=not living, found=error.message if living else "not started")
    said = [f"{name} answers, signs with {one.key_id}, since {_clock(one.serves_since_us, settings.zone)}"
            for name, one in found.items()]  # fmt: skip
    if said:
        return _finding(VAULT, ok=True, found="; ".join(said))
    if any(one.process.startswith(f"{platform.node()},") for one in living):
        return _finding(VAULT, ok=False, found="none is at work: nothing is sealed, and so nothing goes out")
    return _finding(VAULT, ok=True, found="it cannot be asked from this host" if living else "not started")


def _part(role: str, found: Sequence[Present], house: House) -> Part:
    """Who lives, who fell silent, and, where nobody does, who was stopped in order."""
    living = [one for one in found if lives(one)]
    silent = sorted((one for one in found if not one.has_left and not lives(one)), key=lambda one: one.silent_us)
    if not living and not silent:
        return _missing(role, found, house)
    named = "; ".join(_said(one, house.zone) for one in (*living, *silent[:SILENT_NAMED_MAX]))
    more = f"; {len(silent) - SILENT_NAMED_MAX} more are silent" if len(silent) > SILENT_NAMED_MAX else ""
    if role == WORKER and not house.hears:
        return _finding(role, ok=True, found=f"{UNHEARD}; the last that was heard: {named}{more}", who=tuple(found))
    lost = _slots_of_nobody(living, house.slots) if role == Role.MANAGER and living else ""
    return _finding(role, ok=bool(living) and not lost, found=f"{named}{more}{lost}", who=tuple(found))


def _missing(role: str, left: Sequence[Present], house: House) -> Part:
    """Nobody is there whom anybody misses, unless others are at work and need one."""
    last = min(left, key=lambda one: one.silent_us, default=None)
    stopped = "" if last is None else f"{last.process} was stopped in order {last.silent_us // SECOND_US} s ago"
    lacks = house.runs and role in house.needed
    if lacks:
        why = f"none is at work: {stopped}, and others of this house need one" if stopped else "none is at work"
    else:
        why = stopped or (NOT_NEEDED.get(role, "none is at work") if house.runs else "not started")
    return _finding(role, ok=not lacks, found=why, who=tuple(left))


def _finding(role: str, *, ok: bool, found: str, who: tuple[Present, ...] = ()) -> Part:
    return Part(name=CALLED.get(role, role), ok=ok, found=found, remedy=START[role], who=who)


def _slots_of_nobody(living: Sequence[Present], slots: int) -> str:
    held = {number for one in living for number in one.slots}
    free = [str(number) for number in range(slots) if number not in held]
    return f"; nobody holds slot {', '.join(free)}" if free else ""


def _said(one: Present, zone: tzinfo) -> str:
    """Such as `host, process 12: slots 0-3, since 2026-11-22 23:10:04, heard of 1 s ago`."""
    called = f"{one.who} ({one.process or 'of an older version'})" if one.role == WORKER else one.process
    slots, about = f"slots {_spans(one.slots)}, " if one.slots else "", f"{one.about}, " if one.about else ""
    seconds = one.silent_us // SECOND_US
    heard = f"heard of {seconds} s ago" if lives(one) else f"SILENT for {seconds} s"
    return f"{called}: {slots}{about}since {_clock(one.since_us, zone)}, {heard}"


def _clock(at_us: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at_us // SECOND_US, zone):%Y-%m-%d %H:%M:%S}"


def _spans(numbers: Sequence[int]) -> str:
    """`0-3, 7` of the numbers in order."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("-".join(map(str, span)) for span in spans)
