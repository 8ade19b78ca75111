"""Hands bytes over to YouTube in pieces, by Google's resumable protocol. Shows nothing to anybody.

What is lost on the way is not sent again blindly: the server is asked how many bytes it has.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from chimera.connectors.social.sessions import Session
from chimera.connectors.social.wire import NotSent, Reply
from chimera.ports.clock import Clock

PIECE_BYTES = 4 * 256 * 1024  # Google wants multiples of 256 KiB.
INCOMPLETE = 308
SETBACKS_MAX = 5
PAUSE_SECONDS = 0.5


class Parcel(Struct, frozen=True, kw_only=True):
    """What is handed over: to which path, with what said about it."""

    path: str
    part: str
    about: dict[str, Any]
    data: bytes
    kind: str


async def handed_over(session: Session, parcel: Parcel, clock: Clock) -> Reply:
    """The server's answer to the whole. May raise `NotSent`."""
    size = len(parcel.data)
    begun = await session.before(
        parcel.path, query={"uploadType": "resumable", "part": parcel.part}, json=parcel.about,
        headers={"X-Upload-Content-Type": parcel.kind, "X-Upload-Content-Length": str(size)},
    )  # fmt: skip
    if not begun.is_good:
        return begun
    # Only its path is followed: bytes of ours go to no server that a server names.
    where = urlsplit(begun.location)
    return await _Upload(session, parcel, path=where.path, query=dict(parse_qsl(where.query))).carried(clock)


class _Upload:
    """One upload that was begun."""

    def __init__(self, session: Session, parcel: Parcel, *, path: str, query: dict[str, str]) -> None:
        self._session = session
        self._parcel = parcel
        self._path = path
        self._query = query

    async def carried(self, clock: Clock) -> Reply:
        has_bytes = setbacks = 0
        while True:
            reply = await self._piece(has_bytes)
            if reply is None or reply.is_unclear:
                await clock.sleep(PAUSE_SECONDS)
                reply = await self._asked()
            if reply is not None and reply.status != INCOMPLETE and not reply.is_unclear:
                return reply
            reached = reply.has_bytes if reply is not None and reply.status == INCOMPLETE else has_bytes
            setbacks += reached <= has_bytes
            if setbacks > SETBACKS_MAX:
                raise NotSent(f"the upload does not get beyond {has_bytes} of {len(self._parcel.data)} bytes")
            has_bytes = reached

    async def _piece(self, first: int) -> Reply | None:
        piece = self._parcel.data[first : first + PIECE_BYTES]
        if not piece:
            return await self._asked()
        return await self._put(piece, f"bytes {first}-{first + len(piece) - 1}/{len(self._parcel.data)}")

    async def _asked(self) -> Reply | None:
        """How far it got; its answer is that of the whole if it has all."""
        return await self._put(b"", f"bytes */{len(self._parcel.data)}")

    async def _put(self, data: bytes, span: str) -> Reply | None:
        headers = {"Content-Range": span, "Content-Type": self._parcel.kind}
        try:
            return await self._session.hand_over("PUT", self._path, data, headers=headers, query=self._query)
        except NotSent:
            return None
