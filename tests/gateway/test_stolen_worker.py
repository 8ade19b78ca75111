"""A worker's token for its slice at the door for outside agents: every route there, and none that it opens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.system.clock import SystemClock
from chimera.assembly import gateway as assembly
from chimera.gateway.card import ENDPOINT, WELL_KNOWN
from chimera.gateway.oauth import CONSENT
from chimera.governance.identity import slices
from chimera.settings import Settings
from chimera.testing.dispatch_conformance import assignments
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A7", "R-N7")
PUBLIC = "http://127.0.0.1:1"
# Whoever wants in begins here, without a token: the card, and the authorization server, which asks a person.
OPEN = {
    WELL_KNOWN, CONSENT, "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp",
    "/authorize", "/token", "/register", "/revoke",
}  # fmt: skip
GUARDED = {"/mcp", ENDPOINT}


@asynccontextmanager
async def door(tmp_path: Path) -> AsyncGenerator[Any]:
    house = await SmallHouse(clock=SystemClock()).open()
    settings = Settings(home=str(tmp_path / "home"))
    async with assembly.gateway(settings, house.office) as made:
        app = assembly._guarded(settings, house.office, made, PUBLIC)
        async with app.router.lifespan_context(app):
            yield app


def stolen() -> str:
    key = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
    return slices.signed(assignments(2), key=key, clock=SystemClock())


async def test_the_token_of_a_slice_opens_no_route(tmp_path: Path) -> None:
    async with door(tmp_path) as app:
        await require_closed(app)


async def require_closed(app: Any) -> None:
    assert {route.path for route in app.routes} == OPEN | GUARDED, "a route that nobody has looked at with this token"
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC, timeout=60) as client:
        for path in sorted(GUARDED):
            for method in ("GET", "POST", "DELETE", "PUT"):
                answer = await client.request(method, path, headers={"authorization": f"Bearer {stolen()}"}, json={})
                assert answer.status_code in (401, 405), (method, path, answer.text[:200])
        for path in ("/token", "/revoke"):
            for name in ("code", "refresh_token", "token", "client_secret"):
                given = {"grant_type": "authorization_code", "client_id": "x", name: stolen()}
                answer = await client.post(path, data=given)
                assert answer.status_code in (400, 401), (path, name, answer.text[:200])
