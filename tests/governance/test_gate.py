"""Every way through the gate: what it allows, who is asked, what it denies; and what a broken policy is worth."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import DEFAULT_PACK, load_lexicon
from chimera.domain.action import TOOLS, Action
from chimera.domain.agent import Account
from chimera.domain.decision import Allow, Approver, Decision, Deny, Escalate, Question
from chimera.domain.errors import Invalid
from chimera.domain.permissions import ACTIONS, PERMISSIONS
from chimera.domain.spec import SpecRef
from chimera.domain.task import Task
from chimera.domain.tools import ACTS
from chimera.governance.gate import Gate
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import PolicyPack
from chimera.governance.safety.gateway import SafetyGateway
from tests.small_house import GATE, INPUTS, REVIEWER, SPECS, TEXT, SmallHouse, a_note, a_payment, a_post

pytestmark = pytest.mark.requirement("R-A1", "R-N1", "R-F1")
SCHEMA = (DEFAULT_PACK / "schema.cedarschema").read_text("utf-8")
POLICY = (DEFAULT_PACK / "policy.cedar").read_text("utf-8")
BANDS = (DEFAULT_PACK / "bands.json").read_bytes()
OPERATOR, OWNER, GUEST = Approver("otto", "operator"), Approver("olga", "owner"), Approver("gus", "guest")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
async def task(house: SmallHouse) -> Task:
    return await house.a_task()


def rules(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.reasons}


def decide(question: Question, gate: Gate = GATE) -> Decision:
    return gate.decide(question).decision


async def test_a_confident_post_is_allowed(house: SmallHouse, task: Task) -> None:
    decision = decide(house.question(task))
    assert isinstance(decision, Allow)
    assert decision.obligations == ()


@pytest.mark.parametrize(
    ("confidence_bp", "has_record", "expected", "obligations"),
    [
        (10_000, True, Allow, ()), (9_000, True, Allow, ()), (8_999, True, Allow, ("review_after",)),
        (7_000, True, Allow, ("review_after",)), (6_999, True, Escalate, None), (5_000, True, Escalate, None),
        (4_999, True, Deny, None), (0, True, Deny, None), (-1, True, Deny, None), (10_001, True, Deny, None),
        (10_000, False, Allow, ("review_after",)), (8_999, False, Escalate, None), (6_999, False, Deny, None),
    ],
)  # fmt: skip
async def test_confidence_bands(
    house: SmallHouse, task: Task, confidence_bp: int, has_record: bool, expected: type, obligations: tuple | None
) -> None:
    decision = decide(house.question(task, confidence_bp=confidence_bp, has_record=has_record))
    assert isinstance(decision, expected)
    if isinstance(decision, Allow):
        assert decision.obligations == obligations


ESCALATED: dict[str, dict[str, Any]] = {
    "threat-high": {"threat": "HIGH"},
    "stranger-shaped": {"shaped": ("a link",), "labels": ("public",)},
    "high-risk-category": {"risk": "politics"},
    "safety-caution": {"action": a_post(TEXT + " #a #b #c #d")},
}


@pytest.mark.parametrize("rule", sorted(ESCALATED))
async def test_a_person_decides(house: SmallHouse, task: Task, rule: str) -> None:
    decision = decide(house.question(task, **ESCALATED[rule]))
    assert isinstance(decision, Escalate)
    assert rule in rules(decision)
    assert isinstance(decide(house.question(task, **ESCALATED[rule], approver=REVIEWER)), Allow)
    assert isinstance(decide(house.question(task, **ESCALATED[rule], approver=GUEST)), Escalate)


DENIED: dict[str, dict[str, Any]] = {
    "halted": {"halted": ("fleet",)},
    "permission-missing": {"permissions": ()},
    "confidence-too-low": {"confidence_bp": 4_999},
    "safety-harm": {"action": a_post("no disclosure here")},
    "threat-critical": {"threat": "CRITICAL"},
    "account-not-own": {"action": a_post(account="grace")},
    "cost-malformed": {"action": a_post(cost_micros=-1)},
    "spec-unknown": {"spec": SpecRef("go.viral", 1, "0" * 64)},
    "action-not-in-spec": {"action": a_payment()},
}


@pytest.mark.parametrize("rule", sorted(DENIED))
@pytest.mark.parametrize("approver", [None, REVIEWER, OWNER], ids=["nobody", "reviewer", "owner"])
async def test_nobody_may_allow_it(house: SmallHouse, task: Task, rule: str, approver: Approver | None) -> None:
    decision = decide(house.question(task, **DENIED[rule], approver=approver))
    assert isinstance(decision, Deny)
    assert rule in rules(decision)


async def test_a_contract_of_another_content(house: SmallHouse, task: Task) -> None:
    spec = SpecRef(task.spec.name, task.spec.version, "0" * 64)
    assert rules(decide(house.question(task, spec=spec))) == {"spec-unknown"}


@pytest.mark.requirement("R-C1")
@pytest.mark.parametrize("kind", sorted(ACTIONS))
async def test_every_action_without_its_permission(house: SmallHouse, kind: str) -> None:
    """The gate refuses every kind of action to an agent that has every permission but its own."""
    name = next(spec.name for spec in SPECS.values() if kind in spec.actions)
    task = await house.a_task(spec=name)
    action = {"payment.send": a_payment(), "note.keep": a_note()}.get(kind, a_post())
    platform = TOOLS if kind in ACTS.values() else action.platform
    action = Action(kind=kind, platform=platform, account="ada", arguments=action.arguments,
                    cost_micros=action.cost_micros, recipient=action.recipient)  # fmt: skip
    left = tuple(one for one in PERMISSIONS if one != ACTIONS[kind])
    decision = decide(house.question(task, action, permissions=left, approver=OWNER, tool_faults=()))
    assert isinstance(decision, Deny)
    assert "permission-missing" in rules(decision)


@pytest.mark.requirement("R-C1")
@pytest.mark.parametrize("spec", sorted(INPUTS))
async def test_every_task_type_without_its_skill(house: SmallHouse, spec: str) -> None:
    """The gate refuses whatever a task proposes whose agent is capable of everything but this skill."""
    kind = next(iter(SPECS[spec].actions), "")
    if not kind:
        return  # It proposes nothing: the planner alone refuses it.
    action = {"payment.send": a_payment(), "note.keep": a_note()}.get(kind, a_post())
    action = Action(kind=kind, platform=action.platform, account="ada", arguments=action.arguments,
                    cost_micros=action.cost_micros, recipient=action.recipient)  # fmt: skip
    left = tuple(one for one in house.agent.capabilities if one != SPECS[spec].skill)
    question = house.question(await house.a_task(spec=spec), action, approver=OWNER)
    assert "skill-lacking" not in rules(decide(question))
    decision = decide(replace(question, capabilities=left))
    assert isinstance(decision, Deny)
    assert rules(decision) == {"skill-lacking"}


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-E3", "R-F2")
@pytest.mark.parametrize(
    ("amount_micros", "approver", "expected"),
    [
        (4_000_000, None, Escalate), (50_000_000, None, Escalate), (50_000_001, None, Escalate),
        (4_000_000, REVIEWER, Allow), (50_000_000, REVIEWER, Allow), (50_000_001, REVIEWER, Deny),
        (50_000_001, OPERATOR, Allow), (50_000_001, OWNER, Allow), (4_000_000, GUEST, Escalate),
    ],
)  # fmt: skip
async def test_payments(house: SmallHouse, amount_micros: int, approver: Approver | None, expected: type) -> None:
    task = await house.a_task(spec="commerce.pay")
    question = house.question(task, a_payment(amount_micros), approver=approver, confidence_bp=6_000)
    decision = decide(question)
    assert isinstance(decision, expected), decision
    if isinstance(decision, Escalate) and amount_micros > 50_000_000:
        assert decision.role == "operator"


async def test_a_payment_that_shows_one_sum_and_pays_another(house: SmallHouse) -> None:
    task = await house.a_task(spec="commerce.pay")
    for arguments in ({"amount_micros": 1}, {"recipient": "somebody"}):
        action = a_payment()
        action = Action(kind=action.kind, platform=action.platform, account="ada", cost_micros=action.cost_micros,
                        recipient=action.recipient, arguments={**action.arguments, **arguments})  # fmt: skip
        assert rules(decide(house.question(task, action, approver=OWNER))) == {"payment-differs"}


# ── a broken policy means no ────────────────────────────────────────────────────────────────────────────────────────


def broken_gate(policy: str, *, schema: str = SCHEMA) -> Gate:
    pack = PolicyPack(text=policy, schema=schema, bands=BANDS)
    return Gate(policy=PolicyEngine(pack), safety=SafetyGateway(load_lexicon()), specs=SPECS)


ERRING = '@id("erring") @says("it overflows") forbid (principal, action, resource) when { context.n + 1 > 0 };'


async def test_a_forbid_that_errs_is_a_no(house: SmallHouse, task: Task) -> None:
    """Cedar skips a policy that errs; a skipped forbid would be a permit."""
    overflow = ERRING.replace("context.n + 1 > 0", "9223372036854775807 + 1 > 0")
    decision = decide(house.question(task), broken_gate(POLICY + overflow))
    assert isinstance(decision, Deny)
    assert "policy-error" in rules(decision)
    approved = decide(house.question(task, approver=OWNER), broken_gate(POLICY + overflow))
    assert isinstance(approved, Deny)


async def test_without_a_permit_nothing_is_permitted(house: SmallHouse, task: Task) -> None:
    only_forbids = '@id("x") @says("y") forbid (principal, action, resource) when { context.halted };'
    assert isinstance(decide(house.question(task), broken_gate(only_forbids)), Deny)


@pytest.mark.parametrize(
    "policy",
    [
        "permit (principal, action, resource);",
        "permit (principal, action",
        '@id("a") permit (principal, action, resource);',
        '@id("a") @says("b") permit (principal, action, resource) when { context.nothing };',
        '@id("a") @says("b") permit (principal, action, resource);' * 2,
    ],
    ids=["unnamed", "cut off", "says nothing", "unknown attribute", "one name twice"],
)  # fmt: skip
def test_a_pack_that_is_not_sound_is_not_loaded(policy: str) -> None:
    with pytest.raises(Invalid):
        PolicyPack(text=policy, schema=SCHEMA, bands=BANDS)


async def test_the_answer_names_the_policy_it_was_given_under(house: SmallHouse, task: Task) -> None:
    other = broken_gate(POLICY + "\n// another day\n")
    assert other.decide(house.question(task)).policy_digest != GATE.decide(house.question(task)).policy_digest


# ── payments on chains ──────────────────────────────────────────────────────────────────────────────────────────────

VENDOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
BAD_PAYMENTS: dict[str, tuple[dict[str, object], str]] = {
    "a wrong checksum": ({"recipient": VENDOR.lower()}, "address-checksum"),
    "one digit less": ({"recipient": VENDOR[:-1]}, "address-malformed"),
    "a Cyrillic letter": ({"recipient": VENDOR.replace("a", "\N{CYRILLIC SMALL LETTER A}")}, "address-homoglyph"),
    "zeros": ({"recipient": "0x" + "0" * 40}, "address-zero"),
    "a name": ({"recipient": "render-farm"}, "address-malformed"),
    "nothing": ({"amount": "0"}, "units-malformed"),
    "less than nothing": ({"amount": "-1000"}, "units-malformed"),
    "no number": ({"amount": "NaN"}, "units-malformed"),
    "too precise": ({"amount": "1000.5"}, "units-malformed"),
    "too large": ({"amount": "9" * 79}, "units-malformed"),
    "another amount": ({"amount": "1001"}, "payment-differs"),
}


@pytest.mark.requirement("R-E4", "R-E6", "R-C2")
@pytest.mark.parametrize("what", sorted(BAD_PAYMENTS))
async def test_a_payment_on_a_chain_that_nobody_could_make_is_denied_and_holds_nothing(what: str) -> None:
    changes, code = BAD_PAYMENTS[what]
    recipient = str(changes.get("recipient", VENDOR))
    arguments = {"recipient": recipient, "amount_micros": 1_000, "currency": "USD", "purpose": "x", "asset": "USDC",
                 "amount": "1000", **changes}  # fmt: skip
    action = Action(kind="payment.send", platform="ethereum", account="treasury", cost_micros=1_000,
                    recipient=recipient, arguments=arguments)  # fmt: skip
    house = await SmallHouse().open()
    task = await house.a_task(spec="commerce.pay")
    account = Account("ethereum", "treasury")
    ruling = GATE.decide(house.question(task, action, accounts=(account,), approver=OPERATOR))
    assert isinstance(ruling.decision, Deny), ruling
    assert code in {reason.rule for reason in ruling.decision.reasons}
    await house.decide(ruling.decision, action=action, task=task)
    assert not any(window.held_micros for window in await house.manager.windows())
