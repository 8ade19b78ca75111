"""Back-pressure: of which task types how many may be out while their models turn work away. Asks nobody; only counts.

What a result tells of its tries is all that it goes by, so that it knows of limits wherever the worker was. One worker
process among several is not believed alone: a type of task waits when most of those who work on it say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from chimera.domain.draft import Call
from chimera.domain.event import Event, EventKind
from chimera.domain.recent import Recent
from chimera.domain.work import GATEWAY_AWAY, NO_MODEL, Result
from chimera.governance.calls import TRY
from chimera.ports.clock import Clock
from chimera.swarm.loops import log

# One crowd that is turned away is one sign: half of it is let out again, and not half for each of them.
STEP_US = 1_000_000
# After so long without a sign, everything is as it was. While it goes on it is said again so often; what was said
# counts no longer than twice that, in case that the manager has died.
LIFTED_US = TOLD_AGAIN_US = 60_000_000
TURNED_AWAY = frozenset({"rate-limited", "resting"})
_SAYING_NOTHING = TURNED_AWAY | {"unreachable", "error", "died"}
_ANSWERED = frozenset({"ok", "cached"})
_SIGNS = tuple(f'"cause":"{cause}"' for cause in sorted(TURNED_AWAY))


# What stands for the gateway where models are named.
GATEWAY = "gateway"
# What a worker process said of a type's models counts for so long against what others say.
OPINION_US = 180_000_000
# Of so many worker processes, by who spoke last.
OPINIONS_MAX = 1_000


class _Said(Struct, frozen=True):
    """What a call that was tried came to."""

    cause: str


_SAID = msgspec.json.Decoder(_Said)


class _Limit(Struct):
    """How many of one task type may be out, and since when and by whom it is so."""

    most: int
    since_us: int
    sign_us: int
    models: frozenset[str]
    went_well: int = 0
    told_us: int = -TOLD_AGAIN_US


class Throttle:
    """Halves what is out of a task type that a model turned away, and lets one more out for each round that went well.

    Other task types go on: who is turned away by one model says nothing about the models of the rest.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limits: dict[str, _Limit] = {}
        self._lifted: dict[str, int] = {}
        self._opinions: defaultdict[str, Recent[str, tuple[bool, int]]] = defaultdict(lambda: Recent(OPINIONS_MAX))

    @property
    def limited(self) -> frozenset[str]:
        """The task types of which fewer may be out than workers have room for."""
        return frozenset(self._limits)

    def most(self, out: Callable[[str], int]) -> Mapping[str, int]:
        """How many more of each limited task type may be sent now, by how many of it are out."""
        now_us = self._clock.now_us()
        for name in [name for name, limit in self._limits.items() if now_us - limit.sign_us >= LIFTED_US]:
            self._lifted[name] = self._limits.pop(name).since_us
        return {name: max(0, limit.most - out(name)) for name, limit in self._limits.items()}

    def heard(self, result: Result, task_type: str, out: Callable[[str], int]) -> None:
        """A result of a task type came back, with what its models said."""
        limit = self._limits.get(task_type)
        models = frozenset({GATEWAY}) if result.failure.endswith(GATEWAY_AWAY) else turned_away_by(result.calls)
        if result.worker:
            self._opinions[task_type][result.worker] = (bool(models), self._clock.now_us())
        if models:
            if not result.worker or self._say_most(task_type):
                self._turned_away(task_type, models, out)
        elif limit is not None:
            limit.went_well += 1
            if limit.went_well >= limit.most:
                limit.most, limit.went_well = limit.most + 1, 0

    def is_borne_out(self, result: Result, task_type: str) -> bool:
        """Whether it is not only one worker's word that nobody could be asked: this process says so, or others too."""
        return not result.worker or (len(self._opinions[task_type]) > 1 and self._say_most(task_type))

    def _say_most(self, task_type: str) -> bool:
        """Whether most of those who worked on this type lately were turned away, each by his last word.

        Where several are at work and one alone has had this type, another is given it first.
        """
        since_us = self._clock.now_us() - OPINION_US
        found = self._opinions[task_type]
        for worker in [worker for worker, (_, at_us) in found.items() if at_us <= since_us]:
            del found[worker]
        at_work = {
            worker for said in self._opinions.values() for worker, (_, at_us) in said.items() if at_us > since_us
        }
        turned_away = sum(was_turned_away for was_turned_away, _ in found.values())
        return 2 * turned_away > len(found) and (len(found) > 1 or len(at_work) == 1)

    def to_tell(self, *, manager: str) -> tuple[Event, ...]:
        """What is to be put on record now: why work of a task type waits, and that it does no more."""
        now_us = self._clock.now_us()
        held = [(name, limit) for name, limit in self._limits.items() if now_us - limit.told_us >= TOLD_AGAIN_US]
        return (
            *(Event(kind=EventKind.WORK_HELD_BACK, subject=name, at_us=now_us,
                    data={"assignments_at_once": limit.most, "models": sorted(limit.models),
                          "since_us": limit.since_us, "until_us": now_us + 2 * TOLD_AGAIN_US, "manager": manager})
              for name, limit in held),
            *(Event(kind=EventKind.WORK_LET_GO, subject=name, at_us=now_us,
                    data={"since_us": since_us, "manager": manager})
              for name, since_us in self._lifted.items() if name not in self._limits),
        )  # fmt: skip

    def told(self, events: Iterable[Event]) -> None:
        """These are on record."""
        for event in events:
            self._lifted.pop(event.subject, None)
            if limit := self._limits.get(event.subject):
                limit.told_us = event.at_us

    def _turned_away(self, name: str, models: frozenset[str], out: Callable[[str], int]) -> None:
        now_us, limit = self._clock.now_us(), self._limits.get(name)
        if limit is None:
            most = max(1, out(name) // 2)
            self._limits[name] = _Limit(most=most, since_us=now_us, sign_us=now_us, models=models)
            log.warning("models turn away", task_type=name, models=sorted(models), assignments_at_once=most)
        elif now_us - limit.sign_us >= STEP_US:
            limit.most, limit.went_well = max(1, min(out(name), limit.most) // 2), 0
            limit.sign_us, limit.models = now_us, limit.models | models


def was_asked(result: Result) -> bool:
    """Whether anybody was asked for what did not come: not where the gateway was away, or each model's breaker open.

    Where nobody was, it was no try at the task: whoever restarts a gateway would lose all that is under way.
    """
    if result.failure.endswith(GATEWAY_AWAY):
        return False
    tries = [call for call in result.calls if call.kind == TRY]
    if not tries or not result.failure.endswith(NO_MODEL):
        return True
    return any(cause != "resting" for cause in _last_causes(tries))


def was_answered(result: Result) -> bool:
    """Whether anybody said anything to what did not come: a provider that is away, fails or turns all away has not.

    Where none did, it says nothing about the task, so many times: it may be its question that brings a provider down.
    """
    if not was_asked(result):
        return False
    tries = [call for call in result.calls if call.kind == TRY]
    return not tries or not result.failure.endswith(NO_MODEL) or not _last_causes(tries) <= _SAYING_NOTHING


def _last_causes(tries: Sequence[Call]) -> frozenset[str]:
    """What came of the last question, at each model that it was put to."""
    last = [call for call in tries if call.request_digest == tries[-1].request_digest]
    return frozenset(_SAID.decode(call.answer).cause for call in last)


def turned_away_by(calls: Iterable[Call]) -> frozenset[str]:
    """The models that turned a task's questions away. One in whose place another answered is no reason to wait."""
    tries = [call for call in calls if call.kind == TRY]
    if not any(sign in call.answer for call in tries for sign in _SIGNS):
        return frozenset()
    answered: defaultdict[str, set[str]] = defaultdict(set)
    turned: defaultdict[str, set[str]] = defaultdict(set)
    for call in tries:
        cause = _SAID.decode(call.answer).cause
        if cause in _ANSWERED:
            answered[call.request_digest].add(call.name)
        elif cause in TURNED_AWAY:
            turned[call.request_digest].add(call.name)
    return frozenset[str]().union(
        *(names & answered[digest] if answered[digest] else names for digest, names in turned.items())
    )
