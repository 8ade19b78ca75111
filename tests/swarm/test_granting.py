"""From granted to settled, when vault, effects or time say no: a halt postpones, what is late is asked again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_files, load_lexicon
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.grant import Seal, Terms
from chimera.domain.granted import Granted
from chimera.domain.task import Task, TaskState
from chimera.governance.gate import Gate
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.governance.safety.gateway import SafetyGateway
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.pipeline.sealing import Sealing
from chimera.ports.sealer import SignedRoot
from chimera.swarm.bell import Bell
from chimera.swarm.court import Court
from chimera.swarm.granting import Granting
from tests.small_house import CONTRACTS, GATE, PROMPTS, SPECS, SmallHouse, a_payment
from tests.small_work import ACCEPTED, SayingModel

pytestmark = pytest.mark.requirement("R-A4", "R-A6", "R-N1")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


class FirstThen:
    """Implements `ports.sealer.Sealer`: refuses one grant, or everything at first."""

    def __init__(self, house: SmallHouse, error: ChimeraError, *, only: str = "", times: int = 10**9) -> None:
        self._house, self._error, self._only, self._times = house, error, only, times

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        if self._times and (not self._only or any(terms.grant_id == self._only for terms in leaves)):
            self._times -= 1
            raise self._error
        return await self._house.vault.seal(leaves)


def granting(house: SmallHouse, sealer: FirstThen, performed: list[str], *, gate: Gate = GATE) -> Granting:
    court = Court(
        judge=Judge(model=SayingModel(ACCEPTED), contracts=CONTRACTS, prompt=PROMPTS["judge"]), gate=gate,
        treasury=Treasury(), contracts=CONTRACTS, clock=house.clock,
    )  # fmt: skip
    sealing = Sealing(sealer=sealer, store=house.manager, clock=house.clock, ids=house.ids)
    bell = Bell(house.clock)
    return Granting(
        sealing=sealing, settle=house.settle, court=court, store=house.manager, ready=bell, bell=bell,
        perform=performed.append,
    )  # fmt: skip


async def state(house: SmallHouse, granted: Granted) -> TaskState:
    return (await house.manager.get(Task, granted.task.id)).state


async def test_one_bad_grant_does_not_spoil_the_batch(house: SmallHouse) -> None:
    some = [await house.grant(seal=False) for _ in range(5)]
    performed: list[str] = []
    stage = granting(house, FirstThen(house, Refused("vault_no", "no"), only=some[2].grant.id), performed)
    for granted in some:
        stage.offer(granted)
        stage.offer(granted)
    await stage.once()
    assert sorted(performed) == sorted(one.grant.id for one in some if one is not some[2])
    assert await state(house, some[2]) is TaskState.REFUSED
    assert (await house.window()).held_micros == 4_000


async def test_a_vault_that_is_away_loses_nothing(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    performed: list[str] = []
    stage = granting(house, FirstThen(house, Unavailable("vault_unavailable", "away"), times=3), performed)
    stage.offer(granted)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await stage.once()
    await stage.once()
    assert performed == [granted.grant.id]


async def test_a_halt_at_the_vault_postpones(house: SmallHouse) -> None:
    """A vault that starts is halted until the office has spoken: what was granted by then is not thrown away."""
    granted = await house.grant(seal=False)
    stage = granting(house, FirstThen(house, Refused("halted", "fleet is halted")), [])
    stage.offer(granted)
    await stage.once()
    assert await state(house, granted) is TaskState.GRANTED
    assert not stage.knows(granted.grant.id)
    assert (await house.window()).held_micros == 1_000


async def test_a_vault_that_comes_back_too_late(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    stage = granting(house, FirstThen(house, Refused("none", ""), times=0), [])
    stage.offer(granted)
    house.clock.advance(901)
    await stage.once()
    assert await state(house, granted) is TaskState.READY
    assert (await house.window()).held_micros == 0


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("halted", "granted"), ("grant_used", "granted"), ("grant_unsealed", "granted"),
        ("agent_not_permitted", "refused"), ("account_not_own", "refused"), ("grant_bytes_differ", "refused"),
    ],
)  # fmt: skip
async def test_what_effects_refuses(house: SmallHouse, code: str, expected: str) -> None:
    granted = await house.grant(a_payment())
    stage = granting(house, FirstThen(house, Refused("none", ""), times=0), [])
    await stage.ended(granted.grant.id, Refused(code, "no"))
    assert await state(house, granted) == expected
    assert (await house.window()).held_micros == (4_000_000 if expected == "granted" else 0)


@pytest.mark.parametrize("code", ["grant_expired", "grant_not_valid"])
async def test_what_was_too_late_is_asked_again(house: SmallHouse, code: str) -> None:
    granted = await house.grant()
    house.clock.advance(901)
    stage = granting(house, FirstThen(house, Refused("none", ""), times=0), [])
    await stage.ended(granted.grant.id, Refused(code, "late"))
    assert await state(house, granted) is TaskState.READY
    assert (await house.manager.get(Seal, granted.grant.id)).state == "expired"


async def test_a_refusal_of_a_grant_that_is_no_longer_the_tasks(house: SmallHouse) -> None:
    granted = await house.grant()
    stage = granting(house, FirstThen(house, Refused("none", ""), times=0), [])
    task = await house.manager.get(Task, granted.task.id)
    house.rewrite(replace(task, grant_id=house.ids.new()))
    await stage.ended(granted.grant.id, Refused("agent_not_permitted", "no"))
    assert await state(house, granted) is TaskState.GRANTED


def otherwise() -> Gate:
    """A gate that decides by another policy than the grants of these tests were given under."""
    files = load_files()
    pack = pack_of(replace(files, release="another"))
    return Gate(policy=PolicyEngine(pack), safety=SafetyGateway(load_lexicon()), specs=SPECS)


@pytest.mark.requirement("R-F2")
async def test_a_vault_that_knows_another_policy_than_the_gate_only_postpones(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    stage = granting(house, FirstThen(house, Refused("vault_policy_differs", "not yet told")), [])
    stage.offer(granted)
    await stage.once()
    assert await state(house, granted) is TaskState.GRANTED
    assert not stage.knows(granted.grant.id)


@pytest.mark.requirement("R-F2")
async def test_a_grant_of_a_policy_that_was_replaced_goes_back_to_the_gate(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    stage = granting(house, FirstThen(house, Refused("vault_policy_differs", "another now")), [], gate=otherwise())
    stage.offer(granted)
    await stage.once()
    assert await state(house, granted) is TaskState.READY
    assert (await house.window()).held_micros == 0
