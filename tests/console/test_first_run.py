"""The first run: from a home with nothing in it, along the guide, to something published; and what empty screens say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.asking import ask, go_on, tell, waited
from tests.console.conftest import SEEN_MS_MAX, House, opened_house
from tests.console.looking import SCREENS, faults_on, settled

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]  # A fleet of its own begins, from nothing.
FILLED = frozenset({"/agents/new", "/audit/verify", "/policy", "/policy/change", "/policy/tests", "/people",
                    "/people/you", "/people/tokens", "/people/reviewers", "/kpis", "/start", "/money", "/audit",
                    "/tools"})  # fmt: skip


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that was never lived in: no agent, no goal, nobody but whoever started it."""
    with opened_house(browser, tmp_path_factory.mktemp("empty") / "home", "--agents", 0) as opened:
        yield opened


@pytest.fixture
def newcomer(browser: Browser, empty: House) -> Iterator[Page]:
    context = browser.new_context(storage_state=empty.let_in, viewport={"width": 1440, "height": 900},
                                  reduced_motion="reduce")  # fmt: skip
    context.set_default_timeout(SEEN_MS_MAX)
    yield context.new_page()
    context.close()


def test_every_screen_of_an_empty_house_says_what_will_stand_there(newcomer: Page, empty: House) -> None:
    silent, faults = list[str](), list[str]()
    for screen in SCREENS:
        newcomer.goto(empty.url + screen)
        settled(newcomer)
        assert not newcomer.locator("main [role=alert]").count(), f"{screen}: {newcomer.locator('main').inner_text()}"
        if screen not in FILLED and not newcomer.locator("main .empty p").count():
            silent.append(screen)
        faults += faults_on(newcomer, screen)
    assert not silent, f"these are empty and say nothing: {silent}"
    assert not faults, "\n".join(faults)


@pytest.mark.requirement("R-L1")
def test_the_guide_leads_from_nothing_to_something_published(newcomer: Page, empty: House) -> None:
    page = newcomer
    page.goto(empty.url)
    page.wait_for_url("**/start")
    expect(page.locator(".guide > li[data-state=next] h2")).to_have_text("Install an agent")
    page.get_by_role("button", name="Install an agent").click()
    page.get_by_role("button", name="Check it").click()
    page.get_by_label("I accept these permissions and this budget").check()
    page.get_by_role("button", name="Install the agent").click()
    page.get_by_role("button", name="State: installed").wait_for()

    follow(page, empty, step="Activate it", by="To the agents")
    page.get_by_role("link", name="Newcomer", exact=True).click()
    page.get_by_role("button", name="State: installed").click()
    page.get_by_role("menuitem", name="Activate").click()
    page.get_by_role("button", name="State: active").wait_for()

    follow(page, empty, step="Give it a goal", by="Open a campaign")
    dialogue = page.get_by_role("dialog")
    dialogue.get_by_label("Goal").fill("Tell players what is new in their game")
    dialogue.get_by_role("combobox", name="Agent").click()
    page.get_by_role("option").first.click()
    dialogue.get_by_label("Posts", exact=True).fill("6")
    dialogue.get_by_role("button", name="Open the campaign").click()
    page.wait_for_url("**/campaigns/0*")
    waited(lambda: published(page, empty), seconds_max=120, what="something is published")
    page.goto(f"{empty.url}/start")
    expect(page.get_by_role("heading", name="See something published – done")).to_be_visible()
    live = page.locator(".guide > li").filter(has=page.get_by_role("heading", name="Go live"))
    expect(live).to_contain_text("chimera up --live")


def follow(page: Page, house: House, *, step: str, by: str) -> None:
    """The guide names the next step, and its button leads there."""
    page.goto(f"{house.url}/start")
    expect(page.locator(".guide > li[data-state=next] h2")).to_have_text(step)
    page.locator(".guide > li[data-state=next]").get_by_role("button", name=by).click()


def published(page: Page, house: House) -> bool:
    """Whether anything went out. As a person would: what is held is approved, what a breaker stopped goes on.

    The rehearsal's model goes wrong now and then: where it made no plan, or no post that was let out, it is asked again.
    """
    go_on(page, house.url)
    going = [one for one in ask(page, house.url, "campaigns")["items"] if one["state"] in ("opened", "running")]
    if not going:
        agent = ask(page, house.url, "agents")["items"][0]["id"]
        goal = {"text": "Tell players what is new", "agent": agent, "platform": "sandbox", "budget_micros": 5_000_000,
                "posts": 6}  # fmt: skip
        tell(page, house.url, "campaigns", body=goal, version=1)
    for row in ask(page, house.url, "reviews?limit=50")["items"]:
        path = f"reviews/{row['id']}/approve"
        tell(page, house.url, path, body={"digest": row["digest"]}, version=row["version"])
    return bool(ask(page, house.url, "fleet")["today"]["published"])
