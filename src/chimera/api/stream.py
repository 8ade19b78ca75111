"""The one stream of changes, as server-sent events. Says what changed; the content is read by the usual routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Header, Query
from starlette.responses import StreamingResponse

from chimera.api.pulse import Frame, Pulse
from chimera.api.route import Needs, Route


class StreamRoutes:
    """`/v1/stream`."""

    def __init__(self, *, pulse: Pulse) -> None:
        self._pulse = pulse

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/v1/stream", endpoint=self.stream, name="follow",
                    needs=Needs("fleet.look"), answer=Frame, media="text/event-stream", shows_data=False)  # fmt: skip

    async def stream(
        self,
        last_event_id: Annotated[str, Header(max_length=2_000)] = "",
        cursor: Annotated[str, Query(description="as Last-Event-ID", max_length=2_000)] = "",
    ) -> StreamingResponse:
        """Events `change` (a frame: topics with the ids that changed), `beat` (nothing changed), `resync` (read again).

        The id of every event is the cursor: how far each chain was read. Sent back, it resumes there.
        """
        word = last_event_id or cursor
        self._pulse.where(word)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._pulse.listen(word), media_type="text/event-stream", headers=headers)
