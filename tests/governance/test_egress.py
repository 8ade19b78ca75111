"""Reading is a way out: hosts by the list, and no secret in an argument, however it is written."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.governance.egress import Egress

pytestmark = pytest.mark.requirement("R-D3", "R-N2")
EGRESS = Egress(["example.org", "feeds.example.net"])
SECRET = "The launch code is FALCON-2931-ALPHA"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/a", True),
        ("https://news.example.org:8443/a?b=c", True),
        ("feeds.example.net/rss", True),
        ("https://notexample.org/", False),
        ("https://example.org.evil.example/", False),
        ("https://example.org@evil.example/", False),
        ("https://evil.example/?q=example.org", False),
        ("evil.example", False),
        ("https://" + "a" * 50 + ".example.org/", False),
    ],
)
def test_hosts_are_on_the_list(url: str, allowed: bool) -> None:
    assert (EGRESS.findings({"url": url}) == ()) is allowed


def test_the_operator_may_name_a_host() -> None:
    assert EGRESS.findings({"url": "https://other.example/x"}, told=("Read other.example please",)) == ()


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        "falcon-2931-alpha",
        "falcon_2931_alpha",
        "FALCON%2D2931%2DALPHA",
        base64.b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
    ],
)
@pytest.mark.parametrize("where", ["https://example.org/?q={}", "https://example.org/{}/x", "{}"])
def test_secrets_stay(written: str, where: str) -> None:
    assert EGRESS.findings({"query": where.format(written)}, secrets=(SECRET,))


def test_secrets_do_not_leave_in_a_host_name() -> None:
    assert EGRESS.findings({"url": "https://falcon-2931-alpha.example.org/"}, secrets=(SECRET,))


def test_personal_data_and_keys_stay() -> None:
    assert EGRESS.findings({"q": "4111 1111 1111 1111"})
    assert EGRESS.findings({"q": "ghp_" + "a1B2c3D4" * 5})
    assert EGRESS.findings({"q": "what is a healer?", "limit": 10}, secrets=(SECRET,)) == ()


@given(text=st.text(max_size=300))
def test_no_argument_breaks_it(text: str) -> None:
    EGRESS.findings({"a": [text], text: 1}, told=(text,), secrets=(text,))


def test_mutated_addresses_do_not_break_it() -> None:
    dice = random.Random(3)
    for _ in range(300):
        signs = list("https://user:pw@[::1].example.org:99999/%zz?%00=\ud800&x=aGVsbG8gd29ybGQgaGVsbG8=#f")
        for _ in range(dice.randint(1, 10)):
            signs[dice.randrange(len(signs))] = chr(dice.choice((0, 37, 46, 58, 64, 91, 93, 0x200B, 0xD800, 0x1F600)))
        EGRESS.findings({"url": "".join(signs)}, secrets=(SECRET,))
