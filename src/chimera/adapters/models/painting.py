"""Pictures by providers, in the shape of OpenAI's image API: the painters of a route in turn, until one has painted.

The price is held against what the task has left before a call; faces go to the endpoint for edits. Looks at no picture.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence

import httpx2
import msgspec
from msgspec import Struct

from chimera.adapters.models.breaker import Breaker
from chimera.adapters.models.endpoint import Address, cause_of, wait_seconds_of
from chimera.adapters.models.wire import FAILING, PASSING, Cause, Trouble
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.model import Try
from chimera.ports.painter import Painting, PaintOrder

GENERATIONS, EDITS = "/images/generations", "/images/edits"
OK, BAD_REQUEST = 200, 400
TRIES_EACH = 2
WORDS_CHARS_MAX = 4_000
BODY_BYTES_MAX = 32 * 1024 * 1024
SECONDS_LEFT_MIN = 0.05
BACK_OFF_SECONDS = 0.5
REFUSALS = frozenset({"moderation_blocked", "content_policy_violation"})


class _Datum(Struct, frozen=True):
    b64_json: str = ""


class _Answer(Struct, frozen=True):
    data: list[_Datum] = []


class _Error(Struct, frozen=True):
    code: str | None = None


class _Problem(Struct, frozen=True):
    error: _Error = _Error()


class Studio(Struct, frozen=True, kw_only=True):
    """What is known of one painter: where it is, what a picture costs, whether it can keep a face."""

    name: str
    model: str
    address: Address
    size: str
    micros_per_picture: int
    seconds_max: float
    edits: bool


class Painters:
    """Implements `ports.painter.Painter` over the painters of a configuration, in order."""

    def __init__(
        self, studios: Sequence[Studio], *, client: httpx2.AsyncClient, clock: Clock, draw: Callable[[], float]
    ) -> None:
        self._studios = tuple(studios)
        self._client = client
        self._clock = clock
        self._draw = draw
        self._breakers = {studio.name: Breaker(draw=draw) for studio in studios}

    async def paint(self, order: PaintOrder) -> Painting:
        """The first picture that comes, within the order's time and money."""
        tries: list[Try] = []
        until_us = self._clock.now_us() + int(order.seconds_max * SECOND_US)
        for studio in self._studios:
            data = await self._by(studio, order, until_us, tries)
            if data is not None:
                return Painting(data=data, painter=f"{studio.name}/{studio.model}", tries=tuple(tries))
        return Painting(data=None, tries=tuple(tries))

    async def _by(self, studio: Studio, order: PaintOrder, until_us: int, tries: list[Try]) -> bytes | None:
        for number in range(TRIES_EACH):
            done = await self._once(studio, order, until_us, tries)
            if isinstance(done, bytes):
                return done
            wait_seconds = done.wait_seconds or self._draw() * BACK_OFF_SECONDS
            is_over = self._clock.now_us() + int(wait_seconds * SECOND_US) >= until_us
            if done.cause not in PASSING or number == TRIES_EACH - 1 or is_over:
                return None
            await self._clock.sleep(wait_seconds)
        return None

    async def _once(self, studio: Studio, order: PaintOrder, until_us: int, tries: list[Try]) -> bytes | Trouble:
        breaker, since_us = self._breakers[studio.name], self._clock.now_us()
        left_seconds = min(studio.seconds_max, (until_us - since_us) / SECOND_US)
        spent_micros = sum(one.cost_micros for one in tries)
        cause, detail, cost_micros = Cause.OK, "", studio.micros_per_picture
        data, trouble = b"", Trouble(Cause.OK)
        try:
            self._require_begin(studio, order, left_seconds, order.cost_micros_max - spent_micros)
            data = await self._within(studio, order, left_seconds)
            breaker.worked()
        except Trouble as met:
            trouble, cause, detail = met, met.cause, met.detail
            # What was not answered with a picture is not billed; what came too late or broken may have been.
            cost_micros = cost_micros if cause in (Cause.TIMED_OUT, Cause.DIED, Cause.GARBAGE) else 0
            if cause in FAILING:
                breaker.failed(self._clock.now_us(), wait_seconds=met.wait_seconds)
        finally:
            breaker.let_go()
        tries.append(Try(model=f"{studio.name}/{studio.model}", cause=cause, detail=detail, cost_micros=cost_micros,
                         took_us=self._clock.now_us() - since_us))  # fmt: skip
        return data or trouble

    def _require_begin(self, studio: Studio, order: PaintOrder, left_seconds: float, room_micros: int) -> None:
        if left_seconds < SECONDS_LEFT_MIN:
            raise Trouble(Cause.NO_TIME)
        if studio.micros_per_picture > room_micros:
            raise Trouble(Cause.TOO_DEAR, f"{studio.micros_per_picture} micros, and {max(0, room_micros)} are left")
        if not self._breakers[studio.name].admits(self._clock.now_us()):
            raise Trouble(Cause.RESTING)

    async def _within(self, studio: Studio, order: PaintOrder, left_seconds: float) -> bytes:
        try:
            async with self._clock.timeout(left_seconds):
                return _picture_of(await self._asked(studio, order))
        except TimeoutError as error:
            raise Trouble(Cause.TIMED_OUT, f"no picture within {left_seconds:.1f} s") from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise Trouble(Cause.UNREACHABLE, str(error)) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Trouble(Cause.DIED, str(error) or type(error).__name__) from error

    async def _asked(self, studio: Studio, order: PaintOrder) -> bytes:
        asked = {"model": studio.model, "prompt": order.words[:WORDS_CHARS_MAX], "size": studio.size, "n": 1}
        headers = {"authorization": f"Bearer {studio.address.key}"} if studio.address.key else {}
        url = studio.address.url.rstrip("/")
        if order.faces and studio.edits:
            files = [("image[]", (f"face-{place}", face)) for place, face in enumerate(order.faces)]
            fields = {name: str(value) for name, value in asked.items()}
            stream = self._client.stream("POST", url + EDITS, headers=headers, data=fields, files=files)
        else:
            stream = self._client.stream("POST", url + GENERATIONS, headers=headers, json=asked)
        async with stream as response:
            body = await _read(response)
        if response.status_code != OK:
            raise _trouble_of(response.status_code, body, response.headers)
        return body


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise Trouble(Cause.RUNAWAY, f"more than {BODY_BYTES_MAX} bytes")
    return bytes(body)


def _picture_of(body: bytes) -> bytes:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        data = base64.b64decode(answer.data[0].b64_json, validate=True) if answer.data else b""
    except (msgspec.DecodeError, UnicodeError, binascii.Error) as error:
        raise Trouble(Cause.GARBAGE, str(error)) from error
    if not data:
        raise Trouble(Cause.GARBAGE, "an answer without a picture")
    return data


def _trouble_of(status: int, body: bytes, headers: Mapping[str, str]) -> Trouble:
    said = body.decode(errors="replace")
    cause = Cause.REFUSED if status == BAD_REQUEST and _code_of(body) in REFUSALS else cause_of(status)
    return Trouble(cause, f"HTTP {status}: {said}", wait_seconds=wait_seconds_of(headers.get("retry-after", "")))


def _code_of(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Problem).error.code or ""
    except (msgspec.DecodeError, UnicodeError):
        return ""
