"""Assembles the house. Not built yet: until it is, no command can open the store, and says so."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from chimera.domain.errors import Unavailable
from chimera.ports.store import Store


def office_store() -> AbstractAsyncContextManager[Store]:
    """The store, opened as the office."""
    raise Unavailable("store_not_assembled", "this installation has no store yet", remedy="update to a later version")
