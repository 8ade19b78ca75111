"""One role, one process: a manager, a worker and Valkey are killed in mid-run. Nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera import bootstrap
from chimera.adapters.system.clock import SystemIds
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.host import StreamHost
from chimera.assembly.stages import intake_of
from chimera.bench import books
from chimera.cli.at_work import CALLED, VAULT
from chimera.cli.network_process import NetworkProcess
from chimera.cli.rehearsing import CAMPAIGN_BUDGET_MICROS, SOCIAL, handle_of
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.campaign import Goal
from chimera.domain.event import EventKind
from chimera.domain.grant import Grant, Performance
from chimera.domain.memory import Memory
from chimera.domain.task import Task
from chimera.domain.work import GATEWAY_AWAY, Assignment, Result
from chimera.governance import audit
from chimera.ports.store import LIST_MAX, every
from chimera.processes.channels import channel
from chimera.rehearsal.scenario import DEMO
from chimera.settings import Settings
from tests import fleet

AGENTS = 4
READY_SECONDS_MAX = 180
GOALS_MAX = 6


class Roles:
    """The processes of one installation, each with its words in a file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *words: str, inside: Sequence[str] = (), **more: str) -> None:
        """A role, behind the words of whatever it runs inside of, under these settings beside the usual ones."""
        usual = {"CHIMERA_MANAGER_SLOTS": "4", "CHIMERA_WORKERS": "32", "CHIMERA_GATEWAY_ADDRESS": "127.0.0.1:8499",
                 "CHIMERA_WORKER_NAME": name}  # fmt: skip
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*inside, *fleet.words(*words)], env=fleet.environment(self.home, **{**usual, **more}), stdout=log,
                stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def log(self, name: str) -> Path:
        return self.home.with_name(f"{name}.log")

    def until_ready(self, name: str, word: bytes = b"ready") -> None:
        """Until it says so. One that has ended instead shows its words."""

        def is_ready() -> bool:
            said = self.log(name).read_bytes()
            assert self._running[name].poll() is None, f"{name} has ended:\n{said.decode()[-2_000:]}"
            return word in said

        fleet.until(is_ready, seconds_max=READY_SECONDS_MAX, what=f"{name} is ready")

    def kill(self, name: str) -> None:
        killed = self._running.pop(name)
        killed.kill()
        killed.wait()

    def stop(self, name: str) -> None:
        """In order."""
        stopped = self._running.pop(name)
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(timeout=60) == 0

    @contextmanager
    def standing_still(self, name: str) -> Generator[None]:
        """As if its host were cut off from everything, while the block runs."""
        self._running[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._running[name].send_signal(signal.SIGCONT)

    def end(self) -> None:
        for name in reversed(self._running):
            self._running[name].send_signal(signal.SIGTERM)
        for running in self._running.values():
            try:
                running.wait(timeout=60)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


@pytest.fixture
def roles(home: Path) -> Iterator[Roles]:
    with ExitStack() as stack:
        made = Roles(home)
        stack.callback(made.end)
        made.start("office", "office", "--agents", str(AGENTS), "--posts", "3")
        made.until_ready("office")
        yield made


def settings_of(home: Path) -> Settings:
    return Settings(home=str(home))


def looked(home: Path) -> tuple[Counter[str], Counter[str]]:
    """How many tasks there are by state, and how many events by kind."""

    async def look() -> tuple[Counter[str], Counter[str]]:
        async with bootstrap.running_or_own_database(settings_of(home)) as found:
            reads = await found.reads()
            try:
                kinds: Counter[str] = Counter()
                for head in await reads.heads():
                    after = 0
                    while page := await reads.links(head.writer, after_seq=after):
                        kinds.update(msgspec.json.decode(link.body)["kind"] for link in page)
                        after = page[-1].seq
                return Counter(await reads.count(Task)), kinds
            finally:
                await reads.close()

    return asyncio.run(look())


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.requirement("R-A2", "R-A4", "R-A7")
def test_killed_processes_lose_nothing_and_double_nothing(home: Path, roles: Roles) -> None:
    roles.start("gateway", "gateway", "workers")
    roles.start("effects", "effects")
    for name in ("worker-1", "worker-2"):
        roles.start(name, "worker")
    roles.start("manager-a", "manager")
    roles.start("manager-b", "manager")
    for name, word in (("gateway", b"8499"), ("effects", b"ready"), ("worker-1", b"ready"), ("manager-a", b"ready")):
        roles.until_ready(name, word)
    roles.until_ready("manager-b")
    published = EventKind.EFFECT_FINISHED
    fleet.until(lambda: looked(home)[1][published] >= 3, seconds_max=120, what="something was published")
    # The studio is the gateway's, the bytes are effects': managers believe its word, and no worker has either.
    fleet.until(lambda: asyncio.run(pictures_of(home))[0] >= 1, seconds_max=120, what="a picture went out")
    assert asyncio.run(pictures_of(home))[1] == []
    roles.kill("worker-1")
    roles.kill("manager-a")
    valkey = int((home / "valkey" / "valkey.pid").read_text())
    os.kill(valkey, signal.SIGKILL)
    before = looked(home)[1][published]
    fleet.until(lambda: looked(home)[1][published] >= before + 10, seconds_max=180, what="it goes on")
    roles.kill("effects")
    roles.start("effects", "effects")
    before = looked(home)[1][published]
    fleet.until(lambda: looked(home)[1][published] > before, seconds_max=180, what="it goes on with other effects")
    for name in ("manager-b", "worker-2", "effects"):
        roles.kill(name)
    time.sleep(1)
    asyncio.run(require_whole(home))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A2", "R-A7")
def test_managers_that_work_themselves_need_no_worker_and_no_gateway(home: Path, roles: Roles) -> None:
    """And of two, one may be killed: the other takes over its slots and what it had in work."""
    roles.start("effects", "effects")
    for name in ("manager-a", "manager-b"):
        roles.start(name, "manager", "--own-workers")
        roles.until_ready(name)
    published = EventKind.EFFECT_FINISHED
    fleet.until(lambda: looked(home)[1][published] >= 2, seconds_max=120, what="something was published")
    roles.kill("manager-a")
    before = looked(home)[1][published]
    fleet.until(lambda: looked(home)[1][published] >= before + 5, seconds_max=180, what="it goes on")
    require_memory(home)
    for name in ("manager-b", "effects"):
        roles.kill(name)
    asyncio.run(require_whole(home))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A7")
def test_worker_processes_are_given_what_is_remembered(home: Path, roles: Roles) -> None:
    """The office remembers, a manager recalls, and it goes over Streams to a worker that has no database."""
    with_one_worker(roles)
    require_memory(home)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A2", "R-A7")
def test_a_gateway_that_is_away_for_35_seconds_gives_up_no_task(home: Path, roles: Roles) -> None:
    with_one_worker(roles)
    published = EventKind.EFFECT_FINISHED
    fleet.until(lambda: looked(home)[1][published] >= 2, seconds_max=120, what="something was published")
    roles.kill("gateway")
    since = time.monotonic()
    fleet.until(lambda: time.monotonic() > since + 35, seconds_max=60, what="35 s have passed")
    roles.start("gateway", "gateway", "workers")
    before = looked(home)[1][published]
    fleet.until(lambda: looked(home)[1][published] >= before + 5, seconds_max=120, what="it goes on")
    assert asyncio.run(given_up(home)) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A2", "R-A7")
def test_a_gateway_that_hangs_is_said_once_and_work_goes_on_when_it_answers_again(home: Path, roles: Roles) -> None:
    """Stopped, its kernel still takes connections and bytes: nothing breaks, and nothing comes."""
    with_one_worker(roles)
    published = EventKind.EFFECT_FINISHED
    fleet.until(lambda: looked(home)[1][published] >= 2, seconds_max=120, what="something was published")
    # What a manager hears of workers is on record five seconds later.
    fleet.until(lambda: all(checked(home).values()), seconds_max=60, what="everybody is seen")
    log, hung = roles.log("worker-1"), b"the gateway does not answer"
    with roles.standing_still("gateway"):
        fleet.until(lambda: hung in log.read_bytes(), seconds_max=30, what="the worker says so")
        held_back = EventKind.WORK_HELD_BACK
        fleet.until(lambda: looked(home)[1][held_back] >= 1, seconds_max=30, what="it is on record")
        since = time.monotonic()
        fleet.until(lambda: time.monotonic() > since + 10, seconds_max=30, what="some more tries were made")
        assert log.read_bytes().count(hung) == 1
        well = ("office", "managers", "workers", "effects", "vault")
        assert checked(home) == {**dict.fromkeys(well, True), "gateway": False}
    before = looked(home)[1][published]
    fleet.until(lambda: looked(home)[1][published] >= before + 5, seconds_max=120, what="it goes on")
    assert log.read_bytes().count(b"the gateway answers again") == 1
    assert asyncio.run(given_up(home)) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A2", "R-A7")
def test_a_stolen_worker_that_says_the_gateway_is_away_keeps_nobody_from_working(home: Path, roles: Roles) -> None:
    """It has a worker's user of Valkey, says that it has room for everything, and gives everything back at once."""
    with_one_worker(roles)
    published = EventKind.EFFECT_FINISHED
    fleet.until(lambda: looked(home)[1][published] >= 2, seconds_max=120, what="something was published")
    before = looked(home)[1][published]
    lies = asyncio.run(stolen(home, until=lambda: looked(home)[1][published] >= before + 30))
    assert lies >= 2, "it was given something"
    assert looked(home)[1][EventKind.WORK_HELD_BACK] == 0
    assert asyncio.run(given_up(home)) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A2", "R-L2")
def test_what_was_stopped_in_order_is_missed_while_others_need_it(home: Path, roles: Roles) -> None:
    """A gateway, the only worker, the vault: each by its name, in words that say whether it was told to end."""
    with_one_worker(roles)
    fleet.until(lambda: all(checked(home).values()), seconds_max=60, what="everybody is seen")
    roles.stop("gateway")
    roles.stop("worker-1")
    fleet.until(lambda: not checked(home)["workers"], seconds_max=60, what="the worker is missed")
    found = {one["name"]: one["found"] for one in doctor(home)}
    for name in ("gateway", "workers"):
        assert "was stopped in order" in found[name], found
    assert checked(home) == {"office": True, "managers": True, "workers": False, "effects": True, "gateway": False,
                             "vault": True}  # fmt: skip
    vault = fleet.processes_of(home)["vault"]
    os.kill(vault, signal.SIGSTOP)
    try:
        assert not checked(home)["vault"]
    finally:
        os.kill(vault, signal.SIGCONT)


def doctor(home: Path) -> list[dict[str, Any]]:
    """What `chimera doctor` looks at in this house."""
    looked_at = fleet.chimera(home, "doctor", "--json", CHIMERA_MANAGER_SLOTS="4",
                              CHIMERA_GATEWAY_ADDRESS="127.0.0.1:8499")  # fmt: skip
    assert looked_at.code == (0 if looked_at.object["ok"] else 1), looked_at
    return looked_at.object["checks"]


def checked(home: Path) -> dict[str, bool]:
    """What it says of the parts of this house."""
    return {one["name"]: one["ok"] for one in doctor(home) if one["name"] in (*CALLED.values(), VAULT)}


async def stolen(home: Path, *, until: Callable[[], bool]) -> int:
    """Work as a worker that was taken over, until that is so; how often it lied."""
    told: list[str] = []

    async def lie(assignment: Assignment) -> Result:
        told.append(assignment.task.id)
        why = f"gateway: the gateway does not answer {GATEWAY_AWAY}"
        return Result(task_id=assignment.task.id, task_version=assignment.task.version, failure=why)

    async with channel(settings_of(home), "worker-2") as valkey:
        host = StreamHost(valkey, ValkeyBus(valkey), name="worker-2", incarnation=SystemIds().new(), capacity=10**9,
                          work_with=lambda _: lie)  # fmt: skip
        lying = asyncio.create_task(host.run())
        try:
            async with asyncio.timeout(200):
                while not await asyncio.to_thread(until):
                    assert not lying.done(), "it could not even begin"
        finally:
            lying.cancel()
            await asyncio.gather(lying, return_exceptions=True)
    return len(told)


async def given_up(home: Path) -> list[str]:
    """Why tasks were given up for want of a gateway."""
    async with bootstrap.running_or_own_database(settings_of(home)) as found:
        reads = await found.reads()
        try:
            failed = [one.reason async for one in every(reads, Task, states=("failed",))]
        finally:
            await reads.close()
    return [reason for reason in failed if "gateway" in reason or "models" in reason]


def with_one_worker(roles: Roles) -> None:
    """Gateway, effects, one worker and one manager, ready."""
    roles.start("gateway", "gateway", "workers")
    roles.start("effects", "effects")
    roles.start("worker-1", "worker")
    roles.start("manager-a", "manager")
    for name, word in (("gateway", b"8499"), ("worker-1", b"ready"), ("manager-a", b"ready")):
        roles.until_ready(name, word)


def require_memory(home: Path) -> None:
    """The office remembers what was done, and managers give it to later tasks of the same agents.

    A task is given what is like its topic, and an agent has written about few of them by then: it is asked for more
    until it writes about one of those.
    """
    fleet.until(lambda: asyncio.run(remembered(home))[0] >= AGENTS, seconds_max=60, what="something is remembered")
    for _ in range(GOALS_MAX):
        asyncio.run(give_goals(home))
        with contextlib.suppress(AssertionError):
            fleet.until(lambda: asyncio.run(remembered(home))[1] >= 1, seconds_max=15, what="it is recalled")
            return
    raise AssertionError("nothing of what is remembered was given to any task")


async def give_goals(home: Path) -> None:
    """To agents that have something to remember by now."""
    async with bootstrap.running_or_own_database(settings_of(home)) as found:
        store = await found.free_store("cli")
        try:
            intake = intake_of(store, found.consents(store))
            for agent in await store.list(Agent):
                goal = Goal(text="Keep players company once more.", agent=agent.id, platform=SOCIAL,
                            budget_micros=CAMPAIGN_BUDGET_MICROS, posts=3)  # fmt: skip
                await intake.open_campaign(goal, by="otto")
        finally:
            await store.close()


async def remembered(home: Path) -> tuple[int, int]:
    """How many memories there are, and how many attempts were given any."""
    async with bootstrap.running_or_own_database(settings_of(home)) as found:
        reads = await found.reads()
        try:
            kept = [one async for one in every(reads, Memory)]
            given = [one async for one in every(reads, Attempt) if one.assignment.memories]
        finally:
            await reads.close()
    return len(kept), len(given)


async def require_whole(home: Path) -> None:
    """The network's books against ours, every chain link by link."""
    accounts = tuple(handle_of(number) for number in range(AGENTS))
    network = await NetworkProcess.join(home / "rehearsal", DEMO, accounts)
    async with bootstrap.running_or_own_database(settings_of(home)) as found:
        reads = await found.reads()
        try:
            report = await network.end()
            counts = await books.compare(reads, report.records)
            history = await audit.verify_history(reads)
        finally:
            await reads.close()
    assert (counts.lost, counts.doubled) == (0, 0)
    assert counts.overspent == 0
    assert history.verified, history.flaws[:3]


async def pictures_of(home: Path) -> tuple[int, list[str]]:
    """How many posts went out with a picture, and what tasks were given up for want of a tool."""
    async with bootstrap.running_or_own_database(settings_of(home)) as found:
        reads = await found.reads()
        try:
            out = [one async for one in every(reads, Performance, states=("finished",))]
            grants = await reads.get_many(Grant, [one.id for one in out][:LIST_MAX])
            dead = [
                one.reason async for one in every(reads, Task, states=("failed",)) if "there is no tool" in one.reason
            ]
        finally:
            await reads.close()
    return sum("media" in grant.action.arguments for grant in grants), dead
