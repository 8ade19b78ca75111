"""Says whether somebody's data may be used for a purpose, and puts on record what the person says about it.

Knows people by keyed hashes. Uses nothing itself.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.canonical import require_text
from chimera.domain.change import Change
from chimera.domain.consent import NEEDS_CONSENT, Consent, ConsentState, Purpose, consent_id
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.quoting import unquoted
from chimera.domain.record import next_version
from chimera.ports.store import Store
from chimera.ports.subjects import SubjectKeys

WHY_CHARS_MAX = 300


class Word(Struct, frozen=True, kw_only=True):
    """What a person says about one purpose, who wrote it down, and why."""

    person: str
    purpose: Purpose
    state: ConsentState
    by: str
    why: str


class Consents:
    """One question and one answer on record for each person and purpose."""

    def __init__(self, *, store: Store, keys: SubjectKeys) -> None:
        self._store = store
        self._keys = keys

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
        name, now_us = self._keys.name_of(word.person), await self._store.now_us()
        why, identifier = unquoted(word.why[:WHY_CHARS_MAX]), consent_id(name, word.purpose)
        known = await self._store.find(Consent, identifier)
        if known is None:
            said = Consent(id=identifier, person=name, purpose=word.purpose, by=word.by, why=why, at_us=now_us,
                           state=word.state)  # fmt: skip
        else:
            said = replace(next_version(known), by=word.by, why=why, at_us=now_us, state=word.state)
        data = {"purpose": str(said.purpose), "state": str(said.state), "by": said.by, "why": said.why}
        event = Event(kind=EventKind.CONSENT_CHANGED, subject=name, at_us=now_us, data=data)
        await self._store.commit(Change(records=(said,), events=(event,)))
        return said
