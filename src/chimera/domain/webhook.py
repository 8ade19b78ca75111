"""Whom the API tells what changed: an address, its topics, and a secret that signs what is sent there. Pure."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

from msgspec.structs import replace

from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version


class WebhookState(StrEnum):
    """Whether it is told anything."""

    ACTIVE = "active"
    PAUSED = "paused"
    DEAD = "dead"
    REMOVED = "removed"


class WebhookCommand(StrEnum):
    """What can be done with it."""

    PAUSE = "pause"
    RESUME = "resume"
    GIVE_UP = "give_up"
    REMOVE = "remove"


_S, _C = WebhookState, WebhookCommand
WEBHOOK_MACHINE = Machine(
    "webhook",
    WebhookState,
    WebhookCommand,
    {
        (_S.ACTIVE, _C.PAUSE): _S.PAUSED,
        (_S.ACTIVE, _C.GIVE_UP): _S.DEAD,
        (_S.ACTIVE, _C.REMOVE): _S.REMOVED,
        (_S.PAUSED, _C.RESUME): _S.ACTIVE,
        (_S.PAUSED, _C.REMOVE): _S.REMOVED,
        # A person who has mended the other side brings it back; it goes on where it was.
        (_S.DEAD, _C.RESUME): _S.ACTIVE,
        (_S.DEAD, _C.REMOVE): _S.REMOVED,
    },
)


class Webhook(Record, frozen=True, kw_only=True):
    """One subscription. `topics` are the stream's; none means all. The secret is stored locked."""

    url: str
    topics: tuple[str, ...]
    secret_locked: str
    set_by: str
    set_at_us: int
    state: WebhookState = WebhookState.ACTIVE

    def after(self, command: WebhookCommand) -> Webhook:
        """The subscription after a command, or a named refusal."""
        return replace(next_version(self), state=WEBHOOK_MACHINE.after(self.state, command))


def signature_of(secret: str, body: bytes, *, at_us: int) -> str:
    """What goes with a body, so that whoever gets it knows by whom and when it was sent: `t=SECONDS,v1=HMAC-SHA256`."""
    seconds = str(at_us // 1_000_000)
    signed = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"
