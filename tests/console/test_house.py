"""The house itself by hand, against a real fleet: who comes in, what the rules are, when work begins."""

from __future__ import annotations

from chimera.domain.durations import DAY_US

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.asking import ask, go_on, next_version, post_that_waits, tell, waited
from tests.console.conftest import SEEN_MS_MAX, House

pytestmark = pytest.mark.timeout(240)
PASSWORD = "seven odd lanterns"
GROUND = "an exercise"


def test_policy_is_tried_on_history_then_applied_and_taken_back(page: Page, house: House) -> None:
    page.goto(f"{house.url}/policy/change")
    page.get_by_label("Goes out by itself from").fill("97")
    page.get_by_text("2 · What you changed").click()
    expect(page.get_by_label("What changes")).to_contain_text("9700")
    page.get_by_text("3 · Try it").click()
    expect(page.get_by_role("region", name="Not to be applied")).to_contain_text("refused as it is")
    page.get_by_text("1 · Write").click()
    cases = page.get_by_role("textbox", name="cases")
    told = cases.input_value()
    for before, after in (("9000", "9700"), ("8999", "9699"), ("9500", "9700")):
        told = told.replace(f'"confidence_bp":{before}', f'"confidence_bp":{after}')
    cases.fill(told)
    page.get_by_text("3 · Try it").click()
    expect(page.get_by_text("may be applied")).to_be_visible()
    page.get_by_text("Back-test", exact=True).click()
    page.get_by_role("button", name="Decide history again").click()
    expect(page.get_by_role("table", name="What would change")).to_be_visible()
    page.get_by_role("button", name="Propose it…").click()
    page.get_by_role("dialog").get_by_label("Why").fill(GROUND)
    page.get_by_role("button", name="Put it on record").click()
    page.wait_for_url("**/policy/versions/*")
    number = int(page.url.rpartition("/")[2])
    put_in_force(page, house, number)
    page.goto(f"{house.url}/policy/versions/{number - 1}")
    put_in_force(page, house, number - 1)


def put_in_force(page: Page, house: House, number: int) -> None:
    """Apply a version as a person does: by the beginning of the hash that was looked at."""
    digest = next(one for one in ask(page, house.url, "policy/versions")["items"] if one["number"] == number)["digest"]
    page.get_by_role("button", name="Apply…").click()
    dialogue = page.get_by_role("dialog")
    expect(dialogue.get_by_role("button", name="Put it in force")).to_be_disabled()
    dialogue.get_by_role("textbox").fill(digest[:6])
    dialogue.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_text(f"In force: version {number}")).to_be_visible()
    assert ask(page, house.url, "policy")["digest"] == digest


def test_somebody_new_comes_in_loses_nothing_with_the_session_and_is_shut_out(
    desk: Callable[[], Page], browser: Browser, house: House
) -> None:
    owner = desk()
    owner.goto(f"{house.url}/people")
    owner.get_by_role("button", name="Add somebody…").first.click()
    dialogue = owner.get_by_role("dialog")
    dialogue.get_by_label("Name").fill("rita")
    dialogue.get_by_label("Reviewer").check()
    dialogue.get_by_label("First password").fill(PASSWORD)
    dialogue.get_by_role("button", name="Add them").click()
    expect(owner.get_by_role("row").filter(has_text="rita")).to_contain_text("reviewer")
    review = post_that_waits(owner, house.url)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(SEEN_MS_MAX)
    rita = context.new_page()
    rita.goto(f"{house.url}/reviews/{review['id']}")
    log_in(rita)
    expect(rita.get_by_role("navigation", name="Screens")).to_be_visible()
    expect(rita.get_by_role("link", name="Money", exact=True)).to_have_count(0)
    expect(rita.get_by_role("button", name="Approve a", exact=True)).to_be_enabled()
    rita.keyboard.press("e")
    rita.get_by_label("Edit text").fill("Half a thought")
    context.clear_cookies()
    expect(rita.get_by_role("alert").filter(has_text="Your session has ended")).to_be_visible()
    log_in(rita)
    expect(rita.get_by_role("form", name="Log in")).to_have_count(0)
    expect(rita.get_by_label("Edit text")).to_have_value("Half a thought")
    owner.get_by_role("button", name="Change rita").click()
    owner.get_by_role("menuitem", name="Shut out…").click()
    owner.get_by_role("dialog").get_by_role("button", name="Shut them out").click()
    expect(owner.get_by_role("row").filter(has_text="rita")).to_contain_text("disabled")
    expect(rita.get_by_role("form", name="Log in")).to_be_visible()
    context.close()


def log_in(page: Page) -> None:
    form = page.get_by_role("form", name="Log in")
    form.get_by_label("Name").fill("rita")
    form.get_by_role("textbox", name="Password").fill(PASSWORD)
    form.get_by_role("button", name="Log in").click()


def test_a_step_is_dragged_to_another_day_and_keeps_its_time(page: Page, house: House) -> None:
    go_on(page, house.url)
    campaign = campaign_that_waits(page, house)
    try:
        page.goto(f"{house.url}/campaigns/{campaign}")
        page.get_by_text("Calendar", exact=True).click()
        entry = page.locator(".calendar-step[data-movable]").first
        entry.get_by_role("button").click()
        expect(page.get_by_label("Not before")).to_be_visible()
        page.keyboard.press("Escape")
        now_us = ask(page, house.url, "fleet")["at_us"]
        day = datetime.fromtimestamp(now_us / 1_000_000, UTC).date() + timedelta(days=3)
        before = moved(page, house, campaign)
        entry.drag_to(page.locator(f"[data-day='{day.isoformat()}']"))
        expect(page.locator(f"[data-day='{day.isoformat()}'] .calendar-step")).to_have_count(1)
        assert waited(lambda: moved(page, house, campaign) - before, seconds_max=60, what="the step is moved")
    finally:
        go_on(page, house.url)


def campaign_that_waits(page: Page, house: House) -> str:
    """A new campaign whose posts wait for its trends, and these for a tool that is halted."""
    tell(page, house.url, "halts", body={"scope": "tool:trends", "reason": GROUND}, version=1)
    known = ask(page, house.url, "campaigns?state=running")["items"][0]["goal"]
    goal = {"text": "Three posts about maps", "agent": known["agent"], "platform": known["platform"],
            "budget_micros": 5_000_000, "posts": 3}  # fmt: skip
    campaign: str = tell(page, house.url, "campaigns", body=goal, version=1)["id"]
    waited(lambda: has_a_step_that_waits(page, house, campaign), seconds_max=90, what="the campaign has its plan")
    return campaign


def has_a_step_that_waits(page: Page, house: House, campaign: str) -> bool:
    nodes = ask(page, house.url, f"campaigns/{campaign}/plan")["nodes"]
    return any(node["state"] == "waiting" for node in nodes)


def moved(page: Page, house: House, campaign: str) -> set[Any]:
    """The steps of a campaign that begin in more than a day."""
    nodes = ask(page, house.url, f"campaigns/{campaign}/plan")["nodes"]
    ahead_us = (ask(page, house.url, "fleet")["at_us"]) + DAY_US
    return {node["id"] for node in nodes if node["due_at_us"] > ahead_us}


@pytest.mark.slow  # Two versions live through a week before five crowds of ten thousand.
def test_two_versions_of_an_agent_stand_side_by_side_after_a_rehearsal(page: Page, house: House) -> None:
    agent = ask(page, house.url, "agents")["items"][-1]["id"]
    before = ask(page, house.url, f"agents/{agent}")["package_version"]
    after = next_version(page, house.url, agent, without="media.make")
    page.goto(f"{house.url}/agents/{agent}")
    page.get_by_role("tab", name="Rehearsals").click()
    expect(page.get_by_text("No version was rehearsed yet")).to_be_visible()
    page.get_by_role("button", name="Rehearse its versions").click()
    beside = page.get_by_role("region", name="Two versions side by side")
    expect(beside).to_be_visible(timeout=150_000)
    expect(beside.get_by_role("columnheader").nth(1)).to_have_text(f"Version {before}")
    expect(beside.get_by_role("columnheader").nth(2)).to_contain_text(f"Version {after} in force")
    pictures = beside.get_by_role("row").filter(has_text="Pictures")
    assert pictures.get_by_role("cell").all_inner_texts() == ["Pictures", "yes", "no", "differs"]
    expect(page.get_by_text("of 5 crowds", exact=False)).to_be_visible()
    page.get_by_role("tab", name="Versions").click()
    page.get_by_role("row").filter(has_text=before).get_by_role("button", name="Go back…").click()
    dialogue = page.get_by_role("dialog")
    dialogue.get_by_role("checkbox").check()
    dialogue.get_by_role("button", name="Go back to it").click()
    expect(dialogue).to_have_count(0)
    assert ask(page, house.url, f"agents/{agent}")["package_version"] == before
