"""Programs that ask to come in: nobody admits himself, nothing works twice, and what was taken back is gone."""

from __future__ import annotations

import pytest

from chimera.adapters.system.secrecy import SystemSecrecy
from chimera.domain.access import (
    ACCESS_SECONDS_MAX,
    ASK_SECONDS,
    ASKED_AT_ONCE_MAX,
    CODE_SECONDS,
    RENEWABLE_SECONDS,
    SCOPES,
    TOKEN_SECONDS,
    Access,
    AccessState,
)
from chimera.domain.agent import Agent, AgentCommand
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Refused, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.governance.identity.accesses import Accesses, Asking, Given
from chimera.ports.store import LIST_MAX
from tests.small_house import OLGA, PERMITS, RITA, SmallHouse

pytestmark = pytest.mark.requirement("R-N7", "R-D4")
CLIENT = "0193f000-0000-7000-8000-000000000001"
BACK = "http://127.0.0.1:9/back"


class Door:
    """A house with one active agent, and the desk for programs."""

    def __init__(self, house: SmallHouse) -> None:
        self.house = house
        self.desk = Accesses(store=house.office, ids_from=house.ids, secrecy=SystemSecrecy(key="k"),
                             permits=PERMITS)  # fmt: skip

    async def ask(self, *, scopes: tuple[str, ...] = SCOPES, program: str = "an IDE") -> tuple[Access, str]:
        return await self.desk.ask(Asking(client_id=CLIENT, client=b'{"a":1}', program=program, redirect=BACK,
                                          challenge="c" * 43, scopes=scopes))  # fmt: skip

    async def admitted(self, *scopes: str) -> Access:
        access, _ = await self.ask()
        return await self.desk.admit(access.id, agent=self.house.agent, scopes=scopes, by=OLGA)

    async def coded(self) -> str:
        return await self.desk.code(await self.admitted())

    async def opened(self) -> Given:
        found = await self.desk.by_code(await self.coded())
        assert found is not None
        return await self.desk.exchange(found)


@pytest.fixture
async def door() -> Door:
    return Door(await SmallHouse().open())


async def test_a_program_comes_in_by_a_persons_yes_and_works_until_it_is_taken_back(door: Door) -> None:
    given = await door.opened()
    known = await door.desk.by_token(given.token)
    assert known is not None
    assert (known.agent_id, known.scopes, known.by) == (door.house.agent.id, SCOPES, "olga")
    assert [one.id for one in await door.desk.admitted()] == [known.id]
    await door.desk.revoke(known.id, by=OLGA)
    assert await door.desk.by_token(given.token) is None
    assert await door.desk.by_renewal(given.renewal) is None
    assert await door.desk.admitted() == ()


async def test_only_who_may_change_agents_admits_and_only_once(door: Door) -> None:
    access, _ = await door.ask()
    with pytest.raises(Refused, match="rita may not"):
        await door.desk.admit(access.id, agent=door.house.agent, scopes=(), by=RITA)
    await door.desk.refuse(access.id, by=OLGA)
    with pytest.raises(Refused) as refusal:
        await door.desk.admit(access.id, agent=door.house.agent, scopes=(), by=OLGA)
    assert refusal.value.code == "access_refused_cannot_admit"


async def test_a_person_gives_less_than_was_asked_and_never_more(door: Door) -> None:
    assert (await door.admitted("chimera.read")).scopes == ("chimera.read",)
    access, _ = await door.ask(scopes=("chimera.read",))
    with pytest.raises(Invalid, match="nothing is left"):
        await door.desk.admit(access.id, agent=door.house.agent, scopes=("chimera.act",), by=OLGA)
    with pytest.raises(Invalid, match="no scope"):
        await door.ask(scopes=("chimera.root",))


async def test_a_code_works_once_and_its_second_coming_closes_everything(door: Door) -> None:
    code = await door.coded()
    found = await door.desk.by_code(code)
    assert found is not None
    given = await door.desk.exchange(found)
    with pytest.raises(Conflict):
        await door.desk.exchange(found)
    assert await door.desk.by_code(code) is None
    assert await door.desk.by_token(given.token) is None


async def test_a_spent_refresh_token_closes_everything(door: Door) -> None:
    first = await door.opened()
    found = await door.desk.by_renewal(first.renewal)
    assert found is not None
    second = await door.desk.renew(found, ("chimera.read",))
    assert second.access.scopes == ("chimera.read",)
    assert await door.desk.by_token(first.token) is None
    assert await door.desk.by_token(second.token) is not None
    assert await door.desk.by_renewal(first.renewal) is None
    assert await door.desk.by_token(second.token) is None
    assert await door.desk.by_renewal(second.renewal) is None


async def test_everything_ends_by_itself(door: Door) -> None:
    late, _ = await door.ask()
    door.house.clock.advance(ASK_SECONDS + 1)
    with pytest.raises(Refused, match="more than ten minutes"):
        await door.desk.admit(late.id, agent=door.house.agent, scopes=(), by=OLGA)
    code = await door.coded()
    door.house.clock.advance(CODE_SECONDS + 1)
    assert await door.desk.by_code(code) is None
    given = await door.opened()
    door.house.clock.advance(TOKEN_SECONDS + 1)
    assert await door.desk.by_token(given.token) is None
    for _ in range(ACCESS_SECONDS_MAX // (RENEWABLE_SECONDS - 60)):
        found = await door.desk.by_renewal(given.renewal)
        assert found is not None
        given = await door.desk.renew(found, SCOPES)
        door.house.clock.advance(RENEWABLE_SECONDS - 60)
    door.house.clock.advance(RENEWABLE_SECONDS)
    assert await door.desk.by_renewal(given.renewal) is None


async def test_who_floods_the_desk_waits(door: Door) -> None:
    for _ in range(ASKED_AT_ONCE_MAX):
        await door.ask()
    with pytest.raises(Unavailable, match="wait for an answer"):
        await door.ask()
    door.house.clock.advance(ASK_SECONDS + 1)
    await door.ask()


async def test_a_paused_agents_programs_do_not_come_in(door: Door) -> None:
    given = await door.opened()
    agent = await door.house.office.get(Agent, door.house.agent.id)
    paused = agent.after(AgentCommand.PAUSE)
    told = Event(kind=EventKind.AGENT_CHANGED, subject=agent.id, at_us=1, data={})
    await door.house.office.commit(Change(records=(paused,), events=(told,)))
    assert await door.desk.by_token(given.token) is None


@pytest.mark.parametrize("secret", ["", "cha_", "cha_x.y", "chr_{id}.z", "cha_{id}.z", "{token}x", "cha_" + "a" * 400])
async def test_what_is_nobodys_token_opens_nothing(door: Door, secret: str) -> None:
    given = await door.opened()
    assert await door.desk.by_token(secret.format(id=given.access.id, token=given.token)) is None
    assert await door.desk.by_token(given.renewal) is None
    assert await door.desk.by_renewal(given.token) is None


async def test_a_name_stays_on_its_line_and_no_secret_is_kept(door: Door) -> None:
    access, watch = await door.ask(program="an IDE\x1b[2J\nchimera gateway admit " + "x" * 200)
    assert access.program.isprintable()
    assert len(access.program) <= 80
    given = await door.opened()
    for secret in (watch, given.token, given.renewal):
        assert secret.partition(".")[2] not in str(given.access) + str(access)
    assert await door.desk.registration(CLIENT) == b'{"a":1}'
    assert access.state is AccessState.ASKED


async def test_a_flood_of_questions_that_lapsed_hides_nobody_and_lifts_no_limit(door: Door) -> None:
    for _ in range(LIST_MAX // ASKED_AT_ONCE_MAX + 1):
        for _ in range(ASKED_AT_ONCE_MAX):
            await door.ask()
        with pytest.raises(Unavailable, match="wait for an answer"):
            await door.ask()
        door.house.clock.advance(ASK_SECONDS)
    fresh, _ = await door.ask()
    assert [one.id for one in await door.desk.asked()] == [fresh.id]
    access = await door.admitted()
    assert [one.id for one in await door.desk.admitted()] == [access.id]
