"""Follows the chains once for everybody: tells every open page what changed, and keeps the tally of the day.

What goes to a page is encoded once, whoever many pages there are. A page that is too slow is told to read again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import datetime, tzinfo

import msgspec
import structlog
from msgspec import Struct

from chimera.api import history
from chimera.api.paging import Places
from chimera.api.restraints import Restraints
from chimera.api.uses import Uses
from chimera.domain.errors import Unavailable
from chimera.domain.event import OF_PEOPLE, Event, EventKind, Link
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Reads

FRAME_SECONDS = 0.25
BEAT_SECONDS = 5.0
IDS_MAX = 40
WAITING_FRAMES_MAX = 64
CATCH_UP_MAX = 5_000
CLIENTS_MAX = 2_000
DAY_EVENTS_MAX = 500_000
# While pages have not taken what they were told, what is new waits for them and goes with the next frame.
CROWDED_SECONDS_MAX = 1.0
RESYNC = b"event: resync\ndata: {}\n\n"
_log = structlog.get_logger()

_TOPICS = {
    "INPUT": "conversation", "PLAN": "campaign", "DRAFT": "task", "WORK": "task", "ACTION": "task", "TASK": "task",
    "GRANT": "task", "EFFECT": "effect", "REVIEW": "task", "HALTED": "halt", "PAUSED": "halt", "RESUMED": "halt",
    "HALT_OUTLIVED": "halt",
    "CAP": "money",
}  # fmt: skip
# What screens about people read again; who came in and who looked at something is no change of theirs.
_CHANGES_PEOPLE = OF_PEOPLE & {
    EventKind.PERSON_ADDED, EventKind.PERSON_CHANGED, EventKind.TOKEN_ISSUED, EventKind.TOKEN_REVOKED,
}  # fmt: skip
_UNTOLD = frozenset(
    {"GRANTS_SEALED", "WRITER_OPENED", "DATA_READ", "EFFECT_STARTED", "RECORDS_DROPPED", "MEDIA_DROPPED"}
)
_WORDS = {str(kind).partition("_")[0] for kind in EventKind if kind not in _UNTOLD | {"DECOY_PLANTED"}}
TOPICS = frozenset(_TOPICS.get(word, word.lower()) for word in _WORDS) | {"review"}


class Topic(Struct):
    """What changed of one kind of thing. `more`: there were too many to name."""

    count: int = 0
    ids: list[str] = []
    more: bool = False


class Frame(Struct, frozen=True, kw_only=True):
    """What changed since the frame before. `oldest_us`: when the oldest of it happened; 0 when nothing did."""

    at_us: int
    oldest_us: int = 0
    topics: dict[str, Topic]


class Tally(Struct, frozen=True, kw_only=True):
    """What happened today, counted from the chains. `is_whole` is false while (or when) not all of it was counted."""

    since_us: int = 0
    published: int = 0
    failed: int = 0
    granted: int = 0
    held: int = 0
    refused: int = 0
    refused_inputs: int = 0
    admitted: int = 0
    settled: int = 0
    is_whole: bool = False


_COUNTED: Mapping[str, str] = {
    EventKind.EFFECT_FINISHED: "published",
    EventKind.EFFECT_FAILED: "failed",
    EventKind.ACTION_GRANTED: "granted",
    EventKind.ACTION_ESCALATED: "held",
    EventKind.ACTION_DENIED: "refused",
    EventKind.INPUT_REFUSED: "refused_inputs",
    EventKind.INPUT_ADMITTED: "admitted",
    EventKind.TASK_SETTLED: "settled",
}


class Pulse:
    """One reader of the chains, any number of listeners."""

    def __init__(
        self, *, reads: Reads, clock: Clock, zone: tzinfo, uses: Uses, restraints: Restraints, places: Places
    ) -> None:  # fmt: skip
        self._reads = reads
        self._places = places
        self._uses = uses
        self._restraints = restraints
        self._clock = clock
        self._zone = zone
        self._cursor: dict[str, int] = {}
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._counts: Counter[str] = Counter()
        self._day_us = 0
        self._is_whole = False
        self._began = asyncio.Event()
        self.lag_us = 0

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def tally(self) -> Tally:
        """The day so far."""
        return Tally(since_us=self._day_us, is_whole=self._is_whole, **self._counts)

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        counting: asyncio.Task[None] | None = None
        silent_us = self._clock.now_us()
        try:
            while True:
                try:
                    if not self._began.is_set():
                        counting = await self._begin()
                    told = await self._step()
                    silent_us = self._clock.now_us() if told else self._beat(silent_us)
                except Unavailable as error:
                    _log.warning("the chains cannot be read now", why=str(error))
                await self._clock.sleep(FRAME_SECONDS)
                await self._room()
        finally:
            if counting is not None:
                counting.cancel()

    def where(self, word: str) -> dict[str, int] | None:
        """The places of a cursor that was sent back; `Invalid` for what is none of ours."""
        return self._places.decode(word)

    async def listen(self, word: str) -> AsyncGenerator[bytes]:
        """Frames from a cursor on, or from now."""
        await self._began.wait()
        if len(self._listeners) >= CLIENTS_MAX:
            raise Unavailable("stream_full", f"{CLIENTS_MAX} pages listen already", remedy="close some")
        since = self.where(word)
        queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING_FRAMES_MAX)
        self._listeners.add(queue)
        here = dict(self._cursor)
        try:
            yield b"retry: 1000\n" + self._encoded(Frame(at_us=self._clock.now_us(), topics={}), here, kind="beat")
            if since is not None:
                yield await self._caught_up(since, here)
            while True:
                yield await _waiting(queue)
        finally:
            self._listeners.discard(queue)

    async def _room(self) -> None:
        """Until most pages have taken the frame before: a machine that is busy gets fewer frames, not older ones."""
        waited = 0.0
        while waited < CROWDED_SECONDS_MAX and 2 * sum(not one.empty() for one in self._listeners) > self.listeners:
            await self._clock.sleep(FRAME_SECONDS / 5)
            waited += FRAME_SECONDS / 5

    # ── following ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> asyncio.Task[None]:
        heads = await self._reads.heads()
        self._cursor = {head.writer: head.seq for head in heads}
        self._day_us = _midnight_us(self._clock.now_us(), self._zone)
        self._began.set()
        return asyncio.create_task(self._count_day(dict(self._cursor)), name="tally of the day")

    async def _step(self) -> bool:
        links = list[Link]()
        for head in await self._reads.heads():
            links.extend(await self._news(head.writer, head.seq))
        self._turn_day()
        if not links:
            return False
        events = [history.event_of(link) for link in links]
        self._count(events)
        topics = topics_for_pages(events)
        if topics:
            now_us, oldest_us = self._clock.now_us(), min(event.at_us for event in events)
            self.lag_us = now_us - oldest_us
            self._tell(self._encoded(Frame(at_us=now_us, oldest_us=oldest_us, topics=topics), self._cursor))
        return bool(topics)

    async def _news(self, writer: str, to_seq: int) -> list[Link]:
        found = list[Link]()
        seen = self._cursor.get(writer, 0)
        while seen < to_seq:
            page = await self._reads.links(writer, after_seq=seen, limit=LIST_MAX)
            if not page:
                break
            found.extend(page)
            seen = page[-1].seq
        self._cursor[writer] = seen
        return found

    def _beat(self, silent_us: int) -> int:
        now_us = self._clock.now_us()
        if now_us - silent_us < BEAT_SECONDS * 1_000_000:
            return silent_us
        self._tell(self._encoded(Frame(at_us=now_us, topics={}), self._cursor, kind="beat"))
        return now_us

    def _tell(self, frame: bytes) -> None:
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(RESYNC)
            else:
                queue.put_nowait(frame)

    async def _caught_up(self, since: dict[str, int], here: dict[str, int]) -> bytes:
        """One frame with all that was missed, or word that everything has to be read again."""
        missed = sum(max(0, seq - since.get(writer, 0)) for writer, seq in here.items())
        if missed > CATCH_UP_MAX or any(since.get(writer, 0) > seq for writer, seq in here.items()):
            return b"id: " + self._places.encode(here).encode() + b"\n" + RESYNC
        events = list[Event]()
        for writer, seq in here.items():
            after = since.get(writer, 0)
            while after < seq:
                page = await self._reads.links(writer, after_seq=after, limit=min(LIST_MAX, seq - after))
                if not page:
                    break
                events.extend(history.event_of(link) for link in page)
                after = page[-1].seq
        return self._encoded(Frame(at_us=self._clock.now_us(), topics=topics_for_pages(events)), here)

    def _encoded(self, frame: Frame, cursor: dict[str, int], *, kind: str = "change") -> bytes:
        word = self._places.encode(cursor).encode()
        return b"id: " + word + b"\nevent: " + kind.encode() + b"\ndata: " + msgspec.json.encode(frame) + b"\n\n"

    # ── the day ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _count(self, events: Iterable[Event]) -> None:
        for event in events:
            self._uses.note(event)
            self._restraints.note(event)
            name = _COUNTED.get(_kind_told(event))
            if name and event.at_us >= self._day_us:
                self._counts[name] += 1

    def _turn_day(self) -> None:
        day_us = _midnight_us(self._clock.now_us(), self._zone)
        if day_us != self._day_us:
            self._day_us, self._is_whole = day_us, True
            self._counts.clear()
            self._uses.turn()

    async def _count_day(self, to: dict[str, int]) -> None:
        """What happened today before we began to follow."""
        day_us, left = self._day_us, DAY_EVENTS_MAX
        for head in await self._reads.heads():
            after = await history.sequence_at(self._reads, head, day_us)
            while after < to.get(head.writer, 0) and left > 0 and day_us == self._day_us:
                page = await self._reads.links(head.writer, after_seq=after, limit=LIST_MAX)
                mine = [link for link in page if link.seq <= to[head.writer]]
                self._count(history.event_of(link) for link in mine)
                left -= len(mine)
                if len(mine) < LIST_MAX:
                    break
                after = mine[-1].seq
                await self._clock.sleep(0)
        self._is_whole = left > 0


async def _waiting(queue: asyncio.Queue[bytes]) -> bytes:
    """What waits for a page, in one piece: it is written to its socket once."""
    found = [await queue.get()]
    while not queue.empty():
        found.append(queue.get_nowait())
    return b"".join(found)


def topics_for_pages(events: Iterable[Event]) -> dict[str, Topic]:
    """What every page may be told: of people no more than that something about them has changed."""
    told, of_people = list[Event](), 0
    for event in events:
        if event.kind not in OF_PEOPLE:
            told.append(event)
        elif event.kind in _CHANGES_PEOPLE:
            of_people += 1
    topics = topics_of(told)
    return {**topics, "person": Topic(count=of_people)} if of_people else topics


def topics_of(events: Iterable[Event]) -> dict[str, Topic]:
    """What changed, by kind of thing."""
    topics: dict[str, Topic] = {}
    for event in events:
        if event.kind not in _UNTOLD:
            for topic, identifier in _told(event):
                _add(topics.setdefault(topic, Topic()), identifier)
    return topics


def _kind_told(event: Event) -> str:
    """As what an event counts: a decoy, which nothing may tell on, as what a real review begins with."""
    return str(event.data.get("told_as", event.kind)) if event.kind is EventKind.DECOY_PLANTED else event.kind


def _told(event: Event) -> Iterable[tuple[str, str]]:
    kind = _kind_told(event)
    word = str(kind).partition("_")[0]
    yield _TOPICS.get(word, word.lower()), event.subject if kind == event.kind else str(event.data["task"])
    review = event.data.get("review")
    if kind == EventKind.ACTION_ESCALATED:
        yield "review", str(review or "")
    elif word == "REVIEW" and review:
        yield "review", str(review)


def _add(topic: Topic, identifier: str) -> None:
    topic.count += 1
    if not identifier or identifier in topic.ids:
        return
    if len(topic.ids) < IDS_MAX:
        topic.ids.append(identifier)
    else:
        topic.more = True


def _midnight_us(now_us: int, zone: tzinfo) -> int:
    local = datetime.fromtimestamp(now_us // 1_000_000, zone)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000
