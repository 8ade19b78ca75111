"""Times as networks write them, and as we count them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(now_us: int) -> str:
    """A time in the usual form, to the millisecond."""
    return (_EPOCH + timedelta(microseconds=now_us)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def us_of(text: object) -> int:
    """Microseconds since 1970; 0 for what is no time."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return 0
    return (read.replace(tzinfo=read.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
