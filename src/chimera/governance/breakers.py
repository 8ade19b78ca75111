"""Stops a scope by itself when history says that something is wrong there. Reads history; may only halt.

What it looks at is a sample of the newest events: at most `LINKS_MAX` of each chain a round. A halt that a person has
lifted is not repeated for what happened before that: whoever lifts it has seen it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from chimera.domain import scopes
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.domain.recent import Recent
from chimera.governance.halts import Halts
from chimera.ports.store import Reads, news

LINKS_MAX = 500
CONFIDENCE_BP_MIN, CONFIDENCE_SAMPLE = 5_000, 20
ERRORS_BP_MAX, ERRORS_SAMPLE = 5_000, 20
HARM_MAX, HARM_BP_MAX, HARM_SECONDS = 5, 2_500, 600
TAKE_DOWNS_MAX, TAKE_DOWN_SECONDS = 2, 3_600
_KEPT_MAX = 200
# Of each scope and breaker no more is kept than it looks at: so many of the newest, or what is not older.
_NEWEST = {"confidence": CONFIDENCE_SAMPLE, "errors": ERRORS_SAMPLE, "refusals": ERRORS_SAMPLE}
_SECONDS = {"harm": HARM_SECONDS, "take-downs": TAKE_DOWN_SECONDS}
BREAKERS = (*_NEWEST, *_SECONDS)
# And of so many scopes: who has done nothing for longest is known no more.
SCOPES_MAX = 50_000
_EVENT = msgspec.json.Decoder(Event)


class Sign(Struct, frozen=True, kw_only=True):
    """One thing that counts for or against a scope, at a time."""

    scope: str
    breaker: str
    at_us: int
    value: int
    subject: str = ""


class Finding(Struct, frozen=True, kw_only=True):
    """What is wrong, in words, and where."""

    scope: str
    breaker: str
    reason: str


class Breakers:
    """Looks at what is new, and trips what has to be tripped. Lifting is a person's."""

    def __init__(self, *, reads: Reads, halts: Halts) -> None:
        self._reads = reads
        self._halts = halts
        self._seen: dict[str, int] = {}
        self._signs: Recent[tuple[str, str], deque[Sign]] = Recent(SCOPES_MAX * len(BREAKERS))

    async def once(self) -> tuple[Halt, ...]:
        """One round: the halts that it brought about."""
        touched: set[tuple[str, str]] = set()
        for event in await self._news():
            for sign in signs_of(event):
                self._keep(sign)
                touched.add((sign.scope, sign.breaker))
        tripped = [await self._look(scope, breaker) for scope, breaker in sorted(touched)]
        return tuple(halt for halt in tripped if halt is not None)

    def _keep(self, sign: Sign) -> None:
        key = (sign.scope, sign.breaker)
        kept = self._signs.get(key)
        if kept is None:
            kept = deque[Sign](maxlen=_NEWEST.get(sign.breaker, _KEPT_MAX))
        self._signs[key] = kept
        kept.append(sign)
        if seconds := _SECONDS.get(sign.breaker):
            while kept[0].at_us < sign.at_us - seconds * 1_000_000:
                kept.popleft()

    async def _news(self) -> list[Event]:
        new = news(self._reads, self._seen, behind_max=LINKS_MAX, limit=LINKS_MAX)
        found = [_EVENT.decode(link.body) async for link in new if _may_count(link.body)]
        return sorted(found, key=lambda event: event.at_us)

    async def _look(self, scope: str, breaker: str) -> Halt | None:
        """Only what is wrong at first sight is worth the question when a person last lifted this."""
        if finding_of(self._signs[scope, breaker]) is None:
            return None
        since_us = await self._lifted_us(scope)
        found = finding_of([sign for sign in self._signs[scope, breaker] if sign.at_us > since_us])
        if found is None:
            return None
        try:
            return await self._halts.trip(found.scope, breaker=found.breaker, reason=found.reason)
        except Conflict:
            # It is halted already, by a person or by another breaker.
            return None

    async def _lifted_us(self, scope: str) -> int:
        """When a person last let this scope, or the fleet, go on."""
        lifted: list[int] = []
        for one in {scope, scopes.FLEET}:
            halts = await self._reads.list(Halt, states=("lifted",), scope=one)
            lifted += [halt.lifted_at_us for halt in halts]
        return max(lifted, default=0)


def signs_of(event: Event) -> Iterable[Sign]:
    """What an event says about which scope."""
    data, at_us = event.data, event.at_us
    agent = scopes.agent(str(data["agent"])) if data.get("agent") else ""
    match event.kind:
        case EventKind.DRAFT_JUDGED if agent:
            yield Sign(scope=agent, breaker="confidence", at_us=at_us, value=int(data["confidence_bp"]),
                       subject=event.subject)  # fmt: skip
            yield Sign(scope=agent, breaker="errors", at_us=at_us, value=0)
            yield Sign(scope=agent, breaker="harm", at_us=at_us, value=0)
        case EventKind.WORK_FAILED if agent and (int(data["attempt"]) > 1 or not data["again"]):
            # A first try that failed is one worker's word, and the next one is another's: whoever has taken a worker
            # over could have every agent halted by it (ADR-219).
            yield Sign(scope=agent, breaker="errors", at_us=at_us, value=1)
        case EventKind.EFFECT_FINISHED:
            yield Sign(scope=scopes.platform(str(data["platform"])), breaker="refusals", at_us=at_us, value=0)
        case EventKind.EFFECT_FAILED if not data.get("later"):
            # A network that is away for a while is not an error of ours; one that refuses what we do may be.
            yield Sign(scope=scopes.platform(str(data["platform"])), breaker="refusals", at_us=at_us, value=1)
        case EventKind.ACTION_DENIED if agent and any("[safety-harm]" in why for why in data.get("reasons", ())):
            yield Sign(scope=agent, breaker="harm", at_us=at_us, value=1)
        case EventKind.TAKE_DOWN_ORDERED if agent:
            yield Sign(scope=agent, breaker="take-downs", at_us=at_us, value=1)
        case _:
            return


def finding_of(signs: Iterable[Sign]) -> Finding | None:
    """What the newest signs of one scope and breaker amount to."""
    found = list(signs)
    if not found:
        return None
    last = found[-1]
    match last.breaker:
        case "confidence":
            says = _low(found)
        case "errors":
            says = _failing(found, "tries at work failed")
        case "refusals":
            says = _failing(found, "acts were refused by the network")
        case "harm":
            says = _harmful(found)
        case _:
            says = _many(found, TAKE_DOWNS_MAX, TAKE_DOWN_SECONDS, "posts had to be taken down")
    if not says:
        return None
    remedy = f"look at it with chimera feed and chimera review list, then: chimera resume {last.scope}"
    return Finding(scope=last.scope, breaker=last.breaker, reason=f"{says}; {remedy}")


def _low(signs: list[Sign]) -> str:
    """By the last draft of each task: what was sent back and written better is no doubt that remains.

    In a small fleet an agent writes as many drafts in minutes as elsewhere in an hour, many for the same few tasks.
    """
    newest = [*{sign.subject: sign for sign in signs}.values()][-CONFIDENCE_SAMPLE:]
    average = sum(sign.value for sign in newest) // len(newest)
    if len(newest) < CONFIDENCE_SAMPLE or average >= CONFIDENCE_BP_MIN:
        return ""
    return f"the average confidence of the last {len(newest)} tasks is {average / 100:.0f} %"


def _failing(signs: list[Sign], what: str) -> str:
    newest = signs[-ERRORS_SAMPLE:]
    failed = sum(sign.value for sign in newest)
    if len(newest) < ERRORS_SAMPLE or failed * 10_000 <= ERRORS_BP_MAX * len(newest):
        return ""
    return f"{failed} of the last {len(newest)} {what}"


def _harmful(signs: list[Sign]) -> str:
    """What the door caught did no harm: a few among many are its daily work. Who writes little else is out of hand."""
    recent = [sign.value for sign in signs if sign.at_us >= signs[-1].at_us - HARM_SECONDS * 1_000_000]
    harm = sum(recent)
    drafts = max(harm, len(recent) - harm)
    if harm < HARM_MAX or harm * 10_000 <= HARM_BP_MAX * drafts:
        return ""
    return f"{harm} of {drafts} drafts were denied for harm within {HARM_SECONDS // 60} minutes"


def _many(signs: list[Sign], most: int, seconds: int, what: str) -> str:
    since_us = signs[-1].at_us - seconds * 1_000_000
    recent = sum(sign.value for sign in signs if sign.at_us >= since_us)
    return f"{recent} {what} within {seconds // 60} minutes" if recent >= most else ""


_COUNTED = tuple(
    f'"kind":"{kind}"'.encode()
    for kind in (
        EventKind.DRAFT_JUDGED, EventKind.WORK_FAILED, EventKind.EFFECT_FINISHED, EventKind.EFFECT_FAILED,
        EventKind.ACTION_DENIED, EventKind.TAKE_DOWN_ORDERED,
    )
)  # fmt: skip


def _may_count(body: bytes) -> bool:
    """Whether it is worth decoding: the kind stands in the canonical bytes as it is."""
    return any(kind in body for kind in _COUNTED)
