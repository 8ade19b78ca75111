"""The manager's end of dispatch over Streams: slices out to worker processes, results back, nothing kept that counts.

Whatever is lost here is sent again under the same lease, or its lease runs out: the first result is taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import structlog
from msgspec import Struct
from msgspec.structs import replace

from chimera.adapters.valkey.connection import PREFIX, Valkey, end_all
from chimera.adapters.valkey.crowd import Crowd, Life
from chimera.adapters.valkey.slices import (
    HELLO,
    SLICE_TASKS_MAX,
    SLICES_KEPT_MAX,
    STREAM_SECONDS_MAX,
    Slice,
    encoded,
    hello_of,
    result_stream,
    results_of,
    work_stream,
)
from chimera.adapters.valkey.suspects import LOST_MAX, Suspects
from chimera.domain.errors import ChimeraError, Invalid, Unavailable
from chimera.domain.presence import Heard
from chimera.domain.work import GATEWAY_AWAY, WORKERS_LOST, Assignment, Result
from chimera.ports.bus import Bus, Message
from chimera.ports.clock import Clock

READ_SECONDS = 0.2
WATCH_SECONDS = 0.25
PAUSE_SECONDS = 0.2
ALONE_SECONDS = 0.05
GRACE_US = 5_000_000
_log = structlog.get_logger("chimera.dispatch")


class Out(Struct):
    """An assignment that is out: with whom it is now, and with whom it ever was under this lease."""

    assignment: Assignment
    life: Life | None
    workers: tuple[str, ...] = ()


class StreamDispatch:
    """Implements `ports.dispatch.Dispatch`. `reply` names this manager's life; `token_for` opens the gateway."""

    def __init__(
        self, valkey: Valkey, bus: Bus, *, reply: str, token_for: Callable[[Sequence[Assignment]], str], clock: Clock
    ) -> None:
        self._valkey = valkey
        self._bus = bus
        self._reply = reply
        self._token_for = token_for
        self._clock = clock
        self._crowd = Crowd()
        self._suspects = Suspects()
        self._out: dict[str, Out] = {}
        self._unsent: deque[str] = deque()
        self._done: asyncio.Queue[Result | ChimeraError] = asyncio.Queue()
        self._read_to: dict[str, bytes] = {}
        self._loops: list[asyncio.Task[None]] = []
        self.slices_sent = 0
        self.resent = 0

    async def open(self) -> None:
        """Begin to listen. A server that is away is waited for."""
        for loop in (self._listen, self._read, self._watch):
            self._loops.append(asyncio.create_task(self._guarded(loop)))

    @property
    def room(self) -> int:
        """How many more assignments the workers that live could carry."""
        return max(0, self._crowd.room - len(self._unsent))

    @property
    def lag(self) -> int:
        """How many assignments wait for a worker process to have room."""
        return len(self._unsent)

    @property
    def heard(self) -> tuple[Heard, ...]:
        """Which worker processes are heard, for whoever asks who is at work."""
        return self._crowd.heard_of(now_us=self._clock.now_us())

    async def send(self, assignments: Sequence[Assignment]) -> None:
        """Give them to whoever has most room; what cannot be sent now waits here until it can, or its lease is over."""
        for assignment in assignments:
            self._forget(assignment.task.id)
            self._out[assignment.task.id] = Out(assignment, None)
            self._unsent.append(assignment.task.id)
        await self._flush()

    async def results(self) -> tuple[Result, ...]:
        """At least one result, and all that are there."""
        found = [await self._done.get()]
        while not self._done.empty():
            found.append(self._done.get_nowait())
        if faults := [one for one in found if isinstance(one, ChimeraError)]:
            raise faults[0]
        return tuple(one for one in found if isinstance(one, Result))

    async def close(self) -> None:
        """Hang up. What is out comes back to nobody; its leases run out."""
        await end_all(self._loops)

    # ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _flush(self) -> None:
        while self._unsent and await self._sent_to_one():
            pass

    async def _sent_to_one(self) -> bool:
        """A slice for the first who has room, and whom something of what waits suits."""
        for life, room in self._crowd.with_room():
            if taken := self._take(life, min(room, SLICE_TASKS_MAX)):
                await self._send_slice(life, taken)
                return True
        return False

    def _take(self, life: Life, count: int) -> list[Out]:
        """What suits this life; of those of which one may end workers, one at a time."""
        awake, taken, kept = self._crowd.awake, list[Out](), list[str]()
        has_suspect = self._has_suspect(life)
        while self._unsent and len(taken) < count:
            task_id = self._unsent.popleft()
            out = self._out.get(task_id)
            if out is None or out.life is not None:
                continue
            is_suspect = self._suspects.is_suspect(task_id)
            if (is_suspect and has_suspect) or not self._suspects.suits(task_id, life.worker, awake=awake):
                kept.append(task_id)
                continue
            has_suspect = has_suspect or is_suspect
            taken.append(out)
        self._unsent.extendleft(reversed(kept))
        return taken

    def _has_suspect(self, life: Life) -> bool:
        return self._suspects.any and any(
            out.life == life and self._suspects.is_suspect(task_id) for task_id, out in self._out.items()
        )

    async def _send_slice(self, life: Life, taken: Sequence[Out]) -> None:
        """Counted as given before it is sent: whoever looks meanwhile must not give the same room again."""
        for out in taken:
            out.life, out.workers = life, (*out.workers, life.worker)
        self._crowd.given(life, len(taken))
        assignments = tuple(out.assignment for out in taken)
        body = encoded(Slice(reply=self._reply, token=self._token_for(assignments), assignments=assignments))
        stream = work_stream(life.worker, life.incarnation)
        try:
            await self._valkey.ask_all((
                ("XADD", stream, "MAXLEN", "~", SLICES_KEPT_MAX, "*", "slice", body),
                ("PEXPIRE", stream, STREAM_SECONDS_MAX * 1_000),
            ))  # fmt: skip
            self.slices_sent += 1
        except Unavailable as error:
            _log.warning("a slice waits", tasks=len(taken), why=str(error))
            self._recall(taken)
            # The watch tries again. Here the caller would spin.
            await asyncio.sleep(PAUSE_SECONDS)

    def _recall(self, taken: Sequence[Out]) -> None:
        """What was given to somebody who will not bring it back waits to be given again, first."""
        for out in reversed(taken):
            if out.life is not None:
                self._crowd.returned(out.life)
                out.life = None
                self._unsent.appendleft(out.assignment.task.id)

    def _forget(self, task_id: str) -> None:
        out = self._out.pop(task_id, None)
        if out is not None and out.life is not None:
            self._crowd.returned(out.life)

    # ── back ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _read(self) -> None:
        while True:
            streams = {result_stream(worker, self._reply): worker for worker in self._crowd.workers}
            if not streams:
                await asyncio.sleep(ALONE_SECONDS)
                continue
            found = await self._valkey.ask(
                "XREAD", "COUNT", 64, "BLOCK", int(READ_SECONDS * 1_000), "STREAMS", *streams,
                *(self._read_to.get(stream, b"0") for stream in streams),
            )  # fmt: skip
            for stream, entries in pairs(found):
                self._take_in(stream, streams[stream], entries)

    def _take_in(self, stream: str, worker: str, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for identifier, fields in entries:
            self._read_to[stream] = identifier
            try:
                results = results_of(fields.get(b"results", b""))
            except Invalid as error:
                _log.warning("what a worker sent cannot be read", worker=worker, why=str(error))
                continue
            for result in results:
                self._take_result(worker, result)

    def _take_result(self, worker: str, result: Result) -> None:
        """Only from whom it was given to, and only under its present lease."""
        out = self._out.get(result.task_id)
        if out is None or worker not in out.workers or out.assignment.task.version != result.task_version:
            _log.info("a result that was not asked for is not taken", worker=worker, task=result.task_id[:64])
            return
        self._forget(result.task_id)
        if result.draft is None:
            self._suspects.failed(result.task_id, worker)
        else:
            self._suspects.made(result.task_id)
            self._crowd.has_rested(worker)
        if result.failure.endswith(GATEWAY_AWAY):
            self._crowd.rest(worker, now_us=self._clock.now_us())
        # Whoever brought it stands in it: what it says of others is his word, and nobody else's.
        self._done.put_nowait(replace(result, worker=worker))

    # ── whoever falls silent ────────────────────────────────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        async for heard in self._bus.listen((f"{HELLO}*",)):
            if isinstance(heard, Message):
                self._crowd.heard(heard.topic.removeprefix(HELLO), hello_of(heard.body), now_us=self._clock.now_us())
            else:
                self._crowd.was_deaf(now_us=self._clock.now_us())

    async def _watch(self) -> None:
        """Who is silent or lives anew, what the server has forgotten, and what nobody will bring back any more."""
        mark = f"{PREFIX}mark:{self._reply}"
        while True:
            # Set anew at once: whoever finds it missing knows that the server was emptied, with all that was under way.
            kept = await self._valkey.ask("SET", mark, "1", "GET")
            now_us = self._clock.now_us()
            self._crowd.give_up_silent(now_us=now_us)
            self._drop_overdue(now_us)
            lost = [out for out in self._out.values()
                    if out.life is not None and (kept is None or not self._crowd.is_living(out.life))]  # fmt: skip
            self.resent += len(lost)
            self._recall(lost if kept is None else self._not_given_up(lost))
            await self._flush()
            await asyncio.sleep(WATCH_SECONDS)

    def _not_given_up(self, lost: Sequence[Out]) -> list[Out]:
        """What may be given to somebody else. A task with which one worker after the other ends is given up.

        Not where they ended in order: that says nothing about it.
        """
        going: list[Out] = []
        for out in lost:
            task = out.assignment.task
            if out.life is not None and self._crowd.has_left(out.life):
                going.append(out)
                continue
            if (count := self._suspects.lost(task.id)) < LOST_MAX:
                going.append(out)
                continue
            _log.error("a task is given up: workers end with it", task=task.id, workers=sorted(set(out.workers)))
            why = f"{count} lives of workers ended while they had it, the last time {out.workers[-1]}"
            self._forget(task.id)
            self._done.put_nowait(Result(task_id=task.id, task_version=task.version, failure=f"{why} {WORKERS_LOST}"))
        return going

    def _drop_overdue(self, now_us: int) -> None:
        overdue = [one for one, out in self._out.items() if 0 < out.assignment.deadline_us < now_us - GRACE_US]
        for task_id in overdue:
            self._forget(task_id)

    async def _guarded(self, loop: Callable[[], Awaitable[None]]) -> None:
        """A loop for ever. A server that is away is waited for; any other fault reaches whoever waits for results."""
        while True:
            try:
                await loop()
            except Unavailable as error:
                _log.info("dispatch waits for its server", why=str(error))
                await asyncio.sleep(PAUSE_SECONDS)
            except ChimeraError as error:
                self._done.put_nowait(error)
                await asyncio.sleep(PAUSE_SECONDS)


def pairs(found: Any) -> list[tuple[str, list[tuple[bytes, dict[bytes, bytes]]]]]:  # noqa: ANN401 – a server's answer
    """Stream and entries, in either form in which servers answer XREAD."""
    both = [*cast(dict[Any, Any], found).items()] if isinstance(found, dict) else found or []
    return [(stream.decode(), entries[0] if isinstance(found, dict) else entries) for stream, entries in both]
