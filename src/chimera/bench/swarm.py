"""`chimera bench swarm`: the whole governed path under load, saturated and paced; books compared at the end."""

from __future__ import annotations

from typing import Any

from chimera import bootstrap
from chimera.bench import books
from chimera.bench.feeding import Feeder, Load, fed_house
from chimera.bench.observed import Statements, errors, observed
from chimera.bench.phases import Phases
from chimera.bench.spread import conditions
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.ports.store import Reads
from chimera.rehearsal import world
from chimera.settings import Settings


async def run(settings: Settings, load: Load) -> dict[str, Any]:
    """The benchmark, and everything that it has to say."""
    statements = Statements()
    async with bootstrap.database(settings) as found:
        async with fed_house(settings, load, found=observed(found, statements)) as house:
            feeder = Feeder(house.fleet, house.campaigns, seed=load.seed)
            phases = Phases(feeder=feeder, meter=house.meter, statements=statements, load=load)
            figures = await (phases.inside() if load.in_flight else phases.saturated_and_paced())
        reads = await found.reads()
        try:
            return {**_conditions(load), **figures, **await _books(reads, feeder, house.built)}
        finally:
            await reads.close()


async def _books(reads: Reads, feeder: Feeder, built: world.World) -> dict[str, Any]:
    """Ours against the network's, caps against spending, every chain link by link, and whose errors there were."""
    tasks = await reads.count(Task)
    history = await audit.verify_history(reads)
    counts = await books.compare(reads, built.network.records())
    over = await books.overspent_windows(reads)
    return {
        "accepted": feeder.accepted,
        "completed": tasks.get("done", 0),
        "completion": round(tasks.get("done", 0) / max(1, feeder.accepted), 4),
        "errors": await errors(reads),
        "lost": counts.lost + feeder.accepted - sum(tasks.values()),
        "doubled": counts.doubled,
        "overspent": counts.overspent + over,
        "chain": "verified" if history.verified else str(history.flaws[0]),
        "events": history.events,
    }


def _conditions(load: Load) -> dict[str, Any]:
    return {"agents": load.agents, "seconds": load.seconds, **conditions()}
