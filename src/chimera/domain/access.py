"""An access: a person's yes that one outside program may call as one agent. Pure; holds hashes, never a token.

A program asks, a person admits it or refuses it, the program exchanges a code for tokens and renews them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version

ASK_SECONDS = 600
CODE_SECONDS = 60
TOKEN_SECONDS = 3_600
RENEWABLE_SECONDS = 30 * 86_400
ACCESS_SECONDS_MAX = 90 * 86_400
ASKED_AT_ONCE_MAX = 16
PROGRAM_NAME_MAX = 80
NUMBER_DIGITS = 6


class AccessScope(StrEnum):
    """What a program may do with the door: read through it, or propose acts as well."""

    READ = "chimera.read"
    ACT = "chimera.act"


SCOPES = tuple(str(one) for one in AccessScope)


class AccessState(StrEnum):
    """How far a program has come."""

    ASKED = "asked"
    ADMITTED = "admitted"
    CODED = "coded"
    OPEN = "open"
    REFUSED = "refused"
    REVOKED = "revoked"


class AccessCommand(StrEnum):
    """What a person, the program or the gateway does with it."""

    ADMIT = "admit"
    REFUSE = "refuse"
    CODE = "code"
    EXCHANGE = "exchange"
    RENEW = "renew"
    REVOKE = "revoke"


_S, _C = AccessState, AccessCommand
ACCESS_MACHINE = Machine(
    "access",
    AccessState,
    AccessCommand,
    {
        (_S.ASKED, _C.ADMIT): _S.ADMITTED,
        (_S.ASKED, _C.REFUSE): _S.REFUSED,
        (_S.ADMITTED, _C.CODE): _S.CODED,
        (_S.CODED, _C.EXCHANGE): _S.OPEN,
        (_S.OPEN, _C.RENEW): _S.OPEN,
        (_S.ADMITTED, _C.REVOKE): _S.REVOKED,
        (_S.CODED, _C.REVOKE): _S.REVOKED,
        (_S.OPEN, _C.REVOKE): _S.REVOKED,
    },
)


class Access(Record, frozen=True, kw_only=True):
    """One program's way in. `client` is what it registered, locked; the rest of its secrets are hashes."""

    client_id: str
    client: str
    program: str
    redirect: str
    challenge: str
    scopes: tuple[str, ...]
    watch_hash: str
    ends_at_us: int
    told_back: str = ""
    redirect_was_given: bool = True
    agent_id: str = ""
    by: str = ""
    code_hash: str = ""
    token_hash: str = ""
    token_ends_at_us: int = 0
    renewal_hash: str = ""
    spent_renewal_hash: str = ""
    state: AccessState = AccessState.ASKED

    @property
    def scope(self) -> str:
        return self.client_id

    @property
    def due_us(self) -> int:
        return self.ends_at_us

    @property
    def number(self) -> str:
        """What the browser that asked shows, and whoever admits it names. It follows from that browser's secret."""
        return f"{int(self.watch_hash[:12], 16) % 10**NUMBER_DIGITS:0{NUMBER_DIGITS}}"

    def after(self, command: AccessCommand) -> Access:
        """The access after a command, or a named refusal."""
        return replace(next_version(self), state=ACCESS_MACHINE.after(self.state, command))
