"""The rules of `ports.store` about history: every accepted change is in the chain, in order, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chimera.domain.change import Change
from chimera.domain.event import GENESIS, Event, EventKind, Link, link_hash, verify
from chimera.domain.record import next_version
from chimera.domain.roles import Role
from chimera.ports import store
from chimera.ports.store import LIST_MAX, Head, Reads
from chimera.testing.store_samples import change
from chimera.testing.store_world import Bench, moving, outcome, tally


async def links_of(reads: Reads, writer: str) -> list[Link]:
    """The whole chain, page by page."""
    return [link async for link in _paged(reads, writer)]


async def head_of(reads: Reads, writer: str) -> Head:
    """The chain's end."""
    (head,) = [head for head in await reads.heads() if head.writer == writer]
    return head


async def require_sound(reads: Reads, writer: str) -> list[Link]:
    """The whole chain, or a failure that names its flaws."""
    links, head = await links_of(reads, writer), await head_of(reads, writer)
    flaws = list(verify(writer, links, head_seq=head.seq, head_hash=head.hash))
    assert not flaws, [str(flaw) for flaw in flaws]
    return links


async def _paged(reads: Reads, writer: str) -> AsyncIterator[Link]:
    after_seq = 0
    while page := await reads.links(writer, after_seq=after_seq):
        for link in page:
            yield link
        after_seq = page[-1].seq


class ChainRules:
    """Chains are compared with what was committed, byte by byte."""

    @pytest.mark.requirement("R-N4", "R-E7")
    async def test_a_chain_begins_with_nothing(self, bench: Bench) -> None:
        head = await head_of(bench.manager, "manager-1")
        assert head == Head(writer="manager-1", epoch=1, seq=0, hash=GENESIS)
        assert await bench.manager.links("manager-1") == ()
        assert await bench.manager.links("nobody") == ()

    @pytest.mark.requirement("R-N4", "R-E7")
    async def test_the_events_of_a_change_follow_each_other(self, bench: Bench) -> None:
        events = tuple(
            Event(
                kind=EventKind.PLAN_ADOPTED,
                subject=f"größer {number}",
                at_us=number,
                data={"b": [1, None], "a": {"z": True}},
            )
            for number in range(5)
        )
        await bench.manager.commit(Change(events=events[:2]))
        await bench.manager.commit(Change(events=events[2:]))
        links = await require_sound(bench.manager, "manager-1")
        assert [link.body for link in links] == [event.content for event in events]
        assert links[0].hash == link_hash(GENESIS, 1, events[0].content)

    @pytest.mark.requirement("R-N4", "R-A2")
    async def test_several_chains_are_read_in_one_look(self, bench: Bench) -> None:
        for number in range(5):
            await bench.manager.commit(change(note=f"m{number}"))
            await bench.office.commit(change(note=f"o{number}"))
        managed = await bench.office.links("manager-1", after_seq=3, limit=1)
        office = bench.office.writer
        begun = (await head_of(bench.office, office)).seq - 2
        found = await bench.office.links_of({office: begun, "manager-1": 3, "nobody": 0}, limit=1)
        assert found == (*managed, *await bench.office.links(office, after_seq=begun, limit=1))
        assert await bench.office.links_of({}, limit=1) == ()

    @pytest.mark.requirement("R-N4", "R-A2")
    async def test_news_of_every_chain_are_told_once_and_none_of_long_ago(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "CHAINS_AT_ONCE_MAX", 1)
        seen: dict[str, int] = {}

        async def told() -> list[str]:
            new = store.news(bench.office, seen, behind_max=3, limit=2)
            return [link.writer async for link in new if link.writer in ("manager-1", bench.office.writer)]

        for number in range(5):
            await bench.manager.commit(change(note=f"m{number}"))
            await bench.office.commit(change(note=f"o{number}"))
        chains = sorted(["manager-1", bench.office.writer])
        assert await told() == [chains[0]] * 2 + [chains[1]] * 2, "of five the newest three, two at a time"
        assert await told() == chains
        assert await told() == []

    @pytest.mark.requirement("R-N4", "R-E7", "R-A5")
    async def test_five_thousand_at_once_make_one_sound_chain(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        changes = [change(bench.samples.input(), note=str(number)) for number in range(5_000)]
        refused = [change(task, note="refused") for _ in range(100)]
        mixed = [each for pair in zip(changes[:100], refused, strict=True) for each in pair] + changes[100:]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(each)) for each in mixed))
        assert tally(codes) == {"": 5_000, "record_stale": 100}
        links = await require_sound(bench.office, "manager-1")
        expected = [event.content for each in (change(task), *changes) for event in each.events]
        assert [link.body for link in links] == expected

    @pytest.mark.requirement("R-N4")
    async def test_a_refused_change_leaves_no_event(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        await bench.office.commit(change(bench.samples.halt("tool:x")))
        head = await head_of(bench.manager, "manager-1")
        refused = [
            change(task),
            change(next_version(task), begins_in=("tool:x",)),
            moving("agent:a|day|1", hold=10**12),
            change(bench.samples.agent()),
        ]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(each)) for each in refused))
        assert codes == ["record_stale", "halted", "over_budget", "write_not_permitted"]
        assert await head_of(bench.manager, "manager-1") == head

    @pytest.mark.requirement("R-N4")
    async def test_every_writer_has_a_chain_of_its_own(self, bench: Bench) -> None:
        other = await bench.world.open("manager's second", Role.MANAGER)
        for number in range(6):
            await (bench.manager, other)[number % 2].commit(change(note=str(number)))
        for writer in ("manager-1", "manager's second"):
            links = await require_sound(bench.office, writer)
            assert [link.seq for link in links] == [1, 2, 3]
        assert [head.writer for head in await bench.office.heads()] == [
            "effects-1",
            "manager's second",
            "manager-1",
            "office-1",
        ]

    @pytest.mark.requirement("R-N4")
    async def test_a_chain_goes_on_under_the_next_epoch(self, bench: Bench) -> None:
        await bench.manager.commit(change(note="before"))
        successor = await bench.world.open("manager-1", Role.MANAGER)
        await outcome(bench.manager.commit(change(note="too late")))
        await successor.commit(change(note="after"))
        links = await require_sound(bench.office, "manager-1")
        assert [b"too late" in link.body for link in links] == [False, False]
        assert (await head_of(bench.office, "manager-1")).epoch == 2

    @pytest.mark.requirement("R-N4")
    async def test_links_come_in_pages(self, bench: Bench) -> None:
        events = tuple(
            Event(kind=EventKind.PLAN_ADOPTED, subject=str(number), at_us=1) for number in range(LIST_MAX + 5)
        )
        await bench.manager.commit(Change(events=events))
        assert [link.seq for link in await bench.manager.links("manager-1", after_seq=3, limit=2)] == [4, 5]
        assert len(await bench.manager.links("manager-1", limit=10 * LIST_MAX)) == LIST_MAX
        assert len(await require_sound(bench.manager, "manager-1")) == LIST_MAX + 5
