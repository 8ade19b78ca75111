"""People and tokens over HTTP: who may log in, and keys for programs. The desk decides; no hash ever leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api.guard import Who
from chimera.api.route import Needs, Recognised, Route
from chimera.api.words import Id
from chimera.domain.durations import DAY_US
from chimera.domain.person import Person, Token
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.identity.registry import Joining
from chimera.ports.clock import Clock

DAYS_MAX = 366
Name = Annotated[str, Field(min_length=1, max_length=60)]
Words = Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=50)]


class PersonShown(Struct, frozen=True, kw_only=True):
    """Somebody who may log in, without anything that opens a door."""

    id: str
    name: str
    state: str
    roles: tuple[str, ...]
    within: tuple[str, ...]
    provider: str
    has_password: bool
    has_codes: bool
    added_by: str
    added_at_us: int


class People(Struct, frozen=True, kw_only=True):
    """Everybody."""

    items: tuple[PersonShown, ...]


class TokenShown(Struct, frozen=True, kw_only=True):
    """A token. `secret` is shown once, when it is issued, and never again."""

    id: str
    name: str
    state: str
    scopes: tuple[str, ...]
    issued_at_us: int
    expires_at_us: int
    is_local: bool
    secret: str = ""


class Tokens(Struct, frozen=True, kw_only=True):
    """One's own tokens."""

    items: tuple[TokenShown, ...]


class NewPerson(BaseModel):
    """Somebody new. Without a password, only a provider or a token lets them in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "rita", "roles": ["reviewer"]}]})

    name: Name
    roles: Words
    password: Annotated[str, Field(max_length=256)] = ""
    within: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=50)] = []
    provider: Annotated[str, Field(max_length=500)] = ""


class Roles(BaseModel):
    """Other roles, effective at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"roles": ["reviewer"]}]})

    roles: Words


class NewToken(BaseModel):
    """A token of one's own, narrowed to verbs."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "ci", "scopes": ["halt.set"], "days": 30}]}
    )

    name: Name
    scopes: Words
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 30


class PeopleRoutes:
    """`/v1/people` and `/v1/tokens`."""

    def __init__(self, *, desk: IdentityDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    def routes(self) -> Iterator[Route]:
        """What is served."""
        change, own = Needs("people.change"), Recognised("of one's own; the desk asks permits about the token")
        one, tokens = "/v1/people/{name}", "/v1/tokens"
        yield Route(method="GET", path="/v1/people", endpoint=self.list, needs=Needs("people.look"), answer=People)
        yield Route(method="POST", path="/v1/people", endpoint=self.add, needs=change, answer=PersonShown, status=201)
        yield Route(method="POST", path=f"{one}/roles", endpoint=self.roles, needs=change, answer=PersonShown)
        yield Route(method="POST", path=f"{one}/disable", endpoint=self.disable, needs=change, answer=PersonShown)
        yield Route(method="GET", path=tokens, endpoint=self.tokens, name="list", needs=own, answer=Tokens)
        yield Route(method="POST", path=tokens, endpoint=self.issue, needs=own, answer=TokenShown, status=201,
                    is_secret=True)  # fmt: skip
        yield Route(method="POST", path=f"{tokens}/{{token_id}}/revoke", endpoint=self.revoke, needs=own,
                    answer=TokenShown)  # fmt: skip

    async def list(self, who: Who) -> People:
        """Everybody who may log in, or once could."""
        return People(items=tuple(map(_shown, await self._desk.registry.people(who))))

    async def add(self, given: NewPerson, who: Who) -> PersonShown:
        """Add somebody. A name belongs to one person for ever."""
        joining = Joining(name=given.name, roles=tuple(given.roles), password=given.password,
                          within=tuple(given.within), provider=given.provider)  # fmt: skip
        return _shown(await self._desk.add_person(who, joining))

    async def roles(self, name: str, given: Roles, who: Who) -> PersonShown:
        """Give somebody other roles, effective with the next thing that this person does."""
        return _shown(await self._desk.set_roles(who, name, given.roles))

    async def disable(self, name: str, who: Who) -> PersonShown:
        """Let nobody in as this person: sessions and tokens end with the same commit."""
        return _shown(await self._desk.disable_person(who, name))

    async def tokens(self, who: Who) -> Tokens:
        """One's own tokens, open and closed, without their secrets."""
        return Tokens(items=tuple(_token(one) for one in await self._desk.tokens(who)))

    async def issue(self, given: NewToken, who: Who) -> TokenShown:
        """Issue a token. Its secret is in this answer, and nowhere else."""
        expires_at_us = self._clock.now_us() + given.days * DAY_US
        token, secret = await self._desk.issue_token(who, given.name, given.scopes, expires_at_us)
        return _token(token, secret=secret)

    async def revoke(self, token_id: Id, who: Who) -> TokenShown:
        """Revoke a token: one's own, or as an owner anybody's. Effective with the commit."""
        return _token(await self._desk.revoke_token(who, token_id))


def _shown(person: Person) -> PersonShown:
    return PersonShown(
        id=person.id, name=person.name, state=str(person.state), roles=person.roles, within=person.within,
        provider=person.provider, has_password=bool(person.password_hash), has_codes=bool(person.totp_locked),
        added_by=person.added_by, added_at_us=person.added_at_us,
    )  # fmt: skip


def _token(token: Token, *, secret: str = "") -> TokenShown:
    return TokenShown(id=token.id, name=token.name, state=str(token.state), scopes=token.scopes,
                      issued_at_us=token.issued_at_us, expires_at_us=token.expires_at_us, is_local=token.is_local,
                      secret=secret)  # fmt: skip
