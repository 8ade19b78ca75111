"""Valkey, with a user for each role: what may be said over it, and by whom. Nothing is kept there that must last."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence

from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.keeping_valkey import kept_valkey
from chimera.adapters.local.valkey import valkey_url
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.slices import worker_rules
from chimera.settings import Settings

MANAGER, EFFECTS, OFFICE = "manager", "effects", "office"
# What each role's user may do in Valkey. Workers have a user each: `worker_rules`.
ROLE_RULES = {
    MANAGER: "~chimera:* &chimera:hello:* &chimera:arrived &chimera:granted &chimera:acted "
    "+@stream +@string +@hash +@keyspace +@pubsub +@connection +info -flushall -flushdb",
    EFFECTS: "&chimera:granted &chimera:acted +subscribe +unsubscribe +publish +ping",
    OFFICE: "&chimera:arrived +publish +ping",
}


@contextlib.asynccontextmanager
async def servers(settings: Settings, *, workers: Sequence[str]) -> AsyncGenerator[None]:
    """Valkey under this home with a user for each role and worker; nothing, where there is a server of one's own."""
    if settings.valkey_url:
        yield
        return
    rules = {**ROLE_RULES, **{name: worker_rules(name) for name in workers}}
    async with kept_valkey(prepare_home(settings.folder), users=rules):
        yield


@contextlib.asynccontextmanager
async def channel(settings: Settings, user: str) -> AsyncGenerator[Valkey]:
    """Valkey with the user of a role: by its address, or the one under this home."""
    valkey = Valkey(settings.valkey_url or valkey_url(prepare_home(settings.folder), user))
    try:
        yield valkey
    finally:
        await valkey.close()
