"""Says whether somebody's data may be used for a purpose, and puts on record what the person says about it.

Knows people by keyed hashes. Uses nothing itself.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.canonical import require_text
from chimera.domain.change import Change
from chimera.domain.consent import NEEDS_CONSENT, Consent, ConsentState, Purpose, Said, consent_id
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.quoting import unquoted
from chimera.domain.record import next_version
from chimera.ports.store import LIST_MAX, Store
from chimera.ports.subjects import ConsentJournal, SubjectKeys

WHY_CHARS_MAX = 300
FROM_JOURNAL = "the journal of consents: a database from before this was said"


class Word(Struct, frozen=True, kw_only=True):
    """What a person says about one purpose, who wrote it down, and why."""

    person: str
    purpose: Purpose
    state: ConsentState
    by: str
    why: str


class Consents:
    """One question and one answer on record for each person and purpose."""

    def __init__(self, *, store: Store, keys: SubjectKeys, journal: ConsentJournal) -> None:
        self._store = store
        self._keys = keys
        self._journal = journal

    async def require(self, person: str, purpose: Purpose) -> None:
        """`Refused` when the person has said no, or when the purpose needs a yes that was not given."""
        known = await self._store.find(Consent, consent_id(self._keys.name_of(person), purpose))
        if known is not None and known.state is ConsentState.WITHDRAWN:
            raise Refused("opted_out", f"this person does not want to be part of: {purpose}", where="person",
                          remedy="leave it; only the person can change that")  # fmt: skip
        if known is None and purpose in NEEDS_CONSENT:
            raise Refused("consent_missing", f"nobody has asked this person about: {purpose}", where="person",
                          remedy="ask, and put the answer on record with `chimera privacy consent`")  # fmt: skip

    async def has_withdrawn(self, person: str, purpose: Purpose) -> bool:
        """Whether they have said no, and not taken it back."""
        known = await self._store.find(Consent, consent_id(self._keys.name_of(person), purpose))
        return known is not None and known.state is ConsentState.WITHDRAWN

    async def of(self, person: str) -> tuple[Consent, ...]:
        """Everything that a person has said, by purpose."""
        name = self._keys.name_of(person)
        return await self._store.get_many(Consent, [consent_id(name, purpose) for purpose in Purpose])

    async def note(self, word: Word) -> Consent:
        """Put on record what a person says."""
        require_text(word.why, where="why")
        said = Said(person=self._keys.name_of(word.person), purpose=word.purpose, state=word.state, by=word.by,
                    at_us=await self._store.now_us())  # fmt: skip
        # First: whoever is interrupted after this is heard at the next start.
        self._journal.add(said)
        known = await self._store.find(Consent, consent_id(said.person, said.purpose))
        return await self._commit(said, known, why=unquoted(word.why[:WHY_CHARS_MAX]))

    async def hear_again(self) -> int:
        """Put on record what the journal knows and this database, which may come from a backup, does not. How many."""
        last = {consent_id(said.person, said.purpose): said for said in self._journal.entries()}
        heard = 0
        for start in range(0, len(last), LIST_MAX):
            some = tuple(last)[start : start + LIST_MAX]
            known = {one.id: one for one in await self._store.get_many(Consent, some)}
            for identifier in some:
                said, consent = last[identifier], known.get(identifier)
                if consent is None or consent.at_us < said.at_us:
                    await self._commit(said, consent, why=FROM_JOURNAL)
                    heard += 1
        return heard

    async def _commit(self, said: Said, known: Consent | None, *, why: str) -> Consent:
        if known is None:
            consent = Consent(id=consent_id(said.person, said.purpose), person=said.person, purpose=said.purpose,
                              by=said.by, why=why, at_us=said.at_us, state=said.state)  # fmt: skip
        else:
            consent = replace(next_version(known), by=said.by, why=why, at_us=said.at_us, state=said.state)
        data = {"purpose": str(said.purpose), "state": str(said.state), "by": said.by, "why": why}
        event = Event(kind=EventKind.CONSENT_CHANGED, subject=said.person, at_us=said.at_us, data=data)
        await self._store.commit(Change(records=(consent,), events=(event,)))
        return consent
