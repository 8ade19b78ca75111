"""Which skill a task type's `skill` names."""

from __future__ import annotations

from chimera.skills import analytics, bench, commerce, notes, relay, research
from chimera.skills.community import react
from chimera.skills.copy import writing
from chimera.skills.desk import Skill
from chimera.skills.meetings import meet
from chimera.skills.trends import scan

SKILLS: dict[str, Skill] = {
    "analytics": analytics.report,
    "copy": writing.write,
    "trends": scan.scan,
    "community": react.react,
    "research": research.find,
    "chronicle": notes.note,
    "commerce": commerce.trade,
    "bench": bench.repeat,
    "calendar": meet.keep,
    "relay": relay.relay,
}
