"""Sorts what the driver raises by what is to be done about it. The only place that reads SQLSTATEs."""

from __future__ import annotations

from enum import Enum, auto

import asyncpg

# The connection, or the server behind it, went away; or it cannot write at present (disk full, out of memory).
_LOST_CLASSES = ("08", "53", "57", "58", "XX")
# Somebody was in the way: the same batch again will find the rows as they are now.
_AGAIN = ("40001", "40P01", "23505", "55P03")
_FENCED = "CH001"
_DENIED = ("CH002", "42501")


class Fault(Enum):
    """What an error of the driver means for a batch."""

    LOST = auto()
    AGAIN = auto()
    FENCED = auto()
    DENIED = auto()
    BAD = auto()


DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


def fault_of(error: Exception) -> Fault:
    """What the error means."""
    if not isinstance(error, asyncpg.PostgresError):
        return Fault.BAD if isinstance(error, ValueError) else Fault.LOST
    state = error.sqlstate or ""
    if state.startswith(_LOST_CLASSES):
        return Fault.LOST
    if state in _AGAIN:
        return Fault.AGAIN
    if state == _FENCED:
        return Fault.FENCED
    return Fault.DENIED if state in _DENIED else Fault.BAD
