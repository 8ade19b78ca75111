"""What `chimera doctor` looks at. Every finding says how to mend it; nothing is changed."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from chimera import bootstrap
from chimera.adapters.documents.specs import lint
from chimera.adapters.local.home import DISK_FREE_BYTES_MIN, prepare_home
from chimera.adapters.local.postgres import programs
from chimera.adapters.local.valkey_binary import find_binary
from chimera.adapters.postgres.presence import Present
from chimera.assembly.rules import read_rules
from chimera.bootstrap import Database
from chimera.cli import at_work
from chimera.domain import native
from chimera.domain.agent import Agent, AgentState
from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.errors import ChimeraError
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.governance import audit
from chimera.governance.policy.changes import in_force
from chimera.governance.policy.pack import pack_of
from chimera.ports.store import Reads, every
from chimera.settings import Settings

# What the database tells of.
UNSTARTED = ("database", "history", "agents", *at_work.CALLED.values(), at_work.VAULT)
PYTHON_MIN = (3, 11)
OVER = frozenset((TaskState.DONE, TaskState.REFUSED, TaskState.FAILED, TaskState.DROPPED))


INSTALL_AGAIN = (
    "they were installed before capabilities counted: raise identity.version in the manifest, then "
    "chimera agent install FOLDER"
)


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at; of a part of the house, which processes do it."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    who: tuple[Present, ...] = ()


async def examine(settings: Settings) -> list[Finding]:
    """Everything, in the order in which one would mend it."""
    quick = [
        _python(),
        _hot_paths(),
        _looked_at("home", lambda: str(prepare_home(settings.folder)), "set CHIMERA_HOME to a folder of your own"),
        _disk(settings.folder),
        _looked_at("PostgreSQL", lambda: str(programs(18)), "make setup installs it, or set CHIMERA_DATABASE_URL"),
        _looked_at("Valkey", lambda: str(find_binary()), "make setup installs it"),
        _looked_at("task types", _task_types, "chimera spec lint names the lines"),
        _looked_at("agent packages", lambda: str(bootstrap.packages_folder().resolve(strict=True)), "install again"),
    ]
    return [*quick, *await _kept(settings)]


def _python() -> Finding:
    optimised = not __debug__
    found = f"{platform.python_version()} {'with -O' if optimised else ''}".strip()
    return Finding(name="Python", ok=sys.version_info >= PYTHON_MIN and not optimised, found=found,
                   remedy="use Python 3.11 or newer, without -O: our assertions are part of the building")  # fmt: skip


def _hot_paths() -> Finding:
    """Nothing is wrong without the library: it is said because it is slower."""
    found = "in Python: make setup builds the Rust library where cargo is found"
    if native.runtime is not None:
        found = f"in Rust ({native.runtime.VERSION})"
    return Finding(name="hot paths", ok=True, found=found)


def _disk(folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Finding(name="disk", ok=free >= DISK_FREE_BYTES_MIN, found=f"{free // 2**20} MB free",
                   remedy=f"free {DISK_FREE_BYTES_MIN // 2**20} MB, or move CHIMERA_HOME")  # fmt: skip


def _looked_at(name: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name=name, ok=True, found=look())
    except (ChimeraError, OSError) as error:
        return Finding(name=name, ok=False, found=str(error)[:300], remedy=getattr(error, "remedy", "") or remedy)


def _task_types() -> str:
    faults = lint()
    if faults:
        raise ChimeraError(
            "specs_faulty", f"{len(faults)} faults, the first: {faults[0]}", remedy="chimera spec lint names the lines"
        )
    return "no fault"


async def unable_agents(reads: Reads) -> list[str]:
    """The names of agents that can do nothing: they were installed before a manifest's capabilities counted."""
    agents = [one async for one in every(reads, Agent)]
    return [one.name for one in agents if not one.capabilities and one.state is not AgentState.RETIRED]


async def idleness(reads: Reads) -> str:
    """Why nothing will be posted, in words, where that is so; nothing, where a campaign goes on or a task stands."""
    campaigns = await reads.count(Campaign)
    if any(campaigns.get(state) for state in (CampaignState.OPENED, CampaignState.RUNNING)):
        return ""
    # Looked for one state at a time, which an index knows: of ten million that are over, counting reads every one.
    for state in sorted(set(TaskState) - OVER):
        if await reads.list(Task, states=(state,), limit=1):
            return ""
    if paused := campaigns.get(CampaignState.PAUSED, 0):
        return f"nothing goes on: {paused} of the campaigns wait to be resumed (`chimera campaign list`)"
    if not campaigns:
        return "nothing goes on: there is no campaign yet; one is opened in the console"
    return ("nothing goes on: every campaign has done what it was asked for, and nothing is posted or answered "
            "until another is opened in the console")  # fmt: skip


async def _kept(settings: Settings) -> list[Finding]:
    """What the database says, if there is one at all: reading never makes one."""
    if not settings.database_url and not (settings.folder / "postgres").exists():
        return [_shipped(), *(Finding(name=name, ok=True, found="none yet") for name in UNSTARTED)]
    try:
        async with (
            bootstrap.running_or_own_database(settings) as found,
            bootstrap.closing(await found.reads()) as reads,
        ):
            return [await policy_found(reads), database_found(settings, await reads.undurable()),
                    await _history(reads), await _agents(reads),
                    *await _at_work(settings, found)]  # fmt: skip
    except (ChimeraError, OSError) as error:
        said = str(error)[:300]
        return [_shipped(), *(Finding(name=name, ok=False, found=said, remedy="docs/runbooks/database-gone.md")
                              for name in UNSTARTED)]  # fmt: skip


def _shipped() -> Finding:
    return _looked_at("policy", lambda: f"{read_rules().pack.digest[:16]}, as shipped", "mend the policy pack")


async def policy_found(reads: Reads) -> Finding:
    """The rules that decide: what a person applied, else what is shipped."""
    applied = await in_force(reads)
    if applied is None:
        return _shipped()
    by = f"version {applied.number}, applied by {applied.applied_by}"
    return _looked_at("policy", lambda: f"{pack_of(applied.files).digest[:16]}, {by}",
                      "the gate is shut: chimera policy apply brings back a version that can be read")  # fmt: skip


def database_found(settings: Settings, undurable: Sequence[str]) -> Finding:
    """Whose server it is, and whether what it says that it has is on its disk."""
    whose = "the server of CHIMERA_DATABASE_URL" if settings.database_url else "embedded"
    lacks = f", with {' and '.join(undurable)} off" if undurable else ", what it has is on its disk"
    return Finding(name="database", ok=not undurable, found=f"{whose}{lacks}",
                   remedy="switch it on again: in a crash, decisions and money moved would be lost")  # fmt: skip


async def _agents(reads: Reads) -> Finding:
    """Whether every agent can do anything: those of long ago were installed before skills counted."""
    unable = await unable_agents(reads)
    return Finding(name="agents", ok=not unable, found=", ".join(unable) or "every one can do something",
                   remedy=INSTALL_AGAIN)  # fmt: skip


async def _at_work(settings: Settings, found: Database) -> list[Finding]:
    """Who plans, works, acts and answers: whether each lives. Gateway and vault are asked as others ask them."""
    async with bootstrap.closing(await found.presence()) as asked:
        present = await asked.present()
    *parts, gateway = at_work.parts_of(present, slots=settings.manager_slots, zone=settings.zone)
    if any(one.role == Role.GATEWAY and not one.has_left for one in present):
        gateway = await _asked(settings, gateway)
    parts = (*parts, gateway, await at_work.vault_part(settings, present))
    return [Finding(name=one.name, ok=one.ok, found=one.found, remedy=one.remedy, who=one.who) for one in parts]


async def _asked(settings: Settings, gateway: at_work.Part) -> at_work.Part:
    if await at_work.gateway_answers(settings):
        return gateway
    return replace(gateway, ok=False, found=f"{gateway.found}; it does not answer at {settings.gateway_address}")


async def _history(reads: Reads) -> Finding:
    report = await audit.verify_history(reads)
    said = f"{report.events} events in {report.chains} chains"
    return Finding(name="history", ok=report.verified, found=said if report.verified else str(report.flaws[0]),
                   remedy="docs/runbooks/chain-does-not-verify.md")  # fmt: skip
