"""Somebody's data is used for what they know of, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera.adapters.local import people_journal
from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.domain.campaign import Input
from chimera.domain.change import Change
from chimera.domain.consent import ConsentState, Purpose, Said
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.labels import PUBLIC, SECRET
from chimera.domain.roles import Role
from chimera.governance.privacy.consents import Consents, Word
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Arrival, Intake
from chimera.testing.manual_clock import ManualClock
from tests.adapters.postgres.conftest import Database
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-D5")
MILA, OTHER = "@mila.example", "@kaspar.example"


class Desk:
    """An intake that knows what people said, on a real database."""

    def __init__(self, house: SmallHouse, intake: Intake, consents: Consents) -> None:
        self._house = house
        self._intake = intake
        self.consents = consents

    async def bring(self, author: str, *, kind: str = "mention") -> Input:
        payload = {"author": author, "text": "what a nice day", "post_id": "p-1", "platform": "sandbox"}
        return await self._intake.accept(Arrival(campaign_id=self._house.campaign.id, agent_id=self._house.agent.id,
                                                 kind=kind, payload=payload, labels=(PUBLIC,)))  # fmt: skip

    async def say(self, person: str, purpose: Purpose, state: ConsentState) -> None:
        await self.consents.note(Word(person=person, purpose=purpose, state=state, by="Grace", why="by letter"))


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> Desk:
    house = SmallHouse()
    office = await database.open("office", Role.OFFICE)
    noted = (Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=1),)
    await office.commit(Change(records=(house.agent,), events=noted))
    await office.commit(Change(records=(house.campaign,), events=noted))
    consents = Consents(store=office, keys=LocalSubjectKeys(tmp_path, clock=ManualClock()),
                        journal=people_journal.consents(tmp_path))  # fmt: skip
    intake = Intake(security=SecurityGateway(shipped_scanner()), store=office, clock=ManualClock(), ids=house.ids,
                    consents=consents)  # fmt: skip
    return Desk(house, intake, consents)


async def test_who_speaks_to_us_is_answered_until_he_says_no(desk: Desk, database: Database) -> None:
    assert (await desk.bring(MILA)).purpose == Purpose.ANSWER
    await desk.say(MILA.upper(), Purpose.ANSWER, ConsentState.WITHDRAWN)
    with pytest.raises(Refused, match="opted_out"):
        await desk.bring(MILA)
    await desk.bring(OTHER)
    await desk.say(MILA, Purpose.ANSWER, ConsentState.GIVEN)
    await desk.bring(MILA)
    reads = await database.open_reads(Role.AUDITOR)
    assert len(await reads.list(Input)) == 3, "what was refused is not kept"
    history = b"".join([link.body for link in await reads.links("office")])
    assert b"opted_out" in history
    assert b"mila" not in history.lower(), "an opt-out names nobody"


async def test_what_comes_from_somebody_who_is_not_to_be_told_of_is_secret(desk: Desk) -> None:
    assert (await desk.bring(MILA)).labels == (PUBLIC,)
    await desk.say(MILA, Purpose.SHARE, ConsentState.WITHDRAWN)
    assert (await desk.bring(MILA)).labels == (PUBLIC, SECRET)
    assert (await desk.bring(OTHER)).labels == (PUBLIC,)


async def test_a_database_from_before_hears_again_what_people_said(desk: Desk, tmp_path: Path) -> None:
    journal = people_journal.consents(tmp_path)
    named = LocalSubjectKeys(tmp_path, clock=ManualClock()).name_of(MILA)
    early, late = 1, 2_000_000_000_000_000
    for state, at_us in ((ConsentState.GIVEN, early), (ConsentState.WITHDRAWN, late)):
        journal.add(Said(person=named, purpose=Purpose.ANSWER, state=state, by="Grace", at_us=at_us))
    with (tmp_path / people_journal.CONSENTS).open("ab") as file:
        file.write(b'{"person":"broke off in a cra')
    await desk.bring(MILA)
    assert await desk.consents.hear_again() == 1
    with pytest.raises(Refused, match="opted_out"):
        await desk.bring(MILA)
    (held,) = await desk.consents.of(MILA)
    assert (held.state, held.at_us, held.by) == (ConsentState.WITHDRAWN, late, "Grace")
    assert await desk.consents.hear_again() == 0, "what is known is not said twice"


async def test_what_was_said_since_is_not_undone_by_the_journal(desk: Desk, tmp_path: Path) -> None:
    await desk.say(MILA, Purpose.ANSWER, ConsentState.WITHDRAWN)
    (old,) = people_journal.consents(tmp_path).entries()
    await desk.say(MILA, Purpose.ANSWER, ConsentState.GIVEN)
    (tmp_path / people_journal.CONSENTS).unlink()
    people_journal.consents(tmp_path).add(old)
    assert await desk.consents.hear_again() == 0
    await desk.bring(MILA)


async def test_a_use_that_needs_a_yes_is_refused_without_one(desk: Desk) -> None:
    with pytest.raises(Refused, match="consent_missing"):
        await desk.bring(MILA, kind="post")
    await desk.say(MILA, Purpose.LEARN, ConsentState.GIVEN)
    with pytest.raises(Refused, match="consent_missing"):
        await desk.bring(MILA, kind="post")
    await desk.say(MILA, Purpose.CONTACT, ConsentState.GIVEN)
    assert (await desk.bring(MILA, kind="post")).purpose == Purpose.CONTACT
    await desk.say(MILA, Purpose.CONTACT, ConsentState.WITHDRAWN)
    with pytest.raises(Refused, match="opted_out"):
        await desk.bring(MILA, kind="post")
    said = {one.purpose: one.state for one in await desk.consents.of(MILA)}
    assert said == {Purpose.LEARN: ConsentState.GIVEN, Purpose.CONTACT: ConsentState.WITHDRAWN}


async def test_what_has_no_purpose_is_kept_without_one(desk: Desk) -> None:
    assert (await desk.bring(MILA, kind="rumour")).purpose == ""
