"""An identity desk over the local store, with one owner who has a password."""

from __future__ import annotations

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.system.secrecy import SystemSecrecy
from chimera.domain.person import Principal
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.identity.registry import Joining
from chimera.ports.store import Store
from chimera.testing.manual_clock import ManualClock
from tests.small_house import SmallHouse

PASSWORD = "four unrelated words here"
PERMITS = load_permits()
HERE = "127.0.0.1"


class FrontDoor:
    """What a test of people needs."""

    def __init__(self) -> None:
        self.house = SmallHouse()
        self.clock: ManualClock = self.house.clock
        self.store: Store = self.house.office
        self.secrecy = SystemSecrecy(key="tests")
        self.desk = self.another_desk()

    def another_desk(self) -> IdentityDesk:
        """The same house after a restart: nothing is remembered outside the store."""
        return IdentityDesk(
            store=self.store, clock=self.clock, ids=self.house.ids, secrecy=self.secrecy, permits=PERMITS
        )

    async def owner(self) -> Principal:
        """The first owner, as this machine made it, now with a password."""
        made = await self.desk.local_owner("olga")
        assert made is not None
        await self.desk.registry.set_password(made[0], "olga", PASSWORD)
        return made[0]

    async def join(self, owner: Principal, name: str, *roles: str, within: tuple[str, ...] = ()) -> Principal:
        """Somebody new who has logged in."""
        joining = Joining(name=name, roles=roles, password=PASSWORD, within=within)
        await self.desk.add_person(owner, joining)
        _, secret = await self.desk.log_in(name, PASSWORD, "", HERE)
        return await self.desk.recognise(secret)
