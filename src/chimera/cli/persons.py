"""Hands out or erases one person, at whatever database is found. Every request goes on record with who and why."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

from msgspec import Struct

from chimera.adapters.local import people_journal
from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.people_journal import Erasure
from chimera.adapters.system.clock import SystemClock
from chimera.bootstrap import Database, persons_of, running_or_own_database
from chimera.domain.change import Change
from chimera.domain.consent import Consent, ConsentState, Purpose
from chimera.domain.event import Event, EventKind
from chimera.domain.quoting import unquoted
from chimera.governance.privacy.consents import Consents, Word
from chimera.governance.privacy.person import require_handle
from chimera.settings import read_settings


class PersonRequest(Struct, frozen=True, kw_only=True):
    """Whom a request is about, who makes it, and why."""

    person: str
    by: str
    why: str


async def export_person(asked: PersonRequest) -> tuple[Mapping[str, object], ...]:
    """Every record in which a person stands. That it was read, by whom and why, goes into the chain."""
    async with running_or_own_database(read_settings()) as found, persons_of(found) as persons:
        records = await persons.export(require_handle(asked.person))
        await _note(found, EventKind.PERSON_EXPORTED, asked, {"records": len(records)})
        return records


async def erase_person(asked: PersonRequest) -> Mapping[str, int]:
    """A person blanked in every record. The journal outside the database remembers it for every restored backup."""
    settings = read_settings()
    person = require_handle(asked.person)
    async with running_or_own_database(settings) as found, persons_of(found) as persons:
        named, now_us = found.keys.name_of(person), SystemClock().now_us()
        people_journal.erasures(prepare_home(settings.folder)).add(Erasure(person=named, at_us=now_us))
        blanked = await persons.erase(person)
        # Last: whoever is interrupted before this finds the words again by the key, at the next start.
        found.keys.destroy(named, made_until_us=now_us)
        await _note(found, EventKind.PERSON_ERASED, asked, {"records": sum(blanked.values()), "until_us": now_us})
        return blanked


async def note_consent(asked: PersonRequest, purposes: Sequence[Purpose], state: ConsentState) -> tuple[Consent, ...]:
    """What a person says about uses of their data, on record; and everything that they have said by now."""
    person = require_handle(asked.person)
    async with _consents() as consents:
        for purpose in purposes:
            await consents.note(Word(person=person, purpose=purpose, state=state, by=asked.by, why=asked.why))
        return await consents.of(person)


@contextlib.asynccontextmanager
async def _consents() -> AsyncGenerator[Consents]:
    async with running_or_own_database(read_settings()) as found:
        store = await found.free_store("persons")
        try:
            yield found.consents(store)
        finally:
            await store.close()


async def _note(found: Database, kind: EventKind, asked: PersonRequest, data: Mapping[str, int]) -> None:
    """On record who asked for whose data and why; the person by a keyed hash, for the chain is for ever."""
    store = await found.free_store("persons")
    try:
        event = Event(kind=kind, subject=found.keys.name_of(asked.person.strip()), at_us=await store.now_us(),
                      data={"by": asked.by, "why": unquoted(asked.why[:300]), **data})  # fmt: skip
        await store.commit(Change(events=(event,)))
    finally:
        await store.close()
