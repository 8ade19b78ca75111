"""The CFO: says whether a payment may be made, why, and under which conditions, and signs its word.

Reads windows, history and outcomes; has nothing that it could pay with. Whatever it cannot find out is a no.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from chimera.domain import ids, scopes, wallets
from chimera.domain.action import Action
from chimera.domain.budget import Window
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Refused
from chimera.domain.labels import Labels
from chimera.domain.money import format_micros, micros_of
from chimera.domain.spending import (
    CATEGORIES,
    FULL_BP,
    PERSON_MICROS,
    Appraisal,
    Factor,
    Payment,
    Spending,
    Word,
    band_of,
)
from chimera.governance import treasury
from chimera.governance.spending.factors import factors_of, score_bp
from chimera.governance.spending.history import History
from chimera.governance.spending.names import require_recipient
from chimera.governance.spending.rooms import Rooms
from chimera.governance.treasury import Treasury
from chimera.ports.attestor import Attestor
from chimera.ports.clock import Clock
from chimera.ports.ledger import Outcome, Outcomes
from chimera.ports.store import Reads

ASK_BP = 4_500
REFUSE_BP = 8_500
SAID_BP = 1_000
COMPARABLE_MIN = 20
RETURN_MIN_BP = 15_000
OUTCOMES_FRESH_US = 60_000_000
CATCH_UP_US = 500_000
CATCH_UP_MAX = 128  # Read at once: nobody waits for the reading of thousands.
OVERLAP_US = 3_000_000
HISTORY_US = 90 * DAY_US
SET_BACK_US = 60_000_000
PURPOSE_LETTERS_MAX = 500


class ApprovalDecision(Struct, frozen=True, kw_only=True):
    """The answer as callers get it. `approved` is true only for a signed yes, never where a person decides."""

    approved: bool
    risk_score: float
    reason: str
    conditions: tuple[str, ...]
    appraisal: Appraisal


class CFOAgent:
    """One per manager. What it has let through counts at once; what others let through is read before every word."""

    def __init__(
        self, *, reads: Reads, outcomes: Outcomes, attestor: Attestor, treasury: Treasury, clock: Clock
    ) -> None:
        self._reads = reads
        self._outcomes = outcomes
        self._attestor = attestor
        self._treasury = treasury
        self._clock = clock
        self.history = History()
        self._caught_up_us = -CATCH_UP_US
        self._caught_to_us = max(0, clock.now_us() - HISTORY_US)
        self._looked_at: frozenset[str] = frozenset()
        self._outcomes_read: dict[str, tuple[Sequence[Outcome], int]] = {}
        self._rooms = Rooms(reads=reads, clock=clock)
        self._asked = 0
        self._last_us = 0

    async def review_transaction(
        self,
        amount: Decimal,
        recipient: str,
        purpose: str,
        requesting_agent_id: str,
        *,
        campaign_id: str = "",
        category: str = "other",
        labels: Labels = (),
    ) -> ApprovalDecision:
        """Whether this may be paid. `Invalid` for what is no payment at all; everything else is an answer."""
        payment = self.payment(
            amount_micros=micros_of(amount),
            recipient=recipient,
            purpose=purpose,
            agent_id=requesting_agent_id,
            campaign_id=campaign_id,
            category=category,
            labels=labels,
        )
        word = await self.appraise(payment)
        return ApprovalDecision(
            approved=word.word is Word.CLEAR,
            risk_score=word.score_bp / FULL_BP,
            reason="; ".join(word.reasons),
            conditions=word.conditions,
            appraisal=word,
        )

    def payment(
        self,
        *,
        amount_micros: int,
        recipient: str,
        purpose: str,
        agent_id: str,
        campaign_id: str,
        category: str,
        labels: Labels,
    ) -> Payment:
        """The payment as it is asked for now."""
        self._asked += 1
        at_us = self._clock.now_us()
        return Payment(
            id=ids.at_time(at_us, agent_id, recipient, purpose, str(amount_micros), str(self._asked)),
            amount_micros=amount_micros,
            recipient=require_recipient(recipient),
            purpose=purpose[:PURPOSE_LETTERS_MAX],
            agent_id=agent_id,
            campaign_id=campaign_id,
            category=category,
            labels=labels,
            at_us=at_us,
        )

    async def appraise_action(
        self, action: Action, *, agent_id: str, campaign_id: str, labels: Labels, shaped: bool
    ) -> Appraisal | None:
        """The word on a proposed payment; None when it could not even be asked for, which the gate takes for a no."""
        try:
            _require_fleet_currency(action)
            payment = self.payment(
                amount_micros=action.cost_micros,
                recipient=action.recipient,
                purpose=str(action.arguments.get("purpose", "")),
                agent_id=agent_id,
                campaign_id=campaign_id,
                category=action.category,
                labels=labels,
            )
        except ChimeraError as error:
            return _unable(error, _bare(action, agent_id, campaign_id, self._clock.now_us()))
        return await self.appraise(msgspec.structs.replace(payment, shaped=shaped))

    async def appraise(self, payment: Payment) -> Appraisal:
        """Every check, and the signature. An error in any of them is a refusal that names it."""
        try:
            return await self._appraise(payment)
        except ChimeraError as error:
            return _unable(error, payment)

    def forget(self, payment: Payment) -> None:
        """What was let through was not paid: the database, the gate or a person said no."""
        self.history.remove(payment)

    async def _appraise(self, payment: Payment) -> Appraisal:
        await self._catch_up()
        self._require_time(payment.at_us)
        windows = self._windows_of(payment)
        day_micros = self.history.day_micros(payment.recipient, payment.at_us) + payment.amount_micros
        factors = factors_of(payment, self.history)
        bare = Appraisal(
            payment=payment,
            word=Word.CLEAR,
            score_bp=score_bp(factors),
            band=band_of(day_micros),
            day_micros=day_micros,
            factors=factors,
            reasons=(),
            conditions=(),
            windows=windows,
        )
        rooms = await self._rooms.of(windows, micros=payment.amount_micros)
        refusals = [*_category_faults(payment), *_room_faults(payment, rooms)]
        word = _worded(bare, refusals, await self._return_doubts(payment, bare.band))
        if word.word is Word.REFUSE:
            # Nothing follows from it that would have to be proved to anybody outside: the event chain has it.
            return word
        if word.word is Word.CLEAR:
            # Before the signature is waited for: the next payment to the same recipient sees this one.
            self.history.add(payment)
        try:
            signed = await self._attestor.attest(word.statement)
        except BaseException:
            self.history.remove(payment)
            raise
        return msgspec.structs.replace(word, key_id=signed.key_id, signature=signed.signature)

    def _require_time(self, at_us: int) -> None:
        if at_us < self._last_us - SET_BACK_US:
            raise Refused(
                "clock_set_back",
                "the clock was set back: days and limits cannot be told",
                where="clock",
                remedy="set the clock right, then start again",
            )
        self._last_us = max(self._last_us, at_us)

    async def _catch_up(self) -> None:
        """What was decided since the last time, here and elsewhere. Ids are in the order of time, within an overlap."""
        now_us = self._clock.now_us()
        if now_us - self._caught_up_us < CATCH_UP_US:
            return
        # Dated before it is read: sixty-four that ask at once read once.
        self._caught_up_us = now_us
        after = ids.build(at_us=self._caught_to_us, entropy=0)
        if now_us - self._caught_to_us <= 2 * OVERLAP_US:
            await self._read_new(after)
        else:
            await self._read_all(after)
        self._caught_to_us = max(self._caught_to_us, now_us - OVERLAP_US)
        self.history.forget(now_us - HISTORY_US)

    async def _read_all(self, after: str) -> None:
        while page := await self._reads.list(Spending, after=after, states=("approved",), limit=CATCH_UP_MAX):
            self._learn(record.appraisal.payment for record in page)
            after = page[-1].id
            if len(page) < CATCH_UP_MAX:
                break

    def _learn(self, payments: Iterable[Payment]) -> None:
        """Also until when: a clock that was set back while nobody was running is told by what is on record."""
        found = tuple(payments)
        self.history.add_all(found)
        self._last_us = max(self._last_us, *(one.at_us for one in found), 0)

    async def _read_new(self, after: str) -> None:
        """Of the overlap only ids are read: what we let through ourselves, or have read before, is known."""
        found = await self._reads.versions(Spending, after=after)
        unknown = sorted(one for one in found if one not in self._looked_at and not self.history.has(one))
        for start in range(0, len(unknown), CATCH_UP_MAX):
            page = await self._reads.get_many(Spending, unknown[start : start + CATCH_UP_MAX])
            self._learn(record.appraisal.payment for record in page if record.decided == "approved")
        self._looked_at = frozenset((self._looked_at & found.keys()) | set(unknown))

    def _windows_of(self, payment: Payment) -> tuple[str, ...]:
        base = self._treasury.windows_for(
            agent_id=payment.agent_id, campaign_id=payment.campaign_id, at_us=payment.at_us
        )
        action = Action(
            kind="payment.send",
            platform="",
            account="",
            arguments={},
            category=payment.category,
            recipient=payment.recipient,
        )
        found = treasury.paid_windows(base, action=action, agent_id=payment.agent_id, campaign_id=payment.campaign_id)
        if payment.campaign_id:
            return found
        nobody = scopes.campaign("")
        return tuple(key for key in found if not key.startswith(f"{nobody}|"))

    async def _return_doubts(self, payment: Payment, band: str) -> tuple[str, ...]:
        """What payments like this brought back so far. Below the first limit nobody is asked."""
        if band == "under_10":
            return ()
        found, read_us = self._outcomes_read.get(payment.category, ((), -OUTCOMES_FRESH_US))
        if payment.at_us - read_us >= OUTCOMES_FRESH_US:
            found = await self._outcomes.outcomes(payment.category)
            if payment.category in CATEGORIES:
                self._outcomes_read[payment.category] = (found, payment.at_us)
        return _return_faults([one for one in found if one.cost_micros > 0])


def _worded(bare: Appraisal, refusals: Sequence[str], doubts: Sequence[str]) -> Appraisal:
    """The strictest of everything that was found, with all of it said."""
    risky = [f"{one.name}: {one.says}" for one in bare.factors if one.points_bp >= SAID_BP]
    asks = list(doubts)
    if bare.band == "over_50":
        asks.append(
            f"{format_micros(bare.day_micros)} to this recipient within a day is over "
            f"{format_micros(PERSON_MICROS)}: a person decides"
        )
    if bare.score_bp >= REFUSE_BP:
        refusals = [*refusals, f"the risk is {bare.score_bp / 100:.0f} %"]
    elif bare.score_bp >= ASK_BP:
        asks.append(f"the risk is {bare.score_bp / 100:.0f} %")
    word = Word.REFUSE if refusals else Word.ASK if asks else Word.CLEAR
    reasons = (*refusals, *asks, *risky) or (f"every check passed; the risk is {bare.score_bp / 100:.0f} %",)
    return msgspec.structs.replace(bare, word=word, reasons=reasons, conditions=_conditions(bare))


def _conditions(bare: Appraisal) -> tuple[str, ...]:
    """What is owed if it is paid."""
    owed = ["pay exactly this amount to exactly this recipient"]
    if any(one.name == "new_recipient" and one.value_bp == FULL_BP for one in bare.factors):
        owed.append("keep the first invoice of this recipient")
    if bare.band != "under_10":
        owed.append("report what it brought back within 30 days")
    return tuple(owed)


def _category_faults(payment: Payment) -> tuple[str, ...]:
    if payment.category in CATEGORIES:
        return ()
    return (f"{payment.category[:40]!r} is not a category of spending: {', '.join(CATEGORIES)}",)


def _room_faults(payment: Payment, windows: Sequence[Window]) -> tuple[str, ...]:
    return tuple(
        f"{window.id} has room for {format_micros(window.room_micros)}"
        for window in windows
        if window.room_micros < payment.amount_micros
    )


def _return_faults(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The median return of what is comparable has to reach one and a half; a person decides otherwise."""
    if len(outcomes) < COMPARABLE_MIN:
        return (f"only {len(outcomes)} comparable outcomes, {COMPARABLE_MIN} are needed to project a return",)
    returns = sorted(one.revenue_micros * FULL_BP // one.cost_micros for one in outcomes)
    median_bp = returns[len(returns) // 2]
    if median_bp >= RETURN_MIN_BP:
        return ()
    return (
        f"comparable campaigns bring back {median_bp / FULL_BP:.2f} times their cost, "
        f"{RETURN_MIN_BP / FULL_BP:.1f} are needed",
    )


def _require_fleet_currency(action: Action) -> None:
    currency = action.arguments.get("currency", "USD")
    # On a chain this token's units are the micros of the books: the gate denies whatever differs.
    is_token = wallets.is_on_chain(action) and currency == action.arguments.get("asset") == wallets.USDC
    if currency != "USD" and not is_token:
        on_chain = wallets.is_on_chain(action)
        kept = "USD, or USDC as the asset that is sent" if on_chain else "USD; USDC is taken for it on a chain only"
        raise Refused(
            "currency_not_kept",
            f"{str(currency)[:10]!r} is not what this payment can be booked in: {kept}",
            where="currency",
            remedy="propose the payment in USD" + (" or USDC" if on_chain else ""),
        )


def _bare(action: Action, agent_id: str, campaign_id: str, at_us: int) -> Payment:
    return Payment(
        id=ids.at_time(at_us, agent_id, action.digest),
        amount_micros=action.cost_micros,
        recipient=action.recipient,
        purpose="",
        agent_id=agent_id,
        campaign_id=campaign_id,
        category=action.category,
        at_us=at_us,
    )


def _unable(error: ChimeraError, payment: Payment) -> Appraisal:
    """Not understood is not allowed."""
    return Appraisal(
        payment=payment,
        word=Word.REFUSE,
        score_bp=FULL_BP,
        band=band_of(payment.amount_micros),
        day_micros=payment.amount_micros,
        factors=(Factor("unable", FULL_BP, FULL_BP, error.message),),
        reasons=(f"{error.message} [{error.code}]",),
        conditions=(),
        windows=(),
    )
