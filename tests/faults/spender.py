"""A fleet that does nothing but pay, as a process of its own: `python -m tests.faults.spender HOME MODE`.

MODE `spend` waits for a line (what takes long, to load everything, is done by then), then opens campaigns until it is
killed; `end` lets everything come to its end and prints what the books say.
The counter that is paid at writes each payment to a file of its own, on disk, and refuses no repetition: a doubled
one shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly.outside import Outside
from chimera.bootstrap import Database
from chimera.domain.action import Action
from chimera.domain.agent import Account, Agent, AgentState, Persona
from chimera.domain.budget import Hold
from chimera.domain.campaign import Goal
from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant, Performance
from chimera.domain.spending import Spending
from chimera.domain.task import Task
from chimera.governance.audit import verify_history
from chimera.ports.model import ModelAnswer, ModelRequest
from chimera.ports.publisher import Absent, Order, Outcome, Published, Trace, Traits
from chimera.ports.tools_read import ToolAnswer
from chimera.processes.fleet import Fleet, fleet_process
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.settings import Settings

# New ones at every start: the caps of those from before may be full.
AGENTS = 6
PAYMENTS_EACH = 4
# So little that a quick machine comes to the end of a hundred kills before it comes to that of the day's money.
AMOUNT_MICROS = (2_000, 90_000)
COUNTER = "counter.log"
SETTLING_SECONDS = 1.0
END_SECONDS_MAX = 150.0
DISCLOSURE = "I am an AI."
# Somebody new each time, and new payers soon: the CFO holds what many pay to one, and whoever pays in haste.
VENDORS = 1_000_000
CAMPAIGNS_EACH = 2
_MOVING = ("waiting", "ready", "leased", "granted", "in_doubt")


class Till:
    """The counter: one line on disk for each payment that reached it, before anybody is told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dice = random.Random()

    def traits(self, action: Action) -> Traits:
        """Repeats nothing by itself, and can be asked."""
        return Traits(deduplicates=False, looks_up=True, settling_seconds=SETTLING_SECONDS)

    async def publish(self, order: Order) -> Outcome:
        await asyncio.sleep(self._dice.uniform(0, 0.05))
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{order.grant_id} {order.action.cost_micros}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        await asyncio.sleep(self._dice.uniform(0, 0.05))
        return Published(receipt={"reference": order.grant_id})

    async def look_up(self, order: Order) -> Trace:
        return Published(receipt={"reference": order.grant_id}) if order.grant_id in lines(self._path) else Absent()


def lines(path: Path) -> Counter[str]:
    """How often each grant was paid."""
    return Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter()


class Payer:
    """Plans a few payments for every campaign; the offline model does the rest."""

    def __init__(self) -> None:
        self._dice = random.Random()
        manners = Manners(misbehaviour_bp=0, obey_bp=0)
        self._offline = OfflineModel(seed=1, manners=manners, clock=SystemClock())

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        if request.prompt != "plan":
            return await self._offline.complete(request)
        steps = [self._step(number) for number in range(PAYMENTS_EACH)]
        whole = {"analysis": "bills", "steps": steps, "safety": ["labels"], "tests": ["by spec"]}
        text = msgspec.json.encode({"output": whole, "confidence_bp": 9_500}).decode()
        return ModelAnswer(text=text, model="payer/1", cost_micros=700)

    def _step(self, number: int) -> dict[str, Any]:
        vendor = f"render-farm-{self._dice.randrange(VENDORS):06d}"
        asked = {"recipient": vendor, "amount_micros": self._dice.randrange(*AMOUNT_MICROS),
                 "currency": "USD", "purpose": "render hours", "category": "compute"}  # fmt: skip
        return {"key": f"bill-{number}", "spec": "commerce.pay", "after": [], "input": asked}


class NoTools:
    """Nobody reads anything here."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        raise Unavailable("tools_none", "there are no tools", where=tool)


@contextlib.asynccontextmanager
async def running(home: Path) -> AsyncGenerator[tuple[Database, Fleet]]:
    """The real fleet: database, vault, manager and effects, with the counter as the only way out."""
    settings = Settings(home=str(home), workers=32)
    payer, counter = Payer(), Till(home.with_name(COUNTER))
    outside = Outside(model=payer, judge_model=payer, tools=NoTools(), publisher=counter)
    async with bootstrap.database(settings) as found, fleet_process(settings, outside, found=found) as fleet:
        yield found, fleet


async def new_agents(fleet: Fleet) -> list[Agent]:
    """A few that have paid nothing yet."""
    made: list[Agent] = []
    for _ in range(AGENTS):
        number = SystemIds().new()
        agent = Agent(
            id=number, name=f"payer-{number}", package="tests", package_version="1.0.0",
            package_digest="0" * 64, accounts=(Account("sandbox", f"payer-{number}"),),
            persona=Persona(name="P", voice="dry", disclosure=DISCLOSURE, interests=("bills",)),
            permissions=("payment.send",), capabilities=("commerce",), state=AgentState.ACTIVE, rulings=30,
        )  # fmt: skip
        event = Event(kind=EventKind.AGENT_CHANGED, subject=agent.id, at_us=1)
        await fleet.office.commit(Change(records=(agent,), events=(event,)))
        made.append(agent)
    return made


async def spend(home: Path) -> None:
    """Campaigns without end. A database or vault that is away for a while is waited for."""
    async with running(home) as (_, fleet):
        agents: list[Agent] = []
        while True:
            if not agents:
                with contextlib.suppress(ChimeraError):
                    agents = (await new_agents(fleet)) * CAMPAIGNS_EACH
            if not agents:
                await asyncio.sleep(0.15)
                continue
            agent = agents[-1]
            goal = Goal(text="Pay the bills", agent=agent.id, platform="sandbox", budget_micros=5_000_000)
            with contextlib.suppress(ChimeraError):
                await fleet.intake.open_campaign(goal, by="test")
                fleet.manager.arrived.ring()
                agents.pop()
            await asyncio.sleep(0.15)


async def end(home: Path) -> dict[str, Any]:
    """What stands when nothing moves any more."""
    async with running(home) as (found, fleet):
        gives_up = time.monotonic() + END_SECONDS_MAX
        while await _moving(fleet) and time.monotonic() < gives_up:
            await asyncio.sleep(0.3)
        await asyncio.sleep(6.0)
        return await books(found, fleet, home)


async def _moving(fleet: Fleet) -> int:
    tasks = await fleet.reads.count(Task)
    return sum(tasks.get(state, 0) for state in _MOVING)


async def books(found: Database, fleet: Fleet, home: Path) -> dict[str, Any]:
    """Our records against the counter's lines, and against themselves."""
    ledger, paid = await found.ledger(), lines(home.with_name(COUNTER))
    finished = {one.id for one in await _all(fleet, Performance) if one.state == "finished"}
    granted = {one.id for one in await _all(fleet, Grant)}
    now_us = time.time_ns() // 1_000
    holds = [one for one in await _all(fleet, Hold) if one.state == "held"]
    windows = await fleet.reads.windows()
    answer = {
        "paid": len(paid),
        "doubled": sum(times - 1 for times in paid.values()),
        "lost": len(finished - paid.keys()),
        "unbooked": len(paid.keys() - finished),
        "ungranted": len(paid.keys() - granted),
        "overspent": sum(one.held_micros + one.spent_micros > one.cap_micros for one in windows),
        "holds_outlived": sum(one.expires_at_us < now_us for one in holds),
        "holds_open": len(holds),
        "ledger": [str(one) for one in await ledger.disagreements()][:3],
        "history": (await verify_history(fleet.reads)).verified,
        "tasks": await fleet.reads.count(Task),
        "appraised": Counter(one.decided for one in await _all(fleet, Spending)),
    }
    await ledger.close()
    return answer


async def _all(fleet: Fleet, kind: type[Any]) -> list[Any]:
    found: list[Any] = []
    while page := await fleet.reads.list(kind, after=found[-1].id if found else ""):
        found += page
    return found


if __name__ == "__main__":
    place, mode = Path(sys.argv[1]), sys.argv[2]
    if mode == "spend":
        sys.stdin.readline()
        asyncio.run(spend(place))
    else:
        sys.stdout.write(json.dumps(asyncio.run(end(place))) + "\n")
