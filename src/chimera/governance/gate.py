"""The one door: may this action happen? Policy, taint, safety and money in one answer with its reasons.

Deny beats Escalate beats Allow. Has nothing that it could act with.
"""

from __future__ import annotations

from collections.abc import Mapping

from chimera.domain import wallets
from chimera.domain.action import TAKE_DOWN, Action
from chimera.domain.agent import Account, owns
from chimera.domain.confidence import Band, Bands
from chimera.domain.decision import Allow, Decision, Deny, Escalate, Question, Reason, Ruling
from chimera.domain.errors import Invalid
from chimera.domain.facts import Deed, Facts
from chimera.domain.permissions import permits
from chimera.domain.person import RULERS
from chimera.domain.quotas import POST_KINDS
from chimera.domain.spec import Spec
from chimera.domain.stages import Handover
from chimera.domain.tools import ACTS, ToolKind
from chimera.governance import quorum, treasury
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.safety.finding import Finding
from chimera.governance.safety.gateway import SafetyGateway, severity_of

_DEEDS = {
    "post.publish": Deed.PUBLISH,
    "post.reply": Deed.PUBLISH,
    "post.like": Deed.REACT,
    "account.block": Deed.REACT,
    "meeting.set": Deed.REACT,
    "meeting.move": Deed.REACT,
    "task.keep": Deed.REACT,
    "payment.send": Deed.SPEND,
    TAKE_DOWN: Deed.RETRACT,
    ACTS[ToolKind.WRITE]: Deed.REACT,
    ACTS[ToolKind.PUBLISH]: Deed.PUBLISH,
    ACTS[ToolKind.MESSAGE]: Deed.PUBLISH,
    ACTS[ToolKind.SPEND]: Deed.SPEND,
    ACTS[ToolKind.ADMIN]: Deed.GOVERN,
}


def deed_of(kind: str) -> Deed | None:
    """The deed behind a kind of action; None for what nothing is known of."""
    return _DEEDS.get(kind)


class Gate:
    """Asked for every action, before and after a person's ruling."""

    def __init__(self, *, policy: PolicyEngine, safety: SafetyGateway, specs: Mapping[str, Spec]) -> None:
        self._policy = policy
        self._shut = ""
        self._safety = safety
        self._specs = specs

    @property
    def policy_digest(self) -> str:
        """The hash of the policy in force."""
        return self._policy.digest

    @property
    def bands(self) -> Bands:
        """The bands in force."""
        return self._policy.pack.bands

    @property
    def record_rulings_min(self) -> int:
        """How many rulings make an agent's record."""
        return self._policy.pack.bands.record_rulings_min

    def nominal(self, question: Question) -> Band:
        """The band of a confidence by itself, whether or not its agent has a record."""
        bands = self.bands.bands_for(agent_id=question.agent_id, task_type=question.spec.name)
        return bands.band_of(question.confidence_bp, has_record=True)

    def adopt(self, policy: PolicyEngine) -> None:
        """From now on these rules decide. Nothing waits in between: a decision is taken under one policy, whole."""
        self._policy, self._shut = policy, ""

    def shut(self, why: str) -> None:
        """The rules that stand cannot be read: until they can, the answer is no."""
        self._shut = why

    @property
    def is_shut(self) -> bool:
        """Whether every answer is no."""
        return bool(self._shut)

    def is_spending(self, action: Action) -> bool:
        """Whether it moves money to somebody: then the CFO is asked first."""
        return _DEEDS.get(action.kind) is Deed.SPEND

    def decide(self, question: Question) -> Ruling:
        """The answer, with every rule that fired. Whatever cannot be understood is denied."""
        if self._shut:
            shut = Reason("policy-unreadable", self._shut, "apply a policy that is sound")
            return Ruling(decision=Deny((shut,)), policy_digest=self._policy.digest)
        misfit = self._misfit(question)
        if misfit:
            return Ruling(decision=Deny(misfit), policy_digest=self._policy.digest)
        findings = self._safety.inspect(question)
        facts = self._facts(question, findings)
        decision = self._policy.decide(facts)
        if self.is_spending(question.action):
            decision = treasury.stricter(decision, treasury.ruling_on(question))
        if question.handover is not None:
            decision = treasury.stricter(decision, self._handed_over(question, question.handover))
        decision = _explained(decision, question, findings)
        return Ruling(decision=decision, policy_digest=self._policy.digest, facts=facts)

    def _handed_over(self, question: Question, mark: Handover) -> Decision:
        """Where the agent's manifest marks the stage, a person looks at these bytes, however sure everybody is."""
        if _role_of(question, self.bands):
            return Allow(())
        says = f"its manifest hands the stage {mark.stage} over to a person: {mark.note}"
        return Escalate((Reason("stage-handed-over", says, "look at it; take the mark out of its manifest"),))

    def _misfit(self, question: Question) -> tuple[Reason, ...]:
        """What makes the question itself unanswerable: an unknown contract, or an action that it does not allow."""
        spec = self._specs.get(question.spec.name)
        if spec is None or spec.digest != question.spec.digest:
            return (Reason("spec-unknown", f"{question.spec} is not a contract in force", "plan the task again"),)
        if not _is_ordered_back(question, spec) and (unfit := _unfit_for(question, spec)):
            return (unfit,)
        if question.action.kind not in _DEEDS and not question.action.is_internal:
            return (Reason("action-unknown", f"nothing is known of {question.action.kind}", ""),)
        if unfit := _misfit_of_tool(question):
            return unfit
        return _misfit_of(question.action, question.accounts)

    def _facts(self, question: Question, findings: tuple[Finding, ...]) -> Facts:
        action = question.action
        bands = self._policy.pack.bands.bands_for(agent_id=question.agent_id, task_type=question.spec.name)
        band = bands.band_of(question.confidence_bp, has_record=question.has_record)
        return Facts(
            deed=Deed.INTERNAL if action.is_internal else _DEEDS[action.kind],
            permitted=permits(question.permissions, action.kind),
            halted=bool(question.halted),
            confidence=str(band),
            risk=question.risk,
            threat=question.threat,
            shaped=bool(question.shaped),
            safety=severity_of(findings),
            amount=treasury.amount_band(action),
            approver=_role_of(question, self._policy.pack.bands),
        )


def _unfit_for(question: Question, spec: Spec) -> Reason | None:
    """What a draft may not propose: an action that its task type does not allow, a task that its agent is not for."""
    if question.action.kind not in spec.actions:
        says = f"{spec.name} does not allow {question.action.kind}"
        return Reason("action-not-in-spec", says, "use a task type that does")
    if spec.skill not in question.capabilities:
        says = f"{spec.name} needs the skill {spec.skill}, of which this agent is not capable"
        return Reason("skill-lacking", says, "add it to the capabilities of the agent's manifest")
    return None


def _misfit_of_tool(question: Question) -> tuple[Reason, ...]:
    """A tool is called as it is pinned today, by an act of its own kind; whoever could not look has not allowed it."""
    if not question.action.is_tool_act and question.action.kind not in ACTS.values():
        return ()
    if question.tool_faults is None or not (question.action.is_tool_act and question.action.kind in ACTS.values()):
        return (Reason("tool-unknown", "nobody could say what this tool is", "propose a call of a pinned tool"),)
    return question.tool_faults


def _is_ordered_back(question: Question, spec: Spec) -> bool:
    """Whether a person orders what a task of this type has posted to be taken down. No draft can propose that."""
    by = question.approver
    return (
        question.action.kind == TAKE_DOWN
        and bool(POST_KINDS.intersection(spec.actions))
        and by is not None
        and by.role in RULERS
    )


def _misfit_of(action: Action, accounts: tuple[Account, ...]) -> tuple[Reason, ...]:
    """Whoever drafted it may have lied about who it is, or what it costs."""
    if not action.is_internal and not owns(accounts, platform=action.platform, handle=action.account):
        says = f"{action.account} on {action.platform} is not an account of this agent"
        return (Reason("account-not-own", says, "act under its own name"),)
    if action.cost_micros < 0:
        return (Reason("cost-malformed", "the cost is less than nothing", "say what it costs"),)
    if action.kind == "payment.send":
        told = (action.arguments.get("recipient"), action.arguments.get("amount_micros"))
        if told != (action.recipient, action.cost_micros):
            return (Reason("payment-differs", "what is shown is not what would be paid", "propose it again"),)
    if wallets.is_on_chain(action):
        return _misfit_of_payment(action)
    return ()


def _misfit_of_payment(action: Action) -> tuple[Reason, ...]:
    """An address with a wrong digit sends money to nobody: refused before anything is held."""
    try:
        wallets.payment_of(action)
    except Invalid as error:
        return (Reason(error.code.replace("_", "-"), error.message, error.remedy),)
    return ()


def _role_of(question: Question, bands: Bands) -> str:
    """A role that may not rule has not ruled, nor has one person where two are needed."""
    approver = question.approver
    if approver is None or approver.role not in RULERS:
        return ""
    alone = approver.second in ("", approver.name)
    return "" if alone and quorum.needed(question, bands) > 1 else approver.role


def _explained(decision: Decision, question: Question, findings: tuple[Finding, ...]) -> Decision:
    """The decision with the particulars behind its rules: what safety found, what strangers shaped."""
    particulars = (
        *(Reason(found.rule, found.says, found.suggestion) for found in findings),
        *(Reason("taint", shape, "a reviewer decides") for shape in question.shaped),
    )
    if not particulars:
        return decision
    match decision:
        case Allow(reasons, obligations):
            return Allow((*reasons, *particulars), obligations)
        case Escalate(reasons, role):
            return Escalate((*reasons, *particulars), role)
        case Deny(reasons):
            return Deny((*reasons, *particulars))
