"""One request to the API and its answer: errors by kind, pages, and writes that are sent again and done once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import httpx2
import msgspec
from msgspec import Struct

from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused, Unavailable
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids

TRIES_MAX = 4
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.25, 10.0
SECONDS_MAX = 30.0
PAGE = 100
T = TypeVar("T")
Asked: TypeAlias = Mapping[str, str | int]
NOTHING: Asked = {}
_KINDS: Mapping[int, type[ChimeraError]] = {
    400: Invalid, 401: Refused, 403: Refused, 404: Missing, 409: Conflict, 412: Conflict, 413: Invalid, 421: Invalid,
    422: Invalid, 428: Invalid,
}  # fmt: skip


LATER = frozenset({429, 502, 503, 504})


class Later(Unavailable):
    """Not now; after so many seconds, if the house said."""

    def __init__(self, code: str, message: str, *, where: str, remedy: str, seconds: float) -> None:
        super().__init__(code, message, where=where, remedy=remedy)
        self.seconds = seconds


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was not done, as the API says it."""

    status: int = 0
    code: str = "unexpected"
    detail: str = ""
    where: str = ""
    remedy: str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """What came back. `version` is what a change of it has to be made from."""

    body: bytes
    version: str = ""

    def as_type(self, kind: type[T]) -> T:
        """The answer as this; what the API has said since then and we do not know is passed over."""
        return msgspec.json.decode(self.body, type=kind)


class Page(Struct, frozen=True, kw_only=True):
    """A part of a list, its items still as they came."""

    items: tuple[msgspec.Raw, ...]
    next: str = ""


class Wire:
    """Speaks with one house. Enter it before use."""

    def __init__(
        self, url: str, token: str, *, clock: Clock, ids: Ids, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.clock = clock
        self._ids = ids
        self._client = httpx2.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=SECONDS_MAX, transport=transport,
            follow_redirects=False, trust_env=False,
        )  # fmt: skip

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, asked: Asked = NOTHING) -> Answer:
        """Read. Asked again when the house is away for a moment."""
        return await self._sent("GET", path, params={name: value for name, value in asked.items() if value != ""})

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, version: str = "") -> Answer:
        """Write, under a key of its own: sent again, it is done once. `version` is what it was made from."""
        headers = {"idempotency-key": self._ids.new(), **({"if-match": version} if version else {})}
        return await self._sent("POST", path, headers=headers, content=msgspec.json.encode(body or {}))

    async def every(self, path: str, kind: type[T], asked: Asked = NOTHING) -> AsyncGenerator[T]:
        """Every item of a list, page by page."""
        cursor = ""
        while True:
            page = (await self.get(path, {"limit": PAGE, **asked, "cursor": cursor})).as_type(Page)
            for item in page.items:
                yield msgspec.json.decode(item, type=kind)
            cursor = page.next
            if not cursor:
                return

    def stream(self, path: str, *, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 – httpx2's context manager.
        """An answer that stays open. Silence for longer than a few beats is an error."""
        return self._client.stream("GET", path, headers=headers, timeout=httpx2.Timeout(SECONDS_MAX))

    async def _sent(
        self, method: str, path: str, *, params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None, content: bytes | None = None,
    ) -> Answer:  # fmt: skip
        sent = {**(headers or {}), **({"content-type": "application/json"} if content is not None else {})}
        for tried in range(1, TRIES_MAX + 1):
            try:
                response = await self._client.request(method, path, params=params, headers=sent, content=content)
                return _answer(response)
            except (httpx2.TransportError, Unavailable) as error:
                if tried == TRIES_MAX:
                    raise _away(error) from error
                await self.clock.sleep(_pause_seconds(error, tried, self._ids.new()))
        raise AssertionError("the last try answers or raises")


def error_of(response: httpx2.Response) -> ChimeraError:
    """The problem of an answer as the error that it was in the house."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(detail=f"the house answers {response.status_code}")
    said = response.headers.get("retry-after", "")
    if response.status_code in LATER:
        return Later(problem.code, problem.detail, where=problem.where, remedy=problem.remedy,
                     seconds=float(said) if said.isdecimal() else 0.0)  # fmt: skip
    kind = _KINDS.get(response.status_code, ChimeraError)
    return kind(problem.code, problem.detail, where=problem.where, remedy=problem.remedy)


def _answer(response: httpx2.Response) -> Answer:
    if response.is_success:
        return Answer(body=response.content, version=response.headers.get("etag", ""))
    raise error_of(response)


def _pause_seconds(error: Exception, tried: int, fresh: str) -> float:
    wanted = (isinstance(error, Later) and error.seconds) or PAUSE_SECONDS_MIN * 2**tried
    # Whoever was cut off at the same moment does not come back at the same moment.
    return min(PAUSE_SECONDS_MAX, wanted) * (0.5 + int(fresh[-4:], 16) / 65_536)


def _away(error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    return Unavailable("api_away", f"the house does not answer: {type(error).__name__}", where="api",
                       remedy="look whether it runs: chimera api")  # fmt: skip
