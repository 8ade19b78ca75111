"""Documents about media in PostgreSQL: partial updates from many hands at once, each a revision, none lost.

Updates that wait at the same time ride in one transaction. Writes no record and no event.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, NamedTuple

import asyncpg
import msgspec
from msgspec import Struct

from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.sql import query
from chimera.domain import ids
from chimera.domain.errors import Invalid, Missing, Unavailable
from chimera.domain.roles import Role

PATCH_BYTES_MAX = 256 * 1024
BATCH_MAX = 256
_DOUBTS = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


class Document(Struct, frozen=True, kw_only=True):
    """What is known about one artefact, and after how many updates."""

    id: str
    version: int
    body: dict[str, Any]


class _Waiting(NamedTuple):
    key: str
    id: str
    patch: str
    done: asyncio.Future[int]


class PostgresMedia:
    """Two connections: one writes batches, one reads. Close it when done."""

    def __init__(self, writing: asyncpg.Connection, reading: asyncpg.Connection) -> None:
        self._writing = writing
        self._reading = reading
        self._read_one_at_a_time = asyncio.Lock()
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._writer = asyncio.create_task(self._write())

    @classmethod
    async def open(cls, dsn: str, *, role: Role, password: str) -> PostgresMedia:
        """Open it with the login of a role that may write documents."""
        login = login_of(role)
        writing = await asyncpg.connect(dsn, user=login, password=password)
        return cls(writing, await asyncpg.connect(dsn, user=login, password=password))

    async def patch(self, media_id: str, patch: dict[str, Any], *, key: str) -> int:
        """Merge it into the document (RFC 7386: null removes); the version that it made. Under one key, once."""
        ids.parse(media_id, where="media_id")
        ids.parse(key, where="key")
        text = _encoded(patch)
        if self._writer.done():
            raise Unavailable(
                "media_unavailable",
                "no documents can be written any more",
                where="media",
                remedy="send it again under the same key",
            )
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(key, media_id, text, done))
        self._arrived.set()
        return await done

    async def get(self, media_id: str) -> Document:
        """The document as it is now."""
        async with self._read_one_at_a_time:
            row = await self._reading.fetchrow(query("read_media"), media_id)
        if row is None:
            raise Missing("media_missing", "there is no such document", where=media_id, remedy="look at its id")
        return Document(id=media_id, version=row["version"], body=msgspec.json.decode(row["body"]))

    async def revisions(self, media_id: str) -> tuple[tuple[int, dict[str, Any]], ...]:
        """Every update that it has had, with the version that it made."""
        async with self._read_one_at_a_time:
            rows = await self._reading.fetch(query("media_patches"), media_id)
        return tuple((row["version"], msgspec.json.decode(row["patch"])) for row in rows)

    async def close(self) -> None:
        """Write what waits, then close."""
        while self._waiting and not self._writer.done():
            await asyncio.shield(self._waiting[-1].done)
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer
        await self._writing.close()
        await self._reading.close()

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch = list({one.key: one for one in reversed(self._waiting[:BATCH_MAX])}.values())[::-1]
                taken = {id(one) for one in batch}
                self._waiting = [one for one in self._waiting if id(one) not in taken]
                await self._write_batch(batch)

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        columns = ([one.key for one in batch], [one.id for one in batch], [one.patch for one in batch])
        try:
            versions: list[int] = await self._writing.fetchval(query("patch_media"), *columns)
        except (*_DOUBTS, asyncpg.PostgresError) as error:
            for one in batch:
                if not one.done.done():
                    one.done.set_exception(
                        Unavailable("media_unavailable", str(error)[:200], where="media",
                                    remedy="send it again under the same key")
                    )  # fmt: skip
            return
        for one, version in zip(batch, versions, strict=True):
            if not one.done.done():
                one.done.set_result(version)


def _encoded(patch: dict[str, Any]) -> str:
    try:
        text = msgspec.json.encode(patch).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Invalid(
            "media_patch",
            f"this cannot be stored: {error}"[:200],
            where="patch",
            remedy="keep large things in object storage",
        ) from error
    if len(text) > PATCH_BYTES_MAX or "\\u0000" in text:
        raise Invalid("media_patch", f"an update has at most {PATCH_BYTES_MAX} bytes and no NUL", where="patch",
                      remedy="keep large things in object storage")  # fmt: skip
    return text
