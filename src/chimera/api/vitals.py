"""Is it alive, is it ready, what does it count? For supervisors and Prometheus. Shows no record's content."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.responses import Response

from chimera.api.pulse import Pulse
from chimera.api.restraints import Restraints
from chimera.api.route import Needs, Public, Route
from chimera.domain import scopes
from chimera.domain.errors import Unavailable
from chimera.governance.spending_breakers import BreakerReadings
from chimera.ports.clock import Clock
from chimera.ports.views import Views

READY_SECONDS = 2.0
METRICS_MEDIA = "text/plain; version=0.0.4; charset=utf-8"


class Health(Struct, frozen=True, kw_only=True):
    """Alive."""

    status: str
    version: str


class Measures:
    """What the API counts of itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("method", "route", "status")
        self.requests = Counter("chimera_api_requests_total", "Requests", names, registry=self.registry)
        self.seconds = Histogram("chimera_api_seconds", "Time to the answer", ("route",), registry=self.registry)
        self.listeners = Gauge("chimera_api_stream_listeners", "Pages that listen", registry=self.registry)
        self.lag = Gauge("chimera_api_stream_lag_seconds", "Age of the oldest event when told", registry=self.registry)
        self.today = Gauge("chimera_today", "What happened today", ("what",), registry=self.registry)
        self.tasks = Gauge("chimera_tasks_moving", "Tasks on their way", ("state",), registry=self.registry)
        self.managers = Gauge("chimera_managers", "Manager processes that are at work", registry=self.registry)
        self.due = Gauge("chimera_tasks_due", "Tasks that a worker could begin now", registry=self.registry)
        self.reviews = Gauge("chimera_reviews_waiting", "Reviews that wait", ("risk",), registry=self.registry)
        self.halted = Gauge("chimera_halted_scopes", "Halts in force", registry=self.registry)
        self.spent = Gauge(
            "chimera_spent_of_day_ratio", "Of the fleet's day: spent and overrun, or moved in five minutes",
            ("within",), registry=self.registry,
        )  # fmt: skip
        self.held_back = Gauge(
            "chimera_held_back_assignments", "Of a task type that models turn away: how many may be out at once",
            ("task_type",), registry=self.registry,
        )  # fmt: skip
        self.beyond = Gauge("chimera_scopes_beyond_day", "Where a breaker of money would trip", registry=self.registry)
        self.oldest = Gauge("chimera_oldest_seconds", "How long the oldest waits", ("what",), registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One more request."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)


_NOTHING_MOVES = dict.fromkeys(("ready", "leased", "granted", "in_doubt"), 0)


class VitalRoutes:
    """`/health`, `/ready`, `/metrics`."""

    def __init__(
        self, *, views: Views, pulse: Pulse, restraints: Restraints, measures: Measures, breakers: BreakerReadings,
        clock: Clock, version: str,
    ) -> None:  # fmt: skip
        self._views = views
        self._breakers = breakers
        self._pulse = pulse
        self._restraints = restraints
        self._measures = measures
        self._clock = clock
        self._version = version

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/health", endpoint=self.health, name="show", answer=Health,
                    needs=Public("a supervisor has no session; it learns that we run and nothing else"))  # fmt: skip
        yield Route(method="GET", path="/ready", endpoint=self.ready, name="show", answer=Health,
                    needs=Public("a load balancer has no session; it learns whether the database answers"))  # fmt: skip
        yield Route(method="GET", path="/metrics", endpoint=self.metrics, name="read",
                    needs=Needs("fleet.look"), shows_data=False, media="text/plain")  # fmt: skip

    async def health(self) -> Health:
        """This process answers."""
        return Health(status="alive", version=self._version)

    async def ready(self) -> Health:
        """The database answers too."""
        try:
            async with self._clock.timeout(READY_SECONDS):
                await self._views.now_us()
        except TimeoutError as error:
            raise Unavailable(
                "database_silent",
                "the database does not answer in time",
                where="database",
                remedy="wait; see the runbook on a database that is gone",
            ) from error
        return Health(status="ready", version=self._version)

    async def metrics(self) -> Response:
        """Figures for Prometheus; it sends a token with the right to read KPIs."""
        await self._look()
        return Response(generate_latest(self._measures.registry), media_type=METRICS_MEDIA)

    async def _look(self) -> None:
        measures, tally, ages = self._measures, self._pulse.tally(), await self._views.ages()
        measures.listeners.set(self._pulse.listeners)
        measures.lag.set(self._pulse.lag_us / 1_000_000)
        for name in ("published", "failed", "granted", "held", "refused", "refused_inputs", "admitted", "settled"):
            measures.today.labels(name).set(getattr(tally, name))
        # What has come to nothing is not in the answer: its last figure would stand for ever, and nothing scale down.
        for state, many in {**_NOTHING_MOVES, **await self._views.moving()}.items():
            measures.tasks.labels(state).set(many)
        measures.due.set(ages.due_tasks)
        measures.managers.set(ages.managers)
        measures.reviews.clear()
        for risk, many in (await self._views.waiting_reviews()).items():
            measures.reviews.labels(risk).set(many)
        measures.halted.set(len(await self._views.halted()))
        measures.held_back.clear()
        for one in self._restraints.now():
            measures.held_back.labels(one.task_type).set(one.assignments_at_once)
        measures.oldest.labels("ready").set(ages.oldest_ready_us / 1_000_000)
        measures.oldest.labels("review").set(ages.oldest_review_us / 1_000_000)
        await self._look_at_money()

    async def _look_at_money(self) -> None:
        """What the breakers of money see: the fleet's day, and who is beyond it."""
        seen = await self._breakers.pressing()
        fleet = next((one for one in seen if one.scope == scopes.FLEET), None)
        self._measures.spent.labels("day").set(fleet.spent_bp / 10_000 if fleet else 0)
        self._measures.spent.labels("five_minutes").set(fleet.recent_bp / 10_000 if fleet else 0)
        self._measures.beyond.set(sum(bool(one.tripped) for one in seen))
