"""`chimera campaign …`: how far campaigns are, which of them wait for a person, and what that person says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain import ids
from chimera.domain.campaign import Campaign
from chimera.domain.measurement import Measurement
from chimera.domain.verbs import Resource
from chimera.pipeline.steering import Steering
from chimera.ports.store import every
from chimera.settings import read_settings

app = typer.Typer(name="campaign", help="Campaigns: their stages, and their hand-overs.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
One = Annotated[str, typer.Argument(help="The campaign's id.")]
LISTED_MAX = 200


@app.command("list")
def list_(
    context: typer.Context,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for a person.")] = False,
    as_json: Json = False,
) -> None:
    """Campaigns with their stages; what waits is shown with its note and deadline."""

    async def inside() -> list[Campaign]:
        async with doors_of(context).office() as office:
            office.desk.require(office.principal, "fleet.look", Resource(kind="campaign"))
            return await _listed(office)

    found = [one for one in stopping.run(inside()) if one.waiting or not waiting]
    if as_json:
        output.answer({"campaigns": [_told(one) for one in found]})
    else:
        rows = [(one.id, str(one.state), str(one.course), _until(one), one.goal.text[:60]) for one in found]
        output.table(("campaign", "state", "stage", "waits", "goal"), rows)


@app.command()
def show(context: typer.Context, campaign: One, *, as_json: Json = False) -> None:
    """One campaign: its goal, its stage, what a person is to look at, and what came of posts whose ways were chosen."""
    posts: list[Measurement] = []

    async def act(_: Steering, office: Office) -> Campaign:
        found = await office.store.get(Campaign, ids.parse(campaign, where="campaign"))
        known = [one async for one in every(office.store, Measurement, scope=found.agent_id)]
        posts.extend(one for one in known if one.campaign_id == found.id)
        return found

    found = _with(context, campaign, act, verb="fleet.look")
    if as_json:
        output.answer({**_told(found), "posts": [_post_as_json(one) for one in posts]})
        return
    _said(found, as_json=False)
    if posts:
        rows = [(one.task_id, ", ".join(one.variants.values()), str(one.state), str(one.engagements),
                 ", ".join(one.troubles)) for one in posts]  # fmt: skip
        output.table(("task", "chosen", "state", "engagements", "troubles"), rows)


@app.command()
def resume(
    context: typer.Context,
    campaign: One,
    *,
    note: Annotated[str, typer.Option(help="What you saw, for the record.")] = "",
    as_json: Json = False,
) -> None:
    """Let a campaign on that waits for a person. At draft, review, schedule and engage: rule on its reviews."""

    async def act(steering: Steering, office: Office) -> Campaign:
        return await steering.resume(campaign, by=office.principal.name, note=note)

    _said(_with(context, campaign, act), as_json=as_json)


@app.command()
def refuse(
    context: typer.Context,
    campaign: One,
    *,
    note: Annotated[str, typer.Option(help="Why not, for the record.")],
    as_json: Json = False,
) -> None:
    """Say no to a campaign that waits for a person: it is cancelled, and nothing begins in it any more."""

    async def act(steering: Steering, office: Office) -> Campaign:
        return await steering.refuse(campaign, by=office.principal.name, note=note)

    _said(_with(context, campaign, act), as_json=as_json)


@app.command()
def finish(context: typer.Context, campaign: One, *, as_json: Json = False) -> None:
    """End a campaign whose work is done: nobody is answered any more, and what came of it is put together."""

    async def act(steering: Steering, office: Office) -> Campaign:
        return await steering.finish(campaign, by=office.principal.name)

    _said(_with(context, campaign, act), as_json=as_json)


def _with(
    context: typer.Context,
    campaign: str,
    act: Callable[[Steering, Office], Awaitable[Campaign]],
    *,
    verb: str = "goal.give",
) -> Campaign:
    wanted = ids.parse(campaign, where="campaign")

    async def inside() -> Campaign:
        async with doors_of(context).office() as office:
            known = await office.store.get(Campaign, wanted)
            about = Resource(kind="campaign", id=known.id, agent=known.agent_id, campaign=known.id)
            office.desk.require(office.principal, verb, about)
            return await act(Steering(store=office.store), office)

    return stopping.run(inside())


async def _listed(office: Office) -> list[Campaign]:
    return [one async for one in every(office.store, Campaign)][-LISTED_MAX:]


def _said(campaign: Campaign, *, as_json: bool) -> None:
    if as_json:
        output.answer(_told(campaign))
        return
    output.tell(f"{campaign.id} is {campaign.state}, at {campaign.course}: {campaign.goal.text[:200]}")
    if campaign.waiting:
        output.tell(f"it waits {_until(campaign)} for a person: {campaign.waiting.note}")
        output.tell(f"chimera campaign resume {campaign.id}   or   chimera campaign refuse {campaign.id} --note WHY")


def _told(campaign: Campaign) -> dict[str, Any]:
    return {
        "campaign": campaign.id, "version": campaign.version, "agent": campaign.agent_id, "state": str(campaign.state),
        "stage": str(campaign.course), "plans": campaign.plans, "goal": msgspec.to_builtins(campaign.goal),
        "waiting": msgspec.to_builtins(campaign.waiting) if campaign.waiting else None,
    }  # fmt: skip


def _post_as_json(one: Measurement) -> dict[str, Any]:
    return {"task": one.task_id, "variants": one.variants, "state": str(one.state), "engagements": one.engagements,
            "impressions": one.impressions, "troubles": one.troubles, "begins_at_us": one.begins_at_us}  # fmt: skip


def _until(campaign: Campaign) -> str:
    if campaign.waiting is None:
        return ""
    moment = datetime.fromtimestamp(campaign.waiting.deadline_us // 1_000_000, read_settings().zone)
    return f"until {moment:%Y-%m-%d %H:%M}"
