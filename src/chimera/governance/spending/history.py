"""What the fleet has paid: by agent, by recipient, in the last day. A view that factors read; never the truth."""

from __future__ import annotations

from bisect import insort
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from math import log

from chimera.domain.durations import DAY_US, HOUR_US
from chimera.domain.spending import Payment
from chimera.governance.spending.names import skeleton

KEPT_MAX = 400
ANEW_AFTER = 8


def robust(ordered: Sequence[int]) -> tuple[float, float]:
    """Median and median deviation of amounts, on a scale of ratios."""
    return _robust_of([_log(one) for one in ordered])


def _robust_of(logs: Sequence[float]) -> tuple[float, float]:
    centre = logs[len(logs) // 2]
    deviations = sorted([abs(one - centre) for one in logs])
    return centre, 1.4826 * deviations[len(deviations) // 2]


def _log(amount: int) -> float:
    return log(max(1, amount))


class Lately:
    """Payments of the last day, with their sum."""

    def __init__(self) -> None:
        self._paid: deque[Payment] = deque()
        self._micros = 0

    def add(self, payment: Payment) -> None:
        """One more."""
        self._paid.append(payment)
        self._micros += payment.amount_micros

    def remove(self, identifier: str) -> None:
        """One that did not happen after all."""
        for payment in self._paid:
            if payment.id == identifier:
                self._paid.remove(payment)
                self._micros -= payment.amount_micros
                return

    def since(self, at_us: int) -> Sequence[Payment]:
        """Those that are not older."""
        self._forget(at_us)
        return self._paid

    def micros(self, at_us: int) -> int:
        """Their sum."""
        self._forget(at_us)
        return self._micros

    def _forget(self, at_us: int) -> None:
        while self._paid and self._paid[0].at_us <= at_us - DAY_US:
            self._micros -= self._paid.popleft().amount_micros


class Past:
    """What one agent, or everybody, usually pays: amounts in order of size, hours, sums of days."""

    def __init__(self) -> None:
        self.lately = Lately()
        self.hours: Counter[int] = Counter()
        self._recent: deque[int] = deque(maxlen=KEPT_MAX)
        self._sorted: list[int] = []
        self._logs: list[
            float
        ] = []  # Of the same amounts: taking four hundred anew every few payments was the most of it.
        self._added = 0
        self._worked_out_at = 0
        self._usual = (0.0, 0.0)
        self._days: dict[int, int] = {}
        self._busiest: dict[int, int] = {}

    def usual(self) -> tuple[float, float]:
        """Centre and spread of the last amounts. Worked out anew after a few more: they move slowly."""
        if self._worked_out_at == 0 or self._added - self._worked_out_at >= ANEW_AFTER:
            self._usual, self._worked_out_at = _robust_of(self._logs), self._added
        return self._usual

    @property
    def amounts(self) -> Sequence[int]:
        """The last amounts, smallest first."""
        return self._sorted

    def add(self, payment: Payment) -> None:
        """One more."""
        self.lately.add(payment)
        self.hours[payment.at_us // HOUR_US % 24] += 1
        if len(self._recent) == KEPT_MAX:
            self._sorted.remove(self._recent[0])
            self._logs.remove(_log(self._recent[0]))
        self._recent.append(payment.amount_micros)
        insort(self._sorted, payment.amount_micros)
        insort(self._logs, _log(payment.amount_micros))
        self._added += 1
        day, hour = payment.at_us // DAY_US, payment.at_us // HOUR_US
        self._days[day] = self._days.get(day, 0) + payment.amount_micros
        self._busiest[hour] = self._busiest.get(hour, 0) + 1
        if len(self._busiest) > KEPT_MAX:
            del self._busiest[next(iter(self._busiest))]
        if len(self._days) > KEPT_MAX:
            del self._days[next(iter(self._days))]

    def days_before(self, at_us: int) -> list[int]:
        """The sums of finished days, smallest first."""
        return sorted(micros for day, micros in self._days.items() if day < at_us // DAY_US)

    def busiest_before(self, at_us: int) -> int:
        """The most payments in one finished hour."""
        return max((count for hour, count in self._busiest.items() if hour < at_us // HOUR_US), default=0)


class History:
    """Everything that was paid, as far as it is kept."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._last_us: dict[str, int] = {}
        self._agents: dict[str, Past] = {}
        self._categories: dict[str, Past] = {}
        self._recipients: dict[str, Lately] = {}
        self._payers: dict[str, dict[str, int]] = {}
        self._first_us: dict[str, int] = {}
        self._purposes: dict[str, Counter[str]] = {}
        self.names: dict[str, str] = {}

    def add(self, payment: Payment) -> None:
        """One more payment; told twice, it counts once."""
        if payment.id in self._known:
            return
        self._known[payment.id] = payment.at_us
        key = skeleton(payment.recipient)
        self._last_us[key] = max(payment.at_us, self._last_us.pop(key, 0))
        self._agents.setdefault(payment.agent_id, Past()).add(payment)
        self._categories.setdefault(payment.category, Past()).add(payment)
        self._recipients.setdefault(key, Lately()).add(payment)
        self._payers.setdefault(key, {})[payment.agent_id] = payment.at_us
        self._first_us.setdefault(key, payment.at_us)
        self._purposes.setdefault(key, Counter())[payment.category] += 1
        self.names.setdefault(key, payment.recipient)

    def add_all(self, payments: Iterable[Payment]) -> None:
        """Many."""
        for payment in payments:
            self.add(payment)

    def remove(self, payment: Payment) -> None:
        """A payment that was let through and then did not happen: it no longer counts against a limit."""
        if self._known.pop(payment.id, None) is not None:
            self._agents[payment.agent_id].lately.remove(payment.id)
            self._categories[payment.category].lately.remove(payment.id)
            if (paid := self._recipients.get(skeleton(payment.recipient))) is not None:
                paid.remove(payment.id)

    def forget(self, before_us: int) -> None:
        """What is older, and whoever was not paid since: as if the house had begun anew and read what is not older."""
        while self._known and self._known[oldest := next(iter(self._known))] < before_us:
            del self._known[oldest]
        while self._last_us and self._last_us[key := next(iter(self._last_us))] < before_us:
            del self._last_us[key], self._recipients[key], self._payers[key], self._first_us[key]
            del self._purposes[key], self.names[key]

    def has(self, payment_id: str) -> bool:
        """Whether this payment counts here."""
        return payment_id in self._known

    def agent(self, agent_id: str) -> Past:
        """One agent's past."""
        return self._agents.get(agent_id, _NOTHING)

    def category(self, category: str) -> Past:
        """A category's past, of all agents."""
        return self._categories.get(category, _NOTHING)

    def to(self, recipient: str, at_us: int) -> Sequence[Payment]:
        """What went to a recipient in the last day, whatever it was for and whoever paid."""
        lately = self._recipients.get(skeleton(recipient))
        return lately.since(at_us) if lately else ()

    def day_micros(self, recipient: str, at_us: int) -> int:
        """The sum of it."""
        lately = self._recipients.get(skeleton(recipient))
        return lately.micros(at_us) if lately else 0

    def knows(self, recipient: str) -> bool:
        """Whether exactly this name was paid before."""
        return self.names.get(skeleton(recipient)) == recipient

    def first_us(self, recipient: str) -> int | None:
        """When it was first paid."""
        return self._first_us.get(skeleton(recipient))

    def payers(self, recipient: str, since_us: int) -> set[str]:
        """Who has paid it since."""
        return {agent for agent, at_us in self._payers.get(skeleton(recipient), {}).items() if at_us >= since_us}

    def categories_of(self, recipient: str) -> Counter[str]:
        """What it is usually paid for."""
        return self._purposes.get(skeleton(recipient), Counter())


_NOTHING = Past()
