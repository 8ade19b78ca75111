"""How people rule, over HTTP: private notes that only their author reads, reviewers in figures. Rules on nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from chimera.api.guard import Who
from chimera.api.paging import Page
from chimera.api.route import Needs, Route
from chimera.api.words import Id, Note
from chimera.domain.review import Remark
from chimera.governance.reviewers import Reviewers, Standing


class NewRemark(BaseModel):
    """A note of one's own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Ask Rita about this tone."}]})

    text: Note


class ReviewerRoutes:
    """`/v1/reviews/{id}/notes` and `/v1/reviewers`."""

    def __init__(self, *, reviewers: Reviewers) -> None:
        self._reviewers = reviewers

    def routes(self) -> Iterator[Route]:
        """What is served."""
        notes, see = "/v1/reviews/{review_id}/notes", Needs("review.look", narrowed=True)
        yield Route(method="GET", path=notes, endpoint=self.list, name="notes", needs=see, answer=Page[Remark])
        yield Route(method="POST", path=notes, endpoint=self.add, name="note", needs=see, answer=Remark, status=201)
        yield Route(method="GET", path="/v1/reviewers", endpoint=self.standings, needs=Needs("review.look"),
                    answer=Page[Standing])  # fmt: skip

    async def list(self, review_id: Id, who: Who) -> Page[Remark]:
        """One's own notes on a review. Nobody else reads them."""
        return Page(items=await self._reviewers.remarks(review_id, by=who))

    async def add(self, review_id: Id, given: NewRemark, who: Who) -> Remark:
        """Keep a note about a review that only its author reads."""
        return await self._reviewers.remark(review_id, by=who, text=given.text)

    async def standings(
        self, since_us: Annotated[int, Query(description="rulings since then", ge=0, le=10**16)] = 0, *, who: Who
    ) -> Page[Standing]:
        """Every reviewer in figures, most rulings first."""
        return Page(items=await self._reviewers.standings(by=who, since_us=since_us))
