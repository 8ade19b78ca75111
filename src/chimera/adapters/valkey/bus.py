"""The bus over Valkey's channels. A lost connection is a gap, never an error: see `ports.bus`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from chimera.adapters.valkey.connection import PREFIX, Valkey, fault_of
from chimera.domain.errors import ChimeraError, Refused
from chimera.ports.bus import Gap, Heard, Message

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.05, 1.0
LISTENED_SECONDS = 1.0


class ValkeyBus:
    """Implements `ports.bus.Bus`."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def publish(self, topic: str, body: bytes = b"") -> bool:
        """Whether the server took it."""
        try:
            await self._valkey.ask("PUBLISH", PREFIX + topic, body)
        except Refused:
            raise
        except ChimeraError:
            return False
        return True

    async def listen(self, topics: Sequence[str]) -> AsyncGenerator[Heard]:
        """What is said from now on; listens anew, ever more patiently, when the server was away."""
        pause_seconds = PAUSE_SECONDS_MIN
        while True:
            ear: PubSub = self._valkey.redis.pubsub()  # pyright: ignore[reportUnknownMemberType] – untyped there
            try:
                await _subscribe(ear, topics)
                yield Gap()
                pause_seconds = PAUSE_SECONDS_MIN
                while True:
                    found = cast(Any, await ear.get_message(timeout=LISTENED_SECONDS))
                    if (heard := _heard(found)) is not None:
                        yield heard
            except (RedisError, OSError) as error:
                if isinstance(refusal := fault_of(error), Refused):
                    raise refusal from error
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(PAUSE_SECONDS_MAX, 2 * pause_seconds)
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await ear.aclose()

    async def close(self) -> None:
        """The connection belongs to whoever opened it."""


async def _subscribe(ear: PubSub, topics: Sequence[str]) -> None:
    exact = [PREFIX + topic for topic in topics if not topic.endswith("*")]
    patterns = [PREFIX + topic for topic in topics if topic.endswith("*")]
    if exact:
        await ear.subscribe(*exact)
    if patterns:
        await ear.psubscribe(*patterns)
    # The server's word that it listens: what is said before that is in the gap, what is said after is heard.
    for _ in range(len(exact) + len(patterns)):
        await ear.get_message(timeout=None)


def _heard(found: dict[str, Any] | None) -> Message | None:
    if found is None or found["type"] not in ("message", "pmessage"):
        return None
    return Message(found["channel"].decode().removeprefix(PREFIX), found["data"])
