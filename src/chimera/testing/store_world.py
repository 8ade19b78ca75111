"""What a conformance test of a store needs from the one who runs it: stores on one database, and time."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Protocol

from chimera.domain.budget import Movement, Window
from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError
from chimera.domain.record import Record
from chimera.domain.roles import Role
from chimera.ports.store import Store
from chimera.testing.store_samples import Samples, change


class World(Protocol):
    """One database, empty but for what an installation seeds, and ways to open it."""

    async def open(self, writer: str, role: Role) -> Store:
        """A store for a writer; the one opened before for it is fenced. Closed by the world."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let the store's clock go on."""
        ...


class Bench:
    """A world with the three writers that tests need most, and a maker of records."""

    def __init__(self, world: World, office: Store, manager: Store, effects: Store) -> None:
        self.world = world
        self.office = office
        self.manager = manager
        self.effects = effects
        self.samples = Samples()

    def store_of(self, role: Role) -> Store:
        """The store that is open for a role."""
        return {Role.OFFICE: self.office, Role.MANAGER: self.manager, Role.EFFECTS: self.effects}[role]

    async def put(self, *records: Record) -> None:
        """Commit records as the manager, one change each."""
        for record in records:
            await self.manager.commit(change(record))

    async def window(self, identifier: str) -> Window | None:
        """The window as it stands."""
        found = await self.manager.windows((identifier,))
        return found[0] if found else None

    async def move(self, window_id: str, *, hold: int = 0, release: int = 0, metered: int = 0) -> None:
        """One movement, in a change of its own."""
        await self.manager.commit(moving(window_id, hold=hold, release=release, metered=metered))


async def open_bench(world: World) -> Bench:
    """The three writers, opened."""
    return Bench(
        world,
        await world.open("office-1", Role.OFFICE),
        await world.open("manager-1", Role.MANAGER),
        await world.open("effects-1", Role.EFFECTS),
    )


def moving(window_id: str, *, hold: int = 0, release: int = 0, metered: int = 0) -> Change:
    """A change that only moves money."""
    movement = Movement(windows=(window_id,), hold_micros=hold, release_micros=release, metered_micros=metered)
    return change(movements=(movement,), note=window_id)


async def outcome(commit: Awaitable[object]) -> str:
    """The code with which a commit ended, or nothing when it was done."""
    try:
        await commit
    except ChimeraError as error:
        return error.code
    return ""


def tally(codes: Iterable[str]) -> dict[str, int]:
    """How often each code came."""
    counted: dict[str, int] = {}
    for code in codes:
        counted[code] = counted.get(code, 0) + 1
    return counted
