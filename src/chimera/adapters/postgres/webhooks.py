"""How far webhooks were told, in PostgreSQL, through the functions of migration 0141. Changes no record."""

from __future__ import annotations

import msgspec

from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import PostgresReads, record_of
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import PATIENCE_SECONDS, pool_of
from chimera.domain.roles import Role
from chimera.domain.webhook import Webhook
from chimera.ports.webhooks import Due, Progress

_WHAT = "webhooks"


class PostgresWebhooks(PostgresReads):
    """Implements `ports.webhooks.WebhookStore`."""

    async def take(self, *, at_us: int, until_us: int) -> tuple[Due, ...]:
        found = await self._fetch(_WHAT, query("take_webhooks"), at_us, until_us)
        return tuple([Due(webhook=record_of(Webhook, row), cursor=_cursor_of(row["cursor"]), failures=row["failures"])
                      for row in found])  # fmt: skip

    async def keep(self, progress: Progress, *, cursor: dict[str, int]) -> None:
        await self._fetch(_WHAT, query("keep_webhook"), progress.id, msgspec.json.encode(cursor), progress.failures,
                          progress.next_at_us, progress.told_at_us, progress.told, progress.last_answer)  # fmt: skip

    async def progress(self) -> tuple[Progress, ...]:
        found = await self._fetch(_WHAT, query("read_webhooks"))
        return tuple([msgspec.convert(dict(row), Progress) for row in found])


def _cursor_of(kept: bytes) -> dict[str, int]:
    return msgspec.json.decode(kept, type=dict[str, int]) if kept else {}


async def open_webhooks(dsn: str, *, password: str | None = None) -> PostgresWebhooks:
    """Open the database for telling webhooks."""
    return PostgresWebhooks(await pool_of(dsn, Role.OFFICE, password), Patience(PATIENCE_SECONDS))
