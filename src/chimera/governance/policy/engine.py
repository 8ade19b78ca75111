"""Asks Cedar, and trusts only a clean answer. Any error in any answer is a Deny. Has no state but a memo."""

from __future__ import annotations

import cedarpy
from msgspec import Struct

from chimera.domain.decision import Allow, Decision, Deny, Escalate, Reason
from chimera.domain.facts import APPROVERS, Facts
from chimera.governance.policy.pack import PolicyPack, Rule

MEMO_MAX = 65_536
_NOBODY, *_HYPOTHETICAL = APPROVERS


class _Answer(Struct, frozen=True):
    allowed: bool
    clean: bool
    rules: tuple[Rule, ...]


class PolicyEngine:
    """One pack, asked with facts. The same facts under the same pack have the same answer."""

    def __init__(self, pack: PolicyPack) -> None:
        self._pack = pack
        self._entities = cedarpy.Entities.from_json_str("[]")  # pyright: ignore[reportUnknownMemberType] – cedarpy leaves dict bare
        self._memo: dict[Facts, Decision] = {}

    @property
    def digest(self) -> str:
        """The hash that every decision names."""
        return self._pack.digest

    @property
    def pack(self) -> PolicyPack:
        """The pack in force."""
        return self._pack

    def decide(self, facts: Facts) -> Decision:
        """Allow, Escalate when only a person's approval is missing, else Deny."""
        known = self._memo.get(facts)
        if known is None:
            known = self._decide(facts)
            if len(self._memo) >= MEMO_MAX:
                self._memo.clear()
            self._memo[facts] = known
        return known

    def _decide(self, facts: Facts) -> Decision:
        answer = self._ask(facts, approver=facts.approver)
        if answer.allowed:
            return Allow(_reasons(answer), tuple(rule.obligation for rule in answer.rules if rule.obligation))
        if facts.approver != _NOBODY or not answer.clean:
            return Deny(_reasons(answer) or _no_permit())
        return self._hypothetical(facts, answer)

    def _hypothetical(self, facts: Facts, answer: _Answer) -> Decision:
        """Would it be allowed with a person's approval? The least role whose yes would do is asked."""
        for role in _HYPOTHETICAL:
            supposed = self._ask(facts, approver=role)
            # An error in any answer is a no, in the answers to a supposition too.
            if not supposed.clean:
                return Deny(_reasons(supposed))
            if supposed.allowed:
                return Escalate(_reasons(answer) or _no_permit(), role)
        return Deny(_reasons(answer) or _no_permit())

    def _ask(self, facts: Facts, *, approver: str) -> _Answer:
        """One question to Cedar. A policy that errors is skipped by Cedar, so an error must mean no."""
        try:
            result = cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType] – cedarpy leaves dict bare
                _request(facts, approver), self._pack.policies, self._entities, self._pack.schema
            )
            errors, allowed = result.diagnostics.errors, result.decision is cedarpy.Decision.Allow
            rules = tuple(self._pack.rules[key] for key in sorted(result.diagnostics.reasons))
        except Exception as error:  # noqa: BLE001 — a policy that cannot be asked has not allowed.
            return _Answer(allowed=False, clean=False, rules=(_broken(str(error)),))
        if errors or result.decision is cedarpy.Decision.NoDecision:
            return _Answer(allowed=False, clean=False, rules=(_broken("; ".join(map(str, errors))), *rules))
        return _Answer(allowed=allowed, clean=True, rules=rules)


def _request(facts: Facts, approver: str) -> dict[str, object]:
    return {
        "principal": {"type": "Agent", "id": "agent"},
        "action": {"type": "Action", "id": facts.deed.value},
        "resource": {"type": "Campaign", "id": "campaign"},
        "context": {
            "permitted": facts.permitted,
            "halted": facts.halted,
            "confidence": facts.confidence,
            "risk": facts.risk,
            "threat": facts.threat,
            "shaped": facts.shaped,
            "safety": facts.safety,
            "amount": facts.amount,
            "approver": approver,
        },
    }


def _reasons(answer: _Answer) -> tuple[Reason, ...]:
    return tuple(Reason(rule.name, rule.says, rule.remedy) for rule in answer.rules)


def _no_permit() -> tuple[Reason, ...]:
    return (Reason("no-permit", "no policy permits it", "a reviewer decides, or a policy is added"),)


def _broken(detail: str) -> Rule:
    return Rule(
        name="policy-error",
        says=f"the policy could not be asked: {detail[:300]}",
        remedy="mend the policy pack; until then the answer is no",
        obligation="",
        role="",
    )
