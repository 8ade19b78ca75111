"""Processes of a simulation: groups of tasks that die together at any moment, or freeze and go on as zombies.

A dead process can do nothing more: its ports refuse, and its tasks are cancelled. May not decide when that happens.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from chimera.testing.virtual_loop import VirtualClock

T = TypeVar("T")
_OWNER: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Process:
    """Everything that runs between a start and a crash. What it held in memory is gone with it."""

    def __init__(self, name: str, clock: VirtualClock) -> None:
        self.name = name
        self.is_alive = True
        self.frozen_until_us = 0
        self.error: BaseException | None = None
        self.ended = asyncio.Event()
        self._clock = clock
        self._tasks: dict[asyncio.Task[Any], None] = {}

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still, as after a long pause of its machine."""
        return self._clock.now_us() < self.frozen_until_us

    @property
    def works(self) -> bool:
        """Whether it is neither dead nor frozen."""
        return self.is_alive and not self.is_frozen

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run it as this process's main task; when that ends, so does the process."""
        context = contextvars.copy_context()
        context.run(_OWNER.set, self)
        main = asyncio.get_running_loop().create_task(self._main(work), context=context)
        main.add_done_callback(lambda _: self.ended.set())

    def crash(self) -> None:
        """Dead from here on, in the middle of whatever it did."""
        if self.is_alive:
            self.is_alive = False
            for task in tuple(self._tasks):
                task.cancel()

    def freeze(self, seconds: float) -> None:
        """Stands still for a while and then goes on as if nothing had happened."""
        self.frozen_until_us = self._clock.now_us() + round(seconds * 1_000_000)

    async def at_port(self) -> None:
        """Every call to the world passes here: the dead do not come through, the frozen come through later."""
        while self.is_alive and self.is_frozen:
            await self._clock.sleep(min(1.0, (self.frozen_until_us - self._clock.now_us()) / 1_000_000 + 0.001))
        self.require_alive()

    def require_alive(self) -> None:
        """A dead process gets no further."""
        if not self.is_alive:
            raise asyncio.CancelledError(f"{self.name} is dead")

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """One more task that dies with it."""
        self._tasks[task] = None
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))

    async def _main(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 – whatever it was, the world looks at it.
            self.error = error
        self.crash()


def own_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """From now on every task belongs to the process that made it."""
    loop.set_task_factory(_make_task)  # pyright: ignore[reportArgumentType] – the stubs also allow generators


def _make_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], *, context: contextvars.Context | None = None
) -> asyncio.Task[T]:
    task = asyncio.Task(work, loop=loop, context=context)
    owner = context.get(_OWNER) if context is not None else _OWNER.get()
    if owner is not None:
        owner.adopt(task)
        if not owner.is_alive:
            task.cancel()
    return task
