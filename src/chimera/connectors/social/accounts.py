"""The accounts that a connector acts as, by handle, how each proves who it is, and which have said what they are.

The proofs are read when needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from chimera.ports.network import Declined

Held = TypeVar("Held")

# The secret of an account, by the name under which it was entrusted.
SecretOf = Callable[[str], str]


class Accounts:
    """Handles with an @, each with the name of its secret."""

    def __init__(self, secrets: Mapping[str, str], secret_of: SecretOf) -> None:
        self._secrets = dict(secrets)
        self._secret_of = secret_of

    def of(self, asked: object) -> str | Declined:
        """The account that is asked for, or the only one; or that it is none of ours."""
        if asked is None and self._secrets:
            return next(iter(self._secrets))
        handle = str(asked)
        if handle not in self._secrets:
            return Declined("account_unknown", f"{handle[:80]} is none of the accounts that this connector has")
        return handle

    def secret(self, handle: str) -> str:
        """Its proof."""
        return self._secret_of(self._secrets[handle])


class OfEach(Generic[Held]):
    """One of a kind for each account, made when it is first wanted."""

    def __init__(self, make: Callable[[str], Held]) -> None:
        self._make = make
        self._held: dict[str, Held] = {}

    def __call__(self, account: str) -> Held:
        if account not in self._held:
            self._held[account] = self._make(account)
        return self._held[account]


class Labels:
    """Which accounts are marked as machines. An account says so of itself before it says anything else."""

    def __init__(self) -> None:
        self._labelled: set[str] = set()

    async def ensured(self, account: str, mark: Callable[[], Awaitable[Declined | None]]) -> Declined | None:
        """Mark an account, unless it was done before; or why it cannot be."""
        if account in self._labelled:
            return None
        refused = await mark()
        if refused is None:
            self._labelled.add(account)
        return refused
