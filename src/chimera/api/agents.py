"""Agents: the list, one of them, pausing, and installing packages. Decides nothing: the installer and halts do."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chimera.api import history, paging
from chimera.api.fleet import WindowShown, shown_window
from chimera.api.guard import Version, Who
from chimera.api.paging import PAGE, Page
from chimera.api.problems import ProblemFault, problem_of
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, Note, SearchText
from chimera.domain import budget, scopes
from chimera.domain.agent import Account, Agent, AgentCommand, Persona
from chimera.domain.edition import Edition, edition_id
from chimera.domain.errors import ChimeraError, Invalid
from chimera.domain.halt import Halt
from chimera.domain.permissions import PERMISSIONS
from chimera.governance.agents import find_agent
from chimera.governance.halts import Halts
from chimera.governance.treasury import Treasury
from chimera.pipeline.installer import Acceptance, Contents, Installed, Installer, Offer
from chimera.ports.clock import Clock
from chimera.ports.views import AgentQuery, Views

ROWS_MAX = 1_000
FILES_MAX = 64
VERSIONS_MAX = 50
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
Rows = Annotated[int, Query(description="how many at most", ge=1, le=ROWS_MAX)]
StateFilter = Annotated[Literal["", "installed", "active", "paused", "retired"], Query()]


# The package of these files under a name, or its faults: the manifest and the digest over all of them.
ReadPackage = Callable[[str, Mapping[str, bytes]], Contents]


class AgentRow(Struct, frozen=True, kw_only=True):
    """One line of the grid. `halted`: its own scope is halted."""

    id: str
    version: int
    name: str
    persona: str
    state: str
    package_version: str
    accounts: tuple[Account, ...]
    halted: bool
    spent_micros: int
    held_micros: int
    cap_micros: int


class PermissionShown(Struct, frozen=True, kw_only=True):
    """A permission in plain words."""

    name: str
    meaning: str


class AgentVersion(Struct, frozen=True, kw_only=True):
    """A package version that was installed."""

    package_version: str
    previous: str
    digest: str
    by: str
    at_us: int
    gained: tuple[str, ...]


class AgentItem(Struct, frozen=True, kw_only=True):
    """Everything about one agent."""

    id: str
    version: int
    name: str
    state: str
    package: str
    package_version: str
    package_digest: str
    persona: Persona
    accounts: tuple[Account, ...]
    goals: tuple[str, ...]
    permissions: tuple[PermissionShown, ...]
    not_permitted: tuple[PermissionShown, ...]
    budget_micros_day: int
    today: WindowShown | None
    confidence_floor_bp: int
    rulings: int
    halted: bool
    versions: tuple[AgentVersion, ...]


class Validation(Struct, frozen=True, kw_only=True):
    """Whether a package could be installed, and what it would permit."""

    ok: bool
    faults: tuple[ProblemFault, ...] = ()
    digest: str = ""
    package_version: str = ""
    permissions: tuple[PermissionShown, ...] = ()
    budget_micros_day: int = 0


class PartChanged(Struct, frozen=True, kw_only=True):
    """One part of a manifest that differs, as JSON text."""

    part: str
    before: str
    after: str


class PackageDiff(Struct, frozen=True, kw_only=True):
    """What installing a package would change. `before` is empty for a new agent, or one whose manifest is not kept."""

    name: str
    before: str
    after: str
    parts: tuple[PartChanged, ...]
    gained: tuple[PermissionShown, ...]
    lost: tuple[PermissionShown, ...]


class EditionShown(Struct, frozen=True, kw_only=True):
    """A version that can be gone back to, with its manifest."""

    package_version: str
    digest: str
    installed_by: str
    installed_at_us: int
    in_force: bool
    manifest: dict[str, Any]


class Installation(Struct, frozen=True, kw_only=True):
    """What came of an installation."""

    id: str
    version: int
    name: str
    changed: bool
    previous: str
    gained: tuple[PermissionShown, ...]
    lost: tuple[PermissionShown, ...]


class PackageFiles(BaseModel):
    """The files of a package by name; `manifest.yaml` is one of them."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z0-9.-]*$", examples=["studio.persona"])]
    files: Annotated[dict[str, Annotated[str, Field(max_length=500_000)]], Field(max_length=FILES_MAX)]


class PackageOffer(PackageFiles):
    """A package to be installed, and what whoever installs it accepts."""

    accept_permissions: bool = False
    accept_budget: bool = False


class Why(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "a look at what it said"}]})

    reason: Note


class RollBack(BaseModel):
    """Which version to go back to, by its digest, and what of it is accepted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"digest": "0" * 64}]})

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    accept_permissions: bool = False
    accept_budget: bool = False


class StateChange(BaseModel):
    """What is to be done with an agent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"command": "activate"}]})

    command: Literal["activate", "pause", "retire"]


class AgentRoutes:
    """`/v1/agents`."""

    def __init__(
        self, *, views: Views, installer: Installer, halts: Halts, read_package: ReadPackage, treasury: Treasury,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._views = views
        self._installer = installer
        self._halts = halts
        self._read_package = read_package
        self._treasury = treasury
        self._clock = clock

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, change = Needs("fleet.look"), Needs("agent.change")
        begin, end = Needs("halt.set", narrowed=True), Needs("halt.lift", narrowed=True)
        one = "/v1/agents/{agent_id}"
        yield Route(method="GET", path="/v1/agents", endpoint=self.list, needs=see, answer=Page[AgentRow])
        yield Route(method="POST", path="/v1/agents", endpoint=self.install, needs=change, answer=Installation,
                    status=201)  # fmt: skip
        yield Route(method="POST", path="/v1/agents/validate", endpoint=self.validate, needs=see, answer=Validation)
        yield Route(method="POST", path="/v1/agents/compare", endpoint=self.compare, needs=see, answer=PackageDiff)
        yield Route(method="GET", path=f"{one}/versions", endpoint=self.editions, needs=see, answer=Page[EditionShown])
        yield Route(method="POST", path=f"{one}/rollback", endpoint=self.roll_back, needs=change, answer=Installation)
        yield Route(method="GET", path=one, endpoint=self.show, needs=see, answer=AgentItem)
        yield Route(method="POST", path=f"{one}/state", endpoint=self.change, needs=change, answer=Agent)
        yield Route(method="POST", path=f"{one}/pause", endpoint=self.pause, needs=begin, answer=Halt)
        yield Route(method="POST", path=f"{one}/resume", endpoint=self.resume, needs=end, answer=Halt)

    async def list(
        self, q: SearchText, state: StateFilter = "", cursor: Cursor = "", limit: Rows = PAGE
    ) -> Page[AgentRow]:
        """Agents by name."""
        asked = AgentQuery(state=state, text=q, after=paging.place(cursor), limit=limit)
        agents = await self._views.agents(asked)
        windows = {window.id: window for window in await self._views.windows([*map(self._window_of, agents)])}
        halted = await self._views.halted()
        rows = tuple(_row(agent, windows.get(self._window_of(agent)), halted) for agent in agents)
        return Page(items=rows, next=paging.encode(agents[-1].id) if len(agents) == limit else "")

    async def show(self, agent_id: Id) -> AgentItem:
        """One agent, its permissions in plain words, and the versions that were installed."""
        agent = await self._views.get(Agent, agent_id)
        windows = await self._views.windows((self._window_of(agent),))
        versions = await self._versions(agent)
        return AgentItem(
            id=agent.id, version=agent.version, name=agent.name, state=str(agent.state), package=agent.package,
            package_version=agent.package_version, package_digest=agent.package_digest, persona=agent.persona,
            accounts=agent.accounts, goals=agent.goals, permissions=in_words(agent.permissions),
            not_permitted=in_words(name for name in PERMISSIONS if name not in agent.permissions),
            budget_micros_day=agent.budget_micros_day, today=shown_window(windows[0]) if windows else None,
            confidence_floor_bp=agent.confidence_floor_bp, rulings=agent.rulings,
            halted=scopes.agent(agent.id) in await self._views.halted(), versions=versions,
        )  # fmt: skip

    async def validate(self, given: PackageFiles) -> Validation:
        """Read a package without installing it: every fault with file and line, or what it would permit."""
        try:
            read = self._read(given)
        except ChimeraError as error:
            problem = problem_of(error)
            alone = (ProblemFault(where=error.where, message=error.message, remedy=error.remedy),)
            return Validation(ok=False, faults=problem.faults or alone)
        return Validation(ok=True, digest=read.digest, package_version=read.manifest.identity.version,
                          permissions=in_words(sorted(read.manifest.permissions)),
                          budget_micros_day=read.manifest.budget_micros_day)  # fmt: skip

    async def install(self, given: PackageOffer, who: Who) -> Installation:
        """Install a package, or upgrade an agent to it. What it gains has to be accepted."""
        read = self._read(given)
        done = await self._installer.install(
            Offer(manifest=read.manifest, digest=read.digest, by=who.name, constitution=read.constitution,
                  brand=read.brand, faces=read.faces, accept_permissions=given.accept_permissions,
                  accept_budget=given.accept_budget)
        )  # fmt: skip
        return _installation(done)

    async def compare(self, given: PackageFiles) -> PackageDiff:
        """What installing a package would change of the agent that has its name. Changes nothing."""
        manifest = self._read(given).manifest
        name = manifest.identity.name
        known = await find_agent(self._views, name)
        kept = await self._views.find(Edition, edition_id(known.id, known.package_digest)) if known else None
        permitted = known.permissions if known else ()
        wanted: dict[str, Any] = msgspec.to_builtins(manifest)
        return PackageDiff(
            name=name, before=known.package_version if known else "", after=manifest.identity.version,
            parts=tuple(_parts_changed(kept.manifest if kept else {}, wanted)),
            gained=in_words(sorted(set(manifest.permissions) - set(permitted))),
            lost=in_words(sorted(set(permitted) - set(manifest.permissions))),
        )  # fmt: skip

    async def editions(self, agent_id: Id) -> Page[EditionShown]:
        """The versions that can be gone back to, with their manifests."""
        agent = await self._views.get(Agent, agent_id)
        return Page(items=tuple(
            EditionShown(package_version=one.package_version, digest=one.digest, installed_by=one.installed_by,
                         installed_at_us=one.installed_at_us, in_force=one.digest == agent.package_digest,
                         manifest=one.manifest)
            for one in await self._installer.editions(agent.id)
        ))  # fmt: skip

    async def roll_back(self, agent_id: Id, given: RollBack, version: Version, who: Who) -> Installation:
        """Go back to a version that was installed before. What it gains has to be accepted, as ever."""
        agent = await self._views.get(Agent, agent_id)
        accepted = Acceptance(by=who.name, permissions=given.accept_permissions, budget=given.accept_budget)
        return _installation(await self._installer.roll_back(agent.name, digest=given.digest, accepted=accepted,
                                                             version=version))  # fmt: skip

    async def change(self, agent_id: Id, given: StateChange, who: Who) -> Agent:
        """Activate, pause or retire an agent."""
        agent = await self._views.get(Agent, agent_id)
        return await self._installer.change(agent.name, AgentCommand(given.command), by=who.name)

    async def pause(self, agent_id: Id, given: Why, who: Who) -> Halt:
        """Let nothing new be planned for this agent; what is under way is finished."""
        agent = await self._views.get(Agent, agent_id)
        return await self._halts.pause(scopes.agent(agent.id), by=who, reason=given.reason)

    async def resume(self, agent_id: Id, who: Who) -> Halt | Response:
        """Lift the pause or the halt of this agent."""
        return await self._halts.resume(scopes.agent(agent_id), by=who)

    def _read(self, given: PackageFiles) -> Contents:
        names = [name for name in given.files if not name or len(name) > 200 or ".." in name or name.startswith("/")]
        if names:
            raise Invalid(
                "file_name_unfit",
                "a file's name leads out of the package",
                where="files",
                remedy="name it by its path within the package",
            )
        return self._read_package(given.name, {name: _bytes_of(name, text) for name, text in given.files.items()})

    def _window_of(self, agent: Agent) -> str:
        windows = self._treasury.windows_for(agent_id=agent.id, campaign_id="", at_us=self._clock.now_us())
        return next(window for window in windows if window.startswith(scopes.agent(agent.id)))

    async def _versions(self, agent: Agent) -> tuple[AgentVersion, ...]:
        sought = history.Sought(kind="AGENT_INSTALLED", record=agent.id, limit=VERSIONS_MAX)
        found = await history.newest(self._views, sought, before={})
        return tuple(_version(line) for line in found.events if line.subject == agent.id)


def in_words(names: Iterable[str]) -> tuple[PermissionShown, ...]:
    """Permissions with what they mean."""
    return tuple(
        PermissionShown(name=name, meaning=PERMISSIONS[name].meaning if name in PERMISSIONS else "no longer exists")
        for name in names
    )


def _row(agent: Agent, window: budget.Window | None, halted: frozenset[str]) -> AgentRow:
    return AgentRow(
        id=agent.id, version=agent.version, name=agent.name, persona=agent.persona.name, state=str(agent.state),
        package_version=agent.package_version, accounts=agent.accounts, halted=scopes.agent(agent.id) in halted,
        spent_micros=window.spent_micros if window else 0, held_micros=window.held_micros if window else 0,
        cap_micros=window.cap_micros if window else agent.budget_micros_day,
    )  # fmt: skip


def _installation(done: Installed) -> Installation:
    return Installation(id=done.agent.id, version=done.agent.version, name=done.agent.name, changed=done.changed,
                        previous=done.previous, gained=in_words(done.gained), lost=in_words(done.lost))  # fmt: skip


def _parts_changed(before: dict[str, Any], after: dict[str, Any]) -> Iterator[PartChanged]:
    for part in sorted(before.keys() | after.keys()):
        old, new = (_text_of(one[part]) if part in one else "" for one in (before, after))
        if old != new:
            yield PartChanged(part=part, before=old, after=new)


def _text_of(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode()


def _version(line: history.EventLine) -> AgentVersion:
    data = line.data
    gained: Any = data.get("gained") or ()
    return AgentVersion(package_version=str(data.get("version", "")), previous=str(data.get("previous", "")),
                        digest=str(data.get("digest", "")), by=str(data.get("by", "")), at_us=line.at_us,
                        gained=tuple(map(str, gained)))  # fmt: skip


def _bytes_of(name: str, text: str) -> bytes:
    """A file as it lies in the package. What is a picture by its name came in Base64."""
    if not name.endswith(PICTURE_ENDINGS):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Invalid(
            "file_not_base64", "a picture of a package comes in Base64", where=name[:200], remedy="encode it in Base64"
        ) from error
