"""Deciding again what was decided: exactly as it was under the same policy, and what moves under another."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_files
from chimera.domain.attempt import Attempt
from chimera.domain.decision import Allow, Deny, Escalate, Reason
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.learning.backtest import Backtester, Decided, agrees, decided_in
from chimera.rehearsal.dice import Dice
from tests.small_house import GATE, REVIEWER, TEXT, SmallHouse, a_note, a_post

pytestmark = pytest.mark.requirement("R-N3")
FILES = load_files()


def engine(**changes: str) -> PolicyEngine:
    return PolicyEngine(pack_of(replace(FILES, **changes)))


@pytest.fixture
async def recorded() -> list[Decided]:
    """Every kind of decision, as the gate gave it."""
    house = await SmallHouse().open()
    task = await house.a_task()
    dice, found = Dice(7), list[Decided]()
    note = await house.a_task(spec="research.note")
    for number in range(400):
        on, action = (
            (task, a_post(TEXT + " #a #b #c #d" if number % 7 == 0 else TEXT)) if number % 5 else (note, a_note())
        )
        question = house.question(
            on, action,
            confidence_bp=dice.between(4_000, 10_000),
            threat=dice.pick(("LOW", "LOW", "MEDIUM", "HIGH", "CRITICAL")),
            shaped=("a link",) if dice.chance(1_000) else (),
            has_record=dice.chance(8_000),
            halted=("fleet",) if dice.chance(300) else (),
            permissions=() if dice.chance(300) else house.agent.permissions,
            approver=REVIEWER if dice.chance(1_000) else None,
        )  # fmt: skip
        ruling = GATE.decide(question)
        found.append(
            Decided(
                task_id=f"task {number}", agent_id=question.agent_id, task_type=question.spec.name,
                confidence_bp=question.confidence_bp, has_record=question.has_record,
                cost_micros=action.cost_micros, facts=ruling.facts, decision=ruling.decision,
            )
        )  # fmt: skip
    return found


async def test_unchanged_it_agrees_exactly(recorded: list[Decided]) -> None:
    report = Backtester(engine()).run(recorded)
    assert (report.decisions, report.agreeing, report.changed) == (400, 400, 0)
    assert set(report.before) == {"allow", "escalate", "deny"}
    assert report.before == report.after
    assert report.spent_before_micros == report.spent_after_micros
    assert report.distinct < report.asked


async def test_higher_bands_hold_more(recorded: list[Decided]) -> None:
    outcomes = {one.task_id: "approved" if number % 2 else "rejected" for number, one in enumerate(recorded)}
    stricter = Backtester(engine(bands='{"proceed_bp": 9900, "monitored_bp": 9500, "human_bp": 6000}')).run(recorded)
    assert stricter.after["allow"] < stricter.before["allow"]
    assert stricter.spent_after_micros < stricter.spent_before_micros
    assert stricter.examples[0].before != stricter.examples[0].after or stricter.examples[0].rules_before
    easier = engine(bands='{"proceed_bp": 5000, "monitored_bp": 4000, "human_bp": 3000}')
    let_go = Backtester(easier, outcomes=outcomes).run(recorded)
    assert let_go.moved["escalate", "allow"] == let_go.let_through_approved + let_go.let_through_rejected > 0
    assert min(let_go.let_through_approved, let_go.let_through_rejected) > 0


async def test_a_rule_that_is_gone_is_a_change_even_where_the_answer_stays(recorded: list[Decided]) -> None:
    without = FILES.text.split('@id("threat-high")')
    text = without[0] + without[1].split(";\n", 1)[1]
    before = {rule.name for rule in engine().pack.rules.values()}
    report = Backtester(engine(text=text), rules=before).run(recorded)
    high = [one for one in recorded if one.facts and one.facts.threat == "HIGH" and "threat-high" in
            {reason.rule for reason in one.decision.reasons}]  # fmt: skip
    assert report.changed == len(high) > 0


def test_what_agreement_is() -> None:
    rules = frozenset({"a", "b"})
    a, b, found = Reason("a", "x"), Reason("b", "x"), Reason("length", "too long")
    assert agrees(Deny((a, found)), Deny((a,)), rules=rules)
    assert not agrees(Deny((a, b)), Deny((a,)), rules=rules)
    assert not agrees(Deny((a,)), Deny((a, b)), rules=rules)
    assert not agrees(Deny((a,)), Escalate((a,)), rules=rules)


async def test_what_was_blanked_for_an_erased_person_agrees_by_its_answer(recorded: list[Decided]) -> None:
    """An erasure takes the reasons, which may quote the person; the answer and what it owes stay."""
    blanked = [replace(one, decision=replace(one.decision, reasons=())) for one in recorded]
    report = Backtester(engine()).run(blanked)
    assert (report.agreeing, report.changed) == (400, 0)
    rules = frozenset({"a"})
    a = Reason("a", "a")
    assert not agrees(Allow((), ("review_after",)), Allow((a,), ()), rules=rules)
    assert not agrees(Allow(()), Deny((a,)), rules=rules)
    assert not agrees(Escalate((a,), "reviewer"), Escalate((a,), "operator"), rules=rules)
    assert not agrees(Allow((a,), ("review_after",)), Allow((a,)), rules=rules)
    assert not agrees(Deny((Reason("a", "other words"),)), Deny((a,)), rules=rules)


async def test_what_the_policy_was_never_asked_stays(recorded: list[Decided]) -> None:
    misfit = replace(recorded[0], facts=None, decision=Deny((Reason("over_budget", "no room"),)))
    report = Backtester(engine(text='@id("p") @says("x") permit (principal, action, resource);')).run([misfit])
    assert (report.asked, report.agreeing) == (0, 1)


async def test_from_the_records_and_since_when() -> None:
    house = await SmallHouse().open()
    await house.grant()
    attempts = await house.office.list(Attempt)
    (one,) = decided_in(attempts)
    assert one.task_type == "copy.post"
    assert list(decided_in(attempts, since_us=house.clock.now_us() + 1)) == []
    assert await house.a_task()


async def test_a_long_history_is_asked_once_for_each_distinct_set_of_facts(recorded: list[Decided]) -> None:
    report = Backtester(engine()).run(recorded * 100)
    assert report.decisions == report.agreeing == len(recorded) * 100
    assert report.distinct == Backtester(engine()).run(recorded).distinct
