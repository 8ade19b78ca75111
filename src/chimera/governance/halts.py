"""The kill switch, at every scope. A halt is a committed record: from then on nothing begins in its scope."""

from __future__ import annotations

from chimera.domain import canonical, scopes
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Missing
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.ports.ids import Ids
from chimera.ports.store import Store


class Halts:
    """Writes as the office, or as a breaker."""

    def __init__(self, *, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    async def halt(self, scope: str, *, by: str, reason: str) -> Halt:
        """Stop everything in a scope. Halting twice is a conflict, not a second halt."""
        scope = scopes.parse(scope)
        canonical.require_text(reason, where="reason")
        if scope in await self._store.halted():
            raise Conflict("halted_already", f"{scope} is halted already", where=scope)
        now_us = await self._store.now_us()
        halt = Halt(id=self._ids.new(), halted=scope, reason=reason[:500], by=by, since_us=now_us)
        event = Event(
            kind=EventKind.HALTED, subject=halt.id, at_us=now_us, data={"scope": scope, "by": by, "reason": halt.reason}
        )
        await self._store.commit(Change(records=(halt,), events=(event,)))
        return halt

    async def resume(self, scope: str, *, by: str) -> Halt:
        """Lift the halt of exactly this scope."""
        scope = scopes.parse(scope)
        active = await self._store.list(Halt, states=("active",), scope=scope)
        if not active:
            raise Missing("not_halted", f"{scope} is not halted", where=scope, remedy="there is nothing to lift")
        now_us = await self._store.now_us()
        lifted = active[0].lifted(by=by)
        event = Event(kind=EventKind.RESUMED, subject=lifted.id, at_us=now_us, data={"scope": scope, "by": by})
        await self._store.commit(Change(records=(lifted,), events=(event,)))
        return lifted
