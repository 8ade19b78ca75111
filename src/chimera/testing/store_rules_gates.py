"""The rules of `ports.store` about what may begin: halts, performances, and which role may write what."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.campaign import Campaign, CampaignCommand
from chimera.domain.durations import HOUR_US
from chimera.domain.errors import Refused
from chimera.domain.grant import Batch, Grant, Performance, PerformanceState, Seal, SealCommand
from chimera.domain.halt import Halt
from chimera.domain.kinds import KINDS
from chimera.domain.record import Record, next_version
from chimera.domain.roles import MAY_READ, MAY_WRITE, Role, may_write
from chimera.domain.task import Task
from chimera.testing.store_samples import change
from chimera.testing.store_world import Bench, outcome, tally

WRITING = (Role.OFFICE, Role.MANAGER, Role.EFFECTS)


class GateRules:
    """What a store refuses although record and version are right."""

    @pytest.mark.requirement("R-E5", "R-A1")
    async def test_nothing_begins_in_a_halted_scope(self, bench: Bench) -> None:
        halt = bench.samples.halt("platform:x")
        await bench.office.commit(change(halt))
        assert await bench.manager.halted() == {"platform:x"}
        task = bench.samples.task()
        for store in (bench.manager, bench.office, bench.effects):
            refused = outcome(store.commit(change(begins_in=("agent:a", "platform:x"))))
            assert await refused == "halted"
        assert await outcome(bench.manager.commit(change(task, begins_in=("platform:x",)))) == "halted"
        assert await bench.manager.find(Task, task.id) is None
        await bench.manager.commit(change(task, begins_in=("platform:y", "fleet")))
        await bench.manager.commit(change(next_version(task)))

    @pytest.mark.requirement("R-E5")
    async def test_a_lifted_halt_halts_no_more_unless_another_stands(self, bench: Bench) -> None:
        first, second = bench.samples.halt("fleet"), bench.samples.halt("fleet")
        await bench.office.commit(change(first, second))
        for halt, code in ((first, "halted"), (second, "")):
            await bench.office.commit(change(halt.lifted(by="Grace")))
            assert await outcome(bench.manager.commit(change(begins_in=("fleet",)))) == code
        assert await bench.manager.halted() == frozenset()
        assert await bench.office.count(Halt) == {"lifted": 2}

    @pytest.mark.requirement("R-E5")
    async def test_what_a_writer_sends_after_its_halt_is_refused_and_nothing_before(self, bench: Bench) -> None:
        task = bench.samples.task()
        steps = [
            change(task, begins_in=("fleet",)),
            change(next_version(task), begins_in=("fleet",)),
            change(bench.samples.halt("fleet")),
            change(begins_in=("fleet",)),
        ]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(each)) for each in steps))
        assert codes == ["", "", "", "halted"]

    @pytest.mark.requirement("R-A1")
    async def test_a_dossier_holds_what_stands_about_a_grant(self, bench: Bench) -> None:
        agent, halt = bench.samples.agent(), bench.samples.halt("platform:x")
        grant = bench.samples.grant(expires_at_us=await bench.effects.now_us() + HOUR_US)
        grant = replace(grant, terms=replace(grant.terms, agent_id=agent.id))
        batch = bench.samples.batch()
        await bench.office.commit(change(agent))
        await bench.office.commit(change(halt))
        await bench.put(grant)
        bare = await bench.effects.dossier(grant.id)
        assert (bare.grant, bare.seal, bare.batch, bare.agent) == (grant, None, None, agent)
        seal = bench.samples.seal(grant, batch)
        await bench.put(batch, seal)
        full = await bench.effects.dossier(grant.id)
        assert (full.grant, full.seal, full.batch, full.agent) == (grant, seal, batch, agent)
        assert full.halted == {"platform:x"}
        assert abs(full.now_us - await bench.effects.now_us()) < HOUR_US
        assert await outcome(bench.effects.dossier(batch.id)) == "record_missing"

    @pytest.mark.requirement("R-A1", "R-A6")
    async def test_every_dossier_of_one_look_knows_what_is_halted(self, bench: Bench) -> None:
        grants = [bench.samples.grant(expires_at_us=await bench.effects.now_us() + HOUR_US) for _ in range(5)]
        for grant in grants:
            await bench.put(grant)
        scopes = {f"agent:{number}" for number in range(20)}
        for scope in scopes:
            await bench.office.commit(change(bench.samples.halt(scope)))
        found = await asyncio.gather(*(bench.effects.dossier(grant.id) for grant in grants))
        assert [(one.grant, one.halted) for one in found] == [(grant, scopes) for grant in grants]

    @pytest.mark.requirement("R-A1")
    async def test_versions_say_who_has_changed(self, bench: Bench) -> None:
        first, second = bench.samples.agent(), bench.samples.agent()
        await bench.office.commit(change(first, second))
        await bench.office.commit(change(next_version(second)))
        assert await bench.manager.versions(type(first)) == {first.id: 1, second.id: 2}
        assert await bench.manager.versions(type(first), after=first.id) == {second.id: 2}

    @pytest.mark.requirement("R-A2")
    async def test_of_several_scopes_all_at_once(self, bench: Bench) -> None:
        tasks = [bench.samples.task() for _ in range(3)]
        attempts = [bench.samples.attempt(task) for task in (*tasks, tasks[0])]
        await bench.manager.commit(change(*attempts))
        wanted = (tasks[1].id, tasks[0].id, tasks[0].id, bench.samples.id())
        found = await bench.manager.list_of(Attempt, wanted)
        assert found == tuple(sorted((attempts[0], attempts[1], attempts[3]), key=lambda one: one.id))
        assert await bench.manager.list_of(Attempt, ()) == ()

    @pytest.mark.requirement("R-A2")
    async def test_who_has_changed_since_a_mark(self, bench: Bench) -> None:
        first, second, third = (bench.samples.agent() for _ in range(3))
        await bench.office.commit(change(first, second))
        begun = await bench.manager.changed(Agent)
        assert begun.versions == {}
        await bench.office.commit(change(next_version(second), third))
        found = await bench.manager.changed(Agent, since=begun.mark)
        everybody = {first.id: 1, second.id: 2, third.id: 1}
        assert {second.id: 2, third.id: 1}.items() <= found.versions.items() <= everybody.items()
        assert found.mark >= begun.mark
        assert (await bench.manager.changed(Agent, since=0)).versions == everybody

    @pytest.mark.requirement("R-A2")
    async def test_which_campaigns_were_opened_paused_and_ended_since_a_mark(self, bench: Bench) -> None:
        planned, ended = (bench.samples.campaign().adopt() for _ in range(2))
        planned, ended = replace(planned, version=1), replace(ended, version=1)
        await bench.office.commit(change(planned, ended))
        begun = await bench.manager.changed(Campaign)
        fresh = bench.samples.campaign()
        await bench.office.commit(change(ended.after(CampaignCommand.CANCEL), fresh))
        found = await bench.manager.changed(Campaign, since=begun.mark)
        everything = {planned.id: 1, ended.id: 2, fresh.id: 1}
        assert {ended.id: 2, fresh.id: 1}.items() <= found.versions.items() <= everything.items()
        later = await bench.manager.changed(Campaign)
        await bench.manager.commit(change(planned.adopt()))
        assert planned.id not in (await bench.manager.changed(Campaign, since=later.mark)).versions, "one plan more"

    @pytest.mark.requirement("R-E5")
    async def test_odd_names_are_names(self, bench: Bench) -> None:
        for name in (
            'tool:"quoted"',
            "tool:back\\slash",
            "tool:a,b{c}",
            "tool:NULL",
            "tool: ",
            "tool:größer 🎉",
            "NULL",
        ):
            halt = bench.samples.halt(name)
            await bench.office.commit(change(halt))
            assert await bench.manager.halted() == {name}
            assert await outcome(bench.manager.commit(change(begins_in=(name,)))) == "halted"
            assert await bench.manager.list(Halt, scope=name) == (halt,)
            await bench.office.commit(change(halt.lifted(by="Grace")))
            await bench.move(f"agent:{name}|day|1", hold=1)
            assert await bench.window(f"agent:{name}|day|1") is not None

    @pytest.mark.requirement("R-E5")
    async def test_after_a_halt_is_committed_nothing_more_begins(self, bench: Bench) -> None:
        stores = [await bench.world.open(f"manager-{number}", Role.MANAGER) for number in range(2, 5)]
        codes: list[str] = []
        under_way = asyncio.Event()

        async def begin_until_halted(number: int) -> None:
            store, code = stores[number % len(stores)], ""
            while not code:
                code = await outcome(store.commit(change(bench.samples.task(), begins_in=("fleet",))))
                codes.append(code)
                if len(codes) >= 200:
                    under_way.set()
                await asyncio.sleep(0)

        runs = [asyncio.create_task(begin_until_halted(number)) for number in range(24)]
        await under_way.wait()
        await bench.office.commit(change(bench.samples.halt("fleet")))
        begun = await bench.office.count(Task)
        await asyncio.gather(*runs)
        assert await bench.office.count(Task) == begun
        assert tally(codes) == {"": begun["ready"], "halted": 24}

    @pytest.mark.requirement("R-N1", "R-A4")
    async def test_a_valid_grant_is_performed_once(self, bench: Bench) -> None:
        grant, seal = await _sealed(bench)
        performance = bench.samples.performance(grant)
        await bench.effects.commit(change(seal.after(SealCommand.TAKE), performance))
        assert (await bench.effects.get(Seal, grant.id)).state == "taken"
        await bench.effects.commit(
            change(replace(next_version(performance), state=PerformanceState.FINISHED, receipt={"id": "7"}))
        )
        again = replace(seal, version=3, state=seal.after(SealCommand.TAKE).state)
        for records in ((performance,), (again, performance)):
            assert await outcome(bench.effects.commit(change(*records))) == "record_stale"
        assert await bench.effects.count(Performance) == {"finished": 1}

    @pytest.mark.requirement("R-N1", "R-A4")
    async def test_of_many_performances_of_one_grant_one_begins(self, bench: Bench) -> None:
        grant, seal = await _sealed(bench)
        stores = [await bench.world.open(f"effects-{number}", Role.EFFECTS) for number in range(2, 6)]
        take = change(seal.after(SealCommand.TAKE), bench.samples.performance(grant))
        codes = await asyncio.gather(*(outcome(stores[number % 4].commit(take)) for number in range(32)))
        assert tally(codes) == {"": 1, "record_stale": 31}

    @pytest.mark.requirement("R-N1")
    async def test_without_a_valid_grant_nothing_is_performed(self, bench: Bench) -> None:
        now_us = await bench.manager.now_us()
        samples, far_us = bench.samples, now_us + HOUR_US
        batch = samples.batch()
        await bench.put(batch)
        unsealed = samples.grant(expires_at_us=far_us)
        await bench.put(unsealed)
        invented = samples.grant(expires_at_us=far_us)
        expired, expired_seal = await _sealed(bench, expires_at_us=now_us - 1)
        orphan = samples.grant(expires_at_us=far_us)
        orphan_seal = samples.seal(orphan, samples.batch())
        await bench.manager.commit(change(orphan, orphan_seal))
        ungranted = samples.grant(expires_at_us=far_us)
        ungranted_seal = samples.seal(ungranted, batch)
        await bench.manager.commit(change(ungranted_seal))
        valid, valid_seal = await _sealed(bench)
        other, other_seal = await _sealed(bench)
        attempts: dict[str, tuple[Record, ...]] = {
            "no seal": (samples.performance(unsealed),),
            "no grant": (samples.performance(invented),),
            "expired": (expired_seal.after(SealCommand.TAKE), samples.performance(expired)),
            "no batch": (orphan_seal.after(SealCommand.TAKE), samples.performance(orphan)),
            "a seal without its grant": (ungranted_seal.after(SealCommand.TAKE), samples.performance(ungranted)),
            "the seal is not taken": (samples.performance(valid),),
            "another seal is taken": (other_seal.after(SealCommand.TAKE), samples.performance(valid)),
            "the seal is let expire": (valid_seal.after(SealCommand.EXPIRE), samples.performance(valid)),
        }
        for why, records in attempts.items():
            assert await outcome(bench.effects.commit(change(*records))) == "grant_not_valid", why
        assert await bench.effects.count(Performance) == {}
        await bench.effects.commit(change(other_seal.after(SealCommand.TAKE), samples.performance(other)))

    @pytest.mark.requirement("R-N1")
    @pytest.mark.parametrize("command", [SealCommand.EXPIRE, SealCommand.WITHDRAW])
    async def test_a_seal_that_is_not_ready_cannot_be_taken(self, bench: Bench, command: SealCommand) -> None:
        grant, seal = await _sealed(bench)
        closed = seal.after(command)
        await bench.put(closed)
        taken = replace(next_version(closed), state=seal.after(SealCommand.TAKE).state)
        assert await outcome(bench.effects.commit(change(taken, bench.samples.performance(grant)))) == "grant_not_valid"

    @pytest.mark.requirement("R-N1")
    async def test_a_grant_expires_by_the_clock_of_the_store(self, bench: Bench) -> None:
        grant, seal = await _sealed(bench, expires_at_us=await bench.manager.now_us() + 300_000)
        await bench.world.pass_time(0.4)
        records = (seal.after(SealCommand.TAKE), bench.samples.performance(grant))
        assert await outcome(bench.effects.commit(change(*records))) == "grant_not_valid"

    @pytest.mark.requirement("R-D8")
    @pytest.mark.parametrize("role", WRITING)
    async def test_a_role_writes_what_is_listed_and_nothing_else(self, bench: Bench, role: Role) -> None:
        for kind, record in bench.samples.one_of_each().items():
            permitted = may_write(role, kind, version=1, state=record.state_name)
            code = await _write(bench, role, record)
            if role is Role.EFFECTS and kind == "performance":
                assert code == "grant_not_valid"
            else:
                assert code == ("" if permitted else "write_not_permitted"), kind
            permitted = may_write(role, kind, version=2, state=record.state_name)
            code = await _write(bench, role, next_version(record))
            assert (code == "write_not_permitted") is not permitted, kind

    @pytest.mark.requirement("R-D8", "R-F2")
    async def test_roles_end_at_states_too(self, bench: Bench) -> None:
        """A manager cannot answer for a person nor take a seal; effects cannot bring one back; nobody edits a grant."""
        grant, seal = await _sealed(bench)
        review, batch = bench.samples.review(), await bench.manager.list(Batch)
        await bench.put(review)
        for state in ("approved", "edited", "rejected", "asked"):
            assert await _write(
                bench, Role.MANAGER, replace(next_version(review), state=type(review.state)(state))
            ) == ("write_not_permitted")
        assert await _write(bench, Role.MANAGER, seal.after(SealCommand.TAKE)) == "write_not_permitted"
        assert await _write(bench, Role.EFFECTS, next_version(seal)) == "write_not_permitted"
        for role in WRITING:
            assert await _write(bench, role, next_version(grant)) == "write_not_permitted"
            assert await _write(bench, role, next_version(batch[0])) == "write_not_permitted"
        assert await _write(bench, Role.MANAGER, bench.samples.halt("fleet").lifted(by="me")) == "write_not_permitted"
        assert await bench.manager.get(Grant, grant.id) == grant

    @pytest.mark.requirement("R-D8")
    async def test_one_forbidden_record_refuses_the_whole_change(self, bench: Bench) -> None:
        task, grant = bench.samples.task(), bench.samples.grant(expires_at_us=HOUR_US)
        assert await _write(bench, Role.MANAGER, task, bench.samples.agent(), grant) == "write_not_permitted"
        assert await bench.manager.find(Task, task.id) is None

    @pytest.mark.requirement("R-D8")
    @pytest.mark.parametrize("role", WRITING)
    async def test_a_role_reads_what_is_listed_and_nothing_else(self, bench: Bench, role: Role) -> None:
        store = bench.store_of(role)
        for name, kind in KINDS.items():
            expected = "" if name in MAY_READ[role] else "read_not_permitted"
            assert await outcome(store.find(kind, ids.build(at_us=0, entropy=0))) == expected, name
            assert await outcome(store.list(kind)) == expected, name
            assert await outcome(store.count(kind)) == expected, name

    @pytest.mark.requirement("R-D8")
    async def test_a_writer_belongs_to_the_role_that_opened_it(self, bench: Bench) -> None:
        with pytest.raises(Refused, match="write_not_permitted"):
            await bench.world.open("manager-1", Role.EFFECTS)
        await bench.put(bench.samples.task())

    @pytest.mark.requirement("R-D8")
    @pytest.mark.parametrize("role", [Role.MAINTENANCE, Role.AUDITOR])
    async def test_roles_that_do_not_write_cannot_open_a_writer(self, bench: Bench, role: Role) -> None:
        assert not MAY_WRITE[role]
        with pytest.raises(Refused, match="write_not_permitted"):
            await bench.world.open("writer", role)

    @pytest.mark.requirement("R-D8")
    @pytest.mark.parametrize("role", [Role.OFFICE, Role.EFFECTS])
    async def test_only_managers_lease(self, bench: Bench, role: Role) -> None:
        assert await outcome(bench.store_of(role).claim(shards=[1], limit=1, lease_seconds=1)) == "write_not_permitted"


async def _sealed(bench: Bench, *, expires_at_us: int | None = None) -> tuple[Grant, Seal]:
    expires_at_us = expires_at_us or await bench.manager.now_us() + HOUR_US
    grant, batch = bench.samples.grant(expires_at_us=expires_at_us), bench.samples.batch()
    seal = bench.samples.seal(grant, batch)
    await bench.put(grant)
    await bench.manager.commit(change(batch, seal))
    return grant, seal


async def _write(bench: Bench, role: Role, *records: Record) -> str:
    return await outcome(bench.store_of(role).commit(change(*records)))
