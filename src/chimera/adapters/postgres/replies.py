"""Answers by idempotency key, in PostgreSQL, through the functions of migration 0140. Touches no record, no event."""

from __future__ import annotations

from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import PATIENCE_SECONDS, pool_of
from chimera.domain.roles import Role
from chimera.ports.replies import Known

_WHAT = "the answers by key"


class PostgresReplies(PostgresReads):
    """Implements `ports.replies.ReplyStore`."""

    async def begin(self, key: bytes, digest: bytes, *, at_us: int, until_us: int) -> Known:
        row = (await self._fetch(_WHAT, query("begin_reply"), key, digest, at_us, until_us))[0]
        return Known(is_new=row["is_new"], digest=row["digest"], at_us=row["at_us"], status=row["status"] or 0,
                     kept=row["kept"] or b"")  # fmt: skip

    async def keep(self, key: bytes, *, status: int, kept: bytes) -> None:
        await self._fetch(_WHAT, query("keep_reply"), key, status, kept)

    async def forget(self, key: bytes) -> None:
        await self._fetch(_WHAT, query("forget_reply"), key)

    async def drop(self, *, before_us: int) -> int:
        return (await self._fetch(_WHAT, query("drop_replies"), before_us))[0][0]


async def open_replies(dsn: str, *, password: str | None = None) -> PostgresReplies:
    """Open the database for the office's answers."""
    return PostgresReplies(await pool_of(dsn, Role.OFFICE, password), Patience(PATIENCE_SECONDS))
