"""Puts agents on record: installs, upgrades, changes them. Writes as the office; widens nothing unasked."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from chimera.domain import ids, scopes
from chimera.domain.agent import Agent, AgentCommand, agent_id_of
from chimera.domain.brand import Brand
from chimera.domain.budget import AGENT_DAY_CAP_MICROS, Cap
from chimera.domain.change import Change
from chimera.domain.edition import Edition, edition_id
from chimera.domain.errors import Conflict, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.manifest import Constitution, Manifest, budget_in_words, to_agent
from chimera.domain.permissions import PERMISSIONS, widened
from chimera.domain.record import Record
from chimera.governance.agents import find_agent
from chimera.governance.security.gateway import SecurityGateway
from chimera.ports.store import LIST_MAX, Store

# Agents of packages are named once and for all: the database itself refuses a second one of the same name.


class Contents(Struct, frozen=True, kw_only=True):
    """What a package was read as. `digest` covers every byte of it."""

    manifest: Manifest
    digest: str
    constitution: Constitution | None = None
    brand: Brand | None = None
    faces: tuple[bytes, ...] = ()


class Offer(Contents, frozen=True, kw_only=True):
    """A package that somebody wants installed, and what that person has accepted."""

    by: str
    accept_permissions: bool = False
    accept_budget: bool = False


class Acceptance(Struct, frozen=True, kw_only=True):
    """What somebody accepts of a version that is gone back to."""

    by: str
    permissions: bool = False
    budget: bool = False


class Installed(Struct, frozen=True, kw_only=True):
    """What came of an offer. `previous` is the version that it replaced."""

    agent: Agent
    previous: str = ""
    changed: bool = True
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class Installer:
    """Knows the agents on record. Has the store, and what looks at a package's words; without that it only reads."""

    def __init__(self, store: Store, *, security: SecurityGateway | None = None) -> None:
        self._store = store
        self._security = security

    async def install(self, offer: Offer) -> Installed:
        """The package as an agent on record; an upgrade when it is there already. Refuses what was not accepted."""
        name = offer.manifest.identity.name
        assert self._security is not None, "whoever installs has somebody who looks at the package's own words"
        self._security.require_harmless(msgspec.to_builtins(offer.manifest), what=f"the package {name}")
        known = await find_agent(self._store, name)
        wanted = to_agent(
            offer.manifest, identifier=agent_id_of(name), digest=offer.digest, constitution=offer.constitution
        )
        if known is None:
            _require_budget(wanted, AGENT_DAY_CAP_MICROS, offer)
            return await self._add(wanted, offer)
        if known.package_digest == offer.digest:
            return Installed(agent=known, previous=known.package_version, changed=False)
        _require_newer(known, wanted)
        return await self._change_to(known, wanted, offer)

    async def roll_back(self, name: str, *, digest: str, accepted: Acceptance, version: int) -> Installed:
        """The agent as a version was that was installed before. What that gains has to be accepted as ever."""
        known = await self.named(name)
        if known.version != version:
            raise Conflict("version_stale", f"the agent is at version {known.version}, not {version}", where=name,
                           remedy="look at it again")  # fmt: skip
        kept = await self._store.find(Edition, edition_id(known.id, digest))
        if kept is None:
            raise Missing("edition_missing", "this version's manifest is not on record", where=digest[:16],
                          remedy="install its package again under a higher version")  # fmt: skip
        if known.package_digest == digest:
            return Installed(agent=known, previous=known.package_version, changed=False)
        manifest, rules = kept.as_manifest(), kept.as_constitution()
        offer = Offer(
            manifest=manifest, digest=digest, by=accepted.by, constitution=rules, brand=kept.brand, faces=kept.faces,
            accept_permissions=accepted.permissions, accept_budget=accepted.budget,
        )  # fmt: skip
        wanted = to_agent(manifest, identifier=known.id, digest=digest, constitution=rules)
        return await self._change_to(known, wanted, offer)

    async def editions(self, agent_id: str) -> tuple[Edition, ...]:
        """Every version whose manifest is on record, in the order in which they were installed first."""
        found = await self._store.list(Edition, scope=agent_id)
        return tuple(sorted(found, key=lambda one: one.installed_at_us))

    async def _change_to(self, known: Agent, wanted: Agent, offer: Offer) -> Installed:
        _require_accepted(known, wanted, offer)
        _require_budget(wanted, max(known.budget_micros_day, AGENT_DAY_CAP_MICROS), offer)
        return await self._replace(known, wanted, offer)

    async def named(self, name: str) -> Agent:
        """The agent of this name, or `Missing`."""
        known = await find_agent(self._store, name)
        if known is None:
            raise Missing("agent_unknown", f"there is no agent {name[:64]!r}", remedy="chimera agent list names them")
        return known

    async def _edition(self, agent: Agent, offer: Offer) -> tuple[Edition, ...]:
        """What this version is, for the record; nothing when it is there already."""
        identifier = edition_id(agent.id, offer.digest)
        if await self._store.find(Edition, identifier) is not None:
            return ()
        manifest: dict[str, Any] = msgspec.to_builtins(offer.manifest)
        now_us = await self._store.now_us()
        return (Edition(id=identifier, agent_id=agent.id, package_version=agent.package_version, digest=offer.digest,
                        manifest=manifest, installed_by=offer.by, installed_at_us=now_us,
                        constitution=msgspec.to_builtins(offer.constitution), brand=offer.brand,
                        references=tuple(base64.b64encode(face).decode() for face in offer.faces)),)  # fmt: skip

    async def change(self, name: str, command: AgentCommand, *, by: str) -> Agent:
        """The agent after a command, or a named refusal."""
        after = (await self.named(name)).after(command)
        event = Event(
            kind=EventKind.AGENT_CHANGED,
            subject=after.id,
            at_us=await self._store.now_us(),
            data={"name": after.name, "command": command, "state": after.state, "by": by},
        )
        await self._store.commit(Change(records=(after,), events=(event,)))
        return after

    async def agents(self) -> tuple[Agent, ...]:
        """Every agent on record, by name."""
        found: list[Agent] = []
        while page := await self._store.list(Agent, after=found[-1].id if found else "", limit=LIST_MAX):
            found.extend(page)
        return tuple(sorted(found, key=lambda agent: agent.name))

    async def _add(self, agent: Agent, offer: Offer) -> Installed:
        event = await self._event(agent, offer, previous="", gained=agent.permissions)
        caps = await self._caps(agent, AGENT_DAY_CAP_MICROS)
        await self._store.commit(Change(records=(agent, *caps, *await self._edition(agent, offer)), events=(event,)))
        return Installed(agent=agent, gained=agent.permissions)

    async def _replace(self, known: Agent, wanted: Agent, offer: Offer) -> Installed:
        after = msgspec.structs.replace(
            known.after(AgentCommand.UPGRADE),
            package_version=wanted.package_version,
            package_digest=wanted.package_digest,
            persona=wanted.persona,
            accounts=wanted.accounts,
            permissions=wanted.permissions,
            capabilities=wanted.capabilities,
            goals=wanted.goals,
            budget_micros_day=wanted.budget_micros_day,
            schedule=wanted.schedule,
            feeds=wanted.feeds,
            handovers=wanted.handovers,
            variants=wanted.variants,
        )
        gained = widened(known.permissions, after.permissions)
        event = await self._event(after, offer, previous=known.package_version, gained=gained)
        caps = await self._caps(after, known.budget_micros_day)
        await self._store.commit(Change(records=(after, *caps, *await self._edition(after, offer)), events=(event,)))
        return Installed(
            agent=after,
            previous=known.package_version,
            gained=gained,
            lost=widened(after.permissions, known.permissions),
        )

    async def _caps(self, agent: Agent, before_micros: int) -> tuple[Record, ...]:
        """The agent's cap for a day, when its manifest changes it. What a person set since then stays otherwise."""
        if agent.budget_micros_day == before_micros:
            return ()
        identifier = ids.derive(agent.id, "cap", "day")
        known = await self._store.find(Cap, identifier)
        fresh = Cap(id=identifier, limited=scopes.agent(agent.id), period="day", micros=agent.budget_micros_day)
        return (msgspec.structs.replace(fresh, version=known.version + 1) if known else fresh,)

    async def _event(self, agent: Agent, offer: Offer, *, previous: str, gained: tuple[str, ...]) -> Event:
        return Event(
            kind=EventKind.AGENT_INSTALLED,
            subject=agent.id,
            at_us=await self._store.now_us(),
            data={
                "name": agent.name,
                "version": agent.package_version,
                "previous": previous,
                "digest": agent.package_digest,
                "permissions": list(agent.permissions),
                "gained": list(gained),
                "budget_micros_day": agent.budget_micros_day,
                "by": offer.by,
            },
        )


def _require_newer(known: Agent, wanted: Agent) -> None:
    before, after = known.package_version, wanted.package_version
    if after == before:
        raise Refused(
            "package_version_reused",
            f"{wanted.name} {after} is installed with other content",
            where="identity.version",
            remedy="an installed version never changes; raise the version",
        )
    if _numbers(after) < _numbers(before):
        raise Refused(
            "package_older",
            f"{wanted.name} {before} is installed, which is newer",
            where="identity.version",
            remedy="raise the version above it",
        )


def _require_accepted(known: Agent, wanted: Agent, offer: Offer) -> None:
    gained = widened(known.permissions, wanted.permissions)
    if gained and not offer.accept_permissions:
        listed = "; ".join(f"{name}: {PERMISSIONS[name].meaning}" for name in gained)
        raise Refused(
            "permissions_widened",
            f"{wanted.name} asks for more than before: {listed}",
            where="permissions",
            remedy="install it with --accept-permissions if that is meant",
        )


def _require_budget(wanted: Agent, allowed_micros: int, offer: Offer) -> None:
    if wanted.budget_micros_day > allowed_micros and not offer.accept_budget:
        asked, allowed = budget_in_words(wanted.budget_micros_day), budget_in_words(allowed_micros)
        raise Refused(
            "budget_raised",
            f"{wanted.name} asks for {asked}; {allowed} need nobody's consent",
            where="budget.day",
            remedy="install it with --accept-budget if that is meant",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def changes_of(installed: Installed) -> Iterator[tuple[str, str, str]]:
    """What an installation changes in what is permitted: sign, permission, meaning."""
    for sign, names in (("+", installed.gained), ("-", installed.lost)):
        for name in names:
            yield sign, name, PERMISSIONS[name].meaning if name in PERMISSIONS else "no longer exists"
