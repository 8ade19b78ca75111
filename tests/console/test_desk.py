"""The desk by keyboard, against a real fleet: approving, taking back, editing, and two people at one review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.asking import ask, go_on, post_that_waits, tell, waited
from tests.console.conftest import House

pytestmark = pytest.mark.timeout(240)


def opened(page: Page, house: House, review: dict[str, Any]) -> None:
    page.goto(f"{house.url}/reviews/{review['id']}")
    expect(page.get_by_role("button", name="Approve a", exact=True)).to_be_enabled()


def outcome_of(page: Page, house: House, review: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = ask(page, house.url, f"reviews/{review['id']}")["review"]
        return found if found["outcome"] else None

    return waited(look, seconds_max=60, what="the ruling arrives") or {}


@pytest.mark.requirement("R-L1")
def test_a_review_is_approved_by_keyboard_after_it_was_taken_back_once(page: Page, house: House) -> None:
    review = post_that_waits(page, house.url)
    opened(page, house, review)
    page.keyboard.press("a")
    undoing = page.locator(".undoing")
    expect(undoing).to_contain_text("Approving")
    page.keyboard.press("u")
    expect(undoing).to_have_count(0)
    expect(page).to_have_url(f"{house.url}/reviews/{review['id']}")
    assert ask(page, house.url, f"reviews/{review['id']}")["row"]["state"] == "open", "nothing was sent"
    expect(page.get_by_role("button", name="Approve a", exact=True)).to_be_enabled()
    page.keyboard.press("a")
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_text("Approved: ", exact=False).first).to_be_visible(timeout=30_000)
    ruled = outcome_of(page, house, review)
    assert (ruled["outcome"], ruled["question"]["action"]["arguments"]["text"][:60]) == (
        "approved",
        review["text"][:60],
    )
    require_whole_life(page, house, review)


def require_whole_life(page: Page, house: House, review: dict[str, Any]) -> None:
    """The task's page tells the ruling: in a line, as a timeline, and as the records themselves."""
    page.goto(f"{house.url}/reviews/{review['id']}")
    page.get_by_role("link", name="whole life").click()
    line = page.get_by_role("list", name="Its life in a line")
    expect(line.get_by_role("listitem").filter(has_text="Reviewed")).to_contain_text("approved")
    page.get_by_text("Timeline", exact=True).click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("review ruled")
    page.get_by_text("Full", exact=True).click()
    expect(page.get_by_role("region", name="reviews")).to_contain_text(review["id"])


def test_an_edit_shows_its_difference_and_becomes_a_new_decision(page: Page, house: House) -> None:
    review = post_that_waits(page, house.url)
    opened(page, house, review)
    page.keyboard.press("e")
    words = page.get_by_label("Edit text")
    words.press("Control+Home")
    words.press_sequentially("Gladly told: ")
    expect(page.locator(".difference ins")).to_have_text("Gladly told: ")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Send now").click()
    ruled = outcome_of(page, house, review)
    assert ruled["outcome"] == "edited"
    assert ruled["question"]["action"]["arguments"]["text"].startswith("Gladly told: ")

    def decided() -> list[str]:
        go_on(page, house.url)  # A halted agent's ruling waits.
        events = ask(page, house.url, f"tasks/{review['task_id']}/trace")["events"]
        kinds = [event["kind"] for event in events]
        after = kinds[kinds.index("REVIEW_RULED") :] if "REVIEW_RULED" in kinds else []
        return [kind for kind in after if kind.startswith("ACTION_")]

    assert waited(decided, seconds_max=60, what="the gate decides anew"), "a ruling is an input to a fresh decision"


def test_two_people_at_one_review_and_the_later_ruling_comes_back(desk: Callable[[], Page], house: House) -> None:
    first, second = desk(), desk()
    review = post_that_waits(first, house.url)
    opened(first, house, review)
    opened(second, house, review)
    first.keyboard.press("a")
    expect(first.locator(".undoing")).to_be_visible()
    second.keyboard.press("r")
    second.get_by_label("Why not").fill("Off voice")
    second.keyboard.press("Control+Enter")
    second.get_by_role("button", name="Send now").click()
    assert outcome_of(second, house, review)["outcome"] == "rejected"
    first.get_by_role("button", name="Send now").click()
    failure = first.locator(".failure")
    expect(failure).to_contain_text("did not go through", timeout=30_000)
    expect(failure.get_by_role("alert")).to_contain_text("version")
    assert outcome_of(first, house, review)["outcome"] == "rejected"


def test_many_of_low_risk_are_approved_at_once(page: Page, house: House) -> None:
    def low() -> list[dict[str, Any]]:
        rows = ask(page, house.url, "reviews?limit=200&risk=ordinary")["items"]
        rows = [row for row in rows if row["may_batch"]]
        return rows if len(rows) >= 2 else []

    waited(low, seconds_max=60, what="two reviews of ordinary risk wait")
    page.goto(f"{house.url}/reviews")
    expect(page.get_by_role("button", name="Approve a", exact=True)).to_be_enabled()
    # What is not of low risk stands between them, and `x` passes it over.
    for _ in range(200):
        page.keyboard.press("x")
        if page.get_by_text("2 reviews selected").count():
            break
        page.keyboard.press("j")
    expect(page.get_by_text("2 reviews selected")).to_be_visible()
    page.keyboard.press("Shift+A")
    expect(page.get_by_text("Approved: 2 of 2")).to_be_visible()


def test_hostile_words_are_shown_as_words(page: Page, house: House) -> None:
    review = post_that_waits(page, house.url)
    found = ask(page, house.url, f"reviews/{review['id']}")
    arguments = found["review"]["question"]["action"]["arguments"]
    hostile = (
        "<script>window.owned=1</script><img src=x onerror='window.owned=1'> \u202elive\u202c 🎮 "
        + "many words " * 9_000
    )
    body = {"digest": found["row"]["digest"], "arguments": {**arguments, "text": hostile}}
    tell(page, house.url, f"reviews/{review['id']}/edit", body=body, version=found["version"])
    page.goto(f"{house.url}/reviews/{review['id']}")
    post = page.get_by_role("article", name="As its network will show it")
    expect(post).to_contain_text("<img src=x onerror=")
    expect(post.locator(".oddity").first).to_have_text("RLO")
    expect(post).to_contain_text("the network will refuse it")
    post.get_by_role("button", name="show all").click()
    expect(post.get_by_role("button", name="show all")).to_have_count(0)
    assert page.evaluate("window.owned") is None
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it stays within its frame"
