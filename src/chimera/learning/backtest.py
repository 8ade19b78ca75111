"""What another policy would have decided: recorded decisions, decided again. Changes nothing, and applies nothing.

What policy read is on record with every ruling, so nothing is inspected again; each distinct set of attributes is asked
once. What the policy was never asked (a misfit, a budget without room) stays as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from chimera.domain.attempt import Attempt
from chimera.domain.decision import Allow, Decision, Escalate
from chimera.domain.facts import Facts
from chimera.governance.policy.cases import name_of
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.lint import words_of

EXAMPLES_MAX = 20


class Decided(Struct, frozen=True, kw_only=True):
    """One recorded decision, as far as another policy may read it."""

    task_id: str
    agent_id: str
    task_type: str
    confidence_bp: int
    has_record: bool
    cost_micros: int
    facts: Facts | None
    decision: Decision


class Difference(Struct, frozen=True, kw_only=True):
    """One decision that would have been another."""

    task_id: str
    about: str
    before: str
    after: str
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]


class Backtest(Struct, kw_only=True):
    """What would have been held, let through and spent."""

    decisions: int = 0
    asked: int = 0
    distinct: int = 0
    agreeing: int = 0
    moved: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    before: Counter[str] = field(default_factory=Counter[str])
    after: Counter[str] = field(default_factory=Counter[str])
    spent_before_micros: int = 0
    spent_after_micros: int = 0
    let_through_approved: int = 0
    let_through_rejected: int = 0
    examples: list[Difference] = field(default_factory=list[Difference])

    @property
    def changed(self) -> int:
        """How many decisions would not have been the same, in answer, reasons, role or obligations."""
        return self.decisions - self.agreeing


def decided_in(attempts: Iterable[Attempt], *, since_us: int = 0) -> Iterable[Decided]:
    """The decisions on record in these attempts, not older than a time."""
    for attempt in attempts:
        question, ruling = attempt.question, attempt.ruling
        if question is None or ruling is None or attempt.at_us < since_us:
            continue
        yield Decided(
            task_id=question.task_id,
            agent_id=question.agent_id,
            task_type=question.spec.name,
            confidence_bp=question.confidence_bp,
            has_record=question.has_record,
            cost_micros=question.action.cost_micros,
            facts=ruling.facts,
            decision=ruling.decision,
        )


class Backtester:
    """One policy over any number of recorded decisions."""

    def __init__(
        self, engine: PolicyEngine, *, outcomes: Mapping[str, str] | None = None, rules: Iterable[str] = ()
    ) -> None:
        """`outcomes` are people's rulings by task; `rules` the names of the rules of the policies before."""
        self._engine = engine
        self._outcomes = outcomes or {}
        self._rules = frozenset(rules) | {rule.name for rule in engine.pack.rules.values()}
        self._known: dict[Facts, Decision] = {}
        self._bands: dict[tuple[str, str, int, bool], str] = {}
        self.report = Backtest()

    def run(self, decided: Iterable[Decided]) -> Backtest:
        """Decide each again, and count."""
        for one in decided:
            self._take(one)
        self.report.distinct = len(self._known)
        return self.report

    def _take(self, one: Decided) -> None:
        report = self.report
        report.decisions += 1
        after = one.decision if one.facts is None else self._again(one, one.facts)
        before_name, after_name = name_of(one.decision), name_of(after)
        report.before[before_name] += 1
        report.after[after_name] += 1
        report.spent_before_micros += one.cost_micros if before_name == "allow" else 0
        report.spent_after_micros += one.cost_micros if after_name == "allow" else 0
        if after is one.decision or agrees(one.decision, after, rules=self._rules):
            report.agreeing += 1
        else:
            self._note(one, before_name, after_name, after)

    def _again(self, one: Decided, facts: Facts) -> Decision:
        self.report.asked += 1
        band = self._band(one)
        asked = facts if facts.confidence == band else replace(facts, confidence=band)
        known = self._known.get(asked)
        if known is None:
            known = self._known[asked] = self._engine.decide(asked)
        return known

    def _band(self, one: Decided) -> str:
        """The band of its confidence under this policy."""
        key = (one.agent_id, one.task_type, one.confidence_bp, one.has_record)
        band = self._bands.get(key)
        if band is None:
            bands = self._engine.pack.bands.bands_for(agent_id=one.agent_id, task_type=one.task_type)
            band = self._bands[key] = str(bands.band_of(one.confidence_bp, has_record=one.has_record))
        return band

    def _note(self, one: Decided, before: str, after: str, decision: Decision) -> None:
        report = self.report
        report.moved[before, after] += 1
        if before == "escalate" and after == "allow":
            outcome = self._outcomes.get(one.task_id, "")
            report.let_through_approved += outcome == "approved"
            report.let_through_rejected += outcome in ("rejected", "edited")
        if len(report.examples) < EXAMPLES_MAX:
            report.examples.append(
                Difference(
                    task_id=one.task_id,
                    about=words_of(one.facts) if one.facts else "",
                    before=before,
                    after=after,
                    rules_before=_rules(one.decision),
                    rules_after=_rules(decision),
                )
            )


def agrees(recorded: Decision, replayed: Decision, *, rules: frozenset[str]) -> bool:
    """The same answer for the same reasons. `rules` are the names of all policies' rules.

    The record has particulars behind the rules, such as what safety found: those no policy writes. A record that was
    blanked for a person who was erased has no reasons any more: there the answer and what it owes have to be the same.
    """
    if type(recorded) is not type(replayed):
        return False
    if isinstance(recorded, Allow) and isinstance(replayed, Allow) and recorded.obligations != replayed.obligations:
        return False
    if isinstance(recorded, Escalate) and isinstance(replayed, Escalate) and recorded.role != replayed.role:
        return False
    if not recorded.reasons:
        return True
    count = len(replayed.reasons)
    return recorded.reasons[:count] == replayed.reasons and not any(
        reason.rule in rules for reason in recorded.reasons[count:]
    )


def _rules(decision: Decision) -> tuple[str, ...]:
    return tuple(reason.rule for reason in decision.reasons)
