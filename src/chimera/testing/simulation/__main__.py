"""`python -m chimera.testing.simulation`: many seeds on every core, or one again. Exit 1 when an invariant broke."""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys
import time
from collections.abc import Iterable, Iterator

import msgspec
from rich.console import Console
from rich.progress import Progress

from chimera.testing.simulation.run import Outcome, run_seed

SHOWN_MAX = 3
_CHUNK = 8


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, and say what came of it."""
    asked = _parser().parse_args(arguments)
    seeds = [asked.seed] if asked.seed is not None else list(range(asked.first, asked.first + asked.seeds))
    began = time.monotonic()
    outcomes = list(_followed(_outcomes(seeds, processes=asked.processes), len(seeds), shown=not asked.json))
    seconds = time.monotonic() - began
    failed = [outcome for outcome in outcomes if outcome.violation]
    if asked.json:
        _say_json(outcomes, failed, seconds)
    else:
        _say(Console(), outcomes, failed, seconds)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera.testing.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="this seed alone, again")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _outcomes(seeds: list[int], *, processes: int) -> Iterator[Outcome]:
    """In the order of the seeds, however many at once."""
    if len(seeds) == 1 or processes <= 1:
        yield from map(run_seed, seeds)
        return
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        yield from pool.map(run_seed, seeds, chunksize=_CHUNK)


def _followed(outcomes: Iterable[Outcome], total: int, *, shown: bool) -> Iterator[Outcome]:
    """The same, with a progress bar where a person watches."""
    with Progress(
        console=Console(stderr=True), disable=not (shown and sys.stderr.isatty()), transient=True
    ) as progress:
        task = progress.add_task("seeds", total=total)
        for outcome in outcomes:
            progress.advance(task)
            yield outcome


def _say(console: Console, outcomes: list[Outcome], failed: list[Outcome], seconds: float) -> None:
    for outcome in failed[:SHOWN_MAX]:
        console.print(f"seed {outcome.seed}, step {outcome.step}: {outcome.violation}", style="bold red", markup=False)
        for line in outcome.trace:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        console.print(f"again: python -m chimera.testing.simulation --seed {outcome.seed}", markup=False)
    counted = ", ".join(
        f"{sum(getattr(one, name) for one in outcomes)} {name}" for name in ("tasks", "deeds", "events")
    )
    console.print(f"{len(outcomes)} seeds in {seconds:.0f} s: {len(failed)} failed ({counted})", markup=False)
    if len(failed) > SHOWN_MAX:
        console.print(f"failed: {' '.join(str(outcome.seed) for outcome in failed)}", markup=False)


def _say_json(outcomes: list[Outcome], failed: list[Outcome], seconds: float) -> None:
    answer = {
        "seeds": len(outcomes),
        "failed": [msgspec.to_builtins(outcome) for outcome in failed],
        "tasks": sum(outcome.tasks for outcome in outcomes),
        "deeds": sum(outcome.deeds for outcome in outcomes),
        "events": sum(outcome.events for outcome in outcomes),
        "digests": [outcome.digest for outcome in outcomes],
        "seconds": round(seconds, 3),
    }
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


if __name__ == "__main__":
    sys.exit(main())
