"""`chimera bench cfo`: 64 spenders' payments at a rate through CFO, vault and database; then their rush."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.adapters.postgres.store import PostgresStore
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.collector import settle_memory
from chimera.assembly import vaults as assembled
from chimera.assembly.rules import read_rules
from chimera.bench import baseline
from chimera.bootstrap import Database
from chimera.domain import caps, scopes
from chimera.domain.action import Action
from chimera.domain.budget import Cap, Hold
from chimera.domain.change import Change
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.money import MICROS
from chimera.domain.roles import Role
from chimera.domain.spending import Payment, Spending, Word
from chimera.governance import treasury
from chimera.governance.cfo import CFOAgent
from chimera.governance.treasury import Treasury
from chimera.settings import Settings

SPENDERS = 64
RATE_PER_SECOND = 200
RECIPIENTS = tuple(f"vendor-{number:02d} gmbh" for number in range(20))
SMALL_MICROS = 20_000
AMOUNTS_MICROS = (500_000, 4_000_000)
HISTORY_DAYS = 12
NEWCOMERS_SECONDS = 5.0


class Wanted(Struct, frozen=True, kw_only=True):
    """How much of it."""

    attempts: int = 100_000
    seconds: float = 10.0
    baseline_attempts: int = 6_400


class Spenders:
    """Everybody spends for one campaign, from the same windows, over one writer."""

    def __init__(self, store: PostgresStore, *, campaign_id: str) -> None:
        self._store = store
        self._campaign_id = campaign_id
        self._clock, self._ids = SystemClock(), SystemIds()
        self._treasury = Treasury()
        self.codes: Counter[str] = Counter()
        self.captured_micros = 0
        self.answered_us: list[int] = []

    def windows(self, *, agent_id: str, recipient: str) -> tuple[str, ...]:
        """All the windows of one payment."""
        base = self._treasury.windows_for(agent_id=agent_id, campaign_id=self._campaign_id, at_us=self._clock.now_us())
        action = Action(
            kind="payment.send", platform="", account="", arguments={}, category="compute", recipient=recipient
        )
        return treasury.paid_windows(base, action=action, agent_id=agent_id, campaign_id=self._campaign_id)

    async def hold(self, micros: int, windows: Sequence[str], *, word: Spending | None = None) -> Hold:
        """A hold, and the CFO's word where there is one, in one commit."""
        task_id = self._ids.new()
        hold = Hold(
            id=self._ids.new(),
            task_id=task_id,
            amount_micros=micros,
            windows=tuple(windows),
            category="compute",
            expires_at_us=self._clock.now_us() + 900_000_000,
        )
        records = (hold,) if word is None else (hold, word)
        await self._store.commit(
            Change(records=records, events=(self._event(EventKind.ACTION_GRANTED, task_id),), movements=hold.opening())
        )
        return hold

    async def end(self, hold: Hold, *, spent_micros: int | None) -> None:
        """The hold captured, or given back."""
        after, movements = hold.released() if spent_micros is None else hold.captured(spent_micros)
        await self._store.commit(
            Change(records=(after,), events=(self._event(EventKind.TASK_SETTLED, hold.task_id),), movements=movements)
        )
        self.captured_micros += spent_micros or 0

    async def saturate(self, attempts: int, *, seed: int) -> None:
        """One spender's share. What is held is spent or given back; what is refused is refused."""
        dice = random.Random(seed)
        windows = self.windows(agent_id=_agent(self._ids, 0), recipient=RECIPIENTS[0])
        for _ in range(attempts):
            amount = dice.randint(*AMOUNTS_MICROS)
            asked = time.monotonic()
            try:
                hold = await self._answered(amount, windows, asked)
                await self.end(hold, spent_micros=amount if dice.random() < 0.8 else None)
                self.codes["approved"] += 1
            except ChimeraError as error:
                self.codes[error.code] += 1

    async def _answered(self, amount: int, windows: Sequence[str], asked: float) -> Hold:
        """The hold, or the refusal; either way how long it took is kept."""
        try:
            return await self.hold(amount, windows)
        finally:
            self.answered_us.append(_since_us(asked))

    def _event(self, kind: EventKind, subject: str) -> Event:
        return Event(kind=kind, subject=subject, at_us=self._clock.now_us(), data={"campaign": self._campaign_id})


_AGENTS: dict[int, str] = {}


def _agent(fresh: SystemIds, number: int) -> str:
    return _AGENTS.setdefault(number, fresh.new())


async def run(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """The benchmark, and everything that the issue asks of it."""
    fresh, clock = SystemIds(), SystemClock()
    campaign_id = fresh.new()
    async with bootstrap.database(settings) as found:
        ledger = await found.ledger()
        manager = await found.store(Role.MANAGER, writer="manager-0")
        office = await found.store(Role.OFFICE, writer="office")
        await _settle_in(office, campaign_id, fresh)
        spenders = Spenders(manager, campaign_id=campaign_id)
        async with assembled.vault(settings, read_rules().pack.digest, clock) as vaults:
            await vaults.halt(frozenset())
            cfo = CFOAgent(reads=manager, outcomes=ledger, attestor=vaults.manager, treasury=Treasury(), clock=clock)
            paced = Paced(cfo=cfo, spenders=spenders, fresh=fresh, campaign_id=campaign_id)
            paced.remember(wanted.seconds)
            settle_memory()
            took_us = await paced.run(wanted.seconds, lambda number: _agent(fresh, 1 + number % SPENDERS))
            first_us = await paced.run(NEWCOMERS_SECONDS, lambda _: fresh.new())
        began = time.monotonic()
        share = wanted.attempts // SPENDERS
        await asyncio.gather(*(spenders.saturate(share, seed=seed) for seed in range(SPENDERS)))
        per_second = share * SPENDERS / (time.monotonic() - began)
        result = await _books(ledger, spenders)
        beside = await _beside(found, spenders, wanted)
        for store in (manager, office, ledger):
            await store.close()
    rush_us = sorted(spenders.answered_us)
    return {
        "per_second": round(per_second),
        "p50_ms": _ms(took_us, 0.5),
        "p95_ms": _ms(took_us, 0.95),
        "approvals": len(took_us),
        "paced_per_second": RATE_PER_SECOND,
        "newcomers": {"approvals": len(first_us), "p50_ms": _ms(first_us, 0.5), "p95_ms": _ms(first_us, 0.95)},
        **result,
        "saturated": {
            "attempts": len(rush_us),
            "per_second": round(per_second),
            "p50_ms": _ms(rush_us, 0.5),
            "p95_ms": _ms(rush_us, 0.95),
            "answers": dict(sorted(spenders.codes.items())),
        },
        "baseline": beside,
    }


async def _settle_in(office: PostgresStore, campaign_id: str, fresh: SystemIds) -> None:
    """The fleet's caps stand from the beginning; a person gives the campaign and the agent of the rush their own."""
    for limited, period in (
        (scopes.campaign(campaign_id), "total"),
        (scopes.agent(_agent(fresh, 0)), "day"),
        (scopes.agent(_agent(fresh, 0)), "week"),
        (scopes.agent(_agent(fresh, 0)), "month"),
    ):
        cap = Cap(id=caps.cap_id(limited, period), limited=limited, period=period, micros=900 * MICROS)
        event = Event(kind=EventKind.CAP_SET, subject=cap.id, at_us=0, data={"scope": limited, "period": period})
        await office.commit(Change(records=(cap,), events=(event,)))


class Paced(Struct, frozen=True, kw_only=True):
    """Approvals at a rate, whether or not anybody keeps up: from being asked to the hold on disk."""

    cfo: CFOAgent
    spenders: Spenders
    fresh: SystemIds
    campaign_id: str

    def remember(self, seconds: float) -> None:
        """Some weeks in which the 64 paid these recipients as often as they will now, so that nobody is new to it."""
        a_day = round(seconds * RATE_PER_SECOND / SPENDERS * 2) + len(RECIPIENTS)
        now_us = SystemClock().now_us()
        for day in range(HISTORY_DAYS, 1, -1):
            for spender in range(1, SPENDERS + 1):
                for number in range(a_day):
                    self.cfo.history.add(self._payment(number, _agent(self.fresh, spender), now_us - day * DAY_US, ""))

    async def run(self, seconds: float, agent: Callable[[int], str]) -> list[int]:
        """How long each took, in microseconds, smallest first."""
        dice, took_us, running = random.Random(1), list[int](), set[asyncio.Task[None]]()
        began = due = time.monotonic()
        number = 0
        while time.monotonic() < began + seconds:
            while due <= time.monotonic():
                due += dice.expovariate(RATE_PER_SECOND)
                running.add(asyncio.create_task(self._approve(number, agent(number), time.monotonic(), took_us)))
                number += 1
            await asyncio.sleep(max(0.0005, due - time.monotonic()))
        await asyncio.gather(*running)
        return sorted(took_us)

    async def _approve(self, number: int, agent_id: str, asked: float, took_us: list[int]) -> None:
        payment = self._payment(number, agent_id, SystemClock().now_us(), self.campaign_id)
        word = await self.cfo.appraise(payment)
        if word.word is not Word.CLEAR:
            raise Unavailable(
                "bench_not_approved",
                "; ".join(word.reasons),
                where="bench cfo",
                remedy="see the reason; this is a fault of the benchmark",
            )
        record = Spending(id=payment.id, appraisal=word, decided="approved")
        windows = self.spenders.windows(agent_id=payment.agent_id, recipient=payment.recipient)
        hold = await self.spenders.hold(payment.amount_micros, windows, word=record)
        took_us.append(_since_us(asked))
        await self.spenders.end(hold, spent_micros=payment.amount_micros)

    def _payment(self, number: int, agent_id: str, at_us: int, campaign_id: str) -> Payment:
        return Payment(
            id=self.fresh.new(),
            amount_micros=SMALL_MICROS,
            recipient=RECIPIENTS[number % len(RECIPIENTS)],
            purpose="render hours",
            agent_id=agent_id,
            campaign_id=campaign_id,
            category="compute",
            at_us=at_us,
        )


async def _books(ledger: PostgresLedger, spenders: Spenders) -> dict[str, Any]:
    """By the windows, and by what the spenders themselves believe they have spent."""
    windows = await ledger.windows()
    over = sum(max(0, one.held_micros + one.spent_micros + one.overrun_micros - one.cap_micros) for one in windows)
    fleet = next(one for one in windows if one.id.startswith("fleet|day"))
    beyond = max(0, spenders.captured_micros - fleet.cap_micros)
    flaws = await ledger.disagreements()
    agree = not flaws and fleet.spent_micros == spenders.captured_micros and fleet.held_micros == 0
    return {"overspent_micros": over + beyond, "ledger": "verified" if agree else f"differs: {flaws[:3]}"}


async def _beside(found: Database, spenders: Spenders, wanted: Wanted) -> dict[str, Any]:
    """The same number of clients on windows of the same number, by plain locks."""
    windows = spenders.windows(agent_id="baseline", recipient=RECIPIENTS[0])
    return await baseline.run(
        found.admin_dsn, windows, clients=SPENDERS, attempts=wanted.baseline_attempts, amounts=AMOUNTS_MICROS
    )


def _since_us(asked: float) -> int:
    return round((time.monotonic() - asked) * 1_000_000)


def _ms(ordered: Sequence[int], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1_000, 1) if ordered else 0.0
