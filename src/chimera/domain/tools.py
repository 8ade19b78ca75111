"""Tools as others publish them, and the pin that a person puts on one: exactly this definition, and no other. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical, ids
from chimera.domain.errors import Invalid
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version


class ToolKind(StrEnum):
    """What calling a tool does. Only the first changes nothing."""

    READ = "read"
    WRITE = "write"
    PUBLISH = "publish"
    MESSAGE = "message"
    SPEND = "spend"
    ADMIN = "admin"


# What is proposed to have a tool called: one kind of action for each kind of tool that does more than read.
ACTS: Mapping[ToolKind, str] = {kind: f"tool.{kind}" for kind in ToolKind if kind is not ToolKind.READ}
SPENDS = ACTS[ToolKind.SPEND]
PUBLISHES = ACTS[ToolKind.PUBLISH]
# How tools name the argument by which they know a call again.
KEYS = ("idempotency_key", "idempotencyKey", "idempotency-key", "idempotency_token", "idempotencyToken")
CALL_CHARS_MAX = 16_000


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a server says of one of its tools. All of it is a stranger's word.

    The schema is kept as JSON text with sorted keys: its numbers need not be whole.
    """

    server: str
    name: str
    description: str
    schema: str
    says_read_only: bool = False
    says_destructive: bool = False

    @property
    def full_name(self) -> str:
        """The name that nobody else's tool has."""
        return full_name(self.server, self.name)

    @property
    def digest(self) -> str:
        """What a pin holds on to: name, description and input schema, each as it was published."""
        return canonical.hash_of({"name": self.name, "description": self.description, "input_schema": self.schema})

    def input_schema(self) -> dict[str, Any]:
        """The schema as a value."""
        return msgspec.json.decode(self.schema, type=dict[str, Any])

    def key(self) -> str:
        """The argument by which the tool knows a call again; none where it does not say that it does."""
        properties = self.input_schema().get("properties")
        return next((name for name in KEYS if isinstance(properties, dict) and name in properties), "")


def full_name(server: str, tool: str) -> str:
    """`server/tool`."""
    return f"{server}/{tool}"


def written(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call as text, in one spelling: they may hold fractions, and keys of any script."""
    return msgspec.json.encode(arguments, order="sorted").decode()


def call_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that an act's own `arguments` hold as text. Refused when it is no JSON object."""
    try:
        return msgspec.json.decode(str(arguments.get("arguments", "")), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("tool_arguments", "the arguments are no JSON object", where="arguments",
                      remedy="write them as one, in text") from error  # fmt: skip


class PinState(StrEnum):
    """Where an approval is in its life."""

    PINNED = "pinned"
    REVOKED = "revoked"


class PinCommand(StrEnum):
    """What can be done with an approval."""

    PIN = "pin"
    REVOKE = "revoke"


PIN_MACHINE = Machine(
    "tool",
    PinState,
    PinCommand,
    {
        # Pinned again: to another definition of the same tool.
        (PinState.PINNED, PinCommand.PIN): PinState.PINNED,
        (PinState.REVOKED, PinCommand.PIN): PinState.PINNED,
        (PinState.PINNED, PinCommand.REVOKE): PinState.REVOKED,
    },
)


class ToolPin(Record, frozen=True, kw_only=True):
    """A person's approval of one tool as it was defined then, and of what calling it does."""

    definition: Definition
    digest: str
    kind: ToolKind
    pinned_by: str
    pinned_at_us: int
    state: PinState = PinState.PINNED

    @property
    def scope(self) -> str:
        return f"tool:{self.definition.full_name}"

    def after(self, command: PinCommand) -> ToolPin:
        """The pin after a command, or a named refusal."""
        return replace(next_version(self), state=PIN_MACHINE.after(self.state, command))


def pin_id(server: str, tool: str) -> str:
    """The id of a tool's pin: there is one for each tool."""
    return ids.at_time(0, "tool", server, tool)


class Standing(StrEnum):
    """What may be done with a tool that a server offers now."""

    PINNED = "pinned"
    NEW = "new"
    CHANGED = "changed"
    REVOKED = "revoked"
    HOSTILE = "hostile"


def standing(seen: Definition, pin: ToolPin | None) -> Standing:
    """Whether this definition is the one that was approved. Whatever is not, waits for a person."""
    if pin is None:
        return Standing.NEW
    if pin.state is not PinState.PINNED:
        return Standing.REVOKED
    return Standing.PINNED if pin.digest == seen.digest == pin.definition.digest else Standing.CHANGED


def differences(before: Definition | None, after: Definition | None) -> dict[str, tuple[str, str]]:
    """What a person has to look at before approving: each part that differs, as it was and as it is."""
    return {
        part: (old, new)
        for part in ("name", "description", "schema")
        if (old := _part(before, part)) != (new := _part(after, part))
    }


def _part(definition: Definition | None, part: str) -> str:
    return "" if definition is None else str(getattr(definition, part))
