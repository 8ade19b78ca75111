"""What stays in the house is sealed and ended in the commit that decides about it; or it takes the long way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.budget import Hold, HoldState, Movement, combined
from chimera.domain.change import Change, fused, joined
from chimera.domain.draft import Draft
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Batch, Grant, Seal, SealState, Terms
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Result
from chimera.ports.sealer import SignedRoot
from tests.small_house import TEXT, SmallHouse, a_note, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench

pytestmark = pytest.mark.requirement("R-A1", "R-A4", "R-N1")
COST_MICROS = 1_000
HOLD = "01a20092-3ff9-707a-81a5-10a1886e5f6c"


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


class Vault:
    """Implements `ports.sealer.Sealer`: the house's, asked so often; or an error."""

    def __init__(self, house: SmallHouse, error: ChimeraError | None = None) -> None:
        self._house, self._error, self.asked = house, error, list[int]()

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        self.asked.append(len(leaves))
        if self._error is not None:
            raise self._error
        return await self._house.vault.seal(leaves)


def costly() -> Draft:
    """A note that costs something."""
    return Draft(output={"text": "a line to keep"}, confidence_bp=9_500, labels=("operator",),
                 action=replace(a_note(), cost_micros=COST_MICROS))  # fmt: skip


async def events_of(house: SmallHouse, task: Task) -> list[str]:
    links = await house.manager.links("manager-0")
    return [event.kind for link in links if (event := msgspec.json.decode(link.body, type=Event)).subject == task.id]


async def test_a_note_is_decided_sealed_and_ended_in_one_commit(house: SmallHouse) -> None:
    bench = Bench(house, sealer=Vault(house))
    task = await bench.hear(costly(), spec="bench.note", cost=500)
    assert task.state is TaskState.DONE and task.grant_id is not None
    assert task.version == bench.dispatch.sent[-1].task.version + 1, "one commit after its lease"
    seal, grant = await house.manager.get(Seal, task.grant_id), await house.manager.get(Grant, task.grant_id)
    assert seal.state is SealState.TAKEN
    house.seals().require_sealed(grant, seal, await house.manager.get(Batch, seal.batch_id))
    assert grant.hold_id is not None
    hold = await house.manager.get(Hold, grant.hold_id)
    assert (hold.state, hold.version, hold.captured_micros) == (HoldState.CAPTURED, 1, COST_MICROS)
    window = await house.window()
    assert (window.held_micros, window.spent_micros) == (0, COST_MICROS + 1_000), "the note, and what models took"
    assert await events_of(house, task) == ["DRAFT_JUDGED", "ACTION_GRANTED", "TASK_SETTLED"]
    assert not bench.granted, "nothing is left to be sealed"


async def test_what_goes_out_is_granted_first(house: SmallHouse) -> None:
    vault = Vault(house)
    bench = Bench(house, sealer=vault)
    task = await bench.hear(draft(TEXT, action=a_post()))
    assert task.state is TaskState.GRANTED
    assert [one.grant.id for one in bench.granted] == [task.grant_id]
    assert vault.asked == []


@pytest.mark.parametrize("error", [Refused("halted", "fleet is halted"), Unavailable("vault_unavailable", "away")])
async def test_without_the_vault_it_is_granted_and_waits(house: SmallHouse, error: ChimeraError) -> None:
    bench = Bench(house, sealer=Vault(house, error))
    task = await bench.hear(costly(), spec="bench.note")
    assert task.state is TaskState.GRANTED
    assert [one.grant.id for one in bench.granted] == [task.grant_id]
    assert (await house.window()).held_micros == COST_MICROS
    assert await house.manager.find(Seal, task.grant_id or "") is None


async def test_whoever_has_no_room_takes_nobody_along(house: SmallHouse) -> None:
    """Several wait for one signature; the money is enough for one of them."""
    vault = Vault(house)
    bench = Bench(house, sealer=vault)
    await house.set_cap(f"campaign:{house.campaign.id}", "day", COST_MICROS + 500)
    tasks = [await house.a_task(spec="bench.note", state=TaskState.READY, attempt=0) for _ in range(3)]
    await bench.claiming.once()
    for sent in bench.dispatch.sent:
        bench.dispatch.done.put_nowait(
            Result(task_id=sent.task.id, task_version=sent.task.version, draft=costly(), calls=())
        )
        await bench.judging.once()
    while bench.judging._hearings:
        await asyncio.sleep(0)
    states = sorted([(await house.manager.get(Task, one.id)).state for one in tasks])
    assert states == ["done", "refused", "refused"]
    assert sum(vault.asked) == 3, "nobody is signed for twice"
    window = await house.window()
    assert (window.held_micros, window.spent_micros) == (0, COST_MICROS + 3 * 500), (
        "one note, and three answers of the judge"
    )
    done = next(one for one in [await house.manager.get(Task, one.id) for one in tasks] if one.state is TaskState.DONE)
    seal = await house.manager.get(Seal, done.grant_id or "")
    grant = await house.manager.get(Grant, seal.id)
    house.seals().require_sealed(grant, seal, await house.manager.get(Batch, seal.batch_id))


async def test_a_halt_met_by_the_commit_postpones(house: SmallHouse) -> None:
    """The halt comes after the gate has decided, while the vault signs."""

    class Slow(Vault):
        async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
            signed = await super().seal(leaves)
            await house.halt("fleet")
            return signed

    task = await Bench(house, sealer=Slow(house)).hear(costly(), spec="bench.note")
    assert task.state is TaskState.READY and task.grant_id is None
    assert (await house.window()).held_micros == 0


async def test_whoever_is_closed_leaves_nothing_behind(house: SmallHouse) -> None:
    never = asyncio.Event()

    class Away(Vault):
        async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
            await never.wait()
            raise AssertionError("nobody rings")

    bench = Bench(house, sealer=Away(house))
    task = await house.a_task(spec="bench.note", state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    leased = bench.dispatch.sent[-1].task
    bench.dispatch.done.put_nowait(Result(task_id=leased.id, task_version=leased.version, draft=costly(), calls=()))
    await bench.judging.once()
    for _ in range(20):
        await asyncio.sleep(0)
    await bench.judging.close()
    await bench.concluding.close()
    assert (await house.manager.get(Task, task.id)).state is TaskState.LEASED


def test_two_steps_are_one() -> None:
    """The records as the later step leaves them, at the version of the first; money, events and scopes of both."""
    hold = Hold(id=HOLD, task_id=HOLD, amount_micros=5, windows=("fleet|day|x",), expires_at_us=1)
    captured, closing = hold.captured(5)
    told = Event(kind=EventKind.TASK_SETTLED, subject=HOLD, at_us=1, data={})
    first = Change(records=(hold,), events=(told,), movements=hold.opening(), begins_in=("fleet",))
    one = fused(first, Change(records=(captured,), events=(told,), movements=closing))
    assert one.records == (replace(captured, version=1),)
    assert combined(one.movements) == (
        Movement(windows=("fleet|day|x",), hold_micros=5, release_micros=5, metered_micros=5),
    )
    assert (len(one.events), one.begins_in) == (2, ("fleet",))
    assert joined((one, Change(events=(told,), begins_in=("fleet", "agent:a")))).begins_in == ("fleet", "agent:a")
