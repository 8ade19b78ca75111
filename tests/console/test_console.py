"""The console against a real fleet: let in, halted, resumed, from goal to published, verified in the browser."""

from __future__ import annotations

import base64
import json
import os
import signal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, Route, expect

from tests.console.asking import ask, go_on, post_that_waits, tell, waited
from tests.console.conftest import REPOSITORY, House
from tests.console.looking import SCREENS, faults_on, screens_in, settled

pytestmark = pytest.mark.timeout(240)
SCRIPT_BYTES_MAX = 400_000


@pytest.mark.requirement("R-L1")
def test_the_address_lets_in_once_and_the_first_page_is_light(browser: Browser, house: House) -> None:
    sizes: dict[str, int] = {}

    def note(response: Response) -> None:
        if response.url.endswith(".js"):
            sizes[response.url] = int(response.headers["content-length"])

    context = browser.new_context(storage_state=house.let_in)
    page = context.new_page()
    page.on("response", note)
    page.goto(f"{house.url}/start")
    settled(page)
    assert "once" not in page.url
    expect(page.get_by_text("Install an agent – done")).to_be_visible()
    assert 0 < sum(sizes.values()) < SCRIPT_BYTES_MAX, sizes
    context.close()
    stranger = browser.new_context()
    page = stranger.new_page()
    page.goto(house.entrance)
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    assert page.request.get(f"{house.url}/v1/fleet").status == 401
    stranger.close()


def test_halting_says_what_it_will_do_and_resuming_goes_on(page: Page, house: House) -> None:
    page.goto(f"{house.url}/money")
    page.get_by_role("button", name="Halt…").click()
    dialogue = page.get_by_role("dialog")
    expect(dialogue.get_by_label("What this does")).to_contain_text("Nothing begins in the fleet any more")
    dialogue.get_by_label("Why").fill("an exercise")
    dialogue.get_by_role("button", name="Halt the fleet now").click()
    expect(page.get_by_role("status").filter(has_text="The fleet is halted")).to_contain_text("an exercise")
    assert "fleet" in ask(page, house.url, "fleet")["halted"]
    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("menuitem", name="fleet").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_text("The fleet is halted")).to_have_count(0)
    assert "fleet" not in ask(page, house.url, "fleet")["halted"]


def test_a_pause_of_one_network_lets_go_what_is_under_way_and_is_lifted_as_a_halt_is(page: Page, house: House) -> None:
    page.goto(f"{house.url}/people")
    page.get_by_role("button", name="Pause…").click()
    dialogue = page.get_by_role("dialog")
    dialogue.get_by_role("combobox", name="What to pause").click()
    expect(page.get_by_role("option", name="A tool")).to_have_count(0)
    page.get_by_role("option", name="A network").click()
    dialogue.get_by_label("Which").fill("bluesky")
    expect(dialogue.get_by_label("What this does")).to_contain_text("What is under way is finished")
    dialogue.get_by_label("Why").fill("a quiet day")
    dialogue.get_by_role("button", name="Pause it now").click()
    expect(page.get_by_role("status").filter(has_text="platform:bluesky is paused")).to_contain_text("a quiet day")
    assert "platform:bluesky" not in ask(page, house.url, "fleet")["halted"]
    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("menuitem", name="platform:bluesky (paused)").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_text("platform:bluesky is paused")).to_have_count(0)


def test_a_campaign_from_its_goal_to_something_published(page: Page, house: House) -> None:
    go_on(page, house.url)
    page.goto(f"{house.url}/fleet")
    settled(page)
    page.keyboard.press("Control+k")
    page.get_by_role("textbox", name="Go to, or do").fill("new campaign")
    page.keyboard.press("Enter")
    dialogue = page.get_by_role("dialog")
    goal = "Tell players <img src=x onerror='window.owned=1'> what \u202ewen si\u202c 🎮 today"
    dialogue.get_by_label("Goal").fill(goal)
    dialogue.get_by_role("combobox", name="Agent").click()
    page.get_by_role("option").first.click()
    dialogue.get_by_label("Posts").fill("2")
    dialogue.get_by_role("button", name="Open the campaign").click()
    page.wait_for_url("**/campaigns/0*")
    expect(page.locator(".step").first).to_be_visible(timeout=40_000)
    campaign_id = page.url.rpartition("/")[2]
    published = waited(lambda: publication(page, house, campaign_id), seconds_max=90, what="a post is published")
    assert published is not None
    assert published["performance"]["receipt"], "the network has answered"
    page.get_by_text("Results", exact=True).click()
    expect(page.get_by_role("cell", name="done", exact=True).first).to_be_visible()
    assert page.evaluate("window.owned") is None, "a goal is text, whatever stands in it"


def test_answers_stand_in_a_block_beneath_the_plan(page: Page, house: House) -> None:
    go_on(page, house.url)
    talkative = waited(lambda: with_answers(page, house), seconds_max=90, what="somebody was answered three times")
    page.goto(f"{house.url}/campaigns/{talkative}")
    head = page.locator(".stage", has_text="Answers")
    expect(head).to_be_visible(timeout=40_000)
    answers = page.locator(".step", has_text="to what came ")
    expect(answers.nth(2)).to_be_visible()
    places = [box for box in (one.bounding_box() for one in answers.all()) if box is not None]
    top = head.bounding_box()
    assert top is not None
    assert len({round(box["x"]) for box in places}) > 1, "a long list is no tower"
    assert all(box["y"] > top["y"] for box in places)


def with_answers(page: Page, house: House) -> str | None:
    """A campaign in which people were answered several times."""
    for campaign in ask(page, house.url, "campaigns")["items"]:
        nodes = ask(page, house.url, f"campaigns/{campaign['id']}/plan")["nodes"]
        if sum(node["input_id"] is not None and not node["after"] for node in nodes) >= 3:
            return campaign["id"]
    return None


def publication(page: Page, house: House, campaign_id: str) -> dict[str, Any] | None:
    """The life of a post of the campaign that went out. What is held for a person is approved on the way."""
    for node in ask(page, house.url, f"campaigns/{campaign_id}/plan")["nodes"]:
        if not node["spec"].startswith("copy."):
            continue
        trace = ask(page, house.url, f"tasks/{node['id']}/trace")
        if trace["performance"] and trace["performance"]["state"] == "finished":
            return trace
        for review in trace["reviews"]:
            if review["state"] == "open":
                digest = ask(page, house.url, f"reviews/{review['id']}")["row"]["digest"]
                path = f"reviews/{review['id']}/approve"
                tell(page, house.url, path, body={"digest": digest}, version=review["version"])
    return None


@pytest.mark.requirement("R-N4")
def test_history_is_verified_in_the_browser_and_a_changed_byte_is_found(page: Page, house: House) -> None:
    page.goto(f"{house.url}/audit/verify")
    page.get_by_role("button", name="Verify in this browser").click()
    expect(page.get_by_test_id("verified")).to_contain_text("Verified:", timeout=60_000)

    def forge(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        link = body["links"][min(2, len(body["links"]) - 1)]
        link["body"] = base64.b64encode(base64.b64decode(link["body"]).replace(b'"at_us":1', b'"at_us":2')).decode()
        route.fulfill(response=answer, body=json.dumps(body))

    page.route("**/v1/audit/chain?**", forge)
    page.get_by_role("button", name="Verify in this browser").click()
    expect(page.get_by_role("alert")).to_contain_text("differs from its hash", timeout=60_000)
    expect(page.get_by_test_id("verified")).to_have_count(0)
    page.unroute_all(behavior="wait")


def test_a_page_whose_server_is_silent_says_so_and_recovers(page: Page, house: House) -> None:
    page.goto(f"{house.url}/fleet")
    expect(page.locator(".pulse")).to_have_text("Live")
    os.kill(house.pid, signal.SIGSTOP)
    try:
        expect(page.locator(".pulse")).to_contain_text("Stale", timeout=20_000)
    finally:
        os.kill(house.pid, signal.SIGCONT)
    expect(page.locator(".pulse")).to_have_text("Live", timeout=20_000)


def test_no_screen_shuts_anybody_out(page: Page, house: House) -> None:
    named = screens_in((REPOSITORY / "console/src/shell/screens.ts").read_text())
    assert named <= set(SCREENS), "every screen of the console is looked at"
    faults: list[str] = []
    for screen in SCREENS:
        page.goto(house.url + screen)
        settled(page)
        faults += faults_on(page, screen)
    assert not faults, "\n".join(faults)


def test_nothing_that_opens_on_a_screen_shuts_anybody_out(page: Page, house: House) -> None:
    """Windows, menus, tabs and single records: what a screen alone does not show."""
    faults: list[str] = []

    def look(what: str) -> None:
        faults.extend(faults_on(page, what))

    page.goto(f"{house.url}/agents/{ask(page, house.url, 'agents')['items'][0]['id']}")
    for tab in ("About", "Permissions", "How it works", "Memory", "Versions", "Variants", "Rehearsals", "New version"):
        page.get_by_role("tab", name=tab).click()
        settled(page)
        look(f"an agent, {tab}")
    page.keyboard.press("Control+k")
    page.get_by_role("textbox", name="Go to, or do").wait_for()
    look("the palette")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Halt…").first.click()
    page.get_by_label("What this does").wait_for()
    look("the halt")
    page.goto(f"{house.url}/campaigns/{ask(page, house.url, 'campaigns')['items'][0]['id']}")
    for part in ("Plan", "Calendar", "Results"):
        page.get_by_text(part, exact=True).first.click()
        settled(page)
        look(f"a campaign, {part}")
    review = post_that_waits(page, house.url)
    page.goto(f"{house.url}/reviews/{review['id']}")
    expect(page.get_by_role("button", name="Approve a", exact=True)).to_be_enabled()
    look("a review")
    for key, name in (("e", "an edit"), ("?", "the keys")):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
        look(name)
        page.keyboard.press("Escape")
    page.goto(f"{house.url}/audit/task/{review['task_id']}")
    settled(page)
    look("a task's life")
    for screen, button in (("campaigns?new", ""), ("people", "Add somebody…"), ("connections", "Tell an address…")):
        page.goto(f"{house.url}/{screen}")
        settled(page)
        if button:
            page.get_by_role("button", name=button).first.click()
        page.get_by_role("dialog").wait_for()
        look(f"the window of {screen}")
    assert not faults, "\n".join(faults)


def test_every_screen_is_reached_and_left_by_keys_alone(page: Page, house: House) -> None:
    page.goto(f"{house.url}/start")
    settled(page)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"
    for keys, path in (("gr", "reviews"), ("gf", "fleet"), ("gm", "money"), ("gp", "policy"), ("gk", "kpis")):
        page.keyboard.type(keys, delay=40)
        page.wait_for_url(f"**/{path}**")
    page.keyboard.press("Shift+Tab")
    unreached = page.evaluate(UNREACHED)
    assert not unreached, f"these can only be clicked: {unreached}"


# What acts when it is clicked, and is neither a control nor within reach of the Tab key.
UNREACHED = """[...document.querySelectorAll('main [role=button], main [onclick]')].filter((one) =>
  !one.closest('a, button, input, select, textarea, [tabindex]')).map((one) => one.outerHTML.slice(0, 120))"""


def test_from_a_phone_one_rules_halts_and_pauses_and_no_screen_is_wider(browser: Browser, house: House) -> None:
    context = browser.new_context(storage_state=house.let_in, viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(f"{house.url}/reviews")
    page.locator(".entry button").first.click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    small = page.locator(".verdicts button:visible").evaluate_all(TOO_SMALL)
    assert not small, f"no thumb hits these: {small}"
    page.get_by_role("button", name="Halt…").click()
    page.get_by_role("dialog").get_by_text("Pause: finish what is begun").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Pause the fleet now")).to_be_visible()
    too_wide = dict[str, int]()
    for screen in SCREENS:
        page.goto(house.url + screen)
        settled(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > 390:
            too_wide[screen] = wide
    assert not too_wide, f"these have to be dragged about: {too_wide}"
    context.close()


TOO_SMALL = "all => all.filter(b => b.getBoundingClientRect().height < 40).map(b => b.textContent)"
