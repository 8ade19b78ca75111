"""A person logs in to the console by a real OpenID provider, in a real browser; a stranger does not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import fleet
from tests.adapters.oidc.test_provider import SECRET, provider_running
from tests.console.conftest import ENTRANCE, START_SECONDS_MAX, browser, built
from tests.live.places import free_port

__all__ = ["browser", "built"]
pytestmark = [pytest.mark.live, pytest.mark.requirement("R-D4"), pytest.mark.requirement("R-L3")]
CHIMERA = Path(__file__).parents[2] / ".venv/bin/chimera"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[str]:
    """A fleet whose people may log in by the provider, and who knows one of its people."""
    port, home = free_port(), tmp_path / "home"
    url = f"http://127.0.0.1:{port}"
    with provider_running(f"{url}/login") as issuer:
        settings = {"CHIMERA_OIDC_ISSUER": issuer, "CHIMERA_OIDC_CLIENT_ID": "chimera", "CHIMERA_API_PORT": str(port),
                    "CHIMERA_OIDC_CLIENT_SECRET": SECRET, "CHIMERA_OIDC_REDIRECT": f"{url}/login"}  # fmt: skip
        with fleet.running(home, "up", "--quiet", "--agents", 2, **settings) as started:
            fleet.until(
                lambda: ENTRANCE.search(started.err + started.out), seconds_max=START_SECONDS_MAX, what="an address"
            )
            words = [CHIMERA, "people", "add", "ines", "--role", "reviewer", "--provider", f"{issuer} ines-7"]
            done = subprocess.run(words, env=fleet.environment(home), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            yield url


@pytest.mark.parametrize(("name", "comes_in"), [("ines-7", True), ("a-stranger", False)])
def test_a_person_logs_in_by_the_provider(browser: Browser, door: str, name: str, comes_in: bool) -> None:
    page = browser.new_context().new_page()
    page.goto(door)
    page.get_by_role("button", name="Log in by 127.0.0.1").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    if comes_in:
        page.get_by_role("navigation", name="Screens").wait_for()
        assert "code=" not in page.url, "what came back stays in the address"
    else:
        expect(page.get_by_text("nobody here is known to that provider by this name")).to_be_visible()
    page.context.close()
