"""Tokens that open the gateway for the tasks of one slice, and for nothing else, until its leases are over. EdDSA only.

A manager signs them; the gateway knows its public key. They hold the tasks, and what those may not carry out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from chimera.domain.errors import Refused
from chimera.domain.work import Assignment
from chimera.governance.entrusted import Entrusted
from chimera.ports.clock import Clock

ALGORITHM = "EdDSA"
ISSUER, AUDIENCE = "chimera-manager", "chimera-gateway"
SECONDS_MAX = 300
# A manager's own is signed anew after half of this.
MANAGERS_SECONDS = 60
TOKEN_BYTES_MAX = 1_000_000
_NAMES = ("iss", "aud", "exp", "tasks")


class SlicePass(Struct, frozen=True, kw_only=True):
    """What a token opens: a slice's these tasks, each for its agent; a manager's (`judges`) any task, and no tool."""

    tasks: Mapping[str, str]
    secrets: Mapping[str, tuple[str, ...]]
    ends_us: int
    judges: bool = False

    def require_task(self, task_id: str, agent_id: str) -> None:
        """It is one of them, and this agent's; or a manager asks."""
        if not self.judges and self.tasks.get(task_id) != agent_id:
            raise _refused("the task is in another slice")

    def require_agent(self, agent_id: str) -> None:
        """One of them is this agent's."""
        if agent_id not in self.tasks.values():
            raise _refused("the agent is in another slice")


class ManagersPass:
    """A manager's own token, for planning and judging whatever is its to plan and judge. It never leaves the manager
    but to the gateway; whoever has the key could sign for any task anyway. Signed anew before it is over.
    """

    def __init__(self, *, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._token, self._until_us = "", 0

    def token(self) -> str:
        """One that is valid for a while."""
        now_us = self._clock.now_us()
        if not 0 < self._until_us - now_us <= MANAGERS_SECONDS * 500_000:
            self._token = _encoded({"tasks": {}, "judges": True}, self._key, self._clock, seconds=MANAGERS_SECONDS)
            self._until_us = now_us + MANAGERS_SECONDS * 500_000
        return self._token


def signed(assignments: Sequence[Assignment], *, key: Ed25519PrivateKey, clock: Clock) -> str:
    """The token for these."""
    entrusted = Entrusted()
    for one in assignments:
        entrusted.give(one)
    agents = {one.task.agent_id for one in assignments}
    claims: dict[str, Any] = {"tasks": {one.task.id: one.task.agent_id for one in assignments}}
    if secrets := {one: found for one in sorted(agents) if (found := entrusted.secrets_of(one))}:
        claims["secrets"] = secrets
    return _encoded(claims, key, clock)


def _encoded(claims: dict[str, Any], key: Ed25519PrivateKey, clock: Clock, *, seconds: int = SECONDS_MAX) -> str:
    ends = clock.now_us() // 1_000_000 + seconds
    return jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "exp": ends, **claims}, key, algorithm=ALGORITHM)


def recognised(token: str, *, keys: Callable[[], Sequence[Ed25519PublicKey]], clock: Clock) -> SlicePass:
    """What a token opens, or `Refused` in the same words whatever is wrong."""
    if len(token) > TOKEN_BYTES_MAX:
        raise _refused("it is too long")
    for key in keys():
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER,
                options={"require": list(_NAMES), "verify_exp": False},
            )  # fmt: skip
            return _standing(claims, clock)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, msgspec.ValidationError, RecursionError) as error:
            raise _refused(type(error).__name__) from error
    raise _refused("no manager signed it")


def _standing(claims: dict[str, Any], clock: Clock) -> SlicePass:
    found = msgspec.convert(
        {
            "tasks": claims["tasks"],
            "secrets": claims.get("secrets", {}),
            "ends_us": int(claims["exp"]) * 1_000_000,
            "judges": claims.get("judges", False),
        },
        SlicePass,
    )
    if clock.now_us() >= found.ends_us:
        raise _refused("it is over")
    return found


def _refused(why: str) -> Refused:
    return Refused("slice_refused", f"this token opens nothing here: {why}", where="token",
                   remedy="work on what the slice holds")  # fmt: skip
