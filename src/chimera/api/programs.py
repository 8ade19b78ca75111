"""Outside programs that ask to call as an agent: who asks, who was let in; and a person's yes or no, in the console.

A yes names the number that the asking browser shows: nobody admits a program that somebody else has started.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api.guard import Who
from chimera.api.route import Needs, Route
from chimera.api.words import Id
from chimera.domain.access import SCOPES, Access, AccessScope
from chimera.domain.agent import Agent
from chimera.governance.identity import accesses
from chimera.governance.identity.accesses import Accesses
from chimera.ports.views import Views


class ProgramShown(Struct, frozen=True, kw_only=True):
    """A program that asks or was let in. `program` is its own word for itself; nothing secret of it is here."""

    id: str
    state: str
    program: str
    answers_to: str
    scopes: tuple[AccessScope, ...]
    agent_id: str
    agent_name: str
    by: str
    ends_at_us: int


class ProgramsShown(Struct, frozen=True, kw_only=True):
    """Who waits for an answer now, and who may call."""

    asking: tuple[ProgramShown, ...]
    admitted: tuple[ProgramShown, ...]


class Admission(BaseModel):
    """As which agent, within what, and the number that the browser shows that asked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"agent": "0193f3a8-7c00-7a11-8b22-0123456789ab", "scopes": ["chimera.read"], "number": "004711"}
            ]
        },
    )

    agent: Id
    scopes: Annotated[list[AccessScope], Field(min_length=1, max_length=len(SCOPES))]
    number: Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class ProgramRoutes:
    """`/v1/programs`."""

    def __init__(self, *, views: Views, accesses: Accesses) -> None:
        self._views = views
        self._accesses = accesses

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, change, one = Needs("fleet.look"), Needs(accesses.VERB), "/v1/programs/{access_id}"
        yield Route(method="GET", path="/v1/programs", endpoint=self.list, needs=see, answer=ProgramsShown)
        yield Route(method="POST", path=f"{one}/admit", endpoint=self.admit, needs=change, answer=ProgramShown)
        yield Route(method="POST", path=f"{one}/refuse", endpoint=self.refuse, needs=change, answer=ProgramShown)
        yield Route(method="POST", path=f"{one}/revoke", endpoint=self.revoke, needs=change, answer=ProgramShown)

    async def list(self) -> ProgramsShown:
        """Programs that ask to call as one of the agents, and those that may."""
        asking = [await self._shown(one) for one in await self._accesses.asked()]
        admitted = [await self._shown(one) for one in await self._accesses.admitted()]
        return ProgramsShown(asking=tuple(asking), admitted=tuple(admitted))

    async def admit(self, access_id: Id, given: Admission, who: Who) -> ProgramShown:
        """Let the program call as this agent. Only for whoever sees the page of the browser that asked."""
        agent = await self._views.get(Agent, given.agent)
        made = await self._accesses.admit_seen(access_id, number=given.number, agent=agent, scopes=given.scopes, by=who)
        return await self._shown(made)

    async def refuse(self, access_id: Id, who: Who) -> ProgramShown:
        """Say no to a program that asks."""
        return await self._shown(await self._accesses.refuse(access_id, by=who))

    async def revoke(self, access_id: Id, who: Who) -> ProgramShown:
        """Take back what was given: the program's next call is refused."""
        return await self._shown(await self._accesses.revoke(access_id, by=who))

    async def _shown(self, access: Access) -> ProgramShown:
        agent = await self._views.find(Agent, access.agent_id) if access.agent_id else None
        return ProgramShown(
            id=access.id, state=str(access.state), program=access.program,
            answers_to=urlsplit(access.redirect).netloc, scopes=tuple(map(AccessScope, access.scopes)),
            agent_id=access.agent_id, agent_name=agent.name if agent is not None else "",
            by=access.by, ends_at_us=access.ends_at_us,
        )  # fmt: skip
