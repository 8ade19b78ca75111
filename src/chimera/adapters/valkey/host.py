"""The worker's end of dispatch over Streams: takes slices, works each task on its own, sends results in batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable

import structlog

from chimera.adapters.valkey.connection import Valkey, end_all
from chimera.adapters.valkey.dispatch import PAUSE_SECONDS, pairs
from chimera.adapters.valkey.slices import (
    HELLO,
    SLICES_KEPT_MAX,
    STREAM_SECONDS_MAX,
    Hello,
    Slice,
    encoded,
    result_stream,
    slice_of,
    work_stream,
)
from chimera.domain.errors import Invalid, Unavailable
from chimera.domain.work import Assignment, Result
from chimera.ports.bus import Bus

Work = Callable[[Assignment], Awaitable[Result]]

HELLO_SECONDS = 0.5
ENDS_SECONDS_MAX = 1.0
WAIT_SECONDS = 0.5
GATHER_SECONDS = 0.01
RESULTS_AT_ONCE_MAX = 64
_log = structlog.get_logger("chimera.worker")


class StreamHost:
    """One life of one worker process. `work_with` makes the work for whoever holds a slice's token."""

    def __init__(
        self, valkey: Valkey, bus: Bus, *, name: str, incarnation: str, capacity: int,
        work_with: Callable[[str], Work], process: str = "",
    ) -> None:  # fmt: skip
        self._valkey = valkey
        self._bus = bus
        self._name = name
        self._incarnation = incarnation
        self._capacity = capacity
        self._work_with = work_with
        self._process = process
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._done: asyncio.Queue[tuple[str, Result]] = asyncio.Queue()
        self.worked = 0

    async def run(self) -> None:
        """Until cancelled. A server that is away is waited for, with what is being worked on.

        Whoever breaks says no goodbye: what it worked on may be what broke it.
        """
        is_told = False
        loops = [asyncio.create_task(_patiently(loop)) for loop in (self._say_hello, self._receive, self._report)]
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for broken in done:
                broken.result()
        except asyncio.CancelledError:
            is_told = True
            raise
        finally:
            await end_all((*loops, *self._running.values()))
            if is_told:
                await self._say_goodbye()

    async def _say_hello(self) -> None:
        while True:
            await self._bus.publish(HELLO + self._name, encoded(self._hello()))
            await asyncio.sleep(HELLO_SECONDS)

    async def _say_goodbye(self) -> None:
        """What it had goes to others at once, and is not suspected of having ended it. Unheard, it was a crash."""
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(ENDS_SECONDS_MAX):
                await self._bus.publish(HELLO + self._name, encoded(self._hello(ends=True)))

    def _hello(self, *, ends: bool = False) -> Hello:
        return Hello(incarnation=self._incarnation, capacity=self._capacity, busy=len(self._running),
                     process=self._process, ends=ends)  # fmt: skip

    async def _receive(self) -> None:
        stream, last = work_stream(self._name, self._incarnation), b"0"
        while True:
            found = await self._valkey.ask(
                "XREAD", "COUNT", 16, "BLOCK", int(WAIT_SECONDS * 1_000), "STREAMS", stream, last
            )
            for _, entries in pairs(found):
                for identifier, fields in entries:
                    last = identifier
                    self._begin(fields.get(b"slice", b""))

    def _begin(self, body: bytes) -> None:
        try:
            taken = slice_of(body)
        except Invalid as error:
            return _log.warning("a slice cannot be read", why=str(error))
        work = self._work_with(taken.token)
        for assignment in taken.assignments:
            self._start(taken, assignment, work)

    def _start(self, taken: Slice, assignment: Assignment, work: Work) -> None:
        """Once under each lease: what was sent again while it is being worked on is under way already."""
        key = (assignment.task.id, assignment.task.version)
        if key not in self._running:
            running = asyncio.create_task(self._work(taken.reply, assignment, work))
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))

    async def _work(self, reply: str, assignment: Assignment, work: Work) -> None:
        self._done.put_nowait((reply, await work(assignment)))
        self.worked += 1

    async def _report(self) -> None:
        while True:
            batch = [await self._done.get()]
            # Each message costs both ends, and the manager a look for more work, as much as a result does.
            await asyncio.sleep(GATHER_SECONDS)
            while not self._done.empty() and len(batch) < RESULTS_AT_ONCE_MAX:
                batch.append(self._done.get_nowait())
            await self._send(batch)

    async def _send(self, batch: list[tuple[str, Result]]) -> None:
        """Until the server has them: what was worked on costs more than waiting."""
        by_reply: defaultdict[str, list[Result]] = defaultdict(list)
        for reply, result in batch:
            by_reply[reply].append(result)
        for reply, results in by_reply.items():
            stream = result_stream(self._name, reply)
            commands = (
                ("XADD", stream, "MAXLEN", "~", SLICES_KEPT_MAX, "*", "results", encoded(tuple(results))),
                ("PEXPIRE", stream, STREAM_SECONDS_MAX * 1_000),
            )
            await _patiently(lambda: self._valkey.ask_all(commands))  # noqa: B023 – awaited before the next round


async def _patiently(act: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await act()
            return
        except Unavailable as error:
            _log.info("the worker waits for its server", why=str(error))
            await asyncio.sleep(PAUSE_SECONDS)
