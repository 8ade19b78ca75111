"""Says whether a draft is good enough. Has a model, and nothing it could publish with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chimera.domain.agent import Rule
from chimera.domain.draft import Draft, Judgement, Verdict
from chimera.domain.errors import Invalid
from chimera.domain.prompt import Prompt
from chimera.domain.work import Assignment
from chimera.governance import answers, checks, guardrails
from chimera.governance.answers import Tally, Wrong
from chimera.governance.calls import of_answer
from chimera.governance.confidences import TELLS_OTHERS, Confidences
from chimera.governance.contracts import Contracts
from chimera.governance.texts import texts_of
from chimera.ports.model import Model, ModelRequest

JUDGE_COST_MICROS_MAX = 20_000
LOOPS = "the text goes round in circles"
_OPINION_OUTPUT = {"type": "object", "required": ["accepted", "confidence_bp"]}


class Judge:
    """Deterministic checks first; only a draft that passes them is shown to a model, and never the worker's own."""

    def __init__(self, *, model: Model, contracts: Contracts, prompt: Prompt, tally: Tally | None = None) -> None:
        self._tally = tally or Tally()
        self._model = model
        self._contracts = contracts
        self._prompt = prompt

    async def assess(
        self, assignment: Assignment, draft: Draft, *, model: str = "", others: Confidences | None = None
    ) -> Judgement:
        """The verdict. A judge that cannot be understood has not accepted.

        `model` is the worker's, to count what was wrong with its answer; `others` is what other personas keep.
        """
        findings = self._deterministic(assignment, draft, others)
        if findings:
            self._blame(model, findings)
            return Judgement(verdict=Verdict(accepted=False, confidence_bp=0, findings=tuple(findings)))
        request = self._request(assignment, draft)
        answer = await self._model.complete(request)
        verdict = self._verdict_of(answer.text, model=answer.model, cost_micros=answer.cost_micros)
        verdict = _under_rules(verdict, assignment.persona.rules)
        return Judgement(verdict=verdict, calls=of_answer(answer, digest=request.digest, prompt=self._prompt.ref))

    def _verdict_of(self, text: str, *, model: str, cost_micros: int) -> Verdict:
        try:
            answers.require_sound(text, instructions=self._prompt.text)
            opinion = guardrails.read_opinion(text)
        except Invalid as error:
            self._tally.note(model, answers.wrong_of(error))
            return Verdict(accepted=False, confidence_bp=0, findings=(error.message,), cost_micros=cost_micros)
        self._tally.note(model)
        return Verdict(
            accepted=opinion.accepted,
            confidence_bp=opinion.confidence_bp,
            findings=_bounded(opinion.findings),
            cost_micros=cost_micros,
        )

    def _blame(self, model: str, findings: Sequence[str]) -> None:
        for wrong, is_so in (
            (Wrong.LEAKS_PERSONA, TELLS_OTHERS in findings),
            (Wrong.LOOPS, LOOPS in findings),
            (Wrong.UNGROUNDED, any(checks.is_about_sources(finding) for finding in findings)),
        ):
            if model and is_so:
                self._tally.blame(model, wrong)

    def _deterministic(self, assignment: Assignment, draft: Draft, others: Confidences | None) -> list[str]:
        spec = self._contracts.specs[assignment.spec.name]
        findings = list(self._contracts.output_findings(spec, draft.output))
        if findings:
            return findings
        if draft.action is not None and draft.action.kind not in spec.actions:
            findings.append(f"{spec.name} does not allow the action {draft.action.kind}")
        said = texts_of(draft.output)
        if any(map(guardrails.loops, said)):
            findings.append(LOOPS)
        if others is not None and others.tells(assignment.task.agent_id, said):
            findings.append(TELLS_OTHERS)
        findings.extend(checks.run(spec.checks, draft.output, checks.context_of(assignment, spec.checks)))
        return findings

    def _request(self, assignment: Assignment, draft: Draft) -> ModelRequest:
        spec = self._contracts.specs[assignment.spec.name]
        return ModelRequest(
            prompt=self._prompt.name,
            instructions=self._prompt.text,
            data={
                "spec": spec.name,
                "title": spec.title,
                "input": assignment.task.input,
                "output": draft.output,
                "checks": [check.name for check in spec.checks],
                "labels": list(draft.labels),
                **({"rules": msgspec.to_builtins(assignment.persona.rules)} if assignment.persona.rules else {}),
            },
            output=_OPINION_OUTPUT,
            task_id=assignment.task.id,
            agent_id=assignment.task.agent_id,
            cost_micros_max=JUDGE_COST_MICROS_MAX,
            labels=draft.labels,
        )


def _under_rules(verdict: Verdict, rules: Sequence[Rule]) -> Verdict:
    """A finding that names a binding rule of the constitution sends the draft back, whatever else the judge says."""
    if not rules or not verdict.findings:
        return verdict
    binding = tuple(f"{rule.id}:" for rule in rules if rule.binds)
    broken = any(finding.startswith(binding) for finding in verdict.findings)
    return msgspec.structs.replace(verdict, accepted=False) if broken and verdict.accepted else verdict


def _bounded(findings: Sequence[str]) -> tuple[str, ...]:
    return tuple(finding[:300] for finding in findings[:10])
