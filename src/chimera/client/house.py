"""A house from elsewhere: what the console can do, from Python. Decides nothing, and keeps nothing but its token.

```python
from chimera.assembly.client import house_at

async with house_at("http://127.0.0.1:8420", token) as house:
    async for row in house.reviews():
        print(row.deadline_us, row.agent_name, row.text)
```

Everything that has no method here is reached by `house.wire.get`, `.post` and `.every`, with the paths of the API.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from chimera.client.changes import Change, changes
from chimera.client.shapes import (
    AgentRow,
    BatchAnswer,
    BatchOutcome,
    CampaignRow,
    FleetSummary,
    HaltPreview,
    ReviewItem,
    ReviewRow,
    Session,
)
from chimera.client.wire import Wire
from chimera.domain.campaign import Campaign
from chimera.domain.halt import Halt
from chimera.domain.review import Review

T = TypeVar("T")


class House:
    """Reads and writes, in the name of whoever the token is of."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def wire(self) -> Wire:
        """For everything that has no method here."""
        return self._wire

    async def session(self) -> Session:
        """Who am I, and what may I do?"""
        return (await self._wire.get("/v1/session")).as_type(Session)

    async def fleet(self) -> FleetSummary:
        """The fleet at a glance."""
        return (await self._wire.get("/v1/fleet")).as_type(FleetSummary)

    def agents(self, *, text: str = "", state: str = "") -> AsyncGenerator[AgentRow]:
        """Agents by name."""
        return self._wire.every("/v1/agents", AgentRow, {"q": text, "state": state})

    async def grid(self, *, limit: int = 500) -> Sequence[AgentRow]:
        """The first agents by name."""
        return await _first(self.agents(), limit)

    def changes(self, *, cursor: str = "") -> AsyncGenerator[Change]:
        """What changes, from a cursor on or from now."""
        return changes(self._wire, cursor=cursor)

    # ── reviews ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def reviews(self, *, state: str = "open", risk: str = "", assignee: str = "") -> AsyncGenerator[ReviewRow]:
        """What waits, by deadline."""
        return self._wire.every("/v1/reviews", ReviewRow, {"state": state, "risk": risk, "assignee": assignee})

    async def desk(self, *, limit: int = 100) -> Sequence[ReviewRow]:
        """The most urgent of what waits."""
        return await _first(self.reviews(), limit)

    async def review(self, review_id: str) -> ReviewItem:
        """One review with everything that one needs to rule."""
        return (await self._wire.get(f"/v1/reviews/{review_id}")).as_type(ReviewItem)

    async def claim(self, seen: ReviewRow) -> Review:
        """Say that one is looking at it."""
        return await self._ruled(seen, "claim", {})

    async def release(self, seen: ReviewRow) -> Review:
        """Leave it to others."""
        return await self._ruled(seen, "release", {})

    async def approve(self, seen: ReviewRow) -> Review:
        """Approve exactly the bytes that were seen, at the version at which they were seen."""
        return await self._ruled(seen, "approve", {"digest": seen.digest})

    async def approve_many(self, seen: Sequence[ReviewRow]) -> tuple[BatchOutcome, ...]:
        """Approve several of low risk, each as it was seen; each stands for itself."""
        items = [{"id": one.id, "version": one.version, "digest": one.digest} for one in seen]
        answer = await self._wire.post("/v1/reviews/batch", {"command": "approve", "items": items})
        return answer.as_type(BatchAnswer).outcomes

    async def edit(self, seen: ReviewRow, *, text: str) -> Review:
        """Approve other words: new bytes, a new decision."""
        return await self._ruled(seen, "edit", {"digest": seen.digest, "arguments": {"text": text}})

    async def reject(self, seen: ReviewRow, *, reason: str) -> Review:
        """Say no, and why."""
        return await self._ruled(seen, "reject", {"reason": reason})

    async def ask(self, seen: ReviewRow, *, question: str) -> Review:
        """Ask something first."""
        return await self._ruled(seen, "ask", {"text": question})

    async def _ruled(self, seen: ReviewRow, command: str, body: dict[str, object]) -> Review:
        path, version = f"/v1/reviews/{seen.id}/{command}", f'"{seen.version}"'
        return (await self._wire.post(path, body, version=version)).as_type(Review)

    # ── campaigns and halts ─────────────────────────────────────────────────────────────────────────────────────────

    def campaigns(self, *, agent: str = "", state: str = "") -> AsyncGenerator[CampaignRow]:
        """Campaigns, those that were opened last first."""
        return self._wire.every("/v1/campaigns", CampaignRow, {"agent": agent, "state": state})

    async def open_campaign(
        self, text: str, *, agent: str, platform: str, budget_micros: int, posts: int = 1
    ) -> Campaign:
        """Open a campaign from a goal."""
        body = {"text": text, "agent": agent, "platform": platform, "budget_micros": budget_micros, "posts": posts}
        return (await self._wire.post("/v1/campaigns", body)).as_type(Campaign)

    async def would_halt(self, scope: str) -> HaltPreview:
        """What a halt of this scope would stop."""
        return (await self._wire.get("/v1/halts/preview", {"scope": scope})).as_type(HaltPreview)

    async def halt(self, scope: str, *, reason: str) -> Halt:
        """Halt a scope: from the commit on nothing begins there."""
        return (await self._wire.post("/v1/halts", {"scope": scope, "reason": reason})).as_type(Halt)

    async def pause(self, scope: str, *, reason: str) -> Halt:
        """Let nothing new be planned in a scope; what is under way is finished."""
        wanted = {"scope": scope, "reason": reason, "kind": "pause"}
        return (await self._wire.post("/v1/halts", wanted)).as_type(Halt)

    async def resume(self, scope: str) -> Halt:
        """Lift the halt of exactly this scope, and its pause."""
        return (await self._wire.post("/v1/halts/end", {"scope": scope})).as_type(Halt)


async def _first(found: AsyncGenerator[T], limit: int) -> Sequence[T]:
    """The first of a long list; the rest is never asked for."""
    rows: list[T] = []
    async with contextlib.aclosing(found):
        async for row in found:
            rows.append(row)
            if len(rows) >= limit:
                break
    return rows
