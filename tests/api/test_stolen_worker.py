"""A worker's token for its slice opens the gateway; at the API it opens no route at all."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.system.clock import SystemClock
from chimera.api.guard import COOKIE
from chimera.api.route import Public
from chimera.governance.identity import slices
from chimera.testing.dispatch_conformance import assignments
from tests.api.conftest import World
from tests.api.test_authorisation import path_of, routes_of

pytestmark = pytest.mark.requirement("R-A7", "R-L1")


@pytest.mark.parametrize("place", ["authorization", "cookie"])
async def test_the_token_of_a_slice_opens_no_route(world: World, place: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
    token = slices.signed(assignments(2), key=key, clock=SystemClock())
    guarded = [route for route in routes_of(world) if not isinstance(route.needs, Public)]
    assert len(guarded) > 40
    async with world.client("") as client:
        headers = {"authorization": f"Bearer {token}"} if place == "authorization" else {"cookie": f"{COOKIE}={token}"}
        for route in guarded:
            answer = await client.request(route.method, path_of(route), headers=headers)
            assert answer.status_code == 401, (route.method, route.path, answer.text[:200])
