"""`chimera agent key|badge|recognise`: an agent shows who it is to a service, for named tasks. Holds no private key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import people, vaults
from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.cli.agent import Json, Name, by_whoever_may_change
from chimera.cli.doors import doors_of
from chimera.domain.agent import Agent
from chimera.domain.badge import BADGE_SECONDS_MAX, AgentKey, Badge
from chimera.domain.errors import Invalid
from chimera.domain.task import Task
from chimera.governance.identity.badges import Badges
from chimera.pipeline.installer import Installer
from chimera.settings import read_settings

Audience = Annotated[str, typer.Option(help="The one service that it is for, such as shop.example.")]


def key(
    context: typer.Context,
    name: Name,
    *,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Nothing that its key has signed counts from now on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give an agent a key of its own, or another one: what the one before has signed counts no more."""

    async def inside(office: Office) -> AgentKey:
        badges, agent = _badges(office), await _named(office, name)
        if revoke:
            return await badges.revoke_key(agent.id, by=office.principal)
        async with vaults.running_or_own_vault(read_settings()) as found:
            return await badges.issue_key(agent.id, by=office.principal, maker=found.office)

    found = by_whoever_may_change(context, inside)
    if as_json:
        output.answer({"agent": found.agent_id, "public_key": found.public, "state": found.state})
    else:
        output.tell(f"the key of {name} is {found.state}: {found.public}")


def badge(
    context: typer.Context,
    name: Name,
    *,
    audience: Audience,
    task: Annotated[list[str], typer.Option(help="A task of the agent; give it again for another.")],
    seconds: Annotated[int, typer.Option(min=1, max=BADGE_SECONDS_MAX, help="How long it counts.")] = 300,
    as_json: Json = False,
) -> None:
    """Have the vault sign a badge with the agent's own key. Whoever holds it is taken for the agent there."""

    async def inside(office: Office) -> str:
        agent = await _named(office, name)
        for one in task:
            _require_own(await office.store.get(Task, one), agent)
        await people.look(office, at="badges", record=agent.id)
        async with vaults.running_or_own_vault(read_settings()) as found:
            return await found.manager.badge(agent.id, tasks=task, audience=audience, seconds=seconds)

    token = by_whoever_may_change(context, inside)
    if as_json:
        output.answer({"badge": token, "seconds": seconds})
    else:
        output.tell(token)


def recognise(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="The badge as it was shown.")],
    *,
    audience: Audience,
    task: Annotated[str, typer.Option(help="Only if it is for this task.")] = "",
    as_json: Json = False,
) -> None:
    """Say whose badge this is and for which tasks. Exit code 1 if it does not count here, whatever is wrong with it."""

    async def inside() -> tuple[Agent, Badge]:
        async with doors_of(context).office() as office:
            found = await _badges(office).recognise(token, audience=audience, task=task)
            return await office.store.get(Agent, found.agent), found

    agent, found = stopping.run(inside())
    if as_json:
        output.answer({"agent": agent.id, "name": agent.name, "tasks": found.tasks, "until_us": found.expires_at_us})
    else:
        output.tell(f"{agent.name}, until {_local(found.expires_at_us)}, for {', '.join(found.tasks)}")


def _local(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, read_settings().zone).strftime("%H:%M:%S %Z")


def _badges(office: Office) -> Badges:
    return Badges(store=office.store, clock=SystemClock(), permits=load_permits())


def _require_own(task: Task, agent: Agent) -> None:
    if task.agent_id != agent.id:
        raise Invalid("task_of_another", f"{task.id} is not a task of {agent.name}", where="--task",
                      remedy="name a task that this agent works on")  # fmt: skip


async def _named(office: Office, name: str) -> Agent:
    return await Installer(office.store).named(name)
