"""Civil time: what a clock on a wall shows, as a moment. Twice a year it skips an hour or shows one twice. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from chimera.domain.errors import Invalid

LOCAL_LENGTH_MAX = 32


def moment_of(local: str, zone: tzinfo, *, which: str = "") -> int:
    """The moment (microseconds since 1970) at which the clocks of a zone show this.

    A time that they skip is refused; one that they show twice needs `which`: the `first` or the `second`.
    """
    told = _parsed(local)
    first, second = (told.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != told:
        later = first.astimezone(UTC).astimezone(zone)
        raise Invalid("time_skipped", f"{local} does not exist in {zone}: the clocks are put forward", where="local",
                      remedy=f"take {later.replace(tzinfo=None).isoformat(timespec='minutes')}")  # fmt: skip
    if first.utcoffset() != second.utcoffset() and which not in ("first", "second"):
        raise Invalid("time_ambiguous", f"{local} comes twice in {zone}: the clocks are put back", where="which",
                      remedy="say which: first or second")  # fmt: skip
    return round((second if which == "second" else first).timestamp() * 1_000_000)


def _parsed(local: str) -> datetime:
    try:
        told = datetime.fromisoformat(local[: LOCAL_LENGTH_MAX + 1])
    except ValueError as error:
        raise _malformed(local) from error
    if told.tzinfo is not None or len(local) > LOCAL_LENGTH_MAX or not 1970 < told.year < 9000:
        raise _malformed(local)
    return told


def _malformed(local: str) -> Invalid:
    return Invalid("time_malformed", f"{local[:LOCAL_LENGTH_MAX]!r} is no time of a clock on a wall", where="local",
                   remedy="write 2026-11-21T08:00")  # fmt: skip
