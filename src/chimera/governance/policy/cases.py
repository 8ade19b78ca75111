"""The tests of a pack: attributes in, the expected answer out. Decides nothing itself; asks the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from chimera.domain.decision import Allow, Decision, Escalate
from chimera.domain.errors import Invalid
from chimera.domain.facts import FLAGS, ORDINARY, VALUES, Deed, Facts
from chimera.domain.policy import Case
from chimera.governance.policy.engine import PolicyEngine

ANSWERS = ("allow", "escalate", "deny")
_BESIDE = frozenset({"confidence_bp", "has_record"})


class CaseResult(Struct, frozen=True, kw_only=True):
    """What came of one case. `differs` is empty when it passed."""

    name: str
    answer: str
    rules: tuple[str, ...]
    differs: str = ""


def run_cases(engine: PolicyEngine, cases: Iterable[Case]) -> tuple[CaseResult, ...]:
    """Every case, in order."""
    return tuple(_run(engine, case) for case in cases)


def uncovered(engine: PolicyEngine, results: Iterable[CaseResult]) -> tuple[str, ...]:
    """The rules that no case makes fire."""
    fired = {rule for result in results for rule in result.rules}
    return tuple(sorted({rule.name for rule in engine.pack.rules.values()} - fired))


def name_of(decision: Decision) -> str:
    """The decision in one word."""
    if isinstance(decision, Allow):
        return "allow"
    return "escalate" if isinstance(decision, Escalate) else "deny"


def facts_of(case: Case, engine: PolicyEngine) -> Facts:
    """The facts of a case: what it gives, and the ordinary for the rest. A confidence may be given in basis points."""
    given = {name: value for name, value in case.given.items() if name not in _BESIDE}
    if "confidence_bp" in case.given:
        has_record = bool(case.given.get("has_record", True))
        given["confidence"] = str(engine.pack.bands.band_of(_whole(case), has_record=has_record))
    for name, value in given.items():
        _require_value(case, name, value)
    return msgspec.convert({**msgspec.to_builtins(ORDINARY), **given}, Facts)


def _run(engine: PolicyEngine, case: Case) -> CaseResult:
    if case.expect not in ANSWERS:
        raise _odd(case, f"expects {case.expect!r}", f"expect one of {', '.join(ANSWERS)}")
    decision = engine.decide(facts_of(case, engine))
    rules = tuple(reason.rule for reason in decision.reasons)
    return CaseResult(name=case.name, answer=name_of(decision), rules=rules,
                      differs="; ".join(_differences(case, decision, rules)))  # fmt: skip


def _differences(case: Case, decision: Decision, rules: tuple[str, ...]) -> Iterator[str]:
    if name_of(decision) != case.expect:
        yield f"expected {case.expect}, the answer is {name_of(decision)}"
    if case.rules is not None and sorted(case.rules) != sorted(rules):
        yield f"expected the rules {', '.join(case.rules) or 'none'}, what fired is {', '.join(rules) or 'none'}"
    obligations = decision.obligations if isinstance(decision, Allow) else ()
    if case.obligations is not None and case.obligations != obligations:
        owed = ", ".join(obligations) or "nothing"
        yield f"expected to owe {', '.join(case.obligations) or 'nothing'}, it owes {owed}"
    role = decision.role if isinstance(decision, Escalate) else ""
    if case.role and case.role != role:
        yield f"expected to ask the {case.role}, it asks {role or 'nobody'}"


def _whole(case: Case) -> int:
    value = case.given["confidence_bp"]
    if not isinstance(value, int) or isinstance(value, bool):
        raise _odd(case, f"confidence_bp is {value!r}", "write basis points, 0 to 10000")
    return value


def _require_value(case: Case, name: str, value: Any) -> None:  # noqa: ANN401 – whatever the file says.
    if name == "deed":
        known = value in {str(deed) for deed in Deed}
    elif name in FLAGS:
        known = isinstance(value, bool)
    else:
        known = value in VALUES.get(name, ())
    if not known:
        allowed = sorted(map(str, Deed)) if name == "deed" else ["true", "false"] if name in FLAGS else VALUES.get(name)
        raise _odd(
            case, f"{name} is {value!r}", f"write one of {', '.join(map(str, allowed or ['a known attribute']))}"
        )


def _odd(case: Case, what: str, remedy: str) -> Invalid:
    return Invalid("policy_case_malformed", f"the case {case.name!r}: {what}", where="cases.yaml", remedy=remedy)
