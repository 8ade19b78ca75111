"""Confidence bands: what a level of confidence permits. Basis points, never floats. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from chimera.domain.errors import Invalid


class Band(StrEnum):
    """From the best to the worst."""

    PROCEED = "proceed"
    MONITORED = "monitored"
    HUMAN = "human"
    REFUSED = "refused"


_LOWER = {
    Band.PROCEED: Band.MONITORED,
    Band.MONITORED: Band.HUMAN,
    Band.HUMAN: Band.REFUSED,
    Band.REFUSED: Band.REFUSED,
}


class Bands(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lower ends of the bands, how many rulings make a record, and which risks take two people's yes."""

    proceed_bp: int = 9_000
    monitored_bp: int = 7_000
    human_bp: int = 5_000
    record_rulings_min: int = 20
    two_persons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.human_bp < self.monitored_bp < self.proceed_bp <= 10_000:
            raise Invalid(
                "bands_out_of_order", "the bands must rise: human < monitored < proceed <= 10000", where="bands"
            )

    def band_of(self, confidence_bp: int, *, has_record: bool) -> Band:
        """The band of a confidence. An agent without a record starts one band lower."""
        band = self._nominal(confidence_bp)
        return band if has_record else _LOWER[band]

    def _nominal(self, confidence_bp: int) -> Band:
        if not 0 <= confidence_bp <= 10_000:
            return Band.REFUSED
        if confidence_bp >= self.proceed_bp:
            return Band.PROCEED
        if confidence_bp >= self.monitored_bp:
            return Band.MONITORED
        return Band.HUMAN if confidence_bp >= self.human_bp else Band.REFUSED
