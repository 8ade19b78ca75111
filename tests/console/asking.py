"""What the tests ask the API beside the browser, with the browser's own session."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from playwright.sync_api import Page

T = TypeVar("T")


def ask(page: Page, url: str, path: str) -> Any:
    """An answer of the API."""
    answer = page.request.get(f"{url}/v1/{path}")
    assert answer.ok, answer.text()
    return answer.json()


def tell(page: Page, url: str, path: str, *, body: dict[str, Any], version: int) -> Any:
    """A write, as the console would send it."""
    csrf = ask(page, url, "session")["csrf"]
    headers = {"x-csrf-token": csrf, "if-match": f'"{version}"'}
    answer = page.request.post(f"{url}/v1/{path}", data=body, headers=headers)
    assert answer.ok, answer.text()
    return answer.json()


def waited(look: Callable[[], T | None], *, seconds_max: float, what: str) -> T:
    """What a look finds, once it finds something."""
    end = time.monotonic() + seconds_max
    while not (found := look()):
        assert time.monotonic() < end, f"after {seconds_max} s still not: {what}"
        time.sleep(0.2)
    return found


def go_on(page: Page, url: str) -> None:
    """Lift what breakers have halted meanwhile: the rehearsal's attackers make some agents write what is denied."""
    for scope in ask(page, url, "fleet")["halted"]:
        tell(page, url, "halts/end", body={"scope": scope}, version=1)


def post_that_waits(page: Page, url: str, *, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """A review of a post with words in it, not ruled on yet. The latest: it is furthest from anyone's eyes."""

    def look() -> dict[str, Any] | None:
        rows = ask(page, url, "reviews?limit=200&newest_first=true")["items"]
        fit = (
            row for row in rows if row["kind"].startswith("post.") and len(row["text"]) > 30 and row["id"] not in but
        )
        return next(fit, None)

    go_on(page, url)
    return waited(look, seconds_max=60, what="a review of a post waits") or {}


def next_version(page: Page, url: str, agent: str, *, without: str) -> str:
    """A higher version of an installed agent that may do one thing less; the version's name."""
    known = next(one for one in ask(page, url, f"agents/{agent}/versions")["items"] if one["in_force"])
    manifest = {part: value for part, value in known["manifest"].items() if value}
    manifest["schedule"] = {part: value for part, value in manifest["schedule"].items() if value}
    manifest.pop("constitution", None)
    manifest["identity"]["version"] = "9.0.0"
    manifest["permissions"] = [one for one in manifest["permissions"] if one != without]
    if without == "media.make":
        # Pictures are not tried out by whoever may make none.
        manifest.get("variants", {}).pop("media", None)
    name = manifest["identity"]["name"]
    offer = {"name": name, "files": {"manifest.yaml": json.dumps(manifest)}, "accept_permissions": True,
             "accept_budget": True}  # fmt: skip
    tell(page, url, "agents", body=offer, version=1)
    return "9.0.0"
