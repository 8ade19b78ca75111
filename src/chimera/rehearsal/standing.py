"""What a rehearsal's network in a process of its own is told, and what it says: files in a folder that both can see."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.rehearsal.network import Memory
from chimera.rehearsal.records import Deed
from chimera.rehearsal.scenario import Scenario
from chimera.rehearsal.world import World


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which world, and which accounts in it are the fleet's."""

    scenario: Scenario
    accounts: tuple[str, ...]


class Whereabouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the network listens."""

    pid: int
    port: int


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network saw, and the truth about it."""

    records: tuple[Deed, ...]
    attacks: tuple[str, ...]
    goals_met: tuple[str, ...]
    impressions: int
    likes: int
    memory: Memory = Memory()

    def after(self, before: Report) -> Report:
        """This life of the network added to its earlier ones. Its records and its memory hold those already."""
        return msgspec.structs.replace(
            self,
            attacks=(*before.attacks, *self.attacks),
            goals_met=(*before.goals_met, *self.goals_met),
            impressions=before.impressions + self.impressions,
            likes=before.likes + self.likes,
        )


def report_of(built: World) -> Report:
    """The network's own records, and which attacks got what they wanted."""
    records = built.network.records()
    society = built.network.society
    return Report(
        records=records,
        attacks=tuple(built.truth.attacks),
        goals_met=tuple(met.attack.id for met in built.truth.goals_met(records)),
        impressions=sum(society.impressions.values()),
        likes=sum(map(len, society.likes.values())),
        memory=built.network.memory(),
    )


def write(path: Path, value: Struct) -> None:
    """Whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(value))
    draft.replace(path)
