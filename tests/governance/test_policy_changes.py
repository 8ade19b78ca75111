"""Changing the rules: who may, exactly what was looked at, one at a time; and who picks it up."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_files, load_lexicon
from chimera.domain.decision import Allow, Approver, Deny, Escalate
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused
from chimera.domain.grant import Grant
from chimera.domain.policy import PackFiles, Policy, PolicyState
from chimera.domain.review import Review, ReviewState
from chimera.domain.task import Task, TaskState
from chimera.governance.gate import Gate
from chimera.governance.policy.changes import Policies, in_force, versions
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.reviews import Reviews
from chimera.governance.safety.gateway import SafetyGateway
from chimera.swarm import rulings
from chimera.swarm.bell import Bell
from chimera.swarm.governing import Governing, TellingVault
from chimera.swarm.orchestrator import Duties, Orchestrator
from chimera.testing.manual_clock import ManualClock
from tests.small_house import OTTO, PACK, PERMITS, REVIEWER, RITA, SPECS, SmallHouse
from tests.small_house import allow as allowed

pytestmark = pytest.mark.requirement("R-F2", "R-D8")
FILES = load_files()
OPERATOR, OWNER = Approver("otto", "operator"), Approver("olga", "owner")
NO_POSTS = (
    '\n@id("no-posts") @says("nothing is published") @remedy("wait") '
    'forbid (principal, action == Action::"publish", resource);'
)
STRICT = replace(FILES, release="strict", text=FILES.text + NO_POSTS, cases=())


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
def policies(house: SmallHouse) -> Policies:
    return Policies(store=house.office, shipped=FILES)


def a_gate() -> Gate:
    return Gate(policy=PolicyEngine(PACK), safety=SafetyGateway(load_lexicon()), specs=SPECS)


async def code_of(act) -> str:
    try:
        await act
    except ChimeraError as error:
        return error.code
    return ""


async def applied(policies: Policies, files: PackFiles) -> Policy:
    made = await policies.propose(files, by="pia", why="a test")
    return await policies.apply(made.number, by=OPERATOR, digest=made.digest)


# ── proposing and applying ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_proposal_decides_nothing_and_a_person_applies_it(house: SmallHouse, policies: Policies) -> None:
    assert await in_force(house.office) is None
    made = await policies.propose(STRICT, by="pia", why="quiet week")
    standing = await in_force(house.office)
    assert standing is not None
    assert (standing.number, standing.digest) == (1, PACK.digest)
    after = await policies.apply(made.number, by=OPERATOR, digest=made.digest)
    assert (after.state, after.applied_by, after.proposed_by) == (PolicyState.IN_FORCE, "otto", "pia")
    assert [one.state for one in await versions(house.office)] == [PolicyState.REPLACED, PolicyState.IN_FORCE]
    kinds = [json.loads(link.body)["kind"] for link in await house.office.links("office-0")]
    assert kinds[-3:] == ["POLICY_APPLIED", "POLICY_PROPOSED", "POLICY_APPLIED"]


async def test_going_back_is_applying_an_earlier_version(house: SmallHouse, policies: Policies) -> None:
    await applied(policies, STRICT)
    await policies.apply(1, by=OWNER, digest=PACK.digest)
    standing = await in_force(house.office)
    assert standing is not None
    assert standing.number == 1


@pytest.mark.parametrize(
    ("role", "code"), [("reviewer", "role_may_not_apply"), ("guest", "role_may_not_apply"), ("", "role_may_not_apply")]
)
async def test_who_may_not_apply(policies: Policies, role: str, code: str) -> None:
    made = await policies.propose(STRICT, by="pia", why="tried")
    assert await code_of(policies.apply(made.number, by=Approver("x", role), digest=made.digest)) == code


async def test_the_policy_that_stands_says_who_may_change_it(policies: Policies) -> None:
    only_owner = FILES.text + (
        '\n@id("owners") @says("only an owner changes the rules") @remedy("ask an owner") '
        'forbid (principal, action == Action::"govern", resource) when { context.approver != "owner" };'
    )
    await applied(policies, replace(FILES, text=only_owner, cases=()))
    assert await code_of(policies.apply(1, by=OPERATOR, digest=PACK.digest)) == "policy_change_denied"
    assert (await policies.apply(1, by=OWNER, digest=PACK.digest)).state is PolicyState.IN_FORCE


async def test_exactly_what_was_looked_at(house: SmallHouse, policies: Policies) -> None:
    made = await policies.propose(STRICT, by="pia", why="tried")
    assert await code_of(policies.apply(made.number, by=OPERATOR, digest="0" * 64)) == "policy_bytes_differ"
    house.rewrite(replace(made, files=FILES))
    assert await code_of(policies.apply(made.number, by=OPERATOR, digest=made.digest)) == "policy_bytes_differ"


UNSOUND = {
    "policy_cases_fail": replace(FILES, text=FILES.text + NO_POSTS),
    "policy_breaks_house_rule": replace(
        FILES, text=FILES.text.replace('@id("halted")', '@id("h")').replace("context.halted", "false"), cases=()
    ),
    "policy_malformed": replace(FILES, text="permit ("),
    "bands_out_of_order": replace(FILES, bands='{"proceed_bp": 10}'),
}


@pytest.mark.parametrize("code", sorted(UNSOUND))
async def test_what_is_not_sound_is_not_even_proposed(house: SmallHouse, policies: Policies, code: str) -> None:
    assert await code_of(policies.propose(UNSOUND[code], by="pia", why="tried")) == code
    assert await versions(house.office) == ()


async def test_what_is_refused_beside(policies: Policies) -> None:
    made = await policies.propose(STRICT, by="pia", why="tried")
    assert await code_of(policies.propose(STRICT, by="pia", why="tried")) == "policy_known"
    assert await code_of(policies.apply(99, by=OPERATOR, digest=made.digest)) == "policy_unknown"
    await policies.withdraw(made.number, by="pia")
    assert (
        await code_of(policies.apply(made.number, by=OPERATOR, digest=made.digest)) == "policy_withdrawn_cannot_apply"
    )
    assert await code_of(policies.withdraw(1, by="pia")) == "policy_in_force_cannot_withdraw"
    assert (await policies.propose(STRICT, by="pia", why="again")).number == 3


async def test_of_two_who_apply_at_once_one_is_first(house: SmallHouse, policies: Policies) -> None:
    first = await policies.propose(STRICT, by="pia", why="tried")
    second = await policies.propose(replace(STRICT, release="other"), by="pia", why="tried")
    stale = await house.office.get(Policy, first.id)
    await policies.apply(second.number, by=OPERATOR, digest=second.digest)
    # Whoever had read before, and writes now, is refused.
    with pytest.raises(Conflict, match="meanwhile"):
        await house.put(
            replace(stale, version=2, state=PolicyState.IN_FORCE),
            replace(await policies.get(1), version=2, state=PolicyState.REPLACED),
        )
    codes = await asyncio.gather(
        *(code_of(policies.propose(replace(STRICT, release=str(n)), by="p", why="tried")) for n in range(2))
    )
    assert set(codes) <= {"", "record_stale"}
    assert len([one for one in await versions(house.office) if one.state is PolicyState.IN_FORCE]) == 1


# ── picking it up ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_gate_takes_the_new_version_up(house: SmallHouse, policies: Policies) -> None:
    gate, task = a_gate(), await house.a_task()
    governing = Governing(gate=gate, reads=house.manager)
    await governing.once()
    assert isinstance(gate.decide(house.question(task)).decision, Allow)
    made = await applied(policies, STRICT)
    assert isinstance(gate.decide(house.question(task)).decision, Allow)
    await governing.once()
    ruling = gate.decide(house.question(task))
    assert isinstance(ruling.decision, Deny)
    assert ruling.policy_digest == made.digest


async def test_what_cannot_be_read_shuts_the_gate_until_it_can(house: SmallHouse, policies: Policies) -> None:
    gate, task = a_gate(), await house.a_task()
    governing = Governing(gate=gate, reads=house.manager)
    made = await applied(policies, STRICT)
    for broken in (
        replace(made, files=replace(STRICT, text="permit (")),
        replace(made, files=FILES),
        replace(made, files=replace(STRICT, bands="[]")),
    ):
        house.rewrite(broken)
        # Even as an approved action of an owner.
        await governing.once()
        decision = gate.decide(house.question(task, approver=OWNER)).decision
        assert isinstance(decision, Deny)
        assert [reason.rule for reason in decision.reasons] == ["policy-unreadable"]
    house.rewrite(made)
    await governing.once()
    assert not gate.is_shut
    assert gate.policy_digest == made.digest


async def test_only_an_owner_mends_a_policy_that_cannot_be_read(house: SmallHouse, policies: Policies) -> None:
    made = await applied(policies, STRICT)
    house.rewrite(replace(made, files=replace(STRICT, text="permit (")))
    assert await code_of(policies.apply(1, by=OPERATOR, digest=PACK.digest)) == "role_may_not_apply"
    assert (await policies.apply(1, by=OWNER, digest=PACK.digest)).state is PolicyState.IN_FORCE


async def test_the_vault_is_told_and_seals_nothing_of_the_old_policy(house: SmallHouse, policies: Policies) -> None:
    telling = TellingVault(vault=house.vault, reads=house.office, shipped=FILES)
    await telling.once()
    await house.grant()
    await applied(policies, STRICT)
    await telling.once()
    with pytest.raises(Refused) as refused:
        await house.grant()
    assert refused.value.code == "vault_policy_differs"


async def test_the_vault_asks_the_policy_that_it_was_told(house: SmallHouse, policies: Policies) -> None:
    telling = TellingVault(vault=house.vault, reads=house.office, shipped=FILES)
    granted = await house.grant(seal=False)
    made = await applied(policies, STRICT)
    await telling.once()
    # A manager that was taken over says that it was allowed under the new policy, which never allows it.
    claimed = msgspec.structs.replace(granted.grant.terms, policy_digest=made.digest)
    assert await code_of(house.vault.seal([claimed])) == "vault_policy_denies"
    await policies.apply(1, by=OWNER, digest=PACK.digest)
    await telling.once()
    assert (await house.vault.seal([granted.grant.terms])).root


async def test_the_vault_takes_no_policy_under_anothers_digest(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    assert await code_of(house.vault.govern(FILES, digest="0" * 64)) == "vault_pack_differs"
    assert (await house.vault.seal([granted.grant.terms])).root


async def test_a_vault_that_cannot_be_told_which_policy_stands_seals_nothing(
    house: SmallHouse, policies: Policies
) -> None:
    granted = await house.grant(seal=False)
    made = await applied(policies, STRICT)
    house.rewrite(replace(made, files=replace(STRICT, text="permit (")))
    # A clock of its own: while it pauses, no time passes in which the grant would run out.
    waiting = ManualClock()
    orchestrator = Orchestrator(
        reviews=Reviews(store=house.office, permits=PERMITS, bands=PACK.bands), reads=house.office, listening=None,
        vault=house.vault, arrived=Bell(waiting), clock=waiting,
        duties=Duties(governor=TellingVault(vault=house.vault, reads=house.office, shipped=FILES)),
    )  # fmt: skip
    running = asyncio.create_task(orchestrator.run())
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await code_of(house.vault.seal([granted.grant.terms])) == "halted"


async def test_whether_two_people_are_needed_is_the_policys_of_now(house: SmallHouse, policies: Policies) -> None:
    reviews = Reviews(store=house.office, permits=PERMITS, bands=PACK.bands)
    bands = msgspec.json.encode(msgspec.structs.replace(PACK.bands, two_persons=("ordinary",))).decode()
    await applied(policies, replace(FILES, bands=bands, cases=()))
    review = await house.escalate()
    after = await reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    assert (after.state, after.first is not None) == (ReviewState.OPEN, True)
    after = await reviews.approve(review.id, by=OTTO, digest=review.action_digest, nonce=after.nonce)
    assert after.state is ReviewState.APPROVED


# ── the attack: the rules change between escalation and ruling ──────────────────────────────────────────────────────


async def test_a_policy_that_changed_between_escalation_and_ruling_decides(
    house: SmallHouse, policies: Policies
) -> None:
    gate = a_gate()
    task = await house.a_task()
    held = gate.decide(house.question(task, threat="HIGH"))
    assert isinstance(held.decision, Escalate)
    review = await house.escalate()
    await applied(policies, STRICT)
    await Governing(gate=gate, reads=house.manager).once()
    for approver in (REVIEWER, OPERATOR, OWNER):
        ruled = replace(review, state=ReviewState.APPROVED, approver=approver, outcome="approved")
        question = rulings.question_anew(ruled, halted=(), permissions=house.agent.permissions,
                                        capabilities=house.agent.capabilities,
                                         accounts=house.agent.accounts, recent=())  # fmt: skip
        step = rulings.after_ruling(
            ruled, await house.manager.get(Task, review.task_id), question, gate, house.occasion()
        )
        assert step.granted is None
        assert step.task.state is TaskState.REFUSED
        assert not any(isinstance(record, Grant) for record in step.change.records)
        assert "no-posts" in step.change.events[-1].data["reasons"][0]


# ── reviewed afterwards ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_went_out_under_an_obligation_is_looked_at_afterwards(house: SmallHouse) -> None:
    step = await house.decide(allowed(obligations=("review_after",)))
    granted = step.granted
    assert granted is not None
    await house.sealing.seal([granted.grant])
    performance = await house.effects().perform(granted.grant.id)
    await house.settle.finish(granted, performance)
    (review,) = await house.office.list(Review, scope=granted.task.id)
    assert (review.about, review.state, review.question.action) == (
        "afterwards",
        ReviewState.OWED,
        granted.grant.action,
    )
    closed = rulings.closed(replace(review, state=ReviewState.APPROVED, outcome="approved"), at_us=1, why="it stays")
    (record,) = closed.records
    assert record.state_name == "closed"


async def test_what_owes_nothing_is_not(house: SmallHouse) -> None:
    granted = await house.grant()
    await house.settle.finish(granted, await house.effects().perform(granted.grant.id))
    assert await house.office.list(Review, scope=granted.task.id) == ()


async def test_an_unknown_version_is_missing(policies: Policies) -> None:
    with pytest.raises(Missing):
        await policies.get(5)
    with pytest.raises(Invalid):
        await policies.propose(STRICT, by="pia", why="a\x00b")
