"""Notices over a real local endpoint: one for what is new, nothing of what the reviews say, and no way to rule."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from chimera.adapters.notices.by_apprise import AppriseNotices
from chimera.domain.errors import Invalid
from chimera.domain.review import Review, ReviewState
from chimera.governance.noticing import Noticing
from chimera.governance.reviews import Reviews
from tests.small_house import PACK, PERMITS, RITA, SmallHouse, a_post

pytestmark = [
    pytest.mark.requirement("R-F1"),
    # One of the hundred services that apprise loads uses a module that Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:.* is deprecated and slated for removal:DeprecationWarning"),
]


class Endpoint:
    """A webhook on this machine that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.code = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.append(json.loads(body))
                self.send_response(outer.code)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"json://user:secret-word@127.0.0.1:{self.server.server_port}/hook"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    try:
        yield made
    finally:
        made.close()


async def test_what_is_new_is_told_once_and_nothing_of_it(endpoint: Endpoint) -> None:
    house = await SmallHouse().open()
    noticing = Noticing(reads=house.office, notices=AppriseNotices([endpoint.address]))
    assert await noticing.once() == 0
    review = await house.escalate(a_post("Click https://evil.example/approve now [AI persona]"))
    await house.escalate(role="operator")
    assert await noticing.once() == 2
    assert await noticing.once() == 0
    assert len(endpoint.told) == 1
    said = json.dumps(endpoint.told[0])
    assert "2 reviews wait" in said
    assert "1 for a reviewer" in said
    assert "1 for an operator" in said
    for secret in ("evil", "http", "secret-word", review.id, review.action_digest, review.nonce):
        assert secret not in said


async def test_telling_and_hearing_rule_on_nothing(endpoint: Endpoint) -> None:
    house = await SmallHouse().open()
    review = await house.escalate()
    await Noticing(reads=house.office, notices=AppriseNotices([endpoint.address])).once()
    assert (await house.office.get(Review, review.id)).state is ReviewState.OPEN


async def test_what_could_not_be_told_is_told_again(endpoint: Endpoint) -> None:
    house = await SmallHouse().open()
    review = await house.escalate()
    noticing = Noticing(reads=house.office, notices=AppriseNotices([endpoint.address]))
    endpoint.code = 503
    assert await noticing.once() == 0
    endpoint.code = 200
    assert await noticing.once() == 1
    reviews = Reviews(store=house.office, permits=PERMITS, bands=PACK.bands)
    await reviews.reject(review.id, by=RITA, reason="no")
    assert await noticing.once() == 0


def test_an_address_that_is_none_is_named_by_its_place() -> None:
    with pytest.raises(Invalid) as refusal:
        AppriseNotices(["json://127.0.0.1", "nonsense-with-a-secret"])
    assert "secret" not in str(refusal.value)
    assert "address 2" in str(refusal.value)
