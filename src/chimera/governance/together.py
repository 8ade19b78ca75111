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
    """Whoever comes while a question is out rides on the next one, with all the others who wait.

    An answer wakes everybody it is for at once. Were they to take turns, each would wait for all before it, and on a
    busy loop that takes longer than the asking.
    """

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to this question, asked after it came: never one that was on its way already."""
        mine: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, mine))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_while_anybody_waits(), name="asks for all")
        return await mine

    async def _ask_while_anybody_waits(self) -> None:
        riding: Sequence[tuple[Q, asyncio.Future[A]]] = ()
        try:
            while riding := self._next():
                await self._ask_for(riding)
        except BaseException as error:
            # A bug, or the process ends: nobody may be left waiting for an answer that never comes.
            for _, waiter in (*riding, *self._waiting):
                _fail(waiter, error)
            self._waiting = []
            raise
        finally:
            self._asking = None

    def _next(self) -> Sequence[tuple[Q, asyncio.Future[A]]]:
        """Those who still wait, up to so many. Who was broken off is not asked for."""
        waiting = [(question, waiter) for question, waiter in self._waiting if not waiter.done()]
        self._waiting = waiting[TOGETHER_MAX:]
        return waiting[:TOGETHER_MAX]

    async def _ask_for(self, riding: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._ask([question for question, _ in riding])
        except ChimeraError as error:
            for _, waiter in riding:
                _fail(waiter, error)
            return
        assert len(answers) == len(riding), "every question has its answer"
        for (_, waiter), answer in zip(riding, answers, strict=True):
            if not waiter.done():
                waiter.set_result(answer)


def _fail(waiter: asyncio.Future[A], error: BaseException) -> None:
    if waiter.done():
        return
    if not isinstance(error, Exception):
        waiter.cancel()
        return
    waiter.set_exception(error)
    # Looked at here too: who is broken off in this moment will not.
    waiter.exception()
