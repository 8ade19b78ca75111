"""One question to the database, and what its errors mean to whoever asked. Asks once; patience is somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from chimera.adapters.postgres.faults import DRIVER_ERRORS, Fault, fault_of
from chimera.adapters.postgres.patience import unreachable
from chimera.domain import refusals

T = TypeVar("T")


async def asked(ask: Callable[[], Awaitable[T]], *, what: str) -> T:
    """The answer, or an error by what is to be done. `what` names whom was asked, for when it does not answer."""
    try:
        return await ask()
    except DRIVER_ERRORS as error:
        match fault_of(error):
            case Fault.DENIED:
                raise refusals.not_permitted(str(error)) from error
            case Fault.FENCED:
                raise refusals.fenced(str(error)) from error
            case Fault.LOST | Fault.AGAIN:
                raise unreachable(what, error) from error
            case Fault.BAD:
                raise
