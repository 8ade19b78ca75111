"""The installation's agent card for agents elsewhere: the bytes that the gateway signed. Holds no key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response

from chimera.api.route import Public, Route
from chimera.domain.errors import Missing

WELL_KNOWN = "/.well-known/agent-card.json"


class CardRoutes:
    """One file, as it lies in the home."""

    def __init__(self, *, file: Path) -> None:
        self._file = file

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path=WELL_KNOWN, endpoint=self.show, media="application/json", shows_data=False,
                    needs=Public("what we say of ourselves to other agents"), name="agent_card")  # fmt: skip

    async def show(self) -> Response:
        """The signed A2A agent card of this installation, once its gateway has signed one."""
        try:
            data = await asyncio.to_thread(self._file.read_bytes)
        except FileNotFoundError as error:
            raise Missing("card_missing", "there is no card yet", where="card",
                          remedy="chimera gateway serve signs one") from error  # fmt: skip
        headers = {"etag": f'"{hashlib.sha256(data).hexdigest()[:20]}"', "cache-control": "max-age=300"}
        return Response(data, media_type="application/json", headers=headers)
