"""The grant: permission for exactly one side effect, once, for a while; and the seal that proves it. Immutable."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical, merkle
from chimera.domain.action import Action
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of

GRANT_SECONDS_MAX = 900
_NO_WORD = b',"word":""}'


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the vault signs: the whole leaf, never a bare hash."""

    grant_id: str
    task_id: str
    campaign_id: str
    agent_id: str
    action_digest: str
    action_kind: str
    platform: str
    cost_micros: int
    expires_at_us: int
    policy_digest: str
    approver: str = ""
    word: str = ""

    @property
    def leaf(self) -> str:
        """The leaf's digest in the batch's tree."""
        encoded = canonical.encode(self)
        # Without a person there is no word, and the leaf is as it was before there were words.
        return merkle.leaf_of(encoded if self.word else encoded.removesuffix(_NO_WORD) + b"}")


class Grant(Record, frozen=True, kw_only=True):
    """A committed permission. Never changed: what happens to it stands in seals and performances."""

    terms: Terms
    action: Action
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    hold_id: str | None

    @property
    def scope(self) -> str:
        return self.terms.task_id

    @property
    def shard(self) -> int:
        return shard_of(self.terms.campaign_id)

    @property
    def due_us(self) -> int:
        return self.terms.expires_at_us


class Batch(Record, frozen=True, kw_only=True):
    """One signature of the vault for many grants."""

    root: str
    signature: str
    key_id: str
    count: int


class SealState(StrEnum):
    """Whether the grant behind a seal waits to be performed."""

    READY = "ready"
    TAKEN = "taken"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class SealCommand(StrEnum):
    """What can be done with a sealed grant."""

    TAKE = "take"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"


SEAL_MACHINE = Machine(
    "seal",
    SealState,
    SealCommand,
    {
        (SealState.READY, SealCommand.TAKE): SealState.TAKEN,
        (SealState.READY, SealCommand.EXPIRE): SealState.EXPIRED,
        (SealState.READY, SealCommand.WITHDRAW): SealState.WITHDRAWN,
    },
)


class Seal(Record, frozen=True, kw_only=True):
    """A grant's place in a signed batch. Its id is the grant's. Taken together with the performance, once."""

    batch_id: str
    campaign_id: str
    path: tuple[merkle.Neighbour, ...]
    not_before_us: int
    state: SealState = SealState.READY

    @property
    def scope(self) -> str:
        return self.batch_id

    @property
    def shard(self) -> int:
        return shard_of(self.campaign_id)

    @property
    def due_us(self) -> int:
        return self.not_before_us

    def after(self, command: SealCommand) -> Seal:
        """The seal after a command, or a named refusal."""
        return replace(next_version(self), state=SEAL_MACHINE.after(self.state, command))


class PerformanceState(StrEnum):
    """How far the act has come."""

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


class PerformanceCommand(StrEnum):
    """What can be learnt about an act."""

    FINISH = "finish"
    FAIL = "fail"
    DOUBT = "doubt"
    RESEND = "resend"


_P, _K = PerformanceState, PerformanceCommand
PERFORMANCE_MACHINE = Machine(
    "performance",
    PerformanceState,
    PerformanceCommand,
    {
        (_P.STARTED, _K.FINISH): _P.FINISHED,
        (_P.STARTED, _K.FAIL): _P.FAILED,
        (_P.STARTED, _K.DOUBT): _P.IN_DOUBT,
        (_P.STARTED, _K.RESEND): _P.STARTED,
        (_P.IN_DOUBT, _K.RESEND): _P.STARTED,
        (_P.IN_DOUBT, _K.DOUBT): _P.IN_DOUBT,
        (_P.IN_DOUBT, _K.FINISH): _P.FINISHED,
        (_P.IN_DOUBT, _K.FAIL): _P.FAILED,
    },
)


class Performance(Record, frozen=True, kw_only=True):
    """One act, at most one per grant: its id is the grant's, and ids are unique."""

    task_id: str
    campaign_id: str
    platform: str
    started_at_us: int
    deadline_us: int
    receipt: dict[str, Any] | None = None
    reason: str = ""
    later: bool = False
    needs_person: bool = False
    state: PerformanceState = PerformanceState.STARTED

    @property
    def scope(self) -> str:
        return self.task_id

    @property
    def shard(self) -> int:
        return shard_of(self.campaign_id)

    @property
    def due_us(self) -> int:
        return self.deadline_us

    def after(self, command: PerformanceCommand) -> Performance:
        """The performance after a command, or a named refusal."""
        return replace(next_version(self), state=PERFORMANCE_MACHINE.after(self.state, command))
