"""What is true of all tests: which of them are attacks, how many examples a property gets, what coverage looks at."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from chimera.adapters.chain.depth import keep_recursion_shallow
from tests import fleet, homes
from tests.examples import QUICK, THOROUGH
from tests.order import arranged

ROOT = Path(__file__).resolve().parents[1]
THREATS = ROOT / "docs" / "security" / "threat-model.md"
# Tests that do the same thing very often: coverage triples their time, and learns nothing after the first round.
REPEATING = ("hypothesis", "slow")
SEEDS_COVERED = 6
# Whole fleets, browsers and servers beside us, in real time, on two cores that others use: one that fails is run once
# more, and the report names it (ADR-167). What decides, computes or stores is never given a second chance.
IN_REAL_TIME = ("cli", "client", "console", "e2e", "gateway")
BESIDE_A_CHAIN = (("adapters", "chain"), ("adapters", "discovery"))

# How long an example takes is the machine's: a property fails for what it finds.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(QUICK, UNTIMED, max_examples=40)
settings.register_profile(THOROUGH, UNTIMED, max_examples=400)
settings.load_profile(QUICK)

# Two thousand modules and five thousand tests are gathered first, and none of them is given up again (ADR-211).
gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the attacks, and what repeats itself; put first what waits more than it computes, and what takes long."""
    mark_attacks(items)
    workers = getattr(items[0].config, "workerinput", {}).get("workercount", 1) if items else 1
    items[:] = arranged(items, is_fleet=is_in_real_time, is_chain=is_beside_a_chain, is_long=is_long, workers=workers)
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        seed = parameters.get("seed", 0)
        if any(map(item.get_closest_marker, REPEATING)) or (isinstance(seed, int) and seed >= SEEDS_COVERED):
            item.add_marker(pytest.mark.no_cover)
        if is_in_real_time(item):
            item.add_marker(pytest.mark.flaky(reruns=1))


def is_in_real_time(item: pytest.Item) -> bool:
    """Does it drive a whole fleet, a browser or a server beside us?"""
    return item.path.relative_to(ROOT / "tests").parts[0] in IN_REAL_TIME


def is_beside_a_chain(item: pytest.Item) -> bool:
    """Does it wait for the blocks of a chain, or for the rounds of a directory?"""
    return item.path.relative_to(ROOT / "tests").parts[:2] in BESIDE_A_CHAIN


def is_long(item: pytest.Item) -> bool:
    """Does it do the same thing very often? Begun last, it would be what everybody waits for."""
    return item.get_closest_marker("slow") is not None


def mark_attacks(items: list[pytest.Item]) -> None:
    """Mark the tests that the threat model names, by file or by file and name."""
    if not THREATS.exists():
        return
    named = set(re.findall(r"`(tests/[^`]+)`", THREATS.read_text("utf-8")))
    for item in items:
        file = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        if file in named or f"{file}::{item.name.partition('[')[0]}" in named:
            item.add_marker(pytest.mark.attack)


def pytest_collection_finish() -> None:
    """Tests that import eth-account themselves have let py_ecc raise the limit for everyone."""
    keep_recursion_shallow()
    # What there is now stays to the end: the collector looks at what tests make, as often as ever.
    gc.freeze()
    gc.enable()


@pytest.fixture
def made_home(tmp_path: Path) -> Iterator[Path]:
    """A home with its database, on which nothing has happened yet."""
    home = homes.furnish(tmp_path / "home")
    yield home
    fleet.end_all(home)


@pytest.fixture
def hosted_home(made_home: Path) -> Iterator[Path]:
    """The same, with its database running: for whoever runs many commands on it."""
    with homes.hosted(made_home):
        yield made_home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A test that its time-out interrupted has failed, even if what it tests swallowed the interruption."""
    report: pytest.TestReport = yield
    marker = item.get_closest_marker("timeout")
    seconds_max = float(marker.args[0] if marker else item.config.getoption("timeout") or item.config.getini("timeout"))
    if report.passed and call.when == "call" and 0 < seconds_max <= call.duration:
        report.outcome = "failed"
        report.longrepr = f"it took {call.duration:.1f} s, was interrupted, and passed all the same"
    return report
