"""Every kind of record, by the name that tables and traces use."""

from __future__ import annotations

from chimera.domain.access import Access
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.badge import AgentKey
from chimera.domain.budget import Cap, Hold
from chimera.domain.campaign import Campaign, Input
from chimera.domain.checkpoint import Checkpoint
from chimera.domain.consent import Consent
from chimera.domain.directory import Peer
from chimera.domain.edition import Edition
from chimera.domain.grant import Batch, Grant, Performance, Seal
from chimera.domain.halt import Halt
from chimera.domain.measurement import Measurement
from chimera.domain.memory import Memory
from chimera.domain.person import Knocks, Person, Session, Token
from chimera.domain.policy import Policy
from chimera.domain.record import Record
from chimera.domain.revenue import Revenue
from chimera.domain.review import Decoy, Remark, Review
from chimera.domain.scorecard import Scorecard
from chimera.domain.spending import Spending
from chimera.domain.task import Task
from chimera.domain.tools import ToolPin
from chimera.domain.transfer import Transfer
from chimera.domain.webhook import Webhook

KINDS: dict[str, type[Record]] = {
    "agent": Agent,
    "cap": Cap,
    "campaign": Campaign,
    "input": Input,
    "task": Task,
    "attempt": Attempt,
    "grant": Grant,
    "batch": Batch,
    "seal": Seal,
    "performance": Performance,
    "hold": Hold,
    "review": Review,
    "halt": Halt,
    "policy": Policy,
    "checkpoint": Checkpoint,
    "memory": Memory,
    "tool": ToolPin,
    "person": Person,
    "session": Session,
    "token": Token,
    "knocks": Knocks,
    "decoy": Decoy,
    "remark": Remark,
    "agent_key": AgentKey,
    "consent": Consent,
    "transfer": Transfer,
    "spending": Spending,
    "revenue": Revenue,
    "webhook": Webhook,
    "edition": Edition,
    "access": Access,
    "peer": Peer,
    "scorecard": Scorecard,
    "measurement": Measurement,
}
NAMES: dict[type[Record], str] = {kind: name for name, kind in KINDS.items()}
