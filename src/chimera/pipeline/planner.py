"""Turns goals and inputs into a DAG of typed tasks, and adopts it if the campaign is still as it was read.

The single writer of a campaign. Has a model and the store; nothing it could act on the world with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from chimera.domain import budget, labels, scopes
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt, latest
from chimera.domain.campaign import Campaign, CampaignCommand, Input, InputCommand
from chimera.domain.change import Change
from chimera.domain.consent import Purpose
from chimera.domain.errors import Conflict, Invalid, Refused, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.plan import Plan, Step, require_sound
from chimera.domain.prompt import Prompt
from chimera.domain.record import Record
from chimera.domain.spec import Spec
from chimera.domain.subjects import author_of
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.governance import answers, guardrails, treasury
from chimera.governance.adopted import Adopted
from chimera.governance.adopting import Adopting, Adoption
from chimera.governance.contracts import Contracts
from chimera.governance.plan_costs import PLAN_COST_MICROS_MAX, PLANS_TRIED_MAX, Bill, PlanCosts
from chimera.governance.plan_tasks import Turn, adopted_data, at_birth, tasks_of
from chimera.governance.privacy.consents import Consents
from chimera.governance.tallying import REPORT, books_of
from chimera.governance.tools.book import PinBook
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.model import Model, ModelRequest
from chimera.ports.store import Store

REPLACED_TRIES_MAX = 5
NOT_BEGUN = (TaskState.WAITING, TaskState.READY)
REPLACED = "another plan takes its place"
Adopt = Callable[[Plan, Bill], Awaitable[tuple[Task, ...]]]
FINDING = frozenset({"research", "trends"})
TOOLS_TOLD_MAX = 20
TOOL_SAYS_CHARS_MAX = 300
_PLAN_OUTPUT: dict[str, Any] = {"type": "object", "required": ["analysis", "steps", "safety", "tests"]}


class Planner:
    """Reads state at version n, writes the DAG if the version is still n."""

    def __init__(
        self,
        *,
        model: Model,
        contracts: Contracts,
        costs: PlanCosts,
        prompt: Prompt,
        store: Store,
        clock: Clock,
        ids: Ids,
        consents: Consents | None = None,
    ) -> None:
        self._consents = consents
        self.adopting = Adopting(store)
        self._tools = PinBook(reads=store, clock=clock)
        self._costs = costs
        self._model = model
        self._contracts = contracts
        self._prompt = prompt
        self._store = store
        self._clock = clock
        self._ids = ids
        self._answering = {kind: spec for spec in contracts.specs.values() for kind in spec.triggers}

    @property
    def adopted(self) -> Adopted:
        """The campaigns that it planned last."""
        return self.adopting.adopted

    async def plan_goal(self, campaign: Campaign, agent: Agent) -> tuple[Task, ...]:
        """A plan for the campaign's goal from the model; a bad plan is asked for again, then refused on record."""

        async def adopted(plan: Plan, bill: Bill) -> tuple[Task, ...]:
            turn = Turn(after=self._with_goal(campaign, agent), carried=carried)
            return await self._adopt(campaign, plan, inputs=(), bill=bill, turn=turn)

        found = await self._found_out(campaign)
        carried = labels.union(*(one.draft.labels for one in found))
        told = [{"key": one.assignment.task.key, "content": one.draft.output} for one in found]
        more = {"found": told} if told else {}
        tasks, refusals, bill = await self._tried(campaign, agent, more, adopted)
        if tasks is None:
            await self._refuse(campaign, refusals, bill)
            raise _unsound(campaign, refusals)
        return tasks

    async def plan_research(self, campaign: Campaign, agent: Agent) -> tuple[Task, ...]:
        """A first plan that only finds out, where a person looks at what was found before the goal is planned."""

        async def adopted(plan: Plan, bill: Bill) -> tuple[Task, ...]:
            turn = Turn(after=campaign.adopt_research())
            return await self._adopt(campaign, plan, inputs=(), bill=bill, turn=turn)

        tasks, refusals, bill = await self._tried(campaign, _finding(agent), {}, adopted)
        if tasks is None:
            await self._refuse(campaign, refusals, bill)
            raise _unsound(campaign, refusals)
        return tasks

    def can_research(self, agent: Agent) -> bool:
        """Whether there is anything that it could find out with."""
        return any(_is_for(_finding(agent), spec) and not spec.actions for spec in self._contracts.specs.values())

    async def plan_report(
        self, campaign: Campaign, agent: Agent, *, key: str = "report", not_before_us: int = 0
    ) -> tuple[Task, ...]:
        """A task that puts together what came of a campaign; none where the agent is not capable of it."""
        spec = self._contracts.specs.get(REPORT)
        if spec is None or not _is_for(agent, spec):
            return ()
        books = await books_of(self._store, campaign)
        step = Step(key=key, spec=REPORT, input=books, not_before_us=not_before_us)
        plan = Plan(analysis="what came of it", steps=(step,), safety=("figures from the books alone",),
                    tests=("by spec",))  # fmt: skip
        return await self._adopt(campaign, plan, inputs=(), bill=Bill())

    async def _found_out(self, campaign: Campaign) -> list[Attempt]:
        """What was found out before. Strangers may have shaped it: their labels are on what is planned from it."""
        if campaign.plans == 0:
            return []
        done = await self._planned(campaign, (TaskState.DONE,))
        tried = [await self._store.list(Attempt, scope=task.id) for task in done]
        return [found for attempts in tried if (found := latest(attempts)) is not None]

    async def replan(self, campaign: Campaign, agent: Agent, asked: Input) -> tuple[Task, ...]:
        """Another plan, as a person asked for it, in place of what has not begun. A bad one changes nothing."""
        if not asked.asks_for_plan:
            raise Refused(
                "replan_not_ours",
                "only the operator asks for another plan",
                where=asked.id,
                remedy="nothing to do: only the operator does",
            )
        so_far = await self._planned(campaign)

        async def adopted(plan: Plan, bill: Bill) -> tuple[Task, ...]:
            return await self._replace(campaign.id, agent, plan, asked, bill=bill)

        more = {"wish": asked.payload.get("wish", ""), "so_far": [_told(task) for task in so_far]}
        tasks, refusals, bill = await self._tried(campaign, agent, more, adopted)
        if tasks is None:
            await self._refuse_wish(campaign, asked, refusals, bill)
            raise _unsound(campaign, refusals)
        return tasks

    async def _tried(
        self, campaign: Campaign, agent: Agent, more: Mapping[str, Any], adopt: Adopt
    ) -> tuple[tuple[Task, ...] | None, list[str], Bill]:
        """The tasks of the first plan that can be adopted, what was wrong with those before, and what all cost."""
        try:
            bill = await self._costs.open(campaign)
        except Refused as refusal:
            if not refusal.where.startswith(f"{scopes.campaign(campaign.id)}|"):
                raise
            return None, [f"no money for the planner's model: {refusal.message}"], Bill()
        refusals: list[str] = []
        try:
            more = {**more, **await self._tools_for(campaign, agent)}
            for _ in range(PLANS_TRIED_MAX):
                answer = await self._model.complete(self._request(campaign, agent, refusals, more))
                bill = bill.plus(answer.cost_micros)
                if (tasks := await self._adopted(campaign, agent, answer.text, bill, adopt, refusals)) is not None:
                    return tasks, refusals, bill
        except BaseException:
            # Whatever ends it, and be it the manager's own end: the money is nobody's any more.
            await self._costs.broken_off(campaign, bill)
            raise
        return None, refusals, bill

    async def _tools_for(self, campaign: Campaign, agent: Agent) -> dict[str, Any]:
        """The pinned tools that this agent's steps may use, as they were approved; nothing where there are none."""
        usable = await self._tools.usable_by(agent, wish=campaign.goal.text, limit=TOOLS_TOLD_MAX)
        told = [{"tool": pin.definition.full_name, "step": f"tool.{pin.kind}", "arguments": pin.definition.schema,
                 "says": pin.definition.description[:TOOL_SAYS_CHARS_MAX]}
                for pin in usable if _is_for(agent, self._contracts.specs[f"tool.{pin.kind}"])]  # fmt: skip
        return {"tools": told} if told else {}

    async def _adopted(
        self, campaign: Campaign, agent: Agent, text: str, bill: Bill, adopt: Adopt, refusals: list[str]
    ) -> tuple[Task, ...] | None:
        """The tasks of an answer; or None, and why not among the refusals."""
        try:
            plan = self._read(text)
            await self._require_adoptable(plan, campaign, agent, bill)
            return await adopt(plan, bill)
        except (Invalid, Refused) as refusal:
            if refusal.code == "halted":
                raise
            refusals.append(str(refusal))
            return None

    async def _planned(self, campaign: Campaign, states: Sequence[TaskState] = ()) -> list[Task]:
        """The steps of the campaign's own plans; answers to what came in are nobody's to plan anew."""
        found: list[Task] = []
        while page := await self._store.list(
            Task, states=states, scope=campaign.id, after=found[-1].id if found else ""
        ):
            found.extend(page)
        return [task for task in found if task.input_id is None]

    async def _replace(
        self, campaign_id: str, agent: Agent, plan: Plan, asked: Input, *, bill: Bill
    ) -> tuple[Task, ...]:
        """Adopt the plan and drop what has not begun, in one commit; work that goes on meanwhile is looked at anew."""
        for _ in range(REPLACED_TRIES_MAX):
            campaign = await self._store.get(Campaign, campaign_id)
            gone = await self._planned(campaign, NOT_BEGUN)
            try:
                turn = Turn(after=self._with_goal(campaign, agent), replaced=tuple(gone))
                return await self._adopt(campaign, plan, inputs=(asked,), bill=bill, turn=turn)
            except Conflict:
                continue
        raise Unavailable("campaign_busy", "the campaign moves too fast to be planned anew", where=campaign_id,
                          remedy="halt the campaign, ask again, and resume it")  # fmt: skip

    def answer(
        self,
        campaign: Campaign,
        agent: Agent,
        inputs: Sequence[Input],
        *,
        leased_until_us: int | None = None,
        not_before_us: int = 0,
    ) -> Adoption:
        """A reactive plan: one task per input, of the type that answers inputs of its kind. Others are dropped.

        Where workers are waiting, the tasks are leased as they are written; out of the agent's hours they wait.
        """
        answerable = [one for one in inputs if self._answers(one, agent)]
        steps = tuple(
            Step(key=one.id, spec=self._answering[one.kind].name, input=one.payload, not_before_us=not_before_us)
            for one in answerable
        )
        plan = Plan(analysis="an answer to what came in", steps=steps, safety=("inputs are data",), tests=("by spec",))
        return self._adoption(campaign, plan, inputs=inputs, bill=Bill(), leased_until_us=leased_until_us)

    async def drop_inputs(self, campaign: Campaign, inputs: Sequence[Input]) -> None:
        """What still came in for a campaign that is over."""
        dropped = Event(
            kind=EventKind.INPUT_DROPPED,
            subject=campaign.id,
            at_us=self._clock.now_us(),
            data={"inputs": [one.id for one in inputs], "why": f"the campaign is {campaign.state}"},
        )
        await self._store.commit(
            Change(records=tuple(one.after(InputCommand.DROP) for one in inputs), events=(dropped,))
        )

    def _answers(self, one: Input, agent: Agent) -> bool:
        spec = self._answering.get(one.kind)
        if spec is None or not _is_for(agent, spec):
            return False
        if author_of(one.payload) and not one.purpose:
            return False  # Somebody's data, kept for nothing that they could know of, is not used.
        return not self._contracts.input_findings(spec, one.payload)

    def _request(
        self, campaign: Campaign, agent: Agent, refusals: Sequence[str], more: Mapping[str, Any]
    ) -> ModelRequest:
        permitted = [spec for spec in self._contracts.specs.values() if _is_for(agent, spec)]
        return ModelRequest(
            prompt=self._prompt.name,
            instructions=self._prompt.text,
            data={
                "campaign_id": campaign.id,
                "goal": msgspec.to_builtins(campaign.goal),
                "persona": msgspec.to_builtins(agent.persona),
                "specs": [{"name": spec.name, "title": spec.title, "input": spec.input} for spec in permitted],
                "feedback": list(refusals),
                "now_us": self._clock.now_us(),
                **more,
            },
            output=_PLAN_OUTPUT,
            task_id=campaign.id,
            agent_id=agent.id,
            cost_micros_max=PLAN_COST_MICROS_MAX,
        )

    def _read(self, text: str) -> Plan:
        answers.require_sound(text, instructions=self._prompt.text)
        envelope = guardrails.read_envelope(text)
        try:
            return msgspec.convert(envelope.output, Plan)
        except msgspec.ValidationError as error:
            raise Invalid(
                "plan_malformed", str(error), where="plan", remedy="the planner tries again by itself"
            ) from error

    async def _require_adoptable(self, plan: Plan, campaign: Campaign, agent: Agent, bill: Bill) -> None:
        key = budget.window_id(scopes.campaign(campaign.id), treasury.TOTAL, treasury.TOTAL)
        opened = await self._store.windows((key,))
        room_micros = opened[0].room_micros + bill.unneeded_micros if opened else campaign.goal.budget_micros
        require_sound(
            plan,
            specs=self._contracts.specs,
            permissions=agent.permissions,
            capabilities=agent.capabilities,
            budget_micros=room_micros,
        )
        for step in plan.steps:
            self._contracts.require_input(self._contracts.specs[step.spec], step.input, where=f"plan.steps.{step.key}")
            await self._require_consent(author_of(step.input))

    async def _require_consent(self, person: str) -> None:
        """Whoever did not speak to us is not spoken to, unless that was agreed to before."""
        if self._consents is not None and person:
            await self._consents.require(person, Purpose.CONTACT)

    async def _adopt(
        self, campaign: Campaign, plan: Plan, *, inputs: Sequence[Input], bill: Bill, turn: Turn | None = None
    ) -> tuple[Task, ...]:
        adoption = self._adoption(campaign, plan, inputs=inputs, bill=bill, turn=turn)
        await self.adopting.write(adoption)
        return adoption.tasks

    def _adoption(
        self,
        campaign: Campaign,
        plan: Plan,
        *,
        inputs: Sequence[Input],
        bill: Bill,
        leased_until_us: int | None = None,
        turn: Turn | None = None,
    ) -> Adoption:
        """The tasks with the campaign as it is `after`; where it waits for a person, so do they."""
        turn = turn or Turn(after=campaign.adopt())
        after = turn.after
        plan_id = self._ids.new()
        tasks = at_birth(
            tasks_of(plan, plan_id=plan_id, campaign=campaign, specs=self._contracts.specs, inputs=inputs), turn,
            leased_until_us=leased_until_us,
        )  # fmt: skip
        answered = {task.input_id for task in tasks}
        planned = [
            one.after(InputCommand.PLAN if one.id in answered or one.asks_for_plan else InputCommand.DROP)
            for one in inputs
        ]
        gone = tuple(replace(task.after(TaskCommand.DROP), reason=REPLACED) for task in turn.replaced)
        data = {**adopted_data(campaign, plan, turn, tasks, planned), "cost_micros": bill.cost_micros,
                "prompt": self._prompt.ref}  # fmt: skip
        event = Event(kind=EventKind.PLAN_ADOPTED, subject=plan_id, at_us=self._clock.now_us(), data=data)
        holds, movements = self._costs.settled(campaign, bill)
        change = Change(
            records=(after, *tasks, *gone, *planned, *holds),
            events=(event,),
            movements=movements,
            begins_in=(scopes.FLEET, scopes.campaign(campaign.id), scopes.agent(campaign.agent_id)),
        )
        return Adoption(after=after, tasks=tasks, change=change)

    def _with_goal(self, campaign: Campaign, agent: Agent) -> Campaign:
        return campaign.adopt_goal(agent.handovers, at_us=self._clock.now_us())

    async def _refuse(self, campaign: Campaign, refusals: Sequence[str], bill: Bill) -> None:
        """The campaign is over before it began; its operator reads why, and opens a better one."""
        await self._end_planning(campaign, campaign.after(CampaignCommand.CANCEL), _refused(refusals, bill), bill)

    async def _refuse_wish(self, campaign: Campaign, asked: Input, refusals: Sequence[str], bill: Bill) -> None:
        """The plan that there is goes on; whoever asked reads why."""
        data = {**_refused(refusals, bill), "input": asked.id}
        await self._end_planning(campaign, asked.after(InputCommand.DROP), data, bill)

    async def _end_planning(self, campaign: Campaign, ended: Record, data: dict[str, Any], bill: Bill) -> None:
        event = Event(kind=EventKind.PLAN_REFUSED, subject=campaign.id, at_us=self._clock.now_us(), data=data)
        holds, movements = self._costs.settled(campaign, bill)
        await self._store.commit(Change(records=(ended, *holds), events=(event,), movements=movements))


def _refused(refusals: Sequence[str], bill: Bill) -> dict[str, Any]:
    return {"refusals": [text[:500] for text in refusals], "cost_micros": bill.cost_micros}


def _unsound(campaign: Campaign, refusals: Sequence[str]) -> Invalid:
    return Invalid("plan_unsound", refusals[-1], where=f"campaign {campaign.id}",
                   remedy="make the goal plainer, or give it a larger budget")  # fmt: skip


def _told(task: Task) -> dict[str, str]:
    """How far a step is, for whoever plans the rest."""
    return {"key": task.key, "spec": task.spec.name, "state": str(task.state), "reason": task.reason}


def _finding(agent: Agent) -> Agent:
    """The agent as far as it finds things out."""
    return replace(agent, capabilities=tuple(one for one in agent.capabilities if one in FINDING))


def _is_for(agent: Agent, spec: Spec) -> bool:
    """Whether an agent is capable of a task type, and permitted all that it needs."""
    return agent.can(spec.skill) and all(agent.may(permission) for permission in spec.permissions)
