"""A payment as the CFO sees it, and what it says about it: factors with their weights, a score, a verdict. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.labels import Labels
from chimera.domain.money import MICROS
from chimera.domain.record import Record

FULL_BP = 10_000
SMALL_MICROS = 10 * MICROS
PERSON_MICROS = 50 * MICROS
CATEGORIES = ("compute", "storage", "api", "content", "promotion", "platform_fee", "tools", "other")


class Word(StrEnum):
    """What the CFO says: pay, ask a person, or do not pay."""

    CLEAR = "clear"
    ASK = "ask"
    REFUSE = "refuse"


class Payment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for."""

    id: str
    amount_micros: int
    recipient: str
    purpose: str
    agent_id: str
    campaign_id: str = ""
    category: str = "other"
    labels: Labels = ()
    shaped: bool = False
    at_us: int


class Factor(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that makes a payment risky: how much it weighs, how much of it there is, and in words why."""

    name: str
    weight_bp: int
    value_bp: int
    says: str

    @property
    def points_bp(self) -> int:
        """What it adds to the score."""
        return self.weight_bp * self.value_bp // FULL_BP


class Appraisal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The CFO's word on one payment, under its signature. The gate reads it; it grants nothing."""

    payment: Payment
    word: Word
    score_bp: int
    band: str
    day_micros: int
    factors: tuple[Factor, ...]
    reasons: tuple[str, ...]
    conditions: tuple[str, ...]
    windows: tuple[str, ...]
    key_id: str = ""
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """The exact bytes that are signed: everything but the signature."""
        fields = ("payment", "word", "score_bp", "band", "day_micros", "factors", "reasons", "conditions", "windows")
        return canonical.encode({name: getattr(self, name) for name in fields})


class Spending(Record, frozen=True, kw_only=True):
    """The word as recorded, with the decision that it went into. Its id is in the order of time."""

    appraisal: Appraisal
    task_id: str = ""
    grant_id: str = ""
    approver: str = ""
    decided: str

    @property
    def scope(self) -> str | None:
        return self.task_id or None

    @property
    def state_name(self) -> str:
        return self.decided


def band_of(micros: int) -> str:
    """The band of R-E3, on the sum of a day."""
    if micros < SMALL_MICROS:
        return "under_10"
    return "to_50" if micros <= PERSON_MICROS else "over_50"
