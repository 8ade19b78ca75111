"""`chimera learn …`: what rulings say about our confidence, and what posts brought by their ways. Applies nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
import typer
from msgspec.structs import replace

from chimera.adapters.documents.governance import DEFAULT_PACK, load_files
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.agent import Agent
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Conflict, Invalid
from chimera.domain.figures import VariantFigures, by_variant
from chimera.domain.policy import PackFiles, Policy
from chimera.domain.variants import Belief
from chimera.domain.verbs import FLEET
from chimera.governance.policy.changes import Policies, in_force
from chimera.governance.policy.pack import pack_of
from chimera.governance.tallying import known_of
from chimera.learning.calibration import HARM_WEIGHT, Curve, calibrate, propose
from chimera.learning.choices import believed
from chimera.learning.rulings import bands_with, ruled_in, seen_in
from chimera.learning.simulated import best_bp, simulated
from chimera.pipeline.installer import Installer
from chimera.ports.store import Store
from chimera.rehearsal.dice import Dice
from chimera.swarm.choosing import KNOWN_DAYS, tried_by

app = typer.Typer(name="learn", help="Getting better from what people decide.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Weight = Annotated[float, typer.Option(help="What a wrong act costs, in needless holds.")]
RULINGS_MAX = 100_000


@app.command("calibrate")
def calibrate_command(
    context: typer.Context,
    *,
    harm_weight: Weight = HARM_WEIGHT,
    propose_version: Annotated[bool, typer.Option("--propose", help="Put the proposal on record.")] = False,
    as_json: Json = False,
) -> None:
    """Show how often people agreed at each level of confidence, and the thresholds that follow."""
    _require_weight(harm_weight)

    async def work() -> tuple[tuple[Curve, ...], Policy | None]:
        async with _opened(context, proposing=propose_version) as store:
            files = await _files(store)
            now_bp = pack_of(files).bands.proceed_bp
            curves = calibrate(await ruled_in(store), await seen_in(store), now_bp=now_bp, harm_weight=harm_weight)
            proposed = await _propose(store, files, curves) if propose_version else None
            return curves, proposed

    curves, proposed = stopping.run(work())
    if as_json:
        output.answer({"curves": msgspec.to_builtins(curves), "proposed": proposed.number if proposed else None})
        return
    for curve in curves:
        _tell(curve)
    if proposed:
        output.tell(f"version {proposed.number} is proposed; a person applies it: "
                    f"chimera policy apply {proposed.number} --digest {proposed.digest[:12]}")  # fmt: skip


@asynccontextmanager
async def _opened(context: typer.Context, *, proposing: bool) -> AsyncGenerator[Store]:
    """The office's store; to propose a version takes somebody who may."""
    if not proposing:
        async with doors_of(context).office_store() as store:
            yield store
        return
    async with doors_of(context).office() as office:
        office.desk.require(office.principal, "policy.apply", FLEET)
        yield office.store


async def _files(store: Store) -> PackFiles:
    standing = await in_force(store)
    return standing.files if standing else load_files(DEFAULT_PACK)


async def _propose(store: Store, files: PackFiles, curves: tuple[Curve, ...]) -> Policy:
    before = pack_of(files).bands
    bands = bands_with(before, curves)
    if bands == before:
        raise Conflict("nothing_to_propose", "the rulings do not say that the thresholds should be others",
                       where="calibration", remedy="look again after more rulings")  # fmt: skip
    files = replace(files, bands=msgspec.json.encode(bands).decode())
    policies = Policies(store=store, shipped=load_files(DEFAULT_PACK))
    why = "; ".join(f"{_name(one)}: {one.proposal.why}" for one in curves if one.proposal)
    return await policies.propose(files, by="calibration", why=why)


def _tell(curve: Curve) -> None:
    output.tell(f"{_name(curve)}: {curve.rulings} rulings, {curve.right} agreed")
    if curve.bins:
        rows = [(f"{one.from_bp / 100:.0f}–{one.to_bp / 100:.0f} %", str(one.rulings), f"{one.share:.0%}",
                 f"{one.low:.0%}–{one.high:.0%}") for one in curve.bins]  # fmt: skip
        output.table(("confidence", "rulings", "agreed", "19 of 20 times within"), rows)
    found = curve.proposal
    if found is None:
        output.tell(f"  no proposal: {curve.why_not}")
        return
    output.tell(f"  proposed: {found.proceed_bp / 100:.1f} % (± {found.standard_error_bp / 100:.1f}); {found.why}")
    output.tell(f"  expected: {found.autonomy:.1%} need nobody (now {found.autonomy_now:.1%}), "
                f"{found.risk:.2%} of these wrong (now {found.risk_now:.2%})")  # fmt: skip


def _name(curve: Curve) -> str:
    if not curve.agent_id:
        return curve.task_type or "everything"
    return f"{curve.task_type} by {curve.agent_id}"


@app.command()
def simulate(
    *,
    tolerance: Annotated[float, typer.Option(help="How good a draft has to be for them, 0.55 to 0.9.")] = 0.7,
    noise: Annotated[float, typer.Option(help="How far confidence is off, 0 to 0.1.")] = 0.02,
    rulings: Annotated[int, typer.Option(help="How many rulings they give.")] = 500,
    seed: Annotated[int, typer.Option(help="Which people.")] = 1,
    harm_weight: Weight = HARM_WEIGHT,
    as_json: Json = False,
) -> None:
    """Try calibration on invented reviewers whose tolerance is known. Exit 1 if the proposal is more than 0.02 off."""
    _require_weight(harm_weight)
    if not (0.55 <= tolerance <= 0.9 and 0 <= noise <= 0.1 and 1 <= rulings <= RULINGS_MAX):
        raise Invalid("simulation_out_of_range", "tolerance, noise or the number of rulings is out of range",
                      where="chimera learn simulate", remedy="see --help for the ranges")  # fmt: skip
    dice = Dice.of("reviewers", seed)
    tolerance_bp, noise_bp = round(tolerance * 10_000), round(noise * 10_000)
    given = simulated(tolerance_bp=tolerance_bp, noise_bp=noise_bp, rulings=rulings, draw=lambda: dice.draw() / 2**64)
    best = best_bp(tolerance_bp=tolerance_bp, noise_bp=noise_bp, harm_weight=harm_weight) / 10_000
    found = propose(given, (), now_bp=9_000, harm_weight=harm_weight)
    proposed = None if isinstance(found, str) else found.proceed_bp / 10_000
    off = None if proposed is None else abs(proposed - best)
    answer: dict[str, Any] = {"rulings": rulings, "best": round(best, 4), "proposed": proposed,
                              "off": None if off is None else round(off, 4),
                              "why_not": found if isinstance(found, str) else "",
                              "proposal": None if isinstance(found, str) else msgspec.to_builtins(found)}  # fmt: skip
    if as_json:
        output.answer(answer)
    else:
        output.tell(f"best {best:.4f}, proposed {proposed}, off by {off if off is None else round(off, 4)} "
                    f"after {rulings} rulings {answer['why_not']}")  # fmt: skip
    if off is None or off > 0.02:
        raise typer.Exit(1)


@app.command()
def variants(
    context: typer.Context, agent: Annotated[str, typer.Argument(help="The agent's name.")], *, as_json: Json = False
) -> None:
    """What an agent's posts brought by style, media and time, what the bandit believes, and what it may not choose."""

    async def work() -> tuple[Agent, tuple[Belief, ...], tuple[VariantFigures, ...]]:
        async with doors_of(context).office_store() as store:
            found = await Installer(store).named(agent)
            since_us = await store.now_us() - KNOWN_DAYS * DAY_US
            known, harmful = await known_of(store, found.id, since_us=since_us)
            return found, believed(tried_by(found), known, harmful), by_variant([*known, *harmful])

    found, beliefs, figures = stopping.run(work())
    if as_json:
        output.answer({"agent": found.name, "variants": msgspec.to_builtins(found.variants),
                       "beliefs": msgspec.to_builtins(beliefs), "figures": msgspec.to_builtins(figures)})  # fmt: skip
        return
    if not beliefs:
        output.tell(f"{found.name} leaves nothing to be chosen: see variants in its manifest")
        return
    told = {(one.factor, one.variant): one for one in figures}
    output.table(("factor", "variant", "posts", "engagements a post", "troubled", "may be chosen"), [
        (one.factor, one.variant, str(one.posts), _brought(told.get((one.factor, one.variant))), str(one.troubled),
         f"no: {one.barred}" if one.barred else "yes") for one in beliefs
    ])  # fmt: skip


def _brought(figures: VariantFigures | None) -> str:
    return f"{figures.engagements_per_post_millis / 1_000:.1f}" if figures and figures.measured else "not known yet"


def _require_weight(harm_weight: float) -> None:
    if not 0.1 <= harm_weight <= 1_000:
        raise Invalid("harm_weight_out_of_range", f"a weight of {harm_weight}", where="--harm-weight",
                      remedy="choose 0.1 to 1000")  # fmt: skip
