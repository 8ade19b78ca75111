"""Keeps a manager's part of the fleet's windows, where several managers share them. Spends nothing, decides nothing.

What one does not use goes back when it ends or is idle, and by itself when it is silent.
"""

from __future__ import annotations

from collections.abc import Callable

from chimera.domain import scopes
from chimera.domain.errors import ChimeraError
from chimera.governance.treasury import Treasury
from chimera.ports.allotments import Allotments
from chimera.ports.clock import Clock
from chimera.swarm.loops import end_if_told, log

ALLOTTED_SECONDS, LEASE_SECONDS = 1.0, 10.0
SHARE_BP = 500
MICROS_MAX = 100_000_000
IDLE_ROUNDS = 5


class Allotting:
    """One writer's. `active` counts what the manager has done so far: while it stands still, nothing is kept back."""

    def __init__(
        self, *, allotments: Allotments, writer: str, treasury: Treasury, clock: Clock, active: Callable[[], int]
    ) -> None:
        self._allotments = allotments
        self._writer = writer
        self._treasury = treasury
        self._clock = clock
        self._active = active
        self._seen = -1
        self._idle = 0

    async def run(self) -> None:
        """Until cancelled; then all is given back."""
        try:
            while True:
                await self.once()
                end_if_told()
                await self._clock.sleep(ALLOTTED_SECONDS)
        finally:
            await self._ask(())

    async def once(self) -> int:
        """Renew, or give back; what it has now."""
        seen = self._active()
        self._idle = self._idle + 1 if seen == self._seen else 0
        self._seen = seen
        windows = self._treasury.windows_for(agent_id="", campaign_id="", at_us=self._clock.now_us())
        of_fleet = tuple(one for one in windows if one.startswith(f"{scopes.FLEET}|"))
        return await self._ask(() if self._idle >= IDLE_ROUNDS else of_fleet)

    async def _ask(self, windows: tuple[str, ...]) -> int:
        try:
            return await self._allotments.allot(self._writer, windows, share_bp=SHARE_BP, micros_max=MICROS_MAX,
                                                lease_seconds=LEASE_SECONDS)  # fmt: skip
        except ChimeraError as error:
            # Without an allotment the windows themselves are asked, as ever; what was allotted goes back by itself.
            log.info("nothing is allotted now", writer=self._writer, why=str(error))
            return 0
