"""What the gate sends back to a writer, and what it never does: nothing that may be an attack, nothing meant so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain.confidence import Band
from chimera.domain.decision import Allow, Decision, Deny, Escalate, Reason, Ruling
from chimera.domain.facts import ORDINARY, Deed, Facts
from chimera.governance.second_thoughts import DOUBT, mendable

pytestmark = pytest.mark.requirement("R-F4", "R-I1")

SURE = Reason("confidence-needs-person", "the confidence is not enough to proceed without a person", "a reviewer")
HARM = Reason("safety-harm", "the safety check found harm", "mend what the findings name")
REPEATS = Reason("nearly-repeats", "nearly repeats an earlier post", "say something new")
SHAPED = Reason("stranger-shaped", "a stranger's words shaped whom, what or how much", "a reviewer decides")
COPIED = Reason("taint", "the words 'made the whole party laugh' were copied from a stranger", "a reviewer decides")
LINK = Reason("taint", "the link 'evil.example/x' stands in a stranger's words", "a reviewer decides")
INSULT = Reason("insult", "insults somebody", "leave it out")
PRIVATE = Reason("personal-phone", "contains what looks like a telephone number", "take it out")


def ruled(decision: Decision, facts: Facts | None = ORDINARY) -> Ruling:
    return Ruling(decision=decision, policy_digest="p", facts=facts)


@pytest.mark.parametrize(
    ("decision", "findings"),
    [
        (Escalate((SURE,)), (DOUBT,)),
        (Deny((HARM, REPEATS)), ("nearly repeats an earlier post: say something new",)),
        (Escalate((SHAPED, COPIED)), (f"{COPIED.text}: say it in words of your own",)),
        (Deny((SURE, HARM, REPEATS)), ("nearly repeats an earlier post: say something new", DOUBT)),
    ],
)
def test_what_another_wording_may_mend(decision: Decision, findings: tuple[str, ...]) -> None:
    assert mendable(ruled(decision), Band.PROCEED) == findings


@pytest.mark.parametrize(
    "decision",
    [
        Allow(()), Deny((HARM, INSULT)), Deny((HARM, PRIVATE, REPEATS)), Escalate((SHAPED, LINK)),
        Escalate((SHAPED, COPIED, LINK)), Deny((Reason("permission-missing", "no", ""),)),
        Escalate((SURE, Reason("a-rule-of-another-pack", "nobody here knows it", ""))),
        Deny((Reason("confidence-too-low", "below the lowest band", ""),)),
    ],
)  # fmt: skip
def test_what_is_meant_is_never_worded_anew(decision: Decision) -> None:
    assert mendable(ruled(decision), Band.PROCEED) == ()


@pytest.mark.parametrize(
    "facts",
    [
        None, replace(ORDINARY, threat="MEDIUM"), replace(ORDINARY, threat="HIGH"), replace(ORDINARY, risk="politics"),
        replace(ORDINARY, deed=Deed.SPEND), replace(ORDINARY, deed=Deed.REACT), replace(ORDINARY, halted=True),
        replace(ORDINARY, permitted=False), replace(ORDINARY, approver="reviewer"),
    ],
)  # fmt: skip
def test_where_anything_else_is_odd_a_person_is_asked_at_once(facts: Facts | None) -> None:
    assert mendable(ruled(Escalate((SURE,)), facts), Band.MONITORED) == ()


@pytest.mark.requirement("R-F1")
@pytest.mark.parametrize("nominal", [Band.HUMAN, Band.REFUSED])
def test_what_waits_for_a_person_by_its_own_band_waits(nominal: Band) -> None:
    assert mendable(ruled(Escalate((SURE,))), nominal) == ()
