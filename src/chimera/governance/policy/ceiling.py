"""What a policy allows at the very best: the question of somebody who sees only a grant's terms, and trusts no claim.

Confidence, risk and threat are a manager's word. They are taken at their best, so a no is certain, and a yes is not.
"""

from __future__ import annotations

from msgspec.structs import replace

from chimera.domain.decision import Allow
from chimera.domain.facts import ORDINARY, Deed
from chimera.domain.grant import Terms
from chimera.governance.gate import deed_of
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.treasury import band_of_micros


class Ceiling:
    """One policy, asked about terms."""

    def __init__(self, policy: PolicyEngine) -> None:
        self._policy = policy

    def permits(self, terms: Terms, *, approver: str) -> bool:
        """Whether there is any claim under which this could be allowed with this approver."""
        deed = Deed.INTERNAL if terms.platform == "house" else deed_of(terms.action_kind)
        if deed is None:
            return False
        # Ordinary is the best there is: what a manager would claim who wanted it allowed.
        facts = replace(ORDINARY, deed=deed, amount=band_of_micros(terms.cost_micros), approver=approver)
        return isinstance(self._policy.decide(facts), Allow)
