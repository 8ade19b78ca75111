"""Writes what a planner adopts, if the campaign is still as it was read: one by one, or many in one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from chimera.domain.campaign import Campaign
from chimera.domain.change import Change, joined
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused
from chimera.domain.task import Task
from chimera.governance.adopted import Adopted
from chimera.ports.store import Store


class Adoption(Struct, frozen=True, kw_only=True):
    """The tasks of a plan, and the change that brings them: the campaign is `after` it in its next version."""

    after: Campaign
    tasks: tuple[Task, ...]
    change: Change


class Adopting:
    """The single writer of campaigns that are planned."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.adopted = Adopted(store)

    async def write(self, *adoptions: Adoption) -> None:
        """All in one commit. Until that is on record, nobody knows whether these versions are the last."""
        for one in adoptions:
            self.adopted.forget(one.after.id)
        await self._store.commit(
            adoptions[0].change if len(adoptions) == 1 else joined(one.change for one in adoptions)
        )
        for one in adoptions:
            self.adopted.keep(one.after)

    async def write_each(self, adoptions: Sequence[Adoption]) -> list[ChimeraError | None]:
        """None for each that is on record, or why it is not. No one is refused for what is wrong with another."""
        if not adoptions:
            return []
        try:
            await self.write(*adoptions)
        except (Conflict, Invalid, Refused) as error:
            return [error] if len(adoptions) == 1 else await asyncio.gather(*map(self._tried, adoptions))
        except ChimeraError as error:
            return [error] * len(adoptions)
        return [None] * len(adoptions)

    async def _tried(self, one: Adoption) -> ChimeraError | None:
        return (await self.write_each((one,)))[0]
