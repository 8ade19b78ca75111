"""Hosts in network namespaces of their own: workers and a manager are cut off for half a minute, and come back.

Valkey and the gateway are reached over the network, the gateway's line is encrypted; the database and the vault are on
the office's host, by their sockets. Needs root, and nothing outside.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chimera import bootstrap
from chimera.adapters.local.valkey_binary import find_binary
from chimera.adapters.valkey.slices import worker_rules
from chimera.domain.event import EventKind
from chimera.domain.task import Task
from chimera.processes.channels import ROLE_RULES
from tests import fleet
from tests.adapters.gateway.test_tls import certified
from tests.faults.test_processes import AGENTS, Roles, looked, require_whole, settings_of

HERE = "10.77.0.1"
VALKEY, GATEWAY = 6399, 8498
WORKERS = ("worker-1", "worker-2")
MANAGER = "manager-b"
CUT_OFF_SECONDS = 30
# What is said where nobody but a machine's owner may make one.
NOT_FOR_US = "Operation not permitted"
PUBLISHED = EventKind.EFFECT_FINISHED


def ip(*words: str) -> None:
    """One command of iproute2, which has to succeed."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=30)


class Hosts:
    """One namespace for each host that is not this one, with a cable to this one."""

    def __init__(self) -> None:
        self._made: list[tuple[str, ...]] = []

    def build(self) -> None:
        self._add(("addr", "add", f"{HERE}/32", "dev", "lo"), undo=("addr", "del", f"{HERE}/32", "dev", "lo"))
        for number, host in enumerate((*WORKERS, MANAGER), start=1):
            space, cable = self.space(host), self.cable(host)
            self._add(("netns", "add", space), undo=("netns", "del", space))
            # A namespace goes in its own time, and its end of the cable with it: ours stays until then.
            self._add(("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space),
                      undo=("link", "del", cable))  # fmt: skip
            ip("addr", "add", f"10.77.{number}.1/30", "dev", cable)
            ip("link", "set", cable, "up")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "addr", "add", f"10.77.{number}.2/30", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "route", "add", "default", "via", f"10.77.{number}.1")

    def space(self, host: str) -> str:
        return f"chimera-{os.getpid()}-{host}"

    def cable(self, host: str) -> str:
        return f"ch{os.getpid() % 100_000}{host[-2:]}"

    def inside(self, host: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.space(host))

    def cut_off(self, host: str) -> None:
        ip("link", "set", self.cable(host), "down")

    def bring_back(self, host: str) -> None:
        ip("link", "set", self.cable(host), "up")

    def end(self) -> None:
        for undo in reversed(self._made):
            subprocess.run(["ip", *undo], check=False, capture_output=True, timeout=30)

    def _add(self, words: tuple[str, ...], *, undo: tuple[str, ...]) -> None:
        ip(*words)
        self._made.append(undo)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    try:
        try:
            made.build()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            why = str(getattr(error, "stderr", "") or error)
            if isinstance(error, FileNotFoundError) or NOT_FOR_US in why:
                pytest.skip(f"this machine does not let us make network namespaces: {why}")
            raise AssertionError(why) from error
        yield made
    finally:
        made.end()


@pytest.fixture
def valkey(tmp_path: Path, hosts: Hosts) -> Iterator[dict[str, str]]:
    """A server on the network, with a user for each role and worker; the address of each."""
    rules = {**ROLE_RULES, **{worker: worker_rules(worker) for worker in WORKERS}}
    lines = ["user default off", *(f"user {user} on >{user}-secret {said}" for user, said in rules.items())]
    (tmp_path / "users.acl").write_text("\n".join(lines) + "\n", "ascii")
    with (tmp_path / "valkey.log").open("wb") as log:
        server = subprocess.Popen(
            [find_binary(), "--port", str(VALKEY), "--bind", HERE, "--aclfile", tmp_path / "users.acl", "--save", ""],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=tmp_path,
        )  # fmt: skip
    try:
        yield {user: f"redis://{user}:{user}-secret@{HERE}:{VALKEY}" for user in rules}
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture
def roles(home: Path, tmp_path: Path, hosts: Hosts, valkey: dict[str, str]) -> Iterator[Roles]:
    certificate, key = certified(tmp_path, "gateway", host=HERE)
    line = {"CHIMERA_GATEWAY_ADDRESS": f"{HERE}:{GATEWAY}", "CHIMERA_GATEWAY_CERTIFICATE": certificate}
    with ExitStack() as stack:
        made = Roles(home)
        stack.callback(made.end)
        made.start("office", "office", "--agents", str(AGENTS), "--posts", "3", CHIMERA_VALKEY_URL=valkey["office"])
        made.until_ready("office")
        made.start("gateway", "gateway", "workers", CHIMERA_GATEWAY_KEY=key, **line)
        made.start("effects", "effects", CHIMERA_VALKEY_URL=valkey["effects"])
        made.start("manager-a", "manager", CHIMERA_VALKEY_URL=valkey["manager"], **line)
        apart = hosts.inside(MANAGER)
        made.start(MANAGER, "manager", inside=apart, CHIMERA_VALKEY_URL=valkey["manager"], **line)
        for worker in WORKERS:
            made.start(worker, "worker", inside=hosts.inside(worker), CHIMERA_VALKEY_URL=valkey[worker], **line)
        for name in ("effects", "manager-a", MANAGER, *WORKERS):
            made.until_ready(name)
        made.until_ready("gateway", str(GATEWAY).encode())
        yield made


async def under_way(home: Path) -> set[str]:
    """The tasks that wait for a worker, or are with one."""
    async with bootstrap.running_or_own_database(settings_of(home)) as found:
        reads = await found.reads()
        try:
            return {task.id for task in await reads.list(Task, states=("ready", "leased"))}
        finally:
            await reads.close()


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.requirement("R-A2", "R-A4", "R-A7")
def test_a_worker_host_that_is_cut_off_for_half_a_minute_loses_nothing(home: Path, hosts: Hosts, roles: Roles) -> None:
    fleet.until(lambda: looked(home)[1][PUBLISHED] >= 3, seconds_max=240, what="something was published")
    hosts.cut_off("worker-2")
    cut_off_at, before = time.monotonic(), looked(home)[1][PUBLISHED]
    fleet.until(lambda: looked(home)[1][PUBLISHED] > before, seconds_max=240, what="it goes on with one host")
    time.sleep(max(0.0, cut_off_at + CUT_OFF_SECONDS - time.monotonic()))
    due = asyncio.run(under_way(home))
    hosts.bring_back("worker-2")
    roles.kill("worker-1")
    fleet.until(lambda: not due & asyncio.run(under_way(home)), seconds_max=300, what="all that was due then has moved")
    before = looked(home)[1][PUBLISHED]
    fleet.until(lambda: looked(home)[1][PUBLISHED] > before, seconds_max=240, what="whoever came back works")
    end(home, roles, "worker-2", "manager-a", MANAGER, "effects")


def end(home: Path, roles: Roles, *names: str) -> None:
    """Whoever works is killed; then the network's books against ours."""
    for name in names:
        roles.kill(name)
    time.sleep(1)
    asyncio.run(require_whole(home))


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.requirement("R-A2", "R-A4", "R-A7")
def test_a_manager_host_that_is_cut_off_and_then_stands_still_loses_nothing(
    home: Path, hosts: Hosts, roles: Roles
) -> None:
    fleet.until(lambda: looked(home)[1][PUBLISHED] >= 3, seconds_max=240, what="something was published")
    hosts.cut_off(MANAGER)
    cut_off_at, before = time.monotonic(), looked(home)[1][PUBLISHED]
    fleet.until(lambda: looked(home)[1][PUBLISHED] > before, seconds_max=240, what="the other manager goes on")
    time.sleep(max(0.0, cut_off_at + CUT_OFF_SECONDS - time.monotonic()))
    due = asyncio.run(under_way(home))
    hosts.bring_back(MANAGER)
    fleet.until(lambda: not due & asyncio.run(under_way(home)), seconds_max=300, what="all that was due then has moved")
    # As if it were cut off from everything, the database too: its slots are taken over, and when it comes back it is
    # fenced from what it still holds to be its own.
    with roles.standing_still(MANAGER):
        due, before = asyncio.run(under_way(home)), looked(home)[1][PUBLISHED]
        fleet.until(lambda: not due & asyncio.run(under_way(home)), seconds_max=300, what="its slots were taken over")
        fleet.until(lambda: looked(home)[1][PUBLISHED] > before, seconds_max=240, what="it goes on without it")
    before = looked(home)[1][PUBLISHED]
    fleet.until(lambda: looked(home)[1][PUBLISHED] > before, seconds_max=240, what="it goes on with whoever came back")
    end(home, roles, *WORKERS, "manager-a", MANAGER, "effects")
