"""What a policy allows at the very best: the question of somebody who sees only a grant's terms, and trusts no claim.

Confidence, risk and threat are a manager's word. They are taken at their best, so a no is certain, and a yes is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from chimera.domain.decision import Allow
from chimera.domain.facts import ORDINARY, Deed
from chimera.domain.grant import Terms
from chimera.domain.person import RULERS
from chimera.governance import quorum
from chimera.governance.gate import deed_of
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.treasury import band_of_micros
from chimera.governance.wording import Word


class Ceiling:
    """One policy, asked about terms."""

    def __init__(self, policy: PolicyEngine) -> None:
        self._policy = policy

    def permits(self, terms: Terms, *, words: Sequence[Word]) -> bool:
        """Whether there is any claim under which this could be allowed after these people's words."""
        deed = Deed.INTERNAL if terms.platform == "house" else deed_of(terms.action_kind)
        if deed is None:
            return False
        # Ordinary is the best there is: what a manager would claim who wanted it allowed.
        facts = replace(ORDINARY, deed=deed, amount=band_of_micros(terms.cost_micros),
                        approver=self._role_of(terms, words))  # fmt: skip
        return isinstance(self._policy.decide(facts), Allow)

    def _role_of(self, terms: Terms, words: Sequence[Word]) -> str:
        """The lowest role of those who said yes; nobody's, as long as fewer persons said it than are needed."""
        classes = {terms.action_kind, band_of_micros(terms.cost_micros), *(word.risk for word in words)}
        if len({word.person for word in words}) < quorum.needed_for(classes, self._policy.pack.bands):
            return ""
        return min((word.role for word in words), key=RULERS.index, default="")
