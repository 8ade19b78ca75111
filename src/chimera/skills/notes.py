"""Work that stays in the house: research notes and episodes of the chronicle. Proposes to keep them."""

from __future__ import annotations

from chimera.domain.draft import Draft
from chimera.skills.desk import Desk


async def note(desk: Desk) -> Draft:
    """A text by the spec's prompt, kept as a note."""
    return desk.note(await desk.ask(desk.brief()))
