"""One task at a time: runs the skill of its spec, and hands in a draft. Has models and read tools, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from chimera.domain.draft import Draft
from chimera.domain.errors import ChimeraError, Invalid
from chimera.domain.prompt import Prompt
from chimera.domain.work import Assignment, Result
from chimera.governance.answers import Tally
from chimera.governance.contracts import Contracts
from chimera.ports.clock import Clock
from chimera.ports.model import Model
from chimera.ports.tools_read import ToolsRead
from chimera.skills.desk import Desk, Skill


class Worker:
    """Stateless. Keeps nothing between two assignments."""

    def __init__(
        self,
        *,
        model: Model,
        tools: ToolsRead,
        skills: Mapping[str, Skill],
        prompts: Mapping[str, Prompt],
        contracts: Contracts,
        clock: Clock,
        tally: Tally | None = None,
        chooses: bool = False,
    ) -> None:
        self._chooses = chooses
        self._tally = tally
        self._model = model
        self._tools = tools
        self._skills = skills
        self._prompts = prompts
        self._contracts = contracts
        self._clock = clock

    async def work(self, assignment: Assignment) -> Result:
        """A draft, or the reason why there is none. Never raises: a result must come back for every assignment."""
        desk: Desk | None = None
        try:
            desk = self._desk_for(assignment)
            async with self._clock.timeout(desk.spec.limits.seconds_max):
                draft = await self._skills[desk.spec.skill](desk)
            self._require_contract(desk, draft)
            return _result(assignment, desk, draft=draft)
        except TimeoutError:
            return _result(assignment, desk, failure="the task took longer than its spec allows")
        except ChimeraError as error:
            full = error.where if error.code == "over_quota" else ""
            return _result(assignment, desk, failure=str(error), full_window=full)
        except Exception as error:  # noqa: BLE001 — a fault in a skill fails its task, not the worker.
            return _result(assignment, desk, failure=f"the skill broke: {type(error).__name__}: {error}")

    def _desk_for(self, assignment: Assignment) -> Desk:
        spec = self._contracts.specs.get(assignment.spec.name)
        if spec is None or spec.ref != assignment.spec:
            raise Invalid(
                "spec_unknown",
                f"{assignment.spec} is not known here",
                where="assignment",
                remedy="bring the worker to the manager's version",
            )
        return Desk(
            assignment, spec=spec, model=self._model, tools=self._tools, prompts=self._prompts, tally=self._tally,
            chooses=self._chooses,
        )  # fmt: skip

    def _require_contract(self, desk: Desk, draft: Draft) -> None:
        """Output that does not match is never passed on."""
        findings = self._contracts.output_findings(desk.spec, draft.output)
        if findings:
            raise Invalid(
                "output_against_schema",
                "; ".join(findings)[:1_000],
                where=desk.spec.name,
                remedy="the task is tried again by itself",
            )


def _result(
    assignment: Assignment, desk: Desk | None, *, draft: Draft | None = None, failure: str = "", full_window: str = ""
) -> Result:
    return Result(
        task_id=assignment.task.id,
        task_version=assignment.task.version,
        draft=draft,
        failure=failure[:2_000],
        calls=tuple(desk.calls) if desk else (),
        full_window=full_window[:500],
    )
