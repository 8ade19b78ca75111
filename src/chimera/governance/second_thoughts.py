"""Whether a draft that the gate did not allow goes back to its writer before a person is asked. Pure.

Only for what a writer can mend by writing anew, and only where nothing looks like an attack. It allows nothing: what
comes back is judged and decided as if it were the first, and the same bytes never get a better answer.
"""

from __future__ import annotations

from chimera.domain.confidence import Band
from chimera.domain.decision import Allow, Reason, Ruling
from chimera.domain.facts import Deed
from chimera.governance import taint

DOUBT = "the confidence was not enough: say it more plainly, and only what is certain"
# What the policy says when nothing but the findings below are behind it.
_RULES = frozenset({"confidence-needs-person", "stranger-shaped", "safety-caution", "safety-harm"})
# The form of a text. What a text means (an insult, a party, somebody's address) is no matter of a better wording.
_FORM = frozenset(
    {"nearly-repeats", "text-too-long", "text-empty", "hashtags-many", "links-many", "disclosure-missing"}
)


def mendable(ruling: Ruling, nominal: Band) -> tuple[str, ...]:
    """What the writer is to mend, or nothing, where anything stands in the way that no other wording would help.

    `nominal` is the band of the confidence itself. What waits for a person in that band waits; what waits only because
    the agent has no record yet is written anew first.
    """
    facts = ruling.facts
    if isinstance(ruling.decision, Allow) or facts is None or facts.deed is not Deed.PUBLISH:
        return ()
    if facts.threat != "LOW" or facts.risk != "ordinary" or facts.halted or not facts.permitted or facts.approver:
        return ()
    if nominal in (Band.HUMAN, Band.REFUSED):
        return ()
    reasons = ruling.decision.reasons
    if any(reason.rule not in _RULES and not _is_of_form(reason) for reason in reasons):
        return ()
    found = [f"{reason.text}: {reason.remedy}" for reason in reasons if reason.rule in _FORM]
    found += [f"{reason.text}: say it in words of your own" for reason in reasons if _is_copied(reason)]
    if any(reason.rule == "confidence-needs-person" for reason in reasons):
        found.append(DOUBT)
    return tuple(finding[:300] for finding in found)


def _is_of_form(reason: Reason) -> bool:
    return reason.rule in _FORM or _is_copied(reason)


def _is_copied(reason: Reason) -> bool:
    """A run of ordinary words. A stranger's link, handle, code or choice is for a person to look at."""
    return reason.rule == "taint" and reason.text.startswith(taint.WORDS)
