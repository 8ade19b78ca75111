"""What a person says to a campaign that waits: go on, or no; and that it is over. As the office; grants nothing."""

from __future__ import annotations

from chimera.domain import canonical, ids, scopes
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.domain.record import Record
from chimera.domain.stages import BY_REVIEW, CourseCommand
from chimera.domain.task import Task
from chimera.ports.store import Store, every


class Steering:
    """One campaign at a time, and only from the version that was looked at."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def resume(self, campaign_id: str, *, by: str, note: str = "", version: int | None = None) -> Campaign:
        """Let the next stage begin. What waited behind a plan is free in the same commit."""
        canonical.require_text(note, where="note")
        campaign = await self._known(campaign_id, version)
        stage = campaign.course.stage
        if campaign.course.waits and stage in BY_REVIEW:
            raise Refused("handover_by_review", f"at {stage} every single action waits, as a review", where=campaign.id,
                          remedy="rule on its reviews: chimera review list")  # fmt: skip
        after = campaign.resume()
        barred = [task for task in await self._waiting(campaign) if task.is_barred]
        return await self._put(campaign, after, *(task.let_go() for task in barred), by=by, why=note)

    async def refuse(self, campaign_id: str, *, by: str, note: str, version: int | None = None) -> Campaign:
        """A no: the campaign is cancelled, and its scope halted in the same commit."""
        canonical.require_text(note, where="note")
        campaign = await self._known(campaign_id, version)
        after, scope = campaign.end(CourseCommand.REFUSE), scopes.campaign(campaign.id)
        halt = Halt(id=ids.derive(campaign.id, "cancelled"), halted=scope, reason=note[:500], by=by,
                    since_us=await self._store.now_us())  # fmt: skip
        halts = () if scope in await self._store.halted() else (halt,)
        return await self._put(campaign, after, *halts, by=by, why=note)

    async def finish(self, campaign_id: str, *, by: str, version: int | None = None) -> Campaign:
        """No more answers: what came of it is put together, and then it is over."""
        campaign = await self._known(campaign_id, version)
        return await self._put(campaign, campaign.finish(), by=by, why="")

    async def _known(self, campaign_id: str, version: int | None) -> Campaign:
        campaign = await self._store.get(Campaign, campaign_id)
        if version is not None and campaign.version != version:
            raise Conflict("version_stale", f"the campaign is at version {campaign.version}, not {version}",
                           where=campaign_id, remedy="look at it again")  # fmt: skip
        return campaign

    async def _waiting(self, campaign: Campaign) -> list[Task]:
        return [one async for one in every(self._store, Task, scope=campaign.id, states=("waiting",))]

    async def _put(self, before: Campaign, after: Campaign, *more: Record, by: str, why: str) -> Campaign:
        data = {"stage": str(after.course), "was": str(before.course), "state": str(after.state), "by": by,
                "why": why[:500]}  # fmt: skip
        event = Event(kind=EventKind.CAMPAIGN_CHANGED, subject=before.id, at_us=await self._store.now_us(), data=data)
        await self._store.commit(Change(records=(after, *more), events=(event,)))
        return after
