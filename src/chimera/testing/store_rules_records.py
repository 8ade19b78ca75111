"""The rules of `ports.store` about records: versions, what can be stored at all, fencing, reads."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign, Input
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Missing
from chimera.domain.event import Event, EventKind
from chimera.domain.kinds import KINDS
from chimera.domain.record import next_version
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.testing.store_samples import change
from chimera.testing.store_world import Bench, moving, outcome, tally

BAD_TEXTS = ("a\x00b", "half \ud800", "\x00")


class RecordRules:
    """Every writing role sees the same rules; the manager stands for all."""

    @pytest.mark.requirement("R-A6", "R-G1")
    async def test_a_record_is_read_as_it_was_written(self, bench: Bench) -> None:
        task = bench.samples.task(due_at_us=77, priority=-3)
        await bench.put(task)
        assert await bench.manager.get(Task, task.id) == task
        assert await bench.manager.find(Task, task.id) == task

    @pytest.mark.requirement("R-G1")
    async def test_what_is_not_there_is_missing(self, bench: Bench) -> None:
        assert await bench.manager.find(Task, bench.samples.id()) is None
        with pytest.raises(Missing, match="record_missing"):
            await bench.manager.get(Task, bench.samples.id())

    @pytest.mark.requirement("R-A6")
    async def test_a_first_version_must_not_exist_yet(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        with pytest.raises(Conflict, match="record_stale"):
            await bench.put(replace(task, reason="another"))
        assert await bench.manager.get(Task, task.id) == task

    @pytest.mark.requirement("R-A6")
    @pytest.mark.parametrize("version", [2, 3, 5])
    async def test_only_the_version_it_was_changed_from_is_accepted(self, bench: Bench, version: int) -> None:
        task = bench.samples.task()
        await bench.put(task, next_version(task), next_version(next_version(task)))
        with pytest.raises(Conflict, match="record_stale"):
            await bench.put(replace(task, version=version, reason="late"))
        await bench.put(replace(task, version=4, reason="in time"))
        assert (await bench.manager.get(Task, task.id)).reason == "in time"

    @pytest.mark.requirement("R-A6")
    async def test_a_later_version_of_what_does_not_exist_is_stale(self, bench: Bench) -> None:
        with pytest.raises(Conflict, match="record_stale"):
            await bench.put(next_version(bench.samples.task()))

    @pytest.mark.requirement("R-A6")
    async def test_a_change_is_written_whole_or_not_at_all(self, bench: Bench) -> None:
        old, fresh = bench.samples.task(), bench.samples.task()
        await bench.put(old)
        heads = await bench.manager.heads()
        assert await outcome(bench.manager.commit(change(fresh, old))) == "record_stale"
        assert await bench.manager.find(Task, fresh.id) is None
        assert await bench.manager.heads() == heads

    @pytest.mark.requirement("R-A6")
    async def test_of_many_changes_from_one_version_one_is_accepted(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        rivals = [replace(next_version(task), reason=str(number)) for number in range(40)]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(change(rival))) for rival in rivals))
        assert tally(codes) == {"": 1, "record_stale": 39}
        winner = rivals[codes.index("")]
        assert await bench.manager.get(Task, task.id) == winner

    @pytest.mark.requirement("R-A6")
    async def test_rivals_on_two_stores_do_not_both_win(self, bench: Bench) -> None:
        other = await bench.world.open("manager-2", Role.MANAGER)
        tasks = [bench.samples.task() for _ in range(60)]
        await asyncio.gather(*(bench.put(task) for task in tasks))
        codes = await asyncio.gather(
            *(
                outcome(store.commit(change(replace(next_version(task), reason=store.writer))))
                for task in tasks
                for store in (bench.manager, other)
            )
        )
        assert tally(codes) == {"": 60, "record_stale": 60}

    @pytest.mark.requirement("R-A6")
    async def test_rivals_that_insert_one_id_do_not_both_win(self, bench: Bench) -> None:
        other = await bench.world.open("manager-2", Role.MANAGER)
        tasks = [bench.samples.task() for _ in range(60)]
        codes = await asyncio.gather(
            *(outcome(store.commit(change(task))) for task in tasks for store in (bench.manager, other))
        )
        assert tally(codes) == {"": 60, "record_stale": 60}

    @pytest.mark.requirement("R-A6")
    async def test_one_record_many_times_in_flight_keeps_its_order(self, bench: Bench) -> None:
        steps = [bench.samples.task()]
        while len(steps) < 30:
            steps.append(replace(next_version(steps[-1]), reason=str(len(steps))))
        codes = await asyncio.gather(*(outcome(bench.manager.commit(change(step))) for step in steps))
        assert tally(codes) == {"": 30}
        assert await bench.manager.get(Task, steps[0].id) == steps[-1]

    @pytest.mark.requirement("R-A6")
    async def test_nothing_overtakes_a_change_of_the_same_record(self, bench: Bench) -> None:
        first, second = bench.samples.task(), bench.samples.task()
        steps = [
            change(first),
            change(next_version(first), second),
            change(next_version(second)),
            change(next_version(next_version(first)), next_version(next_version(second))),
        ]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(each)) for each in steps))
        assert codes == [""] * 4

    @pytest.mark.requirement("R-A6")
    async def test_whoever_opens_a_writer_fences_the_one_before(self, bench: Bench) -> None:
        task = bench.samples.task()
        successor = await bench.world.open("manager-1", Role.MANAGER)
        assert await outcome(bench.manager.commit(change(task))) == "writer_fenced"
        assert await outcome(bench.manager.claim(shards=range(64), limit=1, lease_seconds=9)) == "writer_fenced"
        await successor.commit(change(task))
        assert await outcome(bench.manager.commit(change(bench.samples.task()))) == "writer_fenced"
        (head,) = [head for head in await successor.heads() if head.writer == "manager-1"]
        assert (head.epoch, head.seq) == (2, 1)

    @pytest.mark.requirement("R-G1")
    @pytest.mark.parametrize("text", BAD_TEXTS)
    async def test_text_that_no_store_can_hold_fails_alone(self, bench: Bench, text: str) -> None:
        good = [bench.samples.task() for _ in range(20)]
        bad = [
            change(bench.samples.task(input={"text": text})),
            change(bench.samples.task(input={text: 1})),
            Change(events=(Event(kind=EventKind.DRAFT_JUDGED, subject=text, at_us=1),)),
            change(begins_in=(text,)),
            change(replace(bench.samples.task(), id="x")),
            moving("fleet|day|2026-11-22", metered=-1),
        ]
        changes = [*map(change, good[:10]), *bad, *map(change, good[10:])]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(each)) for each in changes))
        assert [code != "" for code in codes] == [False] * 10 + [True] * len(bad) + [False] * 10
        for each in bad:
            with pytest.raises(Invalid):
                await bench.manager.commit(each)
        assert await bench.manager.count(Task) == {"ready": 20}

    @pytest.mark.requirement("R-G1")
    async def test_numbers_beyond_a_row_and_malformed_ids_are_invalid(self, bench: Bench) -> None:
        task = bench.samples.task()
        for fields in (
            {"due_at_us": 2**63},
            {"priority": 2**31},
            {"version": 0},
            {"version": -1},
            {"id": "x"},
            {"due_at_us": 2**70},
            {"id": task.id.upper()},
        ):
            with pytest.raises(Invalid):
                await bench.put(replace(task, **fields))
        assert await bench.manager.count(Task) == {}

    @pytest.mark.requirement("R-G1")
    async def test_names_have_a_length(self, bench: Bench) -> None:
        long = "tool:" + "ü" * 500
        for each in (change(begins_in=(long,)), moving(long, metered=1), change(bench.samples.halt(long))):
            with pytest.raises(Invalid):
                await bench.office.commit(each)

    @pytest.mark.requirement("R-G1")
    async def test_an_escaped_backslash_is_not_a_nul(self, bench: Bench) -> None:
        odd = bench.samples.task(input={"text": "\\u0000", "\\": "\\\\u0000"})
        await bench.put(odd)
        assert await bench.manager.get(Task, odd.id) == odd

    @pytest.mark.requirement("R-G1")
    async def test_lists_match_every_filter_in_order_of_ids(self, bench: Bench) -> None:
        first, second = bench.samples.campaign(), bench.samples.campaign()
        states = (TaskState.READY, TaskState.WAITING)
        tasks = [
            bench.samples.task(campaign.id, state=state, due_at_us=due)
            for campaign in (first, second)
            for state in states
            for due in (10, 20, 30)
        ]
        await asyncio.gather(*(bench.put(task) for task in reversed(tasks)))
        listed = bench.manager.list
        assert await listed(Task) == tuple(tasks)
        assert await listed(Task, scope=second.id) == tuple(tasks[6:])
        assert await listed(Task, states=("waiting",), scope=first.id) == tuple(tasks[3:6])
        assert await listed(Task, states=("waiting", "ready"), due_before_us=20) == tuple(tasks[::3])
        assert await listed(Task, shards=[first.shard]) == tuple(task for task in tasks if task.shard == first.shard)
        assert await listed(Task, shards=[]) == ()
        assert await listed(Task, states=("done",)) == ()
        assert await listed(Task, after=tasks[4].id, limit=3) == tuple(tasks[5:8])
        assert await listed(Campaign) == ()
        assert await bench.manager.count(Task) == {"ready": 6, "waiting": 6}

    @pytest.mark.requirement("R-G1")
    async def test_a_list_is_never_longer_than_its_limit(self, bench: Bench) -> None:
        inputs = [bench.samples.input() for _ in range(1_005)]
        await asyncio.gather(*(bench.put(each) for each in inputs))
        page = await bench.manager.list(Input, limit=5_000)
        assert page == tuple(inputs[:1_000])
        assert await bench.manager.list(Input, after=page[-1].id) == tuple(inputs[1_000:])

    @pytest.mark.requirement("R-G1")
    async def test_many_are_those_that_exist_in_order_of_ids(self, bench: Bench) -> None:
        tasks = [bench.samples.task() for _ in range(3)]
        await bench.put(*tasks)
        wanted = [tasks[2].id, bench.samples.id(), tasks[0].id, tasks[0].id]
        assert await bench.manager.get_many(Task, wanted) == (tasks[0], tasks[2])
        assert await bench.manager.get_many(Task, []) == ()

    @pytest.mark.requirement("R-G1")
    async def test_every_kind_can_be_counted_and_listed(self, bench: Bench) -> None:
        for kind in KINDS.values():
            assert sum((await bench.office.count(kind)).values()) == len(await bench.office.list(kind))
        assert await bench.office.count(Agent) == {}

    @pytest.mark.requirement("R-A6")
    async def test_what_one_store_committed_every_other_reads(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        assert await bench.effects.get(Task, task.id) == task
        await bench.put(task.after(TaskCommand.DROP))
        assert (await bench.office.get(Task, task.id)).state == "dropped"
