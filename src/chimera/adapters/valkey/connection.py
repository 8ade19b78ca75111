"""One address of a Valkey or Redis server, and how it is asked. Holds nothing that must not be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from chimera.domain.errors import ChimeraError, Refused, Unavailable

ANSWER_SECONDS_MAX = 5.0
CANCEL_SECONDS = 0.5
PREFIX = "chimera:"

Word: TypeAlias = str | bytes | int | float


class Valkey:
    """Asks, and says `Unavailable` at once when nobody answers: how long to wait is the caller's business."""

    def __init__(self, url: str) -> None:
        self.redis: Redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] – untyped there
            url, socket_timeout=ANSWER_SECONDS_MAX, socket_connect_timeout=ANSWER_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip

    async def ask(self, *words: Word) -> Any:  # noqa: ANN401 – what a server answers depends on what it was asked
        """One command's answer."""
        try:
            return cast(Any, await self.redis.execute_command(*words))  # pyright: ignore[reportUnknownMemberType]
        except (RedisError, OSError) as error:
            raise fault_of(error) from error

    async def ask_all(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Many commands in one round trip; the answers in their order."""
        try:
            async with self.redis.pipeline(transaction=False) as line:
                for words in commands:
                    line.execute_command(*words)  # pyright: ignore[reportUnknownMemberType]
                return await line.execute()
        except (RedisError, OSError) as error:
            raise fault_of(error) from error

    async def close(self) -> None:
        """Hang up."""
        await self.redis.aclose()


async def end_all(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them until they have ended: a driver may take one cancellation for a time-out of its own."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_SECONDS)


def fault_of(error: Exception) -> ChimeraError:
    """What a driver's error means to us. A cancelled task is cancelled: the driver may take that for a time-out."""
    owner = asyncio.current_task()
    if owner is not None and owner.cancelling():
        raise asyncio.CancelledError from error
    if isinstance(error, NoPermissionError | AuthenticationError) or isinstance(error.__cause__, AuthenticationError):
        return Refused("valkey_not_permitted", str(error)[:300], where="valkey",
                       remedy="use the address of the user of this role")  # fmt: skip
    return Unavailable("valkey_unreachable", str(error)[:300] or type(error).__name__, where="valkey",
                       remedy="see whether the server of CHIMERA_VALKEY_URL runs")  # fmt: skip
