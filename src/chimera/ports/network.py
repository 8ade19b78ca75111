"""What every connector speaks: acts under a key, and answers that say what is known. Behind it is a network.

Nothing here decides whether an act may happen: it was granted before it came this far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from msgspec import Struct


class KnownNetwork(Struct, frozen=True, kw_only=True):
    """A network that an installation has accounts on, for people's screens. Nothing of it lets anybody in.

    `exercised`: its kind was seen to work against a real server. `until_us`: when tokens run out, by account.
    """

    kind: str
    exercised: bool
    until_us: Mapping[str, int] = {}


class Act(Struct, frozen=True, kw_only=True):
    """What one of our accounts asks the network to do, under a key of ours."""

    kind: str
    platform: str
    account: str
    key: str
    arguments: dict[str, Any]


class Accepted(Struct, frozen=True, tag="accepted"):
    """It happened, now or under the same key before."""

    receipt: dict[str, Any]


class Declined(Struct, frozen=True, tag="declined"):
    """It did not happen. `later` says whether trying again later can help."""

    code: str
    message: str
    later: bool = False


class Silence(Struct, frozen=True, tag="silence"):
    """No answer came. It may or may not have happened."""

    reason: str


Answer: TypeAlias = Accepted | Declined | Silence


class Network(Protocol):
    """One network as a connector serves it."""

    async def act(self, act: Act) -> Answer:
        """Do it once under its key."""
        ...

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """What was done under a key; nothing if certainly nothing was; `Declined` if that cannot be said."""
        ...

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """What a tool that only reads returns."""
        ...
