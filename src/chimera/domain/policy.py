"""The fleet's rules as a record: versions that are proposed, applied by a person, and replaced. Pure.

What a version decides is its text, schema and bands, under one digest; its cases say what it should decide.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids, scopes
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version


class PolicyState(StrEnum):
    """Where a version of the rules is in its life. At most one is in force."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


class PolicyCommand(StrEnum):
    """What can be done with a version."""

    APPLY = "apply"
    REPLACE = "replace"
    WITHDRAW = "withdraw"


POLICY_MACHINE = Machine(
    "policy",
    PolicyState,
    PolicyCommand,
    {
        (PolicyState.PROPOSED, PolicyCommand.APPLY): PolicyState.IN_FORCE,
        (PolicyState.PROPOSED, PolicyCommand.WITHDRAW): PolicyState.WITHDRAWN,
        (PolicyState.IN_FORCE, PolicyCommand.REPLACE): PolicyState.REPLACED,
        # Going back is applying an earlier version again.
        (PolicyState.REPLACED, PolicyCommand.APPLY): PolicyState.IN_FORCE,
    },
)


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of a pack: attributes, and the answer that is expected. What is not given is ordinary."""

    name: str
    given: dict[str, Any]
    expect: str
    rules: tuple[str, ...] | None = None
    obligations: tuple[str, ...] | None = None
    role: str = ""


class PackFiles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack as its files say it: name and release, Cedar text, schema, bands, cases."""

    name: str
    release: str
    text: str
    schema: str
    bands: str
    cases: tuple[Case, ...] = ()


class Policy(Record, frozen=True, kw_only=True):
    """One version of the fleet's rules, with who proposed and who applied it."""

    number: int
    digest: str
    files: PackFiles
    why: str
    proposed_by: str
    proposed_at_us: int
    applied_by: str = ""
    applied_at_us: int = 0
    state: PolicyState = PolicyState.PROPOSED

    @property
    def scope(self) -> str:
        return scopes.FLEET

    def after(self, command: PolicyCommand) -> Policy:
        """The version after a command, or a named refusal."""
        return replace(next_version(self), state=POLICY_MACHINE.after(self.state, command))


def policy_id(number: int) -> str:
    """The id of a version: two people who propose at once propose the same number, and one of them is first."""
    return ids.at_time(number * 1_000, "policy", scopes.FLEET, str(number))
