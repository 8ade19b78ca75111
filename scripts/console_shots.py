"""Takes a picture of every screen of the console, dark and light, of a real rehearsal: `make console-shots`.

The pictures stand in docs/console/. They are for looking at; tests/console is what proves anything.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).parent.parent
FOLDER = REPOSITORY / "docs/console"
WARM_SECONDS = 30
START_SECONDS_MAX = 90
COLOURS = 160
SCREENS = {
    "reviews": "/reviews", "campaigns": "/campaigns", "conversations": "/conversations", "trends": "/trends",
    "fleet": "/fleet", "agents": "/agents", "agent-new": "/agents/new", "tools": "/tools",
    "connections": "/connections", "money": "/money", "audit": "/audit", "verify": "/audit/verify",
    "policy": "/policy", "policy-change": "/policy/change", "policy-tests": "/policy/tests", "kpis": "/kpis",
    "people": "/people", "people-you": "/people/you", "people-tokens": "/people/tokens", "start": "/start",
}  # fmt: skip
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")


def main() -> int:
    """All pictures, or those that are named."""
    wanted = set(sys.argv[1:])
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        print("no Chromium: bash scripts/console.sh --browser", file=sys.stderr)
        return 3
    FOLDER.mkdir(parents=True, exist_ok=True)
    with rehearsal() as entrance, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        take_all(browser, entrance, wanted)
        browser.close()
    return 0


@contextmanager
def rehearsal() -> Generator[str]:
    """A fleet in a home of its own, warm enough to have something to show."""
    with tempfile.TemporaryDirectory(prefix="chimera-shots-") as folder:
        said = Path(folder) / "said"
        environment = {**os.environ, "CHIMERA_HOME": f"{folder}/home"}
        with said.open("wb") as out:
            words = [sys.executable, "-m", "chimera.cli.start", "up", "--quiet", "--agents", "12"]
            process = subprocess.Popen(words, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            yield address_in(said)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def address_in(said: Path) -> str:
    """The address that it prints, once it does."""
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        if match := re.search(r"http://\S+/#once=\S+", said.read_text()):
            time.sleep(WARM_SECONDS)
            return match.group()
        time.sleep(0.2)
    raise SystemExit("the fleet did not start: " + said.read_text())


def take_all(browser: Browser, entrance: str, wanted: set[str]) -> None:
    """Every screen, in both themes; the state of a person who is let in is kept between them."""
    first = browser.new_context()
    page = first.new_page()
    page.goto(entrance)
    page.get_by_role("navigation", name="Screens").wait_for()
    let_in, url = first.storage_state(), entrance.partition("/#")[0]
    context = browser.new_context(storage_state=let_in, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    for name, path in SCREENS.items():
        if not wanted or name in wanted:
            page.goto(url + path)
            picture(page, name)
    if not wanted:
        take_deeper(page, url)
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{url}/reviews")
        page.locator(".entry button").first.click()
        picture(page, "phone")
    if not wanted or "log-in" in wanted:
        stranger = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        stranger.goto(url)
        picture(stranger, "log-in")
    context.close()
    first.close()


def take_deeper(page: Page, url: str) -> None:
    """What is one step further in: a form, a plan, a task's life, the palette, the halt."""
    page.goto(f"{url}/reviews")
    page.get_by_role("button", name="Approve a", exact=True).wait_for()
    page.keyboard.press("e")
    page.get_by_label("Edit text").press("Control+Home")
    page.get_by_label("Edit text").press_sequentially("Fresh in: ")
    picture(page, "review-edit")
    campaign = ask(page, url, "campaigns")["items"][0]["id"]
    page.goto(f"{url}/campaigns/{campaign}")
    picture(page, "campaign")
    page.get_by_text("Calendar", exact=True).click()
    picture(page, "calendar")
    page.goto(f"{url}/money")
    page.get_by_text("Costs and returns", exact=True).click()
    picture(page, "returns")
    talk = ask(page, url, "conversations?state=planned&limit=1")["items"][0]["id"]
    page.goto(f"{url}/conversations/{talk}")
    picture(page, "conversation")
    task = ask(page, url, "money/spending?state=captured&limit=1")["items"][0]["task_id"]
    page.goto(f"{url}/audit/task/{task}")
    picture(page, "task-life")
    agent = ask(page, url, "agents")["items"][0]["id"]
    page.goto(f"{url}/agents/{agent}")
    picture(page, "agent")
    page.get_by_role("tab", name="Versions").click()
    picture(page, "agent-versions")
    install_another(page, url, agent)
    page.goto(f"{url}/agents/{agent}")
    page.get_by_role("tab", name="Rehearsals").click()
    page.get_by_role("button", name="Rehearse its versions").click()
    page.get_by_role("region", name="Two versions side by side").wait_for(timeout=300_000)
    picture(page, "agent-rehearsals")
    page.keyboard.press("Control+k")
    picture(page, "palette")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Halt…").first.click()
    page.get_by_label("What this does").wait_for()
    picture(page, "halt")


def install_another(page: Page, url: str, agent: str) -> None:
    """A next version of an agent, without pictures and with fewer posts: something to put beside the first."""
    manifest = ask(page, url, f"agents/{agent}/versions")["items"][0]["manifest"]
    manifest = {part: value for part, value in manifest.items() if value and part != "constitution"}
    manifest["identity"]["version"] = "9.0.0"
    manifest["permissions"] = [one for one in manifest["permissions"] if one != "media.make"]
    manifest.get("variants", {}).pop("media", None)
    manifest["schedule"] = {"posts_per_day_max": 6}
    files = {"manifest.yaml": json.dumps(manifest)}
    offer = {"name": manifest["identity"]["name"], "files": files, "accept_permissions": True, "accept_budget": True}
    headers = {"x-csrf-token": ask(page, url, "session")["csrf"]}
    answer = page.request.post(f"{url}/v1/agents", data=offer, headers=headers)
    if not answer.ok:
        raise SystemExit(answer.text())


def ask(page: Page, url: str, path: str) -> Any:  # noqa: ANN401 – whatever the API answers.
    """An answer of the API, with the page's own session."""
    return page.request.get(f"{url}/v1/{path}").json()


def picture(page: Page, name: str) -> None:
    """One picture in each theme, with few enough colours to be small where pngquant is there."""
    page.locator("main h1, main h2").first.wait_for()
    page.wait_for_timeout(1_200)
    page.locator("main [aria-label=Loading]").first.wait_for(state="hidden")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)
        path = FOLDER / f"{name}-{scheme}.png"
        page.screenshot(path=path)
        if pngquant := shutil.which("pngquant"):
            subprocess.run([pngquant, "--force", "--strip", "--output", path, str(COLOURS), path], check=True)
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    sys.exit(main())
