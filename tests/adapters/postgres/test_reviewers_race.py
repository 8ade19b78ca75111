"""Thirty-two reviewers, each with a connection of their own, rule on one review at once: one wins, in the database."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain.errors import ChimeraError
from chimera.domain.person import Person, Session, Token
from chimera.domain.review import Review, ReviewState
from chimera.domain.roles import Role
from chimera.governance.reviews import Reviews
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import Database
from tests.small_house import PACK, PERMITS, somebody

REVIEWERS = 32
FAR_US = 4_000_000_000_000_000


@pytest.mark.requirement("R-F1", "R-D4")
async def test_one_of_thirty_two_wins(database: Database) -> None:
    manager = await database.open("manager-1", Role.MANAGER)
    review = replace(Samples().review(), deadline_us=FAR_US)
    await manager.commit(change(review))
    desks = [
        Reviews(store=await database.open(f"office-{n}", Role.OFFICE), permits=PERMITS, bands=PACK.bands)
        for n in range(REVIEWERS)
    ]
    people = [somebody(f"r{n}", "reviewer") for n in range(REVIEWERS)]
    rulings = [
        desk.approve(review.id, by=by, digest=review.action_digest, nonce=review.nonce)
        if n % 2 else desk.reject(review.id, by=by, reason="no")
        for n, (desk, by) in enumerate(zip(desks, people, strict=True))
    ]  # fmt: skip
    ended = await asyncio.gather(*rulings, return_exceptions=True)
    winners = [one for one in ended if isinstance(one, Review)]
    assert len(winners) == 1
    assert all(isinstance(one, Review | ChimeraError) for one in ended), ended
    stored = await manager.get(Review, review.id)
    assert stored == winners[0]
    assert stored.state in (ReviewState.APPROVED, ReviewState.REJECTED)
    events = [link for n in range(REVIEWERS) for link in await manager.links(f"office-{n}")]
    assert len(events) == 1


@pytest.mark.requirement("R-D4")
async def test_a_manager_writes_no_ruling_and_reads_no_person(database: Database) -> None:
    """A manager that was taken over approves nothing, and learns nobody's password hash."""
    manager = await database.open("manager-1", Role.MANAGER)
    review = replace(Samples().review(), deadline_us=FAR_US)
    await manager.commit(change(review))
    for state in ("approved", "edited", "rejected", "expired"):
        forged = replace(review, version=2, state=ReviewState(state))
        with pytest.raises(ChimeraError) as refusal:
            await manager.commit(change(forged))
        assert refusal.value.code == "write_not_permitted"
    for kind in (Person, Session, Token):
        with pytest.raises(ChimeraError) as refusal:
            await manager.list(kind)
        assert refusal.value.code == "read_not_permitted"
