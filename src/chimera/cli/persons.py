"""Hands out or erases one person, at whatever database is found. Every request goes on record with who and why."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

from msgspec import Struct

from chimera.adapters.local import people_journal
from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.people_journal import Erasure
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import people
from chimera.bootstrap import Database, persons_of, running_or_own_database
from chimera.domain import canonical
from chimera.domain.change import Change
from chimera.domain.consent import Consent, ConsentState, Purpose
from chimera.domain.event import Event, EventKind
from chimera.domain.quoting import unquoted
from chimera.governance.privacy.consents import Consents, Word
from chimera.governance.privacy.person import require_handle
from chimera.ports.store import Store
from chimera.settings import read_settings


class PersonRequest(Struct, frozen=True, kw_only=True):
    """Whom a request is about, and why. Who makes it is whoever is recognised here."""

    person: str
    why: str

    def __post_init__(self) -> None:
        canonical.require_reason(self.why, where="--why")


async def export_person(asked: PersonRequest) -> tuple[Mapping[str, object], ...]:
    """Every record in which a person stands. That it was read, by whom and why, goes into the chain."""
    async with running_or_own_database(read_settings()) as found, persons_of(found) as persons:
        by = await permitted(found, "data.erase")
        records = await persons.export(require_handle(asked.person))
        await _note(found, EventKind.PERSON_EXPORTED, asked, {"records": len(records)}, by=by)
        return records


async def erase_person(asked: PersonRequest) -> Mapping[str, int]:
    """A person blanked in every record. The journal outside the database remembers it for every restored backup."""
    settings = read_settings()
    person = require_handle(asked.person)
    async with running_or_own_database(settings) as found, persons_of(found) as persons:
        by = await permitted(found, "data.erase")
        named, now_us = found.keys.name_of(person), SystemClock().now_us()
        people_journal.erasures(prepare_home(settings.folder)).add(Erasure(person=named, at_us=now_us))
        blanked = await persons.erase(person)
        # Last: whoever is interrupted before this finds the words again by the key, at the next start.
        found.keys.destroy(named, made_until_us=now_us)
        await _note(
            found, EventKind.PERSON_ERASED, asked, {"records": sum(blanked.values()), "until_us": now_us}, by=by
        )
        return blanked


async def note_consent(asked: PersonRequest, purposes: Sequence[Purpose], state: ConsentState) -> tuple[Consent, ...]:
    """What a person says about uses of their data, on record; and everything that they have said by now."""
    person = require_handle(asked.person)
    async with running_or_own_database(read_settings()) as found, _consents(found) as consents:
        by = await permitted(found, "goal.give") if purposes else ""
        for purpose in purposes:
            await consents.note(Word(person=person, purpose=purpose, state=state, by=by, why=asked.why))
        return await consents.of(person)


async def permitted(found: Database, verb: str, *, at: str = "") -> str:
    """The name of whoever sits here, who may do this; with a place, that they read there goes on record."""
    async with _store(found) as store:
        by = await people.permitted_here(read_settings(), store, verb)
        if at:
            await people.looked(store, by, at=at)
        return by.name


@contextlib.asynccontextmanager
async def _consents(found: Database) -> AsyncGenerator[Consents]:
    async with _store(found) as store:
        yield found.consents(store)


@contextlib.asynccontextmanager
async def _store(found: Database) -> AsyncGenerator[Store]:
    store = await found.free_store("persons")
    try:
        yield store
    finally:
        await store.close()


async def _note(
    found: Database, kind: EventKind, asked: PersonRequest, data: Mapping[str, int], *, by: str
) -> None:  # fmt: skip
    """On record who asked for whose data and why; the person by a keyed hash, for the chain is for ever."""
    async with _store(found) as store:
        event = Event(kind=kind, subject=found.keys.name_of(asked.person.strip()), at_us=await store.now_us(),
                      data={"by": by, "why": unquoted(asked.why[:300]), **data})  # fmt: skip
        await store.commit(Change(events=(event,)))
