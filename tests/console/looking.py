"""How the tests look at screens: which there are, when one has settled, and what axe says of it in both themes."""

from __future__ import annotations

import json
import re
from typing import Literal

from playwright.sync_api import Page, expect

from tests.console.conftest import REPOSITORY

AXE = REPOSITORY / "console/node_modules/axe-core/axe.min.js"
SCREENS = (
    "/reviews", "/campaigns", "/conversations", "/trends", "/fleet", "/agents", "/agents/new", "/tools", "/connections",
    "/money", "/audit", "/audit/verify", "/policy", "/policy/change", "/policy/tests", "/policy/versions", "/kpis",
    "/people", "/people/you", "/people/tokens", "/people/reviewers", "/start",
)  # fmt: skip
# The rows of a list are alike: a few of each are looked at. What differs between the themes is colour alone.
MANY = ("table.list tr", ".plain-list > li", ".page .grid > .panel", ".tile-row > article")
LOOKED_AT = json.dumps({"exclude": [f"{one}:nth-child(n+6)" for one in MANY]})
RULES: dict[Literal["dark", "light"], list[str]] = {
    "dark": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "light": ["color-contrast", "link-in-text-block"],
}


def settled(page: Page) -> None:
    """The screen has its heading, and nothing on it is still being read."""
    page.locator("main h1").first.wait_for()
    expect(page.locator("main [aria-label=Loading]")).to_have_count(0)


def faults_on(page: Page, what: str) -> list[str]:
    """What axe calls serious or critical on the page as it is, in both themes."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    faults: list[str] = []
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        faults += [f"{what}, {scheme}: {fault}" for fault in _grave(page, rules)]
    return faults


def _grave(page: Page, rules: list[str]) -> list[str]:
    options = json.dumps({"runOnly": rules, "resultTypes": ["violations"]})
    found = page.evaluate(f"axe.run({LOOKED_AT}, {options})")
    grave = (one for one in found["violations"] if one["impact"] in ("serious", "critical"))
    return [f"{one['id']} {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:200]}" for one in grave]


def screens_in(source: str) -> set[str]:
    """The addresses of the screens that the console's own list names."""
    return set(re.findall(r'\{ path: "(/[a-z-]+)"', source))
