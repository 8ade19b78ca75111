"""Which role may write what into the store. The database and the local store enforce this one table. Pure.

A role is a process and its login; it is not a person. What is not listed is denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from chimera.domain.kinds import KINDS


class Role(StrEnum):
    """Who opens the store."""

    OFFICE = "office"
    MANAGER = "manager"
    EFFECTS = "effects"
    MAINTENANCE = "maintenance"
    AUDITOR = "auditor"
    GATEWAY = "gateway"


class Writes(Struct, frozen=True):
    """The states in which a role may put a new record, and those into which it may change one."""

    insert: tuple[str, ...] = ()
    update: tuple[str, ...] = ()


ANY = ("*",)
_ALL = Writes(ANY, ANY)
_ONCE = Writes(insert=ANY)

# The manager cannot answer a review for a person, or claim that something was performed; the seals that it puts down
# as taken are of grants that stay in the house.
# Effects cannot bring about what it performs: it has no word in grants, batches or fresh seals.
MAY_WRITE: Mapping[Role, Mapping[str, Writes]] = {
    Role.OFFICE: {
        "agent": _ALL,
        "cap": _ALL,
        "campaign": _ALL,
        "input": _ALL,
        # A person moves what has not begun to another time, and has tried anew what failed.
        "task": Writes(insert=("waiting", "ready"), update=("waiting", "ready")),
        "review": Writes(
            insert=("open",), update=("open", "owed", "asked", "approved", "edited", "rejected", "expired")
        ),
        "halt": _ALL,
        "policy": Writes(insert=("proposed", "in_force"), update=("in_force", "replaced", "withdrawn")),
        "checkpoint": _ONCE,
        "memory": Writes(insert=("kept",), update=("kept", "forgotten")),
        "tool": Writes(insert=("pinned",), update=("pinned", "revoked")),
        "person": _ALL,
        "session": _ALL,
        "token": _ALL,
        "knocks": _ALL,
        "decoy": _ONCE,
        "remark": _ONCE,
        "agent_key": _ALL,
        "consent": _ALL,
        "revenue": _ONCE,
        "webhook": _ALL,
        "edition": _ONCE,
        "access": _ALL,
        "peer": _ALL,
        "scorecard": _ONCE,
        "measurement": Writes(update=("owed", "measured", "void")),
    },
    Role.MANAGER: {
        "campaign": _ALL,
        "input": _ALL,
        "task": _ALL,
        "attempt": _ONCE,
        "grant": _ONCE,
        "batch": _ONCE,
        "seal": Writes(insert=("ready", "taken"), update=("expired", "withdrawn")),
        "hold": _ALL,
        "spending": _ONCE,
        "review": Writes(insert=("open", "owed"), update=("closed",)),
        "halt": Writes(insert=("active",)),
        "measurement": Writes(insert=("owed",), update=("harmful",)),
    },
    Role.EFFECTS: {
        "seal": Writes(update=("taken", "expired")),
        "performance": Writes(insert=("started",), update=("started", "finished", "failed", "in_doubt")),
        "transfer": Writes(
            insert=("reserved",), update=("reserved", "free", "sent", "mined", "final", "reverted", "foreign")
        ),
    },
    Role.MAINTENANCE: {},
    Role.AUDITOR: {},
    Role.GATEWAY: {},
}

MOVES_MONEY = frozenset({Role.MANAGER})
CLAIMS = frozenset({Role.MANAGER})
# Whoever reads networks counts the calls, and with this login can do nothing else.
COUNTS_CALLS = frozenset({Role.GATEWAY})
WRITES = frozenset({Role.OFFICE, Role.MANAGER, Role.EFFECTS})

# Whoever lets people in reads how they prove themselves; nobody else.
_PEOPLE = frozenset({"person", "session", "token", "knocks", "decoy", "remark", "webhook"})
_EVERYTHING = frozenset(KINDS)
MAY_READ: Mapping[Role, frozenset[str]] = {
    Role.OFFICE: _EVERYTHING,
    Role.MANAGER: _EVERYTHING - _PEOPLE,
    # Pins as well: a tool is looked at once more before it is called.
    Role.EFFECTS: frozenset(
        {"agent", "campaign", "task", "grant", "batch", "seal", "performance", "halt", "transfer", "tool"}
    ),
    Role.MAINTENANCE: frozenset(),
    Role.AUDITOR: _EVERYTHING - _PEOPLE,
    Role.GATEWAY: frozenset(),
}


def may_write(role: Role, kind: str, *, version: int, state: str) -> bool:
    """Whether the role may put a record of this kind, at this version, into this state."""
    writes = MAY_WRITE[role].get(kind, Writes())
    states = writes.insert if version == 1 else writes.update
    return states == ANY or state in states


def rules() -> Iterator[tuple[str, str, str, str]]:
    """The table as rows of role, kind, verb, state, for a database that keeps it itself."""
    for role, kinds in MAY_WRITE.items():
        for kind, writes in kinds.items():
            yield from ((role.value, kind, "insert", state) for state in writes.insert)
            yield from ((role.value, kind, "update", state) for state in writes.update)
