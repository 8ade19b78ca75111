"""Comes in: a one-time code against a session's secret, which serves as a token until it is given back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import httpx2

from chimera.client.wire import SECONDS_MAX, error_of
from chimera.domain.errors import Unavailable

SESSION, COOKIE = "/v1/session", "chimera_session"


@contextlib.asynccontextmanager
async def let_in(url: str, code: str) -> AsyncGenerator[str]:
    """The secret of a session of our own. It ends with the block."""
    async with httpx2.AsyncClient(base_url=url, timeout=SECONDS_MAX, trust_env=False) as client:
        try:
            response = await client.post(SESSION, json={"once": code})
        except httpx2.TransportError as error:
            raise Unavailable(
                "api_away",
                f"the house does not answer: {type(error).__name__}",
                where=url,
                remedy="look whether it runs: chimera api",
            ) from error
        if not response.is_success:
            raise error_of(response)
        secret = response.cookies[COOKIE]
        client.cookies.clear()
        try:
            yield secret
        finally:
            # Whoever cannot say goodbye any more has a session that runs out by itself.
            with contextlib.suppress(httpx2.TransportError):
                await client.delete(SESSION, headers={"authorization": f"Bearer {secret}"})
