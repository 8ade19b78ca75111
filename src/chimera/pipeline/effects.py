"""Performs grants, and nothing else. Refuses all but a committed, sealed, unexpired, unused grant for these bytes.

Checks the halt again, although the gate has: whoever stands between may have been slow.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chimera.domain.action import TAKE_DOWN
from chimera.domain.agent import Agent, owns
from chimera.domain.change import Change
from chimera.domain.dossier import Dossier
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import (
    Grant,
    Performance,
    PerformanceCommand,
    PerformanceState,
    Seal,
    SealCommand,
    SealState,
)
from chimera.domain.permissions import permits
from chimera.governance.sealing import SealVerifier
from chimera.ports.clock import Clock
from chimera.ports.publisher import Absent, Order, Outcome, Published, Publisher, Rejected, Unknown
from chimera.ports.store import Store

PUBLISH_SECONDS_MAX = 20


class Effects:
    """Writes as the effects role: performances and the taking of seals."""

    def __init__(self, *, store: Store, publisher: Publisher, seals: SealVerifier, clock: Clock) -> None:
        self._store = store
        self._publisher = publisher
        self._seals = seals
        self._clock = clock

    async def perform(self, grant_id: str) -> Performance:
        """Act once on a grant. The act's record is committed before the act."""
        asked_us = self._clock.now_us()
        dossier = await self._store.dossier(grant_id)
        seal = self._require_valid(dossier)
        started = await self._start(dossier, seal)
        return await self._act(dossier.grant, started, asked_us=asked_us)

    async def recover(self, performance: Performance) -> Performance:
        """What became of an act whose outcome nobody recorded: resend where the network dedupes, then look it up."""
        grant = await self._store.get(Grant, performance.id)
        traits = self._publisher.traits(grant.action)
        may_resend = traits.deduplicates and await self._is_still_granted(grant)
        if may_resend:
            performance = await self._resend(grant, performance)
            # A resend that was refused says nothing about the first sending.
            outcome = await self._outcome(grant, performance, seconds_max=PUBLISH_SECONDS_MAX)
            if isinstance(outcome, Published):
                return await self._finish(performance, outcome.receipt)
        if traits.looks_up:
            return await self._look_up(grant, performance, settling_seconds=traits.settling_seconds)
        if may_resend:
            return await self._doubt(performance, "the network did not take the resend yet")
        # A person who looks too early sees nothing, and says so.
        await self._settled(performance, settling_seconds=traits.settling_seconds)
        return await self._doubt(performance, "the network can neither dedupe nor be asked", needs_person=True)

    async def _is_still_granted(self, grant: Grant) -> bool:
        """Resending is acting: not after expiry, and not while halted."""
        halted = await self._store.halted()
        if met := halted.intersection(_scopes_of(grant)):
            raise Refused("halted", f"{min(met)} is halted", where=grant.id, remedy="chimera resume")
        return await self._store.now_us() < grant.terms.expires_at_us

    async def _resend(self, grant: Grant, performance: Performance) -> Performance:
        """The same attempt under the same key, with a deadline of its own from which proofs of absence count."""
        deadline_us = await self._store.now_us() + PUBLISH_SECONDS_MAX * 1_000_000
        resent = replace(performance.after(PerformanceCommand.RESEND), deadline_us=deadline_us)
        event = self._event(EventKind.EFFECT_RESENT, resent, digest=grant.terms.action_digest)
        await self._store.commit(Change(records=(resent,), events=(event,), begins_in=_scopes_of(grant)))
        return resent

    async def _look_up(self, grant: Grant, performance: Performance, *, settling_seconds: float) -> Performance:
        """Absence is only proved once the request's deadline and the network's settling time are over."""
        await self._settled(performance, settling_seconds=settling_seconds)
        match await self._publisher.look_up(_order_of(grant, performance)):
            case Published(receipt):
                return await self._finish(performance, receipt)
            case Absent():
                return await self._fail(performance, "proved absent after its deadline", later=True)
            case Unknown(reason):
                return await self._doubt(performance, reason)

    async def _settled(self, performance: Performance, *, settling_seconds: float) -> None:
        settled_us = performance.deadline_us + int(settling_seconds * 1_000_000)
        await self._clock.sleep(max(0, settled_us - await self._store.now_us()) / 1_000_000)

    def _require_valid(self, dossier: Dossier) -> Seal:
        grant, seal = dossier.grant, dossier.seal
        if seal is None or dossier.batch is None:
            raise Refused(
                "grant_unsealed",
                "the vault has not sealed this grant",
                where=grant.id,
                remedy="it is sealed when the vault answers",
            )
        if seal.state is not SealState.READY:
            raise Refused(
                "grant_used",
                f"this grant is {seal.state}",
                where=grant.id,
                remedy="nothing to do: a grant is performed once",
            )
        self._seals.require_sealed(grant, seal, dossier.batch)
        if dossier.now_us >= grant.terms.expires_at_us:
            raise Refused("grant_expired", "this grant has expired", where=grant.id, remedy="the gate is asked again")
        _require_permitted(dossier)
        return seal

    async def _start(self, dossier: Dossier, seal: Seal) -> Performance:
        grant, now_us = dossier.grant, dossier.now_us
        started = Performance(
            id=grant.id,
            task_id=grant.terms.task_id,
            campaign_id=grant.terms.campaign_id,
            platform=grant.action.platform,
            started_at_us=now_us,
            deadline_us=now_us + PUBLISH_SECONDS_MAX * 1_000_000,
        )
        event = self._event(
            EventKind.EFFECT_STARTED,
            started,
            action=grant.action.kind,
            account=grant.action.account,
            digest=grant.terms.action_digest,
        )
        await self._store.commit(
            Change(records=(started, seal.after(SealCommand.TAKE)), events=(event,), begins_in=_scopes_of(grant))
        )
        return started

    async def _act(self, grant: Grant, performance: Performance, *, asked_us: int) -> Performance:
        """Within the deadline, which began when the store was asked: after it, absence counts as proved."""
        seconds_left = PUBLISH_SECONDS_MAX - (self._clock.now_us() - asked_us) / 1_000_000
        if seconds_left <= 0:
            return await self._fail(performance, "the start took so long that the act may not begin", later=True)
        match await self._outcome(grant, performance, seconds_max=seconds_left):
            case Published(receipt):
                return await self._finish(performance, receipt)
            case Rejected(reason, later) if grant.action.kind == TAKE_DOWN and not later:
                # What has to go and does not is a person's to see to: he says when it is gone.
                return await self._doubt(performance, f"not taken down: {reason}", needs_person=True)
            case Rejected(reason, later):
                return await self._fail(performance, reason, later=later)
            case Unknown(reason):
                return await self._doubt(performance, reason)

    async def _outcome(self, grant: Grant, performance: Performance, *, seconds_max: float) -> Outcome:
        """Bounded by the deadline: after it, the answer is that nobody knows."""
        try:
            async with self._clock.timeout(seconds_max):
                return await self._publisher.publish(_order_of(grant, performance))
        except TimeoutError:
            return Unknown("the network did not answer in time")

    async def _finish(self, performance: Performance, receipt: dict[str, Any]) -> Performance:
        after = replace(performance.after(PerformanceCommand.FINISH), receipt=receipt)
        return await self._record(after, EventKind.EFFECT_FINISHED, receipt=receipt)

    async def _fail(self, performance: Performance, reason: str, *, later: bool) -> Performance:
        after = replace(performance.after(PerformanceCommand.FAIL), reason=reason[:500], later=later)
        return await self._record(after, EventKind.EFFECT_FAILED, why=reason[:500], later=later)

    async def _doubt(self, performance: Performance, reason: str, *, needs_person: bool = False) -> Performance:
        if performance.state is PerformanceState.IN_DOUBT and performance.needs_person == needs_person:
            return performance
        after = replace(performance.after(PerformanceCommand.DOUBT), reason=reason[:500], needs_person=needs_person)
        return await self._record(after, EventKind.EFFECT_IN_DOUBT, why=reason[:500], needs_person=needs_person)

    async def _record(self, after: Performance, kind: EventKind, **data: Any) -> Performance:
        await self._store.commit(Change(records=(after,), events=(self._event(kind, after, **data),)))
        return after

    def _event(self, kind: EventKind, performance: Performance, **data: Any) -> Event:
        return Event(
            kind=kind,
            subject=performance.task_id,
            at_us=self._clock.now_us(),
            data={"grant": performance.id, "platform": performance.platform, **data},
        )


def _require_permitted(dossier: Dossier) -> None:
    grant, agent = dossier.grant, dossier.agent
    if grant.action.is_internal:
        raise Refused(
            "grant_internal",
            "this action stays in the house",
            where=grant.id,
            remedy="nothing to do: it is settled without effects",
        )
    if agent is None or not permits(_allowed(agent, grant.action.kind), grant.action.kind):
        who = f"{agent.name} is {agent.state} or" if agent else "an agent that is not there"
        raise Refused(
            "agent_not_permitted",
            f"{who} may not {grant.action.kind}",
            where=grant.id,
            remedy="activate it, or add the permission to its manifest",
        )
    if not owns(agent.accounts, platform=grant.action.platform, handle=grant.action.account):
        raise Refused(
            "account_not_own",
            f"{grant.action.account} is not an account of {agent.name}",
            where=grant.id,
            remedy="add the account to the manifest, or let the task be planned again",
        )
    if met := dossier.halted.intersection(_scopes_of(grant)):
        raise Refused("halted", f"{min(met)} is halted", where=grant.id, remedy="chimera resume")


def _allowed(agent: Agent, kind: str) -> tuple[str, ...]:
    """What an agent may do; what a person takes back is taken back even while the agent is paused."""
    return agent.retractable if kind == TAKE_DOWN else agent.allowed


def _order_of(grant: Grant, performance: Performance) -> Order:
    return Order(grant_id=grant.id, action=grant.action, deadline_us=performance.deadline_us)


def _scopes_of(grant: Grant) -> tuple[str, ...]:
    return grant.action.scopes(agent_id=grant.terms.agent_id, campaign_id=grant.terms.campaign_id)
