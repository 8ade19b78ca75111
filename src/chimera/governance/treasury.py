"""Which budget windows an amount falls into, and in which band it is. Proposes; the database refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

from chimera.domain import budget, scopes
from chimera.domain.action import Action
from chimera.domain.decision import Allow, Decision, Deny, Escalate, Question, Reason
from chimera.domain.spending import Word, band_of
from chimera.governance.reviews import RULERS

TOTAL = "total"
QUARTER_US = 15 * 60 * 1_000_000


class Treasury:
    """Knows the fleet's civil time zone, in which days, weeks and months begin.

    Days do not come back: while a clock that was set back shows a day that is over, the newest one goes on.
    """

    def __init__(self, *, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._quarter = -1
        self._starts = ("", "", "")
        self._of_fleet = ("", "", "")

    @property
    def zone(self) -> tzinfo:
        """The fleet's civil time zone."""
        return self._zone

    def windows_for(self, *, agent_id: str, campaign_id: str, at_us: int) -> tuple[str, ...]:
        """The windows that every cost of this agent in this campaign falls into."""
        day = self.day(at_us)
        return (
            *self._of_fleet,
            budget.window_id(scopes.agent(agent_id), "day", day),
            budget.window_id(scopes.campaign(campaign_id), TOTAL, TOTAL),
        )

    def day(self, at_us: int) -> str:
        """The civil day that a moment falls into."""
        return self._starts_of(at_us)[0]

    def latest_us(self, at_us: int) -> int:
        """The moment; or the newest quarter of an hour that was seen, where the clock was set back since."""
        self._starts_of(at_us)
        return max(at_us, self._quarter * QUARTER_US)

    def _starts_of(self, at_us: int) -> tuple[str, str, str]:
        """Civil days begin at quarters of an hour everywhere: within one, the windows are the same."""
        quarter = at_us // QUARTER_US
        if quarter > self._quarter:
            self._quarter, self._starts = quarter, self._starts_at(at_us)
            day, week, month = self._starts
            self._of_fleet = (
                budget.window_id(scopes.FLEET, "day", day),
                budget.window_id(scopes.FLEET, "week", week),
                budget.window_id(scopes.FLEET, "month", month),
            )
        return self._starts

    def _starts_at(self, at_us: int) -> tuple[str, str, str]:
        return starts_of(datetime.fromtimestamp(at_us // 1_000_000, self._zone).date())


def starts_of(day: date) -> tuple[str, str, str]:
    """When a day, its week and its month begin, as windows say it."""
    monday = day - timedelta(days=day.weekday())
    return day.isoformat(), monday.isoformat(), day.replace(day=1).isoformat()


def paid_windows(base: tuple[str, ...], *, action: Action, agent_id: str, campaign_id: str) -> tuple[str, ...]:
    """The windows of a cost that is decided: those of every cost, and those of campaign, category and recipient."""
    fleet = f"{scopes.FLEET}|"
    spans = [key[len(fleet) :] for key in base if key.startswith(fleet)]
    owners = [scopes.agent(agent_id), scopes.campaign(campaign_id), scopes.category(action.category)]
    if action.recipient:
        owners.append(scopes.recipient(action.recipient))
    wider = [f"{owner}|{span}" for owner in owners for span in spans]
    return tuple(dict.fromkeys((*base, *wider)))


def ruling_on(question: Question) -> Decision:
    """What the CFO's word means for the gate. No word, or one about something else, is a no."""
    action, appraisal = question.action, question.appraisal
    if appraisal is None:
        return Deny((Reason("cfo-missing", "the CFO gave no word on this payment", "ask again when it is there"),))
    said = appraisal.payment
    about = (said.amount_micros, said.recipient, said.agent_id, said.campaign_id, said.category)
    asked = (action.cost_micros, action.recipient, question.agent_id, question.campaign_id, action.category)
    if about != asked:
        return Deny((Reason("cfo-differs", "the CFO spoke about another payment", "ask it about this one"),))
    reasons = tuple(Reason(f"cfo-{appraisal.word}", text) for text in appraisal.reasons)
    match appraisal.word:
        case Word.REFUSE:
            return Deny(reasons)
        case Word.ASK:
            ruled = question.approver is not None and question.approver.role in RULERS
            role = "operator" if appraisal.band == "over_50" else "reviewer"
            return Allow(reasons) if ruled else Escalate(reasons, role)
        case Word.CLEAR:
            if not appraisal.signature:
                return Deny((Reason("cfo-unsigned", "the CFO's word is not signed", "is the vault there?"),))
            return Allow(reasons, appraisal.conditions)


def stricter(first: Decision, second: Decision) -> Decision:
    """Deny beats Escalate beats Allow; of two equals, the reasons of both."""
    ranked = sorted((first, second), key=_strictness, reverse=True)
    match ranked[0], ranked[1]:
        case Deny(reasons), Deny(more):
            return Deny((*reasons, *more))
        case Escalate(reasons, role), Escalate(more, other):
            return Escalate((*reasons, *more), role if role != "reviewer" else other)
        case Allow(reasons, owed), Allow(more, also):
            return Allow((*reasons, *more), tuple(dict.fromkeys((*owed, *also))))
        case strictest, _:
            return strictest


def _strictness(decision: Decision) -> int:
    match decision:
        case Allow():
            return 0
        case Escalate():
            return 1
        case Deny():
            return 2


def amount_band(action: Action) -> str:
    """The band that policy reads instead of the amount."""
    return band_of_micros(action.cost_micros)


def band_of_micros(micros: int) -> str:
    """The band of an amount."""
    if micros <= 0:
        return "none"
    return band_of(micros)
