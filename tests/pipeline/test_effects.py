"""Effects called directly, on grants in every state that a bug or an attacker could bring about. Nothing gets out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.memory.store import MemoryStore
from chimera.domain import scopes
from chimera.domain.action import TAKE_DOWN
from chimera.domain.agent import AgentState
from chimera.domain.change import Change
from chimera.domain.decision import Deny, Reason
from chimera.domain.errors import ChimeraError, Conflict, Missing, Refused
from chimera.domain.grant import Batch, Grant, Performance, PerformanceState, Seal, SealCommand
from chimera.domain.merkle import Neighbour
from chimera.domain.permissions import ACTIONS
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.rehearsal.line import Fault
from chimera.rehearsal.scenario import Rules
from tests.small_house import SmallHouse, a_note, a_payment, a_post

pytestmark = pytest.mark.requirement("R-N1", "R-A4")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def refused(house: SmallHouse, grant_id: str, code: str, **how: Any) -> None:
    with pytest.raises(ChimeraError) as refusal:
        await house.effects(**how).perform(grant_id)
    assert refusal.value.code == code
    assert house.deeds() == 0


async def test_a_sealed_grant_is_performed_once(house: SmallHouse) -> None:
    granted = await house.grant()
    performance = await house.effects().perform(granted.grant.id)
    assert performance.state is PerformanceState.FINISHED
    assert house.deeds() == 1
    with pytest.raises(Refused, match="taken"):
        await house.effects().perform(granted.grant.id)
    assert house.deeds() == 1


async def test_what_was_never_granted(house: SmallHouse) -> None:
    await refused(house, house.ids.new(), "record_missing")


async def test_what_was_denied(house: SmallHouse) -> None:
    step = await house.decide(Deny((Reason("test", "no"),)))
    await refused(house, step.task.id, "record_missing")


async def test_what_was_not_sealed(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    await refused(house, granted.grant.id, "grant_unsealed")


async def test_what_has_expired(house: SmallHouse) -> None:
    granted = await house.grant()
    house.clock.advance(901)
    await refused(house, granted.grant.id, "grant_expired")


async def test_it_expires_at_the_very_microsecond(house: SmallHouse) -> None:
    granted = await house.grant()
    house.clock.advance((granted.grant.terms.expires_at_us - house.clock.now_us()) / 1_000_000)
    await refused(house, granted.grant.id, "grant_expired")


async def test_other_bytes_than_were_granted(house: SmallHouse) -> None:
    granted = await house.grant()
    house.rewrite(replace(granted.grant, action=a_post("Buy this. [AI persona]")))
    await refused(house, granted.grant.id, "grant_bytes_differ")


async def test_other_bytes_and_other_terms(house: SmallHouse) -> None:
    """Whoever changes the terms with the bytes is not in the sealed batch."""
    granted = await house.grant()
    action = a_post("Buy this. [AI persona]")
    terms = replace(granted.grant.terms, action_digest=action.digest)
    house.rewrite(replace(granted.grant, action=action, terms=terms))
    await refused(house, granted.grant.id, "grant_not_in_batch")


async def test_a_later_end_than_was_granted(house: SmallHouse) -> None:
    granted = await house.grant()
    house.rewrite(replace(granted.grant, terms=replace(granted.grant.terms, expires_at_us=2**50)))
    await refused(house, granted.grant.id, "grant_not_in_batch")


async def test_the_seal_of_another_grant(house: SmallHouse) -> None:
    first = await house.grant()
    second = await house.grant(seal=False)
    seal = await house.acting.get(Seal, first.grant.id)
    await house.put(replace(seal, id=second.grant.id, version=1), by=Role.MANAGER)
    await refused(house, second.grant.id, "grant_not_in_batch")


async def test_a_grant_under_another_id(house: SmallHouse) -> None:
    granted = await house.grant()
    seal = await house.acting.get(Seal, granted.grant.id)
    copied = replace(granted.grant, id=house.ids.new())
    await house.put(copied, replace(seal, id=copied.id, version=1), by=Role.MANAGER)
    await refused(house, copied.id, "grant_mismatch")


async def test_a_path_that_was_bent(house: SmallHouse) -> None:
    granted = await house.grant()
    seal = await house.acting.get(Seal, granted.grant.id)
    house.rewrite(replace(seal, path=(Neighbour(left=True, digest="ab" * 32),)))
    await refused(house, granted.grant.id, "grant_not_in_batch")


async def test_a_signature_that_nobody_gave(house: SmallHouse) -> None:
    granted = await house.grant()
    seal = await house.acting.get(Seal, granted.grant.id)
    batch = await house.acting.get(Batch, seal.batch_id)
    for forged in ("00" * 64, "", "not hex", batch.signature[:-2]):
        house.rewrite(replace(batch, signature=forged))
        await refused(house, granted.grant.id, "seal_not_genuine")


async def test_a_batch_of_another_size(house: SmallHouse) -> None:
    granted = await house.grant()
    seal = await house.acting.get(Seal, granted.grant.id)
    batch = await house.acting.get(Batch, seal.batch_id)
    house.rewrite(replace(batch, count=batch.count + 1))
    await refused(house, granted.grant.id, "seal_not_genuine")


async def test_the_key_of_somebody_else(house: SmallHouse) -> None:
    granted = await house.grant()
    await refused(house, granted.grant.id, "seal_key_unknown", key=Ed25519PrivateKey.generate())


async def test_a_forger_who_claims_the_vaults_name(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    forger = house.vault_core(Ed25519PrivateKey.generate())
    forger.key_id = house.core.key_id
    house.vault.__init__(forger, house.clock)
    await house.sealing.seal([granted.grant])
    await refused(house, granted.grant.id, "seal_not_genuine")


@pytest.mark.parametrize("command", [SealCommand.EXPIRE, SealCommand.WITHDRAW])
async def test_a_seal_that_was_voided(house: SmallHouse, command: SealCommand) -> None:
    granted = await house.grant()
    seal = await house.acting.get(Seal, granted.grant.id)
    await house.put(seal.after(command), by=Role.MANAGER)
    await refused(house, granted.grant.id, "grant_used")


async def test_what_stays_in_the_house(house: SmallHouse) -> None:
    granted = await house.grant(a_note(), task=await house.a_task(spec="bench.note"))
    await refused(house, granted.grant.id, "grant_used")
    seal = await house.acting.get(Seal, granted.grant.id)
    house.rewrite(replace(seal, state="ready"))
    await refused(house, granted.grant.id, "grant_internal")


@pytest.mark.requirement("R-C1")
# A note stays in the house. What a person agreed to take back is taken back, whatever its agent may do by now.
@pytest.mark.parametrize("kind", sorted(set(ACTIONS) - {"note.keep", TAKE_DOWN}))
async def test_a_permission_that_was_revoked(house: SmallHouse, kind: str) -> None:
    action = a_payment() if kind == "payment.send" else replace(a_post(), kind=kind)
    granted = await house.grant(action)
    await house.change_agent(permissions=tuple(name for name in house.agent.permissions if name != ACTIONS[kind]))
    await refused(house, granted.grant.id, "agent_not_permitted")


@pytest.mark.parametrize("state", [AgentState.PAUSED, AgentState.RETIRED, AgentState.INSTALLED])
async def test_an_agent_that_is_not_active(house: SmallHouse, state: AgentState) -> None:
    granted = await house.grant()
    await house.change_agent(state=state)
    await refused(house, granted.grant.id, "agent_not_permitted")


async def test_an_account_of_another_agent(house: SmallHouse) -> None:
    granted = await house.grant(a_post(account="grace"))
    await refused(house, granted.grant.id, "account_not_own")


@pytest.mark.requirement("R-A6")
@pytest.mark.parametrize("place", ["fleet", "campaign", "agent", "platform"])
async def test_every_halt(house: SmallHouse, place: str) -> None:
    granted = await house.grant()
    scope = {
        "fleet": scopes.FLEET,
        "campaign": scopes.campaign(house.campaign.id),
        "agent": scopes.agent(house.agent.id),
        "platform": scopes.platform("sandbox"),
    }[place]
    await house.halt(scope)
    await refused(house, granted.grant.id, "halted")


class ForgetfulStore(MemoryStore):
    """A database that has forgotten its own rule about halts."""

    async def commit(self, change: Change) -> None:
        await super().commit(msgspec.structs.replace(change, begins_in=()))


async def test_a_halt_is_looked_at_before_anything_is_tried(house: SmallHouse) -> None:
    """Effects does not leave it to the database, nor the database to effects."""
    granted = await house.grant()
    house.acting = ForgetfulStore(house.database, writer="effects-0", role=Role.EFFECTS, clock=house.clock)
    await house.halt(scopes.FLEET)
    await refused(house, granted.grant.id, "halted")


async def test_twenty_who_perform_at_once(house: SmallHouse) -> None:
    granted = await house.grant()
    effects = house.effects()
    outcomes = await asyncio.gather(*(effects.perform(granted.grant.id) for _ in range(20)), return_exceptions=True)
    assert house.deeds() == 1
    assert sum(isinstance(outcome, Performance) for outcome in outcomes) == 1
    assert all(isinstance(outcome, Performance | Conflict | Refused) for outcome in outcomes)


async def test_a_process_that_was_fenced(house: SmallHouse) -> None:
    granted = await house.grant()
    effects = house.effects()
    house.store("effects-0", Role.EFFECTS)
    with pytest.raises(Conflict, match="opened anew"):
        await effects.perform(granted.grant.id)
    assert house.deeds() == 0


# ── what became of it ───────────────────────────────────────────────────────────────────────────────────────────────


async def started(house: SmallHouse, *, fault: Fault) -> Performance:
    granted = await house.grant()
    house.line.demand(fault)
    return await house.effects().perform(granted.grant.id)


@pytest.mark.parametrize("fault", [Fault.REPLY_LOST, Fault.REQUEST_LOST])
@pytest.mark.parametrize(("deduplicates", "looks_up"), [(True, True), (True, False), (False, True), (False, False)])
async def test_doubt_is_resolved_as_far_as_the_network_can(fault: Fault, deduplicates: bool, looks_up: bool) -> None:
    house = await SmallHouse(rules=Rules(deduplicates=deduplicates, looks_up=looks_up)).open()
    performance = await started(house, fault=fault)
    assert performance.state is PerformanceState.IN_DOUBT
    recovered = await house.effects().recover(performance)
    happened = fault is Fault.REPLY_LOST
    assert house.deeds() == (1 if happened or deduplicates else 0)
    if deduplicates or (looks_up and happened):
        assert recovered.state is PerformanceState.FINISHED
    elif looks_up:
        assert (recovered.state, recovered.later) == (PerformanceState.FAILED, True)
    else:
        assert (recovered.state, recovered.needs_person) == (PerformanceState.IN_DOUBT, True)


@pytest.mark.parametrize("looks_up", [True, False])
async def test_absence_is_proved_only_after_the_deadline_and_the_settling_time(looks_up: bool) -> None:
    house = await SmallHouse(rules=Rules(deduplicates=False, looks_up=looks_up)).open()
    performance = await started(house, fault=Fault.REQUEST_LOST)
    before_us = house.clock.now_us()
    await house.effects().recover(performance)
    assert house.clock.now_us() >= performance.deadline_us + 5_000_000 > before_us


async def test_a_resend_that_is_declined_proves_nothing() -> None:
    house = await SmallHouse(rules=Rules(deduplicates=True, looks_up=False)).open()
    performance = await started(house, fault=Fault.REPLY_LOST)
    house.line.demand(Fault.RATE_LIMITED)
    declined = await house.effects().recover(performance)
    assert declined.state is PerformanceState.IN_DOUBT
    assert (await house.effects().recover(declined)).state is PerformanceState.FINISHED
    assert house.deeds() == 1


async def test_nothing_is_resent_in_a_halt() -> None:
    house = await SmallHouse(rules=Rules(deduplicates=True, looks_up=False)).open()
    performance = await started(house, fault=Fault.REQUEST_LOST)
    await house.halt(scopes.FLEET)
    with pytest.raises(Refused, match="halted"):
        await house.effects().recover(performance)
    assert house.deeds() == 0


async def test_nothing_is_resent_after_the_grants_end() -> None:
    house = await SmallHouse(rules=Rules(deduplicates=True, looks_up=False)).open()
    performance = await started(house, fault=Fault.REQUEST_LOST)
    house.clock.advance(901)
    recovered = await house.effects().recover(performance)
    assert (recovered.state, recovered.needs_person) == (PerformanceState.IN_DOUBT, True)
    assert house.deeds() == 0


async def test_the_performance_stands_before_the_act(house: SmallHouse) -> None:
    """A crash in the middle of the call leaves a record from which the act is found again."""
    granted = await house.grant()
    house.line.demand(Fault.SLOW)
    await house.effects().perform(granted.grant.id)
    story = [link.body for link in await house.manager.links("effects-0")]
    assert b"EFFECT_STARTED" in story[0]


async def test_the_house_is_what_it_was(house: SmallHouse) -> None:
    """Effects may write performances and take seals, and nothing else."""
    granted = await house.grant()
    for record in (granted.grant, granted.task, granted.hold):
        assert record is not None
        with pytest.raises(Refused, match="may not"):
            await house.put(replace(record, version=record.version + 1), by=Role.EFFECTS)
    with pytest.raises(Missing):
        await house.acting.get(Grant, house.ids.new())
    assert (await house.acting.get(Task, granted.task.id)).state == "granted"
