"""What every stored thing has in common: an id, a version for compare-and-set, a state. Pure."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

SHARDS = 256
R = TypeVar("R", bound="Record")


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. `version` counts its writes: a change is accepted only on the version that it was made from."""

    id: str
    version: int = 1

    @property
    def state_name(self) -> str:
        """The state as stored; records without a life of their own are simply recorded."""
        return str(getattr(self, "state", "recorded"))

    @property
    def scope(self) -> str | None:
        """The id of what this belongs to (a task's campaign, a seal's batch)."""
        return None

    @property
    def shard(self) -> int | None:
        """The shard whose manager owns this, if any."""
        return None

    @property
    def due_us(self) -> int | None:
        """When something is to happen with it: may start, lease ends, expires."""
        return None

    @property
    def rank(self) -> int:
        """Lower goes first among those that are due."""
        return 0


def next_version(record: R) -> R:
    """The record as it will be written next. A change may set more of its fields; its version goes up once."""
    return replace(record, version=record.version + 1)


def shard_of(identifier: str) -> int:
    """The shard of a campaign: taken from the random end of its id."""
    return int(identifier[-4:], 16) % SHARDS
