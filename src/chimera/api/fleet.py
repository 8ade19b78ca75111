"""The fleet at a glance. Sums that are kept for a moment, so that many open pages cost as much as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from chimera.api.guard import Who
from chimera.api.kept import Kept
from chimera.api.pulse import Pulse, Tally
from chimera.api.restraints import HeldBack, Restraints
from chimera.api.retelling import Retelling
from chimera.api.route import Needs, Route
from chimera.domain import budget
from chimera.domain.agent import Agent
from chimera.governance.treasury import Treasury
from chimera.ports.clock import Clock
from chimera.ports.views import Ages, Views


class ChainHead(Struct, frozen=True, kw_only=True):
    """How far a writer's chain has come."""

    chain: str
    sequence: int
    hash: str


class WindowShown(Struct, frozen=True, kw_only=True):
    """A budget window. With a unit (`posts`, `calls`) it counts those, and no millionths of money."""

    id: str
    cap_micros: int
    held_micros: int
    spent_micros: int
    overrun_micros: int
    room_micros: int
    unit: str = ""
    opens_again_us: int | None = None


class FleetSummary(Struct, frozen=True, kw_only=True):
    """Everything that the top of the console shows. Amounts are millionths of the currency's unit."""

    at_us: int
    agents: Mapping[str, int]
    tasks: Mapping[str, int]
    reviews: Mapping[str, int]
    today: Tally
    autonomy_bp: int | None
    spent_today: WindowShown | None
    currency: str
    oldest_ready_us: int
    oldest_review_us: int
    next_deadline_us: int
    halted: tuple[str, ...]
    heads: tuple[ChainHead, ...]
    stream_lag_us: int
    managers: int
    held_back: tuple[HeldBack, ...] = ()


class FleetRoutes:
    """`/v1/fleet`."""

    def __init__(
        self, *, views: Views, retelling: Retelling, pulse: Pulse, clock: Clock, treasury: Treasury,
        restraints: Restraints,
    ) -> None:  # fmt: skip
        self._views = views
        self._retelling = retelling
        self._pulse = pulse
        self._restraints = restraints
        self._treasury = treasury
        self._agents: Kept[dict[str, int]] = Kept(lambda: views.count(Agent), clock=clock, seconds=2.0)
        self._moving: Kept[Mapping[str, int]] = Kept(lambda: views.moving(), clock=clock, seconds=0.5)
        self._waiting: Kept[Mapping[str, int]] = Kept(lambda: views.waiting_reviews(), clock=clock, seconds=0.5)
        self._ages: Kept[Ages] = Kept(lambda: views.ages(), clock=clock, seconds=0.5)

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/v1/fleet", endpoint=self.show, needs=Needs("fleet.look"),
                    answer=FleetSummary)  # fmt: skip

    async def show(self, who: Who) -> FleetSummary:
        """The fleet now: agents and tasks by state, today's figures, spending, queue ages, halts.

        How far the chains have come (`heads`) is told to whoever may read them. `held_back`: task types of which less
        goes out than workers have room for, because models turn it away. `managers`: how many processes manage; at 0
        nothing is planned, judged or settled.
        """
        ages, now_us = await self._ages.get(), await self._views.now_us()
        today = self._pulse.tally()
        windows = await self._views.windows((self._window_of_today(now_us),))
        return FleetSummary(
            at_us=now_us, agents=await self._agents.get(), tasks=await self._moving.get(),
            reviews=await self._waiting.get(), today=today, autonomy_bp=autonomy_of(today),
            spent_today=shown_window(windows[0]) if windows else None, currency="USD",
            oldest_ready_us=ages.oldest_ready_us, oldest_review_us=ages.oldest_review_us,
            next_deadline_us=ages.next_deadline_us, halted=tuple(sorted(await self._views.halted())),
            heads=await self._heads() if self._retelling.reads_chains(who) else (),
            stream_lag_us=self._pulse.lag_us, managers=ages.managers, held_back=self._restraints.now(),
        )  # fmt: skip

    async def _heads(self) -> tuple[ChainHead, ...]:
        return tuple(ChainHead(chain=head.writer, sequence=head.seq, hash=head.hash.hex())
                     for head in await self._views.heads())  # fmt: skip

    def _window_of_today(self, now_us: int) -> str:
        return self._treasury.windows_for(agent_id="", campaign_id="", at_us=now_us)[0]


def autonomy_of(today: Tally) -> int | None:
    """How many of today's allowed or held acts nobody had to look at, in basis points."""
    asked = today.granted + today.held
    return today.granted * 10_000 // asked if asked else None


def shown_window(window: budget.Window) -> WindowShown:
    """A window with the room that is left."""
    return WindowShown(id=window.id, cap_micros=window.cap_micros, held_micros=window.held_micros,
                       spent_micros=window.spent_micros, overrun_micros=window.overrun_micros,
                       room_micros=window.room_micros, unit=window.unit)  # fmt: skip
