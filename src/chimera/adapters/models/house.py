"""Puts the models of a configuration together: one for workers and planner, one for judges, over shared endpoints."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncGenerator, Mapping
from importlib import resources

import httpx2
from msgspec import Struct

from chimera.adapters.models.anthropic import AnthropicWire
from chimera.adapters.models.authors import JUDGE, Authors
from chimera.adapters.models.configuration import (
    DEFAULT,
    OFFLINE,
    PICTURE,
    URLS,
    Configuration,
    ModelPart,
    PainterPart,
    key_of,
    read,
)
from chimera.adapters.models.endpoint import (
    CONNECT_SECONDS_MAX,
    Address,
    Card,
    Endpoint,
    HttpEndpoint,
    InsideEndpoint,
)
from chimera.adapters.models.memo import Memo
from chimera.adapters.models.openai import OpenAiWire
from chimera.adapters.models.painting import Painters, Studio
from chimera.adapters.models.prices import price_of
from chimera.adapters.models.purse import Purse
from chimera.adapters.models.route import RoutedModel, Shared, Wishes
from chimera.adapters.models.wire import Wire
from chimera.ports.clock import Clock
from chimera.ports.model import Model, ModelRequest, ModelsFailed, Try

CONNECTIONS_MAX = 256
_BITS = 53
PROBE = ModelRequest(
    prompt="check", instructions="Answer that you are ready.", data={}, task_id="check", agent_id="check",
    output={"type": "object", "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 200}},
            "required": ["text"], "additionalProperties": False},
    cost_micros_max=100_000, seconds_max=30,
)  # fmt: skip


class Inside(Struct, frozen=True, kw_only=True):
    """The offline models: the worker's, and the judge's, who is another."""

    worker: Model
    judge: Model


class Models(Struct, frozen=True, kw_only=True):
    """What the house asks."""

    worker: RoutedModel
    judge: RoutedModel
    shared: Shared


@contextlib.asynccontextmanager
async def opened(
    found: Configuration, *, keys: Mapping[str, str], inside: Inside, clock: Clock, wishes: Wishes | None = None
) -> AsyncGenerator[Models]:
    """The models, with their connections; these are closed at the end."""
    limits = httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    # Stalls are noticed by the endpoint, which knows words from pings. A proxy of the environment is not ours to use.
    timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS_MAX)
    async with httpx2.AsyncClient(timeout=timeout, limits=limits, trust_env=False) as client:
        ends = _Ends(found, keys=keys, client=client, clock=clock)
        made = {name: ends.made(name, part, inside.worker) for name, part in found.models.items()}
        judges = {name: ends.made(name, part, inside.judge, of=JUDGE) for name, part in found.models.items()
                  if part.wire == OFFLINE}  # fmt: skip
        shared = Shared(
            clock=clock, draw=_draw, frame=_frame(),
            endpoints={**made, **{f"{name}/{JUDGE}": judge for name, judge in judges.items()}}, breakers={},
            authors=Authors(), memo=Memo(), purse=Purse(),
        )  # fmt: skip
        yield Models(
            worker=RoutedModel(shared, found.routes, wishes=wishes),
            judge=RoutedModel(shared, dict.fromkeys((JUDGE, DEFAULT), _judging(found, judges))),
            shared=shared,
        )


@contextlib.asynccontextmanager
async def of_file(
    file: str, *, keys: Mapping[str, str], inside: Inside, clock: Clock, wishes: Wishes | None = None
) -> AsyncGenerator[Models]:
    """The models of a configuration file."""
    async with opened(read(file), keys=keys, inside=inside, clock=clock, wishes=wishes) as found:
        yield found


@contextlib.asynccontextmanager
async def painters_of_file(file: str, *, keys: Mapping[str, str], clock: Clock) -> AsyncGenerator[Painters | None]:
    """The painters of a configuration file, in the order of its route; None where it has none."""
    found = read(file)
    if not found.painters:
        yield None
        return
    timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS_MAX)
    async with httpx2.AsyncClient(timeout=timeout, trust_env=False) as client:
        studios = [_studio(name, found.painters[name], keys) for name in found.routes[PICTURE]]
        yield Painters(studios, client=client, clock=clock, draw=_draw)


def _studio(name: str, part: PainterPart, keys: Mapping[str, str]) -> Studio:
    address = Address(url=part.url or URLS[part.wire], key=key_of(f"painters.{name}", part, keys=keys))
    return Studio(name=name, model=part.model, address=address, size=part.size, edits=part.edits,
                  micros_per_picture=part.micros_per_picture or 0, seconds_max=part.seconds_max)  # fmt: skip


async def checked(file: str, *, keys: Mapping[str, str], inside: Inside, clock: Clock) -> list[dict[str, object]]:
    """Ask every model of a file one small question, alone; what came of it, with cause, time and cost."""
    found = read(file)
    async with opened(found, keys=keys, inside=inside, clock=clock) as models:
        results: list[dict[str, object]] = []
        for name, part in found.models.items():
            tries = await _tried(RoutedModel(models.shared, {DEFAULT: [name]}))
            last = tries[-1]
            results.append({
                "name": name, "wire": part.wire, "model": part.model, "answers": last.cause == "ok",
                "cause": last.cause, "detail": last.detail, "took_ms": sum(one.took_us for one in tries) // 1_000,
                "cost_micros": sum(one.cost_micros for one in tries),
            })  # fmt: skip
        return results


async def _tried(model: RoutedModel) -> tuple[Try, ...]:
    try:
        return (await model.complete(PROBE)).tries
    except ModelsFailed as failed:
        return failed.tries


class _Ends:
    def __init__(
        self, found: Configuration, *, keys: Mapping[str, str], client: httpx2.AsyncClient, clock: Clock
    ) -> None:
        self._found = found
        self._keys = keys
        self._client = client
        self._clock = clock

    def made(self, name: str, part: ModelPart, inside: Model, *, of: str = "worker") -> Endpoint:
        """The model at its address, or the one in this process."""
        card = _card(name, part, of=of)
        if part.wire == OFFLINE:
            return InsideEndpoint(card, inside)
        address = Address(url=part.url or URLS[part.wire], key=key_of(f"models.{name}", part, keys=self._keys))
        return HttpEndpoint(card, wire=_wire(part), address=address, client=self._client, clock=self._clock)


def _judging(found: Configuration, judges: Mapping[str, Endpoint]) -> list[str]:
    names = found.routes.get(JUDGE) or found.routes[DEFAULT]
    return [f"{name}/{JUDGE}" if name in judges else name for name in names]


def _card(name: str, part: ModelPart, *, of: str) -> Card:
    is_inside = part.wire == OFFLINE
    identity = f"{OFFLINE}/{of}" if is_inside else f"{part.url or URLS[part.wire]}/{part.model}"
    price = price_of(name, part)
    return Card(
        name=name, model=part.model or f"{OFFLINE}/1", identity=identity,
        input_micros_per_million_tokens=price.input_micros, output_micros_per_million_tokens=price.output_micros,
        tokens_max=part.tokens_max, first_seconds_max=part.first_seconds_max, idle_seconds_max=part.idle_seconds_max,
    )  # fmt: skip


def _wire(part: ModelPart) -> Wire:
    return AnthropicWire() if part.wire == "anthropic" else OpenAiWire(is_local=part.wire == "local")


def _frame() -> str:
    return resources.files("chimera.adapters.models").joinpath("frame.md").read_text("utf-8")


def _draw() -> float:
    return secrets.randbits(_BITS) / 2**_BITS
