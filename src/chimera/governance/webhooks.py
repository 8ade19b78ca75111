"""Subscriptions to what changes: set, paused, given up, removed. Writes as the office; sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.webhook import Webhook, WebhookCommand, WebhookState
from chimera.ports.ids import Ids
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import Store

WEBHOOKS_MAX = 50


class Webhooks:
    """One subscription at a time. The secret leaves here once, and is stored locked."""

    def __init__(self, *, store: Store, ids: Ids, secrecy: Secrecy) -> None:
        self._store = store
        self._ids = ids
        self._secrecy = secrecy

    async def list(self) -> tuple[Webhook, ...]:
        """Every subscription that was not removed."""
        found = await self._store.list(Webhook)
        return tuple(one for one in found if one.state is not WebhookState.REMOVED)

    async def set(self, url: str, topics: Sequence[str], *, by: str) -> tuple[Webhook, str]:
        """A new subscription, and its secret. It is told what changes from now on."""
        if len(await self.list()) >= WEBHOOKS_MAX:
            raise Refused("webhooks_many", f"there are {WEBHOOKS_MAX} webhooks", where="webhooks", remedy="remove one")
        secret, now_us = self._secrecy.fresh(), await self._store.now_us()
        made = Webhook(id=self._ids.new(), url=url, topics=tuple(sorted(set(topics))), set_by=by, set_at_us=now_us,
                       secret_locked=self._secrecy.lock(secret.encode()))  # fmt: skip
        await self._write(made, EventKind.WEBHOOK_SET, by=by)
        return made, secret

    async def change(
        self, webhook_id: str, command: WebhookCommand, *, by: str, version: int | None = None, why: str = ""
    ) -> Webhook:
        """The subscription after a command, or a named refusal."""
        found = await self._store.get(Webhook, webhook_id)
        if version is not None and found.version != version:
            raise Conflict("version_stale", f"the webhook is at version {found.version}, not {version}",
                           where=webhook_id, remedy="look at it again")  # fmt: skip
        after = found.after(command)
        await self._write(after, EventKind.WEBHOOK_CHANGED, by=by, why=why)
        return after

    async def _write(self, webhook: Webhook, kind: EventKind, *, by: str, why: str = "") -> None:
        # Its address may hold a secret of the other side: history knows only that there is one.
        data = {"by": by, "state": str(webhook.state), "topics": list(webhook.topics), "why": why[:200]}
        event = Event(kind=kind, subject=webhook.id, at_us=await self._store.now_us(), data=data)
        await self._store.commit(Change(records=(webhook,), events=(event,)))
