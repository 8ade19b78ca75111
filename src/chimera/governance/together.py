"""Asks once for all who want to know at the same time. Knows nothing of what is asked, and keeps no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from chimera.domain.errors import ChimeraError

Q = TypeVar("Q")
A = TypeVar("A")
TOGETHER_MAX = 256


class Together(Generic[Q, A]):
    """Whoever comes while a question is out rides on the next one, with all the others who wait."""

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._ask = ask
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []

    async def ask(self, question: Q) -> A:
        """The answer to this question, asked after it came: never one that was on its way already."""
        mine: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, mine))
        try:
            async with self._turn:
                while not mine.done():
                    await self._ask_for_all()
        except asyncio.CancelledError:
            mine.cancel()
            raise
        return mine.result()

    async def _ask_for_all(self) -> None:
        waiting = [(question, waiter) for question, waiter in self._waiting if not waiter.done()]
        riding, self._waiting = waiting[:TOGETHER_MAX], waiting[TOGETHER_MAX:]
        try:
            answers = await self._ask([question for question, _ in riding])
        except ChimeraError as error:
            for waiter in _still_waiting(riding):
                waiter.set_exception(error)
                # Looked at here too: who is broken off in this moment will not.
                waiter.exception()
        except BaseException:
            # Whoever asked for all was broken off; the others did not ask to be. The next of them asks again.
            self._waiting = riding + self._waiting
            raise
        else:
            for (_, waiter), answer in zip(riding, answers, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)


def _still_waiting(riding: Sequence[tuple[object, asyncio.Future[A]]]) -> list[asyncio.Future[A]]:
    return [waiter for _, waiter in riding if not waiter.done()]
