"""One model at one address: sends a question, reads the stream, and notices when it stalls. Repeats nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import httpx2
from msgspec import Struct

from chimera.adapters.models.wire import TEXT_CHARS_MAX, Ask, Cause, Events, Reply, Trouble, Wire
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.model import Model

CONNECT_SECONDS_MAX = 5.0
OK = 200
BODY_CHARS_MAX = 300
WAIT_SECONDS_MAX = 120.0


class Card(Struct, frozen=True, kw_only=True):
    """What is known of one model: its names, its prices, how long it may take."""

    name: str
    model: str
    identity: str
    input_micros_per_million_tokens: int = 0
    output_micros_per_million_tokens: int = 0
    tokens_max: int = 2_048
    first_seconds_max: float = 20.0
    idle_seconds_max: float = 10.0

    def cost_micros(self, *, tokens_in: int, tokens_out: int) -> int:
        """What so many tokens cost, rounded up."""
        product = tokens_in * self.input_micros_per_million_tokens + tokens_out * self.output_micros_per_million_tokens
        return -(-product // 1_000_000)


class Endpoint(Protocol):
    """Something that answers questions, or raises `Trouble`."""

    @property
    def card(self) -> Card: ...

    async def reply(self, ask: Ask) -> Reply: ...


class Address(Struct, frozen=True, kw_only=True):
    """Where a model is reached, and with which key. The key is shown nowhere."""

    url: str
    key: str = ""

    def __repr__(self) -> str:
        return f"Address({self.url})"


class HttpEndpoint:
    """A model behind HTTP."""

    def __init__(self, card: Card, *, wire: Wire, address: Address, client: httpx2.AsyncClient, clock: Clock) -> None:
        self.card = card
        self._wire = wire
        self._address = address
        self._client = client
        self._clock = clock

    async def reply(self, ask: Ask) -> Reply:
        """The whole reply. Whatever happens to the stream is named."""
        reply = Reply()
        url = self._address.url.rstrip("/") + self._wire.path
        try:
            async with self._client.stream(
                "POST", url, headers=self._wire.headers(self._address.key), json=self._wire.body(ask)
            ) as response:
                await self._require_begun(response)
                await self._read(response.aiter_bytes(), reply)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise Trouble(Cause.UNREACHABLE, str(error), reply=reply) from error
        except httpx2.TimeoutException as error:
            raise Trouble(Cause.TIMED_OUT, str(error), reply=reply) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Trouble(Cause.DIED, str(error) or type(error).__name__, reply=reply) from error
        return _finished(reply)

    async def _require_begun(self, response: httpx2.Response) -> None:
        if response.status_code == OK:
            return
        body = (await response.aread()).decode(errors="replace")[:BODY_CHARS_MAX]
        cause, detail = cause_of(response.status_code), f"HTTP {response.status_code}: {body}"
        raise Trouble(cause, detail, wait_seconds=wait_seconds_of(response.headers.get("retry-after", "")))

    async def _read(self, chunks: AsyncIterator[bytes], reply: Reply) -> None:
        """Waits for words, not for bytes: a server that only sends pings has stalled."""
        events, allowed = Events(), self.card.first_seconds_max
        heard_us, length = self._clock.now_us(), 0
        while (chunk := await self._next(chunks, reply, heard_us + int(allowed * SECOND_US))) is not None:
            for event in events.feed(chunk):
                self._wire.take(event, reply)
            if len(reply.text) > TEXT_CHARS_MAX:
                raise Trouble(Cause.RUNAWAY, f"more than {TEXT_CHARS_MAX} characters", reply=reply)
            if len(reply.text) > length or reply.finish:
                heard_us, length, allowed = self._clock.now_us(), len(reply.text), self.card.idle_seconds_max

    async def _next(self, chunks: AsyncIterator[bytes], reply: Reply, until_us: int) -> bytes | None:
        left_seconds = max(0.0, (until_us - self._clock.now_us()) / SECOND_US)
        try:
            async with self._clock.timeout(left_seconds):
                return await anext(chunks, None)
        except TimeoutError as error:
            cause = Cause.STALLED if reply.text else Cause.TIMED_OUT
            raise Trouble(cause, f"silent after {len(reply.text)} characters", reply=reply) from error


class InsideEndpoint:
    """A model in our own process, such as the offline one."""

    def __init__(self, card: Card, model: Model) -> None:
        self.card = card
        self._model = model

    async def reply(self, ask: Ask) -> Reply:
        """Its answer as a reply."""
        answer = await self._model.complete(ask.request)
        return Reply(text=answer.text, finish="stop", cost_micros=answer.cost_micros)


def _finished(reply: Reply) -> Reply:
    if reply.refused:
        raise Trouble(Cause.REFUSED, "the provider says that its model declined", reply=reply)
    if not reply.finish:
        raise Trouble(Cause.DIED, f"the stream ended after {len(reply.text)} characters", reply=reply)
    if reply.finish == "length":
        raise Trouble(Cause.TRUNCATED, f"cut off after {len(reply.text)} characters", reply=reply)
    return reply


def cause_of(status: int) -> Cause:
    """What an answer's status says went wrong."""
    if status in (429, 529):
        return Cause.RATE_LIMITED
    return Cause.ERROR if status >= 500 or status in (408, 409) else Cause.REJECTED


def wait_seconds_of(text: str) -> float:
    """For how long a provider asks us to wait."""
    return min(float(text), WAIT_SECONDS_MAX) if text.isascii() and text.isdigit() else 0.0
