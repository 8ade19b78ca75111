"""The kill switch, at every scope. A halt is a committed record: from then on nothing begins in its scope.

A pause is lighter: nothing new is planned there, and what is under way is finished, reviewed and let out as ever.
"""

from __future__ import annotations

from chimera.domain import canonical, ids, scopes
from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Missing
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import IN_FORCE, Halt, HaltState
from chimera.domain.permissions import needed_for_tool
from chimera.domain.person import Principal
from chimera.domain.verbs import Resource
from chimera.governance.agents import agent_called
from chimera.governance.identity.permits import Permits
from chimera.governance.safety.networks import is_listed
from chimera.ports.ids import Ids
from chimera.ports.store import Reads, Store, every

PLANNED_BY = ("fleet", "campaign", "agent", "platform")


class Halts:
    """Writes as the office."""

    def __init__(self, *, store: Store, ids: Ids, permits: Permits) -> None:
        self._store = store
        self._ids = ids
        self._permits = permits

    async def halt(self, scope: str, *, by: Principal, reason: str) -> Halt:
        """Stop everything in a scope, in somebody's name. Halting twice is a conflict, not a second halt.

        An agent may be called by its name. What does not exist is refused: a halt that stops nothing would be believed.
        """
        scope = await meant(self._store, scopes.parse(scope))
        self._permits.require(by, "halt.set", _of(scope))
        return await self._halt(scope, by=by.name, reason=reason)

    async def pause(self, scope: str, *, by: Principal, reason: str) -> Halt:
        """Let nothing new be planned in a scope, in somebody's name; what is under way goes on."""
        _require_plannable(scope)
        scope = await meant(self._store, scopes.parse(scope), stop="a pause")
        self._permits.require(by, "halt.set", _of(scope))
        standing = await self._store.list(Halt, states=IN_FORCE, scope=scope)
        if standing:
            word = "halted" if any(one.state is HaltState.ACTIVE for one in standing) else "paused"
            raise Conflict(
                "halted_already",
                f"{scope} is {word} already",
                where=scope,
                remedy="nothing; to lift it: chimera resume SCOPE",
            )
        return await self._keep(scope, by=by.name, reason=reason, state=HaltState.PAUSED)

    async def trip(self, scope: str, *, breaker: str, reason: str) -> Halt:
        """Stop a scope because a limit that somebody set was passed. Only a person lifts it."""
        return await self._halt(scopes.parse(scope), by=f"breaker:{breaker}", reason=reason)

    async def _halt(self, scope: str, *, by: str, reason: str) -> Halt:
        if scope in await self._store.halted():
            raise Conflict(
                "halted_already",
                f"{scope} is halted already",
                where=scope,
                remedy="nothing; to lift it: chimera resume SCOPE",
            )
        return await self._keep(scope, by=by, reason=reason, state=HaltState.ACTIVE)

    async def _keep(self, scope: str, *, by: str, reason: str, state: HaltState) -> Halt:
        canonical.require_text(reason, where="reason")
        now_us = await self._store.now_us()
        halt = Halt(id=self._ids.new(), halted=scope, reason=reason[:500], by=by, since_us=now_us, state=state)
        kind = EventKind.HALTED if state is HaltState.ACTIVE else EventKind.PAUSED
        event = Event(kind=kind, subject=halt.id, at_us=now_us, data={"scope": scope, "by": by, "reason": halt.reason})
        await self._store.commit(Change(records=(halt,), events=(event,)))
        return halt

    async def resume(self, scope: str, *, by: Principal) -> Halt:
        """Lift the halt of exactly this scope, and its pause if it has one too."""
        scope = scopes.parse(scope)
        standing = await self._store.list(Halt, states=IN_FORCE, scope=scope)
        if not standing:
            scope = await meant(self._store, scope)
            standing = await self._store.list(Halt, states=IN_FORCE, scope=scope)
        self._permits.require(by, "halt.lift", _of(scope))
        if not standing:
            raise Missing("not_halted", f"{scope} is not halted", where=scope, remedy="there is nothing to lift")
        now_us = await self._store.now_us()
        lifted = tuple(one.lifted(by=by.name, at_us=now_us) for one in standing)
        told = {"scope": scope, "by": by.name}
        events = tuple(Event(kind=EventKind.RESUMED, subject=one.id, at_us=now_us, data=told) for one in lifted)
        await self._store.commit(Change(records=lifted, events=events))
        return lifted[0]


async def meant(reads: Reads, scope: str, *, stop: str = "a halt") -> str:
    """The scope as whoever asks for a stop names it, or a refusal: nothing would look at one of what is not there."""
    kind, _, name = scope.partition(":")
    match kind:
        case "account":
            raise Invalid("scope_unknown", "an account has quotas, and no halt of its own", where="scope",
                          remedy="halt its agent, or its platform")  # fmt: skip
        case "agent":
            return scopes.agent((await agent_called(reads, name)).id)
        case "campaign" if not ids.is_id(name) or await reads.find(Campaign, name) is None:
            raise _nothing("campaign", name, stop, "chimera top shows the campaigns")
        case "platform" if not is_listed(name) and not await _has_account(reads, name):
            raise _nothing("platform", name, stop, "name a network, or one on which an agent has an account")
        case "tool" if needed_for_tool(name) is None:
            raise _nothing("tool", name, stop, "name a read tool of the house, or SERVER/TOOL")
        case _:
            return scope


async def _has_account(reads: Reads, platform: str) -> bool:
    network = platform.partition(".")[0]
    async for agent in every(reads, Agent):
        if any(account.platform == network for account in agent.accounts):
            return True
    return False


def _nothing(kind: str, name: str, stop: str, remedy: str) -> Missing:
    return Missing("scope_of_nothing", f"there is no {kind} {name[:80]!r}, {stop} would stop nothing", where="scope",
                   remedy=remedy)  # fmt: skip


def _require_plannable(scope: str) -> None:
    """Plans belong to the fleet, a campaign, an agent and a network; a pause of anything else would do nothing."""
    if scope.partition(":")[0] not in PLANNED_BY:
        raise Invalid("scope_unknown", f"{scope} cannot be paused: nothing is planned by it", where="scope",
                      remedy=f"pause one of {', '.join(PLANNED_BY)}, or halt it")  # fmt: skip


def _of(scope: str) -> Resource:
    """What a scope is about, for whoever says who may stop it."""
    kind, _, name = scope.partition(":")
    return Resource(kind=kind, id=name or kind)
