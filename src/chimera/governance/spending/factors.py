"""What makes a payment risky: each factor by name, with its weight and how much of it there is. Pure, and explained.

Anomalies are measured with medians and median deviations: what an attacker pays does not move them until it is most of
what was paid. Weights and limits were tuned on seeds 1 to 8 of `bench fraud`; others are what it is measured on.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from chimera.domain.durations import DAY_US, HOUR_US
from chimera.domain.labels import is_tainted
from chimera.domain.money import format_micros
from chimera.domain.spending import FULL_BP, PERSON_MICROS, SMALL_MICROS, Factor, Payment
from chimera.governance.spending import names
from chimera.governance.spending.history import History, robust

WEIGHTS_BP = {
    "amount": 5_500,
    "new_recipient": 1_500,
    "velocity": 6_500,
    "splitting": 7_000,
    "time_of_day": 1_200,
    "purpose_mismatch": 2_000,
    "taint": 7_000,
    "look_alike": 9_000,
    "collusion": 6_500,
}
ENOUGH = 8
SIGMAS_CALM = 3.5
SIGMAS_FULL = 7.0
HOURS_ENOUGH = 40
SPLIT_COUNT_MIN = 3
COLLUDING_MIN = 3
NEW_FOR_US = 7 * DAY_US
_WORDS = {
    "compute": ("render", "gpu", "server", "compute", "cpu", "hosting", "training", "machine"),
    "storage": ("storage", "backup", "bucket", "archive", "disk", "hosting"),
    "api": ("api", "calls", "tokens", "requests", "quota", "subscription", "data"),
    "content": ("music", "image", "video", "stock", "font", "voice", "art", "photo", "licence", "license", "sound"),
    "promotion": ("promotion", "ad", "ads", "boost", "campaign", "sponsor", "placement"),
}


def factors_of(payment: Payment, history: History) -> tuple[Factor, ...]:
    """Every factor, those that say nothing too: a score is explained by all of them."""
    return (
        _amount(payment, history),
        _new_recipient(payment, history),
        _velocity(payment, history),
        _splitting(payment, history),
        _time_of_day(payment, history),
        _purpose(payment, history),
        _taint(payment),
        _look_alike(payment, history),
        _collusion(payment, history),
    )


def score_bp(factors: Sequence[Factor]) -> int:
    """One minus the product of what each leaves: factors add up, and never beyond one."""
    left = FULL_BP
    for factor in factors:
        left = left * (FULL_BP - factor.points_bp) // FULL_BP
    return FULL_BP - left


def sigmas(value: int, usual: tuple[float, float], *, spread_min: float) -> float:
    """How many robust deviations a value lies above the median, on a scale of ratios."""
    centre, spread = usual
    return (log(max(1, value)) - centre) / max(spread, spread_min)


def _factor(name: str, value_bp: int, says: str) -> Factor:
    return Factor(name, WEIGHTS_BP[name], max(0, min(FULL_BP, value_bp)), says)


def _by_sigmas(found: float) -> int:
    return round(FULL_BP * (found - SIGMAS_CALM) / (SIGMAS_FULL - SIGMAS_CALM)) if found > SIGMAS_CALM else 0


def _amount(payment: Payment, history: History) -> Factor:
    past = history.agent(payment.agent_id)
    past = past if len(past.amounts) >= ENOUGH else history.category(payment.category)
    others = past.amounts
    if len(others) < ENOUGH:
        value = 0 if payment.amount_micros < SMALL_MICROS else FULL_BP // 2
        return _factor("amount", value, f"only {len(others)} payments to compare with")
    found = sigmas(payment.amount_micros, past.usual(), spread_min=0.35)
    says = f"{found:.1f} deviations from the usual {format_micros(_median(others))}"
    return _factor("amount", _by_sigmas(found), says)


def _new_recipient(payment: Payment, history: History) -> Factor:
    first_us = history.first_us(payment.recipient)
    if first_us is None:
        return _factor("new_recipient", FULL_BP, "never paid before")
    days = (payment.at_us - first_us) // DAY_US
    return _factor("new_recipient", FULL_BP // 2 if days < 1 else 0, f"first paid {days} days ago")


def _velocity(payment: Payment, history: History) -> Factor:
    past = history.agent(payment.agent_id)
    lately = past.lately.since(payment.at_us)
    count = 1 + sum(one.at_us > payment.at_us - HOUR_US for one in lately)
    usual = max(4, past.busiest_before(payment.at_us))
    value = FULL_BP * (count - usual) // usual if count > usual else 0
    days = past.days_before(payment.at_us)
    micros = past.lately.micros(payment.at_us) + payment.amount_micros
    if len(days) >= ENOUGH:
        value = max(value, _by_sigmas(sigmas(micros, robust(days), spread_min=0.3)))
    says = f"{count} in an hour, {format_micros(micros)} in a day; the busiest hour had {usual}"
    return _factor("velocity", value, says)


def _splitting(payment: Payment, history: History) -> Factor:
    """Several payments below a limit, by one agent or to somebody new, together above it."""
    first_us = history.first_us(payment.recipient)
    is_new = first_us is None or payment.at_us - first_us <= NEW_FOR_US
    lately = [one for one in history.to(payment.recipient, payment.at_us) if is_new or one.agent_id == payment.agent_id]
    amounts = [one.amount_micros for one in lately] + [payment.amount_micros]
    total = sum(amounts)
    crossed = [limit for limit in (SMALL_MICROS, PERSON_MICROS) if max(amounts) < limit <= total]
    near = [limit for limit in (SMALL_MICROS, PERSON_MICROS)
            if len(amounts) > 1 and min(amounts) > limit * 7 // 10 and max(amounts) < limit]  # fmt: skip
    many = is_new and len(amounts) >= SPLIT_COUNT_MIN
    value = FULL_BP if crossed and (many or near) else 0
    return _factor("splitting", value, f"{len(amounts)} payments of a day, {format_micros(total)} together")


def _time_of_day(payment: Payment, history: History) -> Factor:
    hours = history.agent(payment.agent_id).hours
    total, hour = hours.total(), payment.at_us // HOUR_US % 24
    if total < HOURS_ENOUGH:
        return _factor("time_of_day", 0, f"only {total} payments to compare with")
    near = sum(hours[(hour + step) % 24] for step in (-1, 0, 1))
    return _factor("time_of_day", FULL_BP if near == 0 else 0, f"{near} of {total} payments around {hour:02d} UTC")


def _purpose(payment: Payment, history: History) -> Factor:
    """The recipient is paid for something else, or the words speak of another category."""
    usual = history.categories_of(payment.recipient)
    if usual and usual[payment.category] == 0:
        return _factor("purpose_mismatch", FULL_BP, f"it was paid for {usual.most_common(1)[0][0]} so far")
    words = set(payment.purpose.casefold().replace(",", " ").split())
    spoken = {name for name, known in _WORDS.items() if words.intersection(known)}
    odd = bool(spoken) and payment.category in _WORDS and payment.category not in spoken
    return _factor(
        "purpose_mismatch", FULL_BP * 3 // 4 if odd else 0, f"{payment.category} for {payment.purpose[:60]!r}"
    )


def _taint(payment: Payment) -> Factor:
    if payment.shaped:
        return _factor("taint", FULL_BP, "a stranger's words shaped whom, what or how much")
    strangers = is_tainted(payment.labels)
    return _factor(
        "taint", FULL_BP * 3 // 10 if strangers else 0, "a stranger's words are near it" if strangers else ""
    )


def _look_alike(payment: Payment, history: History) -> Factor:
    if history.knows(payment.recipient):
        return _factor("look_alike", 0, "known by this very name")
    if twin := names.look_alike(payment.recipient, history.names):
        return _factor("look_alike", FULL_BP, f"it looks like {twin[:60]}, which is somebody else")
    mixed = names.mixes_scripts(payment.recipient)
    return _factor("look_alike", FULL_BP if mixed else 0, "its letters are of several alphabets" if mixed else "")


def _collusion(payment: Payment, history: History) -> Factor:
    """Several agents begin to pay somebody whom nobody paid before."""
    first_us = history.first_us(payment.recipient)
    if first_us is None or payment.at_us - first_us > NEW_FOR_US:
        return _factor("collusion", 0, "")
    payers = history.payers(payment.recipient, payment.at_us - 2 * DAY_US) | {payment.agent_id}
    value = FULL_BP if len(payers) >= COLLUDING_MIN else 0
    return _factor("collusion", value, f"{len(payers)} agents pay a recipient that is new to the fleet")


def _median(ordered: Sequence[int]) -> int:
    return ordered[len(ordered) // 2]
