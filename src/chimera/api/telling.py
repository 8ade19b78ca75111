"""Tells webhooks what the stream says: the same frames, in order, signed, again until they are taken. Decides nothing.

What was told is not told again unless the answer got lost; what was not taken is kept, for it stands in the chains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
import structlog
from msgspec import Struct

from chimera.api import history, paging
from chimera.api.pulse import Frame, topics_of
from chimera.domain.errors import ChimeraError
from chimera.domain.event import Event
from chimera.domain.webhook import WebhookCommand, signature_of
from chimera.governance.webhooks import Webhooks
from chimera.ports.clock import Clock
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import LIST_MAX, Head, Reads
from chimera.ports.webhooks import Due, Poster, Progress, WebhookStore

TELL_SECONDS = 1.0
LEASE_SECONDS = 60
EVENTS_MAX = 5_000
FAILURES_MAX = 16
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1, 3_600
GONE = 410
AGENT = "Chimera-Webhook/1"
_log = structlog.get_logger()


class News(Struct, frozen=True, kw_only=True):
    """What happened since a cursor, and the cursor after it."""

    events: tuple[Event, ...]
    cursor: dict[str, int]


class Telling:
    """One round after another, beside the requests."""

    def __init__(
        self, *, reads: Reads, store: WebhookStore, webhooks: Webhooks, poster: Poster, secrecy: Secrecy, clock: Clock
    ) -> None:
        self._reads = reads
        self._store = store
        self._webhooks = webhooks
        self._poster = poster
        self._secrecy = secrecy
        self._clock = clock

    async def once(self) -> int:
        """One round over those that are due; how many frames were taken."""
        now_us = self._clock.now_us()
        due = await self._store.take(at_us=now_us, until_us=now_us + LEASE_SECONDS * 1_000_000)
        if not due:
            return 0
        heads = await self._reads.heads()
        return sum(await asyncio.gather(*(self._tell(one, heads) for one in due)))

    async def _tell(self, due: Due, heads: tuple[Head, ...]) -> int:
        news = await self._news(due.cursor or {head.writer: head.seq for head in heads}, heads)
        topics = topics_of(news.events)
        wanted = {name: topic for name, topic in topics.items() if not due.webhook.topics or name in due.webhook.topics}
        if not wanted:
            await self._store.keep(Progress(id=due.webhook.id, failures=due.failures), cursor=news.cursor)
            return 0
        answer = await self._sent(due, Frame(at_us=self._clock.now_us(), topics=wanted), news.cursor)
        now_us = self._clock.now_us()
        if answer.isdecimal() and 200 <= int(answer) < 300:
            went = Progress(id=due.webhook.id, told_at_us=now_us, told=1, last_answer=answer)
            await self._store.keep(went, cursor=news.cursor)
            return 1
        await self._failed(due, answer, now_us)
        return 0

    async def _sent(self, due: Due, frame: Frame, cursor: Mapping[str, int]) -> str:
        """The status of the answer, or what went wrong in a word."""
        body, secret = msgspec.json.encode(frame), self._secrecy.unlock(due.webhook.secret_locked).decode()
        headers = {
            "content-type": "application/json", "user-agent": AGENT, "chimera-event": "change",
            "chimera-webhook": due.webhook.id, "chimera-event-id": paging.encode(cursor),
            "chimera-signature": signature_of(secret, body, at_us=self._clock.now_us()),
        }  # fmt: skip
        try:
            return str(await self._poster.post(due.webhook.url, body, headers=headers))
        except ChimeraError as error:
            return error.code

    async def _failed(self, due: Due, answer: str, now_us: int) -> None:
        failures = due.failures + 1
        pause_us = pause_seconds(failures) * 1_000_000
        went = Progress(id=due.webhook.id, failures=failures, next_at_us=now_us + pause_us, last_answer=answer)
        is_dead = failures >= FAILURES_MAX or answer == str(GONE)
        if is_dead:
            # Whoever brings it back begins with all its tries again.
            went = msgspec.structs.replace(went, failures=0, next_at_us=0)
            await self._webhooks.change(due.webhook.id, WebhookCommand.GIVE_UP, by="chimera", why=answer)
        _log.warning("a webhook was not taken", webhook=due.webhook.id, answer=answer, tries=failures, dead=is_dead)
        await self._store.keep(went, cursor=due.cursor)

    async def _news(self, since: Mapping[str, int], heads: tuple[Head, ...]) -> News:
        """The next events of every chain, up to so many of each: what is beyond them is told in the next frame."""
        events, cursor = list[Event](), dict(since)
        for head in heads:
            seen, left = since.get(head.writer, 0), EVENTS_MAX
            while seen < head.seq and left > 0:
                page = await self._reads.links(head.writer, after_seq=seen, limit=min(LIST_MAX, head.seq - seen, left))
                if not page:
                    break
                events.extend(map(history.event_of, page))
                seen, left = page[-1].seq, left - len(page)
            cursor[head.writer] = seen
        return News(events=tuple(events), cursor=cursor)


def pause_seconds(failures: int) -> int:
    """How long to wait after so many failures in a row: doubled each time, up to an hour."""
    return min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN << min(failures, 20))
