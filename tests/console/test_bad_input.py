"""What goes wrong under people's hands: each time the page says what happened, and nothing that they wrote is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.asking import ask, post_that_waits, tell
from tests.console.conftest import House
from tests.console.looking import settled

pytestmark = pytest.mark.timeout(240)
NOBODY = "0193f3a8-7c00-7a11-8b22-0123456789ab"
# HTML, a quote that ends attributes, overrides of direction, what cannot be seen, joined emoji, a template, a formula.
HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>\'"> \u202egnp.exe\u202c\u200b\u2066 👩‍👩‍👧‍👦 {{7*7}} =1+1'
LONG = HOSTILE + " many words" * 9_000


def opened(page: Page, house: House, review: dict[str, Any]) -> None:
    page.goto(f"{house.url}/reviews/{review['id']}")
    expect(page.get_by_role("button", name="Approve a", exact=True)).to_be_enabled()


def require_harmless(page: Page) -> None:
    assert page.evaluate("window.owned") is None, "words are words, whatever stands in them"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it stays within its frame"


def test_an_edit_that_another_ruling_overtook_is_still_there(desk: Callable[[], Page], house: House) -> None:
    mine, theirs = desk(), desk()
    review = post_that_waits(mine, house.url)
    opened(mine, house, review)
    mine.keyboard.press("e")
    mine.get_by_label("Edit text").fill("My own better words")
    tell(theirs, house.url, f"reviews/{review['id']}/claim", body={}, version=review["version"])
    mine.keyboard.press("Control+Enter")
    mine.get_by_role("button", name="Send now").click()
    failure = mine.locator(".failure")
    expect(failure).to_contain_text("with what you wrote")
    failure.get_by_role("button", name="Look again").click()
    expect(mine.get_by_label("Edit text")).to_have_value("My own better words")
    mine.get_by_role("button", name="Cancel").click()
    mine.keyboard.press("e")
    expect(mine.get_by_label("Edit text")).not_to_have_value("My own better words")


def test_a_ruling_that_the_network_lost_comes_back(page: Page, house: House) -> None:
    review = post_that_waits(page, house.url)
    opened(page, house, review)
    page.keyboard.press("r")
    page.get_by_label("Why not").fill("A reason that took thought")
    page.context.set_offline(True)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Send now").click()
    expect(page.locator(".failure")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.locator(".failure").get_by_role("button", name="Look again").click()
    expect(page.get_by_label("Why not")).to_have_value("A reason that took thought")
    assert ask(page, house.url, f"reviews/{review['id']}")["row"]["state"] == "open"


@pytest.mark.parametrize(
    "path", ["reviews", "campaigns", "conversations", "agents", "money", "policy/versions", "audit/task"]
)
def test_what_is_not_there_any_more_is_said_in_words(page: Page, house: House, path: str) -> None:
    page.goto(f"{house.url}/{path}/{9_999 if path.startswith('policy') else NOBODY}")
    expect(page.locator("[role=alert], main .empty h3").first).to_be_visible()
    expect(page.locator("main [aria-label=Loading]")).to_have_count(0)
    assert "undefined" not in page.locator("main").inner_text()
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()


def test_a_slow_answer_is_waited_for_and_asked_once(page: Page, house: House) -> None:
    sent = list[str]()

    def late(route: Route) -> None:
        sent.append(str(route.request.headers.get("idempotency-key")))
        time.sleep(2.5)
        route.continue_()

    page.goto(f"{house.url}/money")
    settled(page)
    page.get_by_role("button", name="Halt…").click()
    dialogue = page.get_by_role("dialog")
    dialogue.get_by_role("combobox", name="What to halt").click()
    page.get_by_role("option", name="A tool").click()
    dialogue.get_by_label("Which").fill("web/slow")
    dialogue.get_by_label("Why").fill("the answer takes its time")
    page.route("**/v1/halts", lambda route: late(route) if route.request.method == "POST" else route.continue_())
    button = dialogue.get_by_role("button", name="Halt it now")
    button.click()
    expect(button).to_have_attribute("data-loading", "true")
    page.keyboard.press("Enter")
    expect(dialogue).to_have_count(0)
    page.unroute_all(behavior="wait")
    assert len(sent) == 1, "pressed twice, sent once"
    tell(page, house.url, "halts/end", body={"scope": "tool:web/slow"}, version=1)


def test_hostile_words_in_every_field_are_words(page: Page, house: House) -> None:
    """Whatever can be typed into is: the page says what it thinks of it, and runs none of it."""
    screens = {
        "campaigns?new": "", "agents": "", "agents/new": "", "fleet": "", "audit": "",
        "policy/change": "", "people": "Add somebody…", "connections": "Tell an address…",
        "people/tokens": "Issue a token…", "money": "Halt…",
    }  # fmt: skip
    for screen, button in screens.items():
        page.goto(f"{house.url}/{screen}")
        settled(page)
        if button:
            page.get_by_role("button", name=button).first.click()
        typed = type_everywhere(page)
        assert typed, f"{screen} has fields"
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        require_harmless(page)


def type_everywhere(page: Page) -> int:
    """Fill whatever may be written into, where a dialogue is open only there."""
    within = page.get_by_role("dialog") if page.get_by_role("dialog").count() else page.locator("main")
    fields = within.locator("input:not([type=checkbox]):not([type=radio]):not([type=file]):not([readonly]), textarea")
    typed = 0
    for field in fields.all():
        if (
            field.is_visible()
            and field.is_editable()
            and field.get_attribute("inputmode") not in ("decimal", "numeric")
        ):
            field.fill(HOSTILE if field.evaluate("one => one.tagName") == "INPUT" else LONG, force=True)
            typed += 1
    return typed


def test_a_goal_of_a_hundred_kilobytes_is_refused_in_words_and_kept(page: Page, house: House) -> None:
    page.goto(f"{house.url}/campaigns?new")
    dialogue = page.get_by_role("dialog")
    dialogue.get_by_label("Constraints").fill(LONG)
    dialogue.get_by_label("Goal").fill(HOSTILE)
    dialogue.get_by_role("combobox", name="Agent").click()
    page.get_by_role("option").first.click()
    dialogue.get_by_role("button", name="Open the campaign").click()
    expect(dialogue.get_by_role("alert")).to_be_visible()
    expect(dialogue.get_by_label("Goal")).to_have_value(HOSTILE)
    require_harmless(page)
