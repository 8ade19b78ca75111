"""Assembles what the house thinks with: models, embeddings, memory. Like `bootstrap`, it may import when used.

Decides nothing about which model is asked: that stands in the configuration.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from chimera.adapters.documents.specs import load_prompts
from chimera.adapters.embeddings.late import LateVectors
from chimera.adapters.models.configuration import Configuration
from chimera.adapters.postgres.recall import PostgresVectors
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Invalid, Unavailable
from chimera.domain.roles import Role
from chimera.domain.spec import Spec
from chimera.governance.privacy.consents import Consents
from chimera.learning.choosing import Choosing
from chimera.learning.memory import Remembering
from chimera.learning.preferences import COMPARE, Comparer
from chimera.learning.recollection import Recollection, Remembrance
from chimera.learning.reward import RewardModel
from chimera.ports.embeddings import Embeddings
from chimera.ports.model import Model
from chimera.ports.painter import Painter
from chimera.ports.store import Reads, Store
from chimera.ports.tools_read import ToolsRead
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.settings import Settings
from chimera.swarm.editions import Editions
from chimera.swarm.roster import Roster

_log = structlog.get_logger("chimera")


@contextlib.asynccontextmanager
async def models(
    settings: Settings, worker: Model, judge: Model, *, reads: Reads | None = None
) -> AsyncGenerator[tuple[Model, Model]]:
    """The models of workers and of judges: those of the configuration, or else the two that are given.

    With `reads`, the manifests on record choose among the workers' (`models:`).
    """
    if not settings.models_file:
        yield worker, judge
        return
    # Imported when used: the HTTP library takes longer to load than a command of the command line.
    from chimera.adapters.models.house import Inside, of_file

    inside = Inside(worker=worker, judge=judge)
    clock, keys = SystemClock(), _model_keys(settings)
    wishes = Editions(reads=reads, roster=Roster(reads=reads, clock=clock)) if reads is not None else None
    async with of_file(settings.models_file, keys=keys, inside=inside, clock=clock, wishes=wishes) as found:
        yield found.worker, found.judge


@contextlib.asynccontextmanager
async def painters(settings: Settings) -> AsyncGenerator[Painter | None]:
    """Who paints pictures: the painters of the configuration, or nobody."""
    if not settings.models_file:
        yield None
        return
    # Imported when used, as above.
    from chimera.adapters.models.house import painters_of_file

    keys = _model_keys(settings)
    async with painters_of_file(settings.models_file, keys=keys, clock=SystemClock()) as found:
        yield found


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


@contextlib.asynccontextmanager
async def comparing(settings: Settings) -> AsyncGenerator[Comparer]:
    """Whoever says which of two texts is better: the judge's model of the configuration, or the offline one."""
    offline = [OfflineModel(seed=seed, manners=Manners(misbehaviour_bp=0, obey_bp=0), clock=SystemClock())
               for seed in (0, 1)]  # fmt: skip
    async with models(settings, *offline) as (_, judge):
        yield Comparer(model=judge, prompt=load_prompts()[COMPARE])


def _model_keys(settings: Settings) -> dict[str, str]:
    return {"openai": settings.openai_api_key, "anthropic": settings.anthropic_api_key,
            "local": settings.local_model_key}  # fmt: skip


def choosing(settings: Settings, tools: ToolsRead) -> ToolsRead:
    """The read tools, with the reward model before them where there is one: drafts are chosen in the worker."""
    if not settings.reward_model:
        return tools
    path = Path(settings.reward_model)
    try:
        model = msgspec.json.decode(path.read_bytes(), type=RewardModel)
    except (OSError, msgspec.DecodeError) as error:
        raise Invalid("reward_model_unreadable", str(error)[:300], where=str(path),
                      remedy="name the file that chimera learn train has written") from error  # fmt: skip
    return Choosing(tools, model=model, embeddings=embeddings())


def embeddings() -> Embeddings:
    """Vectors of texts, without a network."""
    # Imported when used: the library takes two seconds to load.
    from chimera.adapters.embeddings.word_vectors import WordVectors

    return WordVectors()


class Minded(Struct, frozen=True, kw_only=True):
    """What the fleet knows of people and of the past: consents, and memory in the work; no memory without pgvector."""

    consents: Consents
    recollection: Recollection | None = None
    remembrance: Remembrance | None = None


@contextlib.asynccontextmanager
async def memory_at_work(
    office: Store, managing: Store, *, dsn: str, passwords: Mapping[Role, str], consents: Consents,
    specs: Mapping[str, Spec],
) -> AsyncGenerator[Minded]:  # fmt: skip
    """Recollection for the manager, remembrance for the office, where both are one process."""
    async with (
        late_vectors() as vectors,
        remembrance_at_work(office, dsn=dsn, passwords=passwords, specs=specs, vectors=vectors) as remembrance,
        recollection_at_work(managing, dsn=dsn, passwords=passwords, specs=specs, vectors=vectors) as recollection,
    ):
        yield Minded(consents=consents, recollection=recollection, remembrance=remembrance)


@contextlib.asynccontextmanager
async def late_vectors() -> AsyncGenerator[LateVectors]:
    """Embeddings for one process, which are loaded when they are needed."""
    vectors = LateVectors(_warm, clock=SystemClock())
    try:
        yield vectors
    finally:
        await vectors.close()


@contextlib.asynccontextmanager
async def remembrance_at_work(
    office: Store, *, dsn: str, passwords: Mapping[Role, str], specs: Mapping[str, Spec], vectors: Embeddings
) -> AsyncGenerator[Remembrance | None]:
    """What the office remembers finished tasks with; nothing without pgvector."""
    async with _index(dsn, Role.OFFICE, passwords) as index:
        if index is None:
            yield None
            return
        memory = Remembering(store=office, index=index, embeddings=vectors, clock=SystemClock())
        yield Remembrance(memory=memory, reads=office, specs=specs, clock=SystemClock())


@contextlib.asynccontextmanager
async def recollection_at_work(
    managing: Reads, *, dsn: str, passwords: Mapping[Role, str], specs: Mapping[str, Spec], vectors: Embeddings
) -> AsyncGenerator[Recollection | None]:
    """What managers recall with for their tasks, one for all managers of a process; nothing without pgvector."""
    # Connections of its own: a search that is slow must not keep the leases of slots waiting.
    async with _index(dsn, Role.MANAGER, passwords) as index:
        if index is None:
            yield None
            return
        yield Recollection(reads=managing, index=index, embeddings=vectors, specs=specs, clock=SystemClock())


@contextlib.asynccontextmanager
async def _index(dsn: str, role: Role, passwords: Mapping[Role, str]) -> AsyncGenerator[PostgresVectors | None]:
    try:
        index = await PostgresVectors.open(dsn, role=role, password=passwords[role])
    except Unavailable as missing:
        if missing.code != "vectors_missing":
            raise
        _log.warning("tasks go without memory", role=role.value, why=str(missing))
        yield None
        return
    try:
        yield index
    finally:
        await index.close()


def _warm() -> Embeddings:
    from chimera.adapters.embeddings.word_vectors import WordVectors

    return WordVectors().warm()


@contextlib.asynccontextmanager
async def remembering(store: Store, *, dsn: str, password: str) -> AsyncGenerator[Remembering]:
    """The fleet's memory over an open store of the office."""
    index = await PostgresVectors.open(dsn, role=Role.OFFICE, password=password)
    try:
        yield Remembering(store=store, index=index, embeddings=embeddings(), clock=SystemClock())
    finally:
        await index.close()
