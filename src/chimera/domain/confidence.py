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


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other bands for one agent (by its id), one task type, or one task type of one agent."""

    agent: str = ""
    task_type: str = ""
    proceed_bp: int
    monitored_bp: int
    human_bp: int

    def __post_init__(self) -> None:
        _require_rising(self.human_bp, self.monitored_bp, self.proceed_bp)
        if not self.agent and not self.task_type:
            raise Invalid(
                "bands_override_of_nothing",
                "an override names an agent, a task type or both",
                where="bands",
                remedy="name one of them in bands.json",
            )

    @property
    def rank(self) -> int:
        """How much it says: the agent's own counts before its task type's."""
        return 2 * bool(self.agent) + bool(self.task_type)

    def concerns(self, *, agent_id: str, task_type: str) -> bool:
        """Whether it is about this agent and this task type."""
        return self.agent in ("", agent_id) and self.task_type in ("", task_type)


def _require_rising(human_bp: int, monitored_bp: int, proceed_bp: int) -> None:
    if not 0 < human_bp < monitored_bp < proceed_bp <= 10_000:
        raise Invalid(
            "bands_out_of_order",
            "the bands must rise: human < monitored < proceed <= 10000",
            where="bands",
            remedy="mend bands.json: human < monitored < proceed ≤ 10000",
        )


class Bands(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lower ends of the bands, how many rulings make a record, where other bands hold, which risks take two."""

    proceed_bp: int = 9_000
    monitored_bp: int = 7_000
    human_bp: int = 5_000
    record_rulings_min: int = 20
    overrides: tuple[Override, ...] = ()
    two_persons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_rising(self.human_bp, self.monitored_bp, self.proceed_bp)

    def bands_for(self, *, agent_id: str, task_type: str) -> Bands:
        """The bands for one agent and task type: those of the override that says most about them, or these."""
        if not self.overrides:
            return self
        met = [one for one in self.overrides if one.concerns(agent_id=agent_id, task_type=task_type)]
        if not met:
            return self
        best = max(met, key=lambda one: one.rank)
        return Bands(proceed_bp=best.proceed_bp, monitored_bp=best.monitored_bp, human_bp=best.human_bp,
                     record_rulings_min=self.record_rulings_min, two_persons=self.two_persons)  # fmt: skip

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
