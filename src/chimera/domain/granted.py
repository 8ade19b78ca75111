"""A granted task on its way: with its grant, and the hold behind it where it is known. Values only."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.budget import Hold
from chimera.domain.grant import Grant
from chimera.domain.task import Task


class Granted(Struct, frozen=True, kw_only=True):
    """As it was committed. Whoever has no hold at hand leaves it out; it is read when it is needed."""

    task: Task
    grant: Grant
    hold: Hold | None = None
