"""What a site asks of machines: RFC 9309, with its own examples, and patterns that would stop a careless matcher."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.connectors.web.robots import DELAY_SECONDS_MAX, rules_of

pytestmark = pytest.mark.requirement("R-N5")

FILE = """
User-agent: other
Disallow: /

User-agent: *
User-agent: chimera
Allow: /public/page.html
Disallow: /public/   # with a remark
Disallow: /*.pdf$
Disallow: /caf%C3%A9
Disallow: /search?q=
Crawl-delay: 2.5
Disallow:
"""


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("/", True),
        ("/public/", False),
        ("/public/page.html", True),
        ("/public/page.html?x=1", True),
        ("/a/b.pdf", False),
        ("/a/b.pdf?download", True),
        ("/café", False),
        ("/search?q=x", False),
        ("/search", True),
    ],
)
def test_the_longest_rule_that_fits_decides(path: str, may: bool) -> None:
    assert rules_of(FILE, agent="chimera").may(path) is may


def test_a_group_that_names_us_takes_the_place_of_the_one_for_everybody() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: Chimera\nDisallow: /private\nCrawl-delay: 999"
    rules = rules_of(text, agent="chimera")
    assert rules.may("/anything")
    assert not rules.may("/private/1")
    assert rules.delay_seconds == DELAY_SECONDS_MAX
    assert not rules_of(text, agent="somebody").may("/anything")


def test_an_empty_disallow_forbids_nothing_and_allow_wins_a_draw() -> None:
    assert rules_of("User-agent: *\nDisallow:", agent="chimera").may("/")
    assert rules_of("User-agent: *\nDisallow: /a\nAllow: /a", agent="chimera").may("/a")


def test_a_pattern_made_of_stars_takes_no_time() -> None:
    rules = rules_of("User-agent: *\nDisallow: /" + "*a" * 2_000 + "$", agent="chimera")
    began = time.perf_counter()
    assert rules.may("/" + "a" * 1_990 + "b")
    assert time.perf_counter() - began < 1


@given(st.text(max_size=400), st.text(max_size=50))
def test_whatever_stands_there_is_read(text: str, path: str) -> None:
    rules_of(text, agent="chimera").may(path)


@given(st.text(alphabet="ab/", max_size=8), st.lists(st.text(alphabet="ab/", max_size=3), max_size=3))
def test_a_path_fits_a_pattern_that_was_made_from_it(middle: str, parts: list[str]) -> None:
    path = "/" + middle.join(parts)
    pattern = "/" + "*".join(parts)
    assert not rules_of(f"User-agent: *\nDisallow: {pattern}", agent="chimera").may(path)
