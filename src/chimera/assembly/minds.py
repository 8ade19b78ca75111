"""Assembles what the house thinks with: models, embeddings, memory. Like `bootstrap`, it may import when used.

Decides nothing about which model is asked: that stands in the configuration.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import msgspec

from chimera.adapters.models.configuration import Configuration
from chimera.adapters.postgres.recall import PostgresVectors
from chimera.adapters.system.clock import SystemClock
from chimera.domain.roles import Role
from chimera.learning.memory import Remembering
from chimera.ports.embeddings import Embeddings
from chimera.ports.model import Model
from chimera.ports.store import Store
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.settings import Settings


@contextlib.asynccontextmanager
async def models(settings: Settings, worker: Model, judge: Model) -> AsyncGenerator[tuple[Model, Model]]:
    """The models of workers and of judges: those of the configuration, or else the two that are given."""
    if not settings.models_file:
        yield worker, judge
        return
    # Imported when used: the HTTP library takes longer to load than a command of the command line.
    from chimera.adapters.models.house import Inside, of_file

    inside = Inside(worker=worker, judge=judge)
    async with of_file(settings.models_file, keys=_model_keys(settings), inside=inside, clock=SystemClock()) as found:
        yield found.worker, found.judge


def model_prices(found: Configuration) -> dict[str, dict[str, object]]:
    """What a million tokens of each model cost, and who says so."""
    # Imported when used: the table of prices is large.
    from chimera.adapters.models.prices import price_of

    return {name: msgspec.to_builtins(price_of(name, part)) for name, part in found.models.items()}


async def check_models(settings: Settings) -> list[dict[str, object]]:
    """Ask every model of the configuration one small question."""
    from chimera.adapters.models.house import Inside, checked

    clock = SystemClock()
    offline = OfflineModel(seed=0, manners=Manners(misbehaviour_bp=0, obey_bp=0), clock=clock)
    inside = Inside(worker=offline, judge=offline)
    return await checked(settings.models_file, keys=_model_keys(settings), inside=inside, clock=clock)


def _model_keys(settings: Settings) -> dict[str, str]:
    return {"openai": settings.openai_api_key, "anthropic": settings.anthropic_api_key,
            "local": settings.local_model_key}  # fmt: skip


def embeddings() -> Embeddings:
    """Vectors of texts, without a network."""
    # Imported when used: the library takes two seconds to load.
    from chimera.adapters.embeddings.word_vectors import WordVectors

    return WordVectors()


@contextlib.asynccontextmanager
async def remembering(store: Store, *, dsn: str, password: str) -> AsyncGenerator[Remembering]:
    """The fleet's memory over an open store of the office."""
    index = await PostgresVectors.open(dsn, role=Role.OFFICE, password=password)
    try:
        yield Remembering(store=store, index=index, embeddings=embeddings(), clock=SystemClock())
    finally:
        await index.close()
