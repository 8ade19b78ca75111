"""The rules of `ports.store` about leases: who gets a task, when, and that nobody else gets it too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.durations import HOUR_US
from chimera.domain.record import SHARDS, next_version
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.ports.store import NONE_LIMITED, Store
from chimera.testing.store_samples import change
from chimera.testing.store_world import Bench, outcome

EVERY_SHARD = range(SHARDS)
LEASE_SECONDS = 60.0


async def claim(
    store: Store, *, limit: int = 100, shards: Sequence[int] = EVERY_SHARD, seconds: float = LEASE_SECONDS,
    most: Mapping[str, int] = NONE_LIMITED,
) -> tuple[Task, ...]:  # fmt: skip
    """Claim with everything that a test does not care about filled in."""
    return await store.claim(shards=shards, limit=limit, lease_seconds=seconds, most=most)


def of_type(name: str, task: Task) -> Task:
    """The task as one of this type."""
    return replace(task, spec=replace(task.spec, name=name))


class ClaimRules:
    """A lease is the task's next version."""

    @pytest.mark.requirement("R-A6")
    async def test_a_lease_is_the_next_version_and_ends(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        before_us = await bench.manager.now_us()
        (leased,) = await claim(bench.manager)
        after_us = await bench.manager.now_us()
        assert before_us + 60_000_000 <= leased.due_at_us <= after_us + 60_000_000
        assert leased == replace(next_version(task), state=TaskState.LEASED, due_at_us=leased.due_at_us, attempt=1)
        assert await bench.manager.get(Task, task.id) == leased
        assert await claim(bench.manager) == ()
        assert await bench.manager.count(Task) == {"leased": 1}

    @pytest.mark.requirement("R-A6")
    async def test_only_ready_tasks_that_are_due_are_leased(self, bench: Bench) -> None:
        now_us = await bench.manager.now_us()
        later = bench.samples.task(due_at_us=now_us + HOUR_US)
        others = [
            bench.samples.task(state=state) for state in TaskState if state not in (TaskState.READY, TaskState.LEASED)
        ]
        due = bench.samples.task(due_at_us=now_us)
        await bench.put(later, *others, due)
        assert [task.id for task in await claim(bench.manager)] == [due.id]

    @pytest.mark.requirement("R-A6", "R-A4")
    async def test_a_lease_that_ran_out_is_given_to_the_next(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task)
        (first,) = await claim(bench.manager, seconds=0.2)
        assert await claim(bench.manager) == ()
        await bench.world.pass_time(0.3)
        (second,) = await claim(bench.manager, seconds=0.2)
        assert (second.version, second.attempt, second.state) == (3, 1, TaskState.LEASED)
        assert (first.leases_lost, second.leases_lost) == (0, 1), "nothing came of the first: that was no try"
        stale = first.after(TaskCommand.ACCEPT)
        assert await outcome(bench.manager.commit(change(stale))) == "record_stale"
        done = second.after(TaskCommand.ACCEPT)
        await bench.put(done)
        assert await bench.manager.get(Task, task.id) == done
        assert (done.attempt, done.leases_lost) == (1, 1)

    @pytest.mark.requirement("R-A6", "R-A4")
    async def test_every_lease_of_a_leased_task_is_one_lost(self, bench: Bench) -> None:
        planned = bench.samples.task().leased_at_birth(await bench.manager.now_us())
        await bench.put(planned)
        for lost in (1, 2, 3):
            (leased,) = await claim(bench.manager, seconds=0.2)
            assert (leased.version, leased.attempt, leased.leases_lost) == (1 + lost, 1, lost)
            await bench.world.pass_time(0.3)
        back = leased.given_back(0)
        await bench.put(back)
        (again,) = await claim(bench.manager)
        assert (again.attempt, again.leases_lost) == (1, 3), "a lease that was given back was no try, and is not lost"

    @pytest.mark.requirement("R-A6")
    async def test_a_retried_task_counts_on(self, bench: Bench) -> None:
        await bench.put(bench.samples.task())
        for attempt in (1, 2, 3):
            (leased,) = await claim(bench.manager)
            assert leased.attempt == attempt
            await bench.put(replace(next_version(leased), state=TaskState.READY, due_at_us=0, revision=attempt))

    @pytest.mark.requirement("R-A6")
    async def test_best_rank_first_then_longest_due(self, bench: Bench) -> None:
        order = [(-5, 30), (1, 10), (1, 20), (1, 20), (7, 0)]
        tasks = [bench.samples.task(priority=priority, due_at_us=due) for priority, due in order]
        await bench.put(*reversed(tasks))
        first, second = await claim(bench.manager, limit=2), await claim(bench.manager)
        assert [task.id for task in (*first, *second)] == [task.id for task in tasks]

    @pytest.mark.requirement("R-A2")
    async def test_a_manager_gets_the_tasks_of_its_shards(self, bench: Bench) -> None:
        tasks = [bench.samples.task() for _ in range(40)]
        await asyncio.gather(*(bench.put(task) for task in tasks))
        shards = sorted({task.shard for task in tasks})
        mine = await claim(bench.manager, shards=shards[::2])
        assert {task.id for task in mine} == {task.id for task in tasks if task.shard in shards[::2]}
        assert await claim(bench.manager, shards=[]) == ()
        assert len(await claim(bench.manager, shards=[*shards, *shards])) == 40 - len(mine)

    @pytest.mark.requirement("R-A6", "R-A4")
    async def test_sixteen_claimers_lease_nothing_twice(self, bench: Bench) -> None:
        stores = [await bench.world.open(f"manager-{number}", Role.MANAGER) for number in range(2, 18)]
        tasks = [bench.samples.task() for _ in range(400)]
        await asyncio.gather(*(bench.put(task) for task in tasks))

        async def claim_until_dry(store: Store) -> list[str]:
            leased: list[str] = []
            while found := await claim(store, limit=9):
                leased += [task.id for task in found]
            return leased

        many = await asyncio.gather(*(claim_until_dry(store) for store in stores))
        # Claimers pass over what another has just locked, so some may go home early; a last one takes the rest.
        leased = [each for some in many for each in some] + await claim_until_dry(bench.manager)
        assert sorted(leased) == sorted(task.id for task in tasks)

    @pytest.mark.requirement("R-E5")
    async def test_nothing_is_leased_in_a_halted_scope(self, bench: Bench) -> None:
        tasks = [bench.samples.task() for _ in range(4)]
        await bench.put(*tasks)
        halted = (scopes.campaign(tasks[0].campaign_id), scopes.agent(tasks[1].agent_id), scopes.platform("x"))
        halts = [bench.samples.halt(scope) for scope in halted]
        await bench.office.commit(change(*halts))
        leased = await claim(bench.manager, limit=1)
        leased += await claim(bench.manager)
        assert [task.id for task in leased] == [tasks[2].id, tasks[3].id]
        fleet = bench.samples.halt("fleet")
        await bench.office.commit(change(fleet, *(halt.lifted(by="Grace") for halt in halts)))
        assert await claim(bench.manager) == ()
        await bench.office.commit(change(fleet.lifted(by="Grace")))
        assert {task.id for task in await claim(bench.manager)} == {tasks[0].id, tasks[1].id}

    @pytest.mark.requirement("R-A2", "R-A6")
    async def test_of_a_limited_type_only_so_many_are_leased_and_others_go_on(self, bench: Bench) -> None:
        slow = [of_type("slow.one", bench.samples.task(priority=priority)) for priority in (1, 2, 3, 4)]
        slower = [of_type("slow.two", bench.samples.task(priority=5)) for _ in range(2)]
        # What a stranger writes into a task says nothing about its type.
        free = [of_type("free", bench.samples.task(priority=9, input={"spec": ["slow.one", 1, ""]})) for _ in range(2)]
        await bench.put(*slow, *slower, *free)
        most = {"slow.one": 1, "slow.two": 0, "none.such": 3}
        leased = await claim(bench.manager, limit=2, most=most)
        assert [task.id for task in leased] == [slow[0].id, free[0].id], "the best of what may go, in its order"
        leased = await claim(bench.manager, most={**most, "slow.one": 0})
        assert [task.id for task in leased] == [free[1].id]
        assert await claim(bench.manager, most={"slow.one": 0, "slow.two": 0}) == ()
        leased = await claim(bench.manager, most={"slow.one": 2})
        assert [task.id for task in leased] == [slow[1].id, slow[2].id, *sorted(task.id for task in slower)]

    @pytest.mark.requirement("R-E5", "R-A2")
    async def test_a_halt_holds_among_limited_types_too(self, bench: Bench) -> None:
        first, second = (of_type("slow", bench.samples.task()) for _ in range(2))
        await bench.put(first, second)
        await bench.office.commit(change(bench.samples.halt(scopes.campaign(first.campaign_id))))
        assert [task.id for task in await claim(bench.manager, most={"slow": 5})] == [second.id]
        elsewhere = {shard for shard in EVERY_SHARD if shard != first.shard}
        assert await claim(bench.manager, shards=sorted(elsewhere), most={"slow": 5}) == ()

    @pytest.mark.requirement("R-A6")
    async def test_a_claim_and_a_commit_do_not_both_win(self, bench: Bench) -> None:
        tasks = [bench.samples.task() for _ in range(60)]
        await asyncio.gather(*(bench.put(task) for task in tasks))
        rival = await bench.world.open("manager-2", Role.MANAGER)
        dropped = asyncio.gather(*(outcome(rival.commit(change(task.after(TaskCommand.DROP)))) for task in tasks))
        leased = {task.id for _ in range(4) for task in await claim(bench.manager, limit=10)}
        codes = await dropped
        for task, code in zip(tasks, codes, strict=True):
            assert (code == "record_stale") == (task.id in leased)

    @pytest.mark.requirement("R-A6")
    async def test_a_leased_task_is_listed_as_it_is(self, bench: Bench) -> None:
        task = bench.samples.task()
        await bench.put(task, replace(next_version(task), revision=1))
        (leased,) = await claim(bench.manager)
        assert await bench.manager.list(Task, states=("leased",), due_before_us=leased.due_at_us + 1) == (leased,)
        assert await bench.manager.list(Task, due_before_us=leased.due_at_us) == ()
        assert (leased.version, leased.attempt, leased.revision) == (3, 1, 1)
