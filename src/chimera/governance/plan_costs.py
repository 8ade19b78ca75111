"""Money for the planner's model: set aside before it is asked, settled with what came of it. Asks no model itself."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import budget
from chimera.domain.budget import MODEL_CALLS, Hold, Movement
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Unavailable
from chimera.governance.model_holds import gone_back, left_behind, set_aside
from chimera.governance.treasury import Treasury
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.store import Store

PLANS_TRIED_MAX = 3
PLAN_COST_MICROS_MAX = 50_000
# A plan is asked for, and perhaps asked for again, within a few minutes: what a crash leaves is given back after these,
# or when the campaign is planned again.
PLANNED_WITHIN_SECONDS = 1_800
# A manager that ends in order waits no longer for that.
BROKEN_OFF_SECONDS_MAX = 0.5


class Bill(Struct, frozen=True, kw_only=True):
    """What one round of planning has cost so far, and what was set aside for it, if models are paid for."""

    cost_micros: int = 0
    hold: Hold | None = None

    def plus(self, micros: int) -> Bill:
        """The bill after another answer."""
        return replace(self, cost_micros=self.cost_micros + micros)

    @property
    def unneeded_micros(self) -> int:
        """What will go back of what is set aside: a plan may count on it."""
        return max(0, self.hold.amount_micros - self.cost_micros) if self.hold else 0


class PlanCosts:
    """Where models cost nothing, nothing is set aside, and nothing is written for it."""

    def __init__(self, *, store: Store, treasury: Treasury, clock: Clock, ids: Ids, models_cost: bool = False) -> None:
        self._store = store
        self._treasury = treasury
        self._clock = clock
        self._ids = ids
        self._models_cost = models_cost

    async def open(self, campaign: Campaign) -> Bill:
        """Set aside what every answer that may be asked for can cost; without room nobody is asked."""
        if not self._models_cost:
            return Bill()
        now_us = self._clock.now_us()
        hold = Hold(
            id=self._ids.new(),
            task_id=campaign.id,
            amount_micros=PLANS_TRIED_MAX * PLAN_COST_MICROS_MAX,
            windows=self._windows(campaign),
            expires_at_us=now_us + PLANNED_WITHIN_SECONDS * 1_000_000,
            category=MODEL_CALLS,
        )
        # One plan of a campaign is made at a time: whoever held for it before is gone.
        former = await left_behind(self._store, (campaign.id,))
        await set_aside(self._store, hold, campaign_id=campaign.id, at_us=now_us, former=former.get(campaign.id, ()))
        return Bill(hold=hold)

    def settled(self, campaign: Campaign, bill: Bill) -> tuple[tuple[Hold, ...], tuple[Movement, ...]]:
        """What the answers cost, for the change that says what became of them."""
        return budget.settled(bill.hold, self._windows(campaign), bill.cost_micros)

    async def broken_off(self, campaign: Campaign, bill: Bill) -> None:
        """Nothing came of it. What it cost is counted all the same, and the rest goes back."""
        if bill.hold is None:
            return
        holds, movements = self.settled(campaign, bill)
        event = gone_back(bill.hold, at_us=self._clock.now_us())
        try:
            async with self._clock.timeout(BROKEN_OFF_SECONDS_MAX):
                await self._store.commit(Change(records=holds, events=(event,), movements=movements))
        except (Conflict, Unavailable, TimeoutError):
            # Settled after all, or the store is away: then it goes back with the next plan, or when it expires.
            return

    def _windows(self, campaign: Campaign) -> tuple[str, ...]:
        now_us = self._clock.now_us()
        return self._treasury.windows_for(agent_id=campaign.agent_id, campaign_id=campaign.id, at_us=now_us)
