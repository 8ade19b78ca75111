"""Looks over a pack before anybody applies it: what is never allowed, who is always asked, what never fires.

A pack that breaks one of the house's own rules cannot be applied, whatever else it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.decision import Allow, Decision, Escalate
from chimera.domain.facts import FLAGS, ORDINARY, VALUES, Deed, Facts
from chimera.governance.policy.cases import name_of
from chimera.governance.policy.engine import PolicyEngine

ERROR, WARNING = "error", "warning"
EXAMPLES_MAX = 3


class Complaint(Struct, frozen=True, kw_only=True):
    """What is wrong with a pack, where, and how to mend it."""

    level: str
    rule: str
    says: str
    remedy: str


class HouseRule(Struct, frozen=True):
    """What no pack may do: whom it concerns, and what the answer must not be."""

    name: str
    says: str
    concerns: Callable[[Facts], bool]
    breaks: Callable[[Decision], bool]


def _allows(decision: Decision) -> bool:
    return isinstance(decision, Allow)


def _does_not_deny(decision: Decision) -> bool:
    return isinstance(decision, Allow | Escalate)


def _outward(facts: Facts) -> bool:
    return facts.deed not in (Deed.INTERNAL, Deed.RETRACT)


def _is_risky(facts: Facts) -> bool:
    """To claim something about money is risky in itself; a payment is so by its amount and by the CFO's word."""
    return facts.risk != "ordinary" and not (facts.deed is Deed.SPEND and facts.risk == "financial")


# R-F2 and the invariants: not for a pack to change.
HOUSE_RULES = (
    HouseRule("halt-holds", "nothing is allowed in a halted scope", lambda facts: facts.halted, _does_not_deny),
    HouseRule("permission-needed", "nothing is allowed that the manifest does not permit",
              lambda facts: not facts.permitted, _does_not_deny),
    HouseRule("harm-stops", "what safety calls harm is not published",
              lambda facts: facts.safety == "harm" and _outward(facts), _does_not_deny),
    HouseRule("attack-stops", "what follows from an attack goes nowhere",
              lambda facts: facts.threat == "CRITICAL" and _outward(facts), _does_not_deny),
    HouseRule("refused-is-refused", "nothing goes out below the lowest band",
              lambda facts: facts.confidence == "refused" and _outward(facts), _does_not_deny),
    HouseRule("person-for-spending", "spending over 50.00 needs a person",
              lambda facts: facts.deed is Deed.SPEND and facts.amount == "over_50" and not facts.approver, _allows),
    HouseRule("person-for-risk", "the high-risk categories need a person",
              lambda facts: _is_risky(facts) and _outward(facts) and not facts.approver, _allows),
    HouseRule("person-for-rules", "changing policy, permissions or the system needs a person",
              lambda facts: facts.deed is Deed.GOVERN and not facts.approver, _allows),
    HouseRule("person-for-strangers", "what a stranger's words shaped needs a person",
              lambda facts: facts.shaped and _outward(facts) and not facts.approver, _allows),
    HouseRule("person-for-low-confidence", "the band that waits for a person waits",
              lambda facts: facts.confidence == "human" and _outward(facts) and not facts.approver, _allows),
)  # fmt: skip


def corners() -> Iterator[Facts]:
    """Every deed with every approver, and every pair of other attributes in all their values."""
    choices = {**{name: (True, False) for name in FLAGS}, **VALUES}
    del choices["approver"]
    seen: set[Facts] = set()
    for deed in Deed:
        for approver in VALUES["approver"]:
            start = replace(ORDINARY, deed=deed, approver=approver)
            for one, other in combinations(choices, 2):
                for value in choices[one]:
                    for second in choices[other]:
                        facts = replace(start, **{one: value, other: second})
                        if facts not in seen:
                            seen.add(facts)
                            yield facts


def lint(engine: PolicyEngine) -> tuple[Complaint, ...]:
    """Everything that is wrong with a pack that loads."""
    answers = [(facts, engine.decide(facts)) for facts in corners()]
    return (*_broken(answers), *_house(answers), *_idle(engine, answers), *_unmended(engine))


def errors(complaints: tuple[Complaint, ...]) -> tuple[Complaint, ...]:
    """Those with which a pack cannot be applied."""
    return tuple(one for one in complaints if one.level == ERROR)


def _broken(answers: list[tuple[Facts, Decision]]) -> Iterator[Complaint]:
    met = [(facts, decision) for facts, decision in answers
           if any(reason.rule == "policy-error" for reason in decision.reasons)]  # fmt: skip
    if met:
        facts, decision = met[0]
        says = next(reason.text for reason in decision.reasons if reason.rule == "policy-error")
        yield Complaint(level=ERROR, rule="policy-error", says=f"{says}, asked about {words_of(facts)}",
                        remedy="an error in any rule is a no: mend the rule that errs")  # fmt: skip


def _house(answers: list[tuple[Facts, Decision]]) -> Iterator[Complaint]:
    for rule in HOUSE_RULES:
        met = [facts for facts, decision in answers if rule.concerns(facts) and rule.breaks(decision)]
        if met:
            examples = "; ".join(words_of(facts) for facts in met[:EXAMPLES_MAX])
            yield Complaint(level=ERROR, rule=rule.name, says=f"{rule.says}, but this pack would: {examples}",
                            remedy="add the forbid that is missing; this rule is the house's own")  # fmt: skip


def _idle(engine: PolicyEngine, answers: list[tuple[Facts, Decision]]) -> Iterator[Complaint]:
    fired = {reason.rule for _, decision in answers for reason in decision.reasons}
    for rule in engine.pack.rules.values():
        if rule.name not in fired:
            yield Complaint(level=WARNING, rule=rule.name, says="it fires at no corner: is it ever met?",
                            remedy="give it a case in cases.yaml, or remove it")  # fmt: skip


def _unmended(engine: PolicyEngine) -> Iterator[Complaint]:
    for rule in engine.pack.rules.values():
        if rule.effect == "forbid" and not rule.remedy:
            yield Complaint(level=WARNING, rule=rule.name, says="it says no and not what to do about it",
                            remedy="add a @remedy")  # fmt: skip


def words_of(facts: Facts) -> str:
    """What is out of the ordinary about these facts."""
    names = Facts.__struct_fields__
    told = [f"{name} {getattr(facts, name)}" for name in names if getattr(facts, name) != getattr(ORDINARY, name)]
    return f"{facts.deed}: {', '.join(one for one in told if not one.startswith('deed ')) or 'nothing unusual'}"


class Changed(Struct, frozen=True, kw_only=True):
    """One corner at which two packs answer differently."""

    facts: Facts
    before: str
    after: str
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]


def differences(before: PolicyEngine, after: PolicyEngine) -> tuple[Changed, ...]:
    """Every corner at which another pack answers otherwise, or for other reasons or with other obligations."""
    pairs = ((facts, before.decide(facts), after.decide(facts)) for facts in corners())
    return tuple(_changed(facts, old, new) for facts, old, new in pairs if _differ(old, new))


def _differ(old: Decision, new: Decision) -> bool:
    owed = (old.obligations if isinstance(old, Allow) else (), new.obligations if isinstance(new, Allow) else ())
    return name_of(old) != name_of(new) or owed[0] != owed[1] or _rules(old) != _rules(new)


def _changed(facts: Facts, old: Decision, new: Decision) -> Changed:
    return Changed(facts=facts, before=name_of(old), after=name_of(new), rules_before=_rules(old),
                   rules_after=_rules(new))  # fmt: skip


def _rules(decision: Decision) -> tuple[str, ...]:
    return tuple(sorted(reason.rule for reason in decision.reasons))
