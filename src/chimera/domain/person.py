"""People: who may log in, how they are recognised, and in whose name something is done. Pure; holds no secret in clear.

A person's role is not a database role: those are processes (domain/roles.py).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.decision import Approver
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version

EVERYTHING = "*"
# From the least to the most: whoever may rule on a review.
RULERS = ("reviewer", "operator", "owner")


class PersonRole(StrEnum):
    """What somebody is here for."""

    OWNER = "owner"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    FINANCE = "finance"
    AUDITOR = "auditor"
    VIEWER = "viewer"


class PersonState(StrEnum):
    """Whether somebody may come in."""

    ACTIVE = "active"
    DISABLED = "disabled"


class PersonCommand(StrEnum):
    """What can be done with a person's way in."""

    DISABLE = "disable"
    ENABLE = "enable"


class PassState(StrEnum):
    """Whether a session or a token still opens anything."""

    OPEN = "open"
    CLOSED = "closed"


class PassCommand(StrEnum):
    """What can be done with a session or a token."""

    CLOSE = "close"


PERSON_MACHINE = Machine(
    "person",
    PersonState,
    PersonCommand,
    {
        (PersonState.ACTIVE, PersonCommand.DISABLE): PersonState.DISABLED,
        (PersonState.DISABLED, PersonCommand.ENABLE): PersonState.ACTIVE,
    },
)
PASS_MACHINE = Machine("pass", PassState, PassCommand, {(PassState.OPEN, PassCommand.CLOSE): PassState.CLOSED})


def person_id(name: str) -> str:
    """A name belongs to one person for ever: the id follows from it, so a second one is a conflict."""
    return ids.at_time(0, "person", name)


class Person(Record, frozen=True, kw_only=True):
    """Somebody who may log in. Without a password hash, only a token or a provider's word opens the door.

    `within` narrows every role to agents and campaigns (`agent:ID`, `campaign:ID`); empty means everywhere.
    `totp_step` is the time step of the last code that was used: none is good twice. `provider` names who vouches for
    this person when they log in by OIDC, as `issuer subject`.
    """

    name: str
    roles: tuple[str, ...]
    password_hash: str = ""
    totp_locked: str = ""
    totp_step: int = 0
    within: tuple[str, ...] = ()
    provider: str = ""
    added_at_us: int = 0
    added_by: str = ""
    state: PersonState = PersonState.ACTIVE

    @property
    def scope(self) -> str:
        return self.provider or self.name

    def after(self, command: PersonCommand) -> Person:
        """The person after a command, or a named refusal."""
        return replace(next_version(self), state=PERSON_MACHINE.after(self.state, command))


class Session(Record, frozen=True, kw_only=True):
    """One log-in. Ends at a time, or when nobody used it for a while."""

    person_id: str
    secret_hash: str
    address: str
    opened_at_us: int
    seen_at_us: int
    expires_at_us: int
    state: PassState = PassState.OPEN

    @property
    def scope(self) -> str:
        return self.person_id

    @property
    def due_us(self) -> int:
        return self.expires_at_us

    def closed(self) -> Session:
        """The session closed, or a named refusal."""
        return replace(next_version(self), state=PASS_MACHINE.after(self.state, PassCommand.CLOSE))


class Token(Record, frozen=True, kw_only=True):
    """A key for a program that acts for a person, narrowed to scopes. `is_local` opens nothing but commands here."""

    person_id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    issued_at_us: int
    expires_at_us: int
    is_local: bool = False
    state: PassState = PassState.OPEN

    @property
    def scope(self) -> str:
        return self.person_id

    @property
    def due_us(self) -> int:
        return self.expires_at_us

    def closed(self) -> Token:
        """The token revoked, or a named refusal."""
        return replace(next_version(self), state=PASS_MACHINE.after(self.state, PassCommand.CLOSE))


class Knocks(Record, frozen=True, kw_only=True):
    """How often somebody tried to get in under one name or from one address, counted before the try is looked at."""

    tries: int
    since_us: int
    locked_until_us: int = 0


class Principal(Struct, frozen=True, kw_only=True):
    """In whose name something is done: a person who was recognised, with the roles of this moment."""

    person: str
    name: str
    roles: frozenset[str]
    scopes: frozenset[str] = frozenset({EVERYTHING})
    session: str = ""
    within: frozenset[str] = frozenset()

    @property
    def approver(self) -> Approver:
        """How the gate is told: with the highest role that may rule, or any other if none may."""
        ruling = [role for role in RULERS if role in self.roles]
        return Approver(name=self.name, role=ruling[-1] if ruling else min(self.roles, default=""))
