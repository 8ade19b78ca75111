"""What the gate is asked and what it answers. Values only; deciding is the gate's."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from chimera.domain.action import Action
from chimera.domain.agent import Account
from chimera.domain.facts import Facts
from chimera.domain.labels import Labels
from chimera.domain.spec import SpecRef
from chimera.domain.spending import Appraisal
from chimera.domain.stages import Handover


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that fired, in words, and how to change it."""

    rule: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text} [{self.rule}]"


class Approver(Struct, frozen=True, forbid_unknown_fields=True):
    """The person behind a ruling; a second one, where two are needed; and their word, as the office has signed it."""

    name: str
    role: str
    second: str = ""
    word: str = ""

    @property
    def names(self) -> str:
        """Everybody who said yes."""
        return f"{self.second}, {self.name}" if self.second else self.name


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the gate may look at for one action. Recorded, so that the answer can be replayed.

    `posted` stands in old records only: since ADR-128 windows count posts, and forget nothing in a restart.
    """

    action: Action
    spec: SpecRef
    risk: str
    task_id: str
    campaign_id: str
    agent_id: str
    disclosure: str
    permissions: tuple[str, ...]
    capabilities: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    has_record: bool
    confidence_bp: int
    labels: Labels
    threat: str
    halted: tuple[str, ...] = ()
    kin: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    shaped: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    vouched: tuple[str, ...] = ()
    posted: tuple[int, int] = (0, 0)
    posts_per_day_max: int | None = None
    approver: Approver | None = None
    appraisal: Appraisal | None = None
    handover: Handover | None = None
    # What stands against calling the tool of a tool server. None: nobody has looked, and that is a no.
    tool_faults: tuple[Reason, ...] | None = None


# Somebody looks at it after it has happened.
REVIEW_AFTER = "review_after"
OBLIGATIONS = frozenset({REVIEW_AFTER})


class Allow(Struct, frozen=True, tag="allow", forbid_unknown_fields=True):
    """It may happen, with what is owed afterwards."""

    reasons: tuple[Reason, ...]
    obligations: tuple[str, ...] = ()


class Escalate(Struct, frozen=True, tag="escalate", forbid_unknown_fields=True):
    """A person decides."""

    reasons: tuple[Reason, ...]
    role: str = "reviewer"


class Deny(Struct, frozen=True, tag="deny", forbid_unknown_fields=True):
    """It may not happen."""

    reasons: tuple[Reason, ...]


Decision: TypeAlias = Allow | Escalate | Deny


class Ruling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision, under which policy it was taken, and what the policy read: None when it was not asked."""

    decision: Decision
    policy_digest: str
    facts: Facts | None = None
