"""Which skill a task type's `skill` names."""

from __future__ import annotations

from chimera.skills import bench, commerce, community, copy, notes, relay, trends
from chimera.skills.desk import Skill

SKILLS: dict[str, Skill] = {
    "copy": copy.write,
    "trends": trends.scan,
    "community": community.consider,
    "research": notes.note,
    "chronicle": notes.note,
    "commerce": commerce.pay,
    "bench": bench.repeat,
    "relay": relay.relay,
}
