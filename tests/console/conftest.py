"""A real fleet with its API and console, and Debian's Chromium. One fleet for each process of the tests."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from tests import fleet

REPOSITORY = Path(__file__).parents[2]
AGENTS = 6
ATTACKS = 600
START_SECONDS_MAX = 90
BUILD_SECONDS_MAX = 300
NAMES = ("chromium", "chromium-browser", "google-chrome")
SEEN_MS_MAX = 60_000  # Two cores are shared by a fleet, its database, a browser and the other tests.
ENTRANCE = re.compile(r"http://\S+/#once=\S+")


@dataclass(frozen=True)
class House:
    """A fleet that runs, and the state of a browser that was let in once."""

    home: Path
    pid: int
    entrance: str
    let_in: StorageState

    @property
    def url(self) -> str:
        """Where it is served."""
        return self.entrance.partition("/#")[0]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The console as its sources are now, and a browser; built by whichever process of the tests comes first."""
    with (tmp_path_factory.getbasetemp().parent / "console.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for script in (["scripts/console.sh"], ["scripts/console.sh", "--browser"]):
            done = subprocess.run(["bash", *script], cwd=REPOSITORY, capture_output=True, text=True, check=False,
                                  timeout=BUILD_SECONDS_MAX, stdin=subprocess.DEVNULL)  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="package")
def browser(built: None) -> Iterator[Browser]:
    """Debian's Chromium. Its driver runs an event loop in this thread, which asyncio's tests need gone after us."""
    found = next(filter(None, map(shutil.which, NAMES)))
    expect.set_options(timeout=SEEN_MS_MAX)
    with sync_playwright() as playwright:
        # As root there is no sandbox to be had; the pages are ours.
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened_house(browser: Browser, home: Path, *words: object) -> Generator[House]:
    """A rehearsal that runs, and one browser that was let in by the address that it printed."""
    # A draft in doubt comes to a person at once: reviewers need work.
    with fleet.running(home, "up", "--quiet", *words, CHIMERA_WRITES_ANEW="false") as started:
        fleet.until(
            lambda: ENTRANCE.search(started.err + started.out), seconds_max=START_SECONDS_MAX, what="an address"
        )
        entrance = ENTRANCE.search(started.err + started.out)
        assert entrance is not None
        context = browser.new_context()
        page = context.new_page()
        page.goto(entrance.group())
        page.get_by_role("navigation", name="Screens").wait_for()
        yield House(home, started.process.pid, entrance.group(), context.storage_state())
        context.close()


@pytest.fixture(scope="package")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A fleet at work, whose strangers try often."""
    home = tmp_path_factory.mktemp("house") / "home"
    with opened_house(browser, home, "--agents", AGENTS, "--attacks", ATTACKS) as opened:
        yield opened


@pytest.fixture
def desk(browser: Browser, house: House) -> Iterator[Callable[[], Page]]:
    """Pages of people who are let in, each in a browser profile of its own. What a page throws fails the test."""
    contexts: list[BrowserContext] = []
    thrown: list[str] = []

    def opened() -> Page:
        context = browser.new_context(
            storage_state=house.let_in, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
        )
        context.set_default_timeout(SEEN_MS_MAX)
        # Nobody is hurried: what is taken back is taken back in time, and what is sent is sent by its button.
        context.add_init_script("localStorage.setItem('chimera:undo_seconds', '60')")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not thrown, thrown


@pytest.fixture
def page(desk: Callable[[], Page]) -> Generator[Page]:
    """One such page."""
    yield desk()
