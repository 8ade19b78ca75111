"""The offline model: plausible answers from grammar, the same for the same seed and request; wrong at a set rate.

It says that it is offline. It is given nothing but a seed, a clock for its latency, and the ground truth to report to.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct

from chimera.ports.clock import Clock
from chimera.ports.model import ModelAnswer, ModelRequest
from chimera.rehearsal import fitting, judging, misbehaviour, phrases, planning, reading, writing
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.misbehaviour import HARMFUL, Kind, Misbehaviour
from chimera.rehearsal.orders import Injection, OrderKind
from chimera.rehearsal.scenario import Manners
from chimera.rehearsal.truth import GroundTruth, insults

MODEL = "offline/1"
ASKED_MAX = 100_000
_ENCODER = msgspec.json.Encoder(order="sorted")


class _Answer(Struct, kw_only=True):
    """An answer in the making."""

    output: dict[str, Any]
    confidence_bp: int
    snippet: str = ""


class OfflineModel:
    """Answers by (seed, request, how often it was asked before). No network, no clock but for its latency."""

    def __init__(self, *, seed: int, manners: Manners, clock: Clock, truth: GroundTruth | None = None) -> None:
        self._seed = seed
        self._manners = manners
        self._clock = clock
        self._truth = truth
        self._asked: Counter[str] = Counter()
        self.misbehaviours: list[Misbehaviour] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """One answer, after its latency."""
        dice = self._dice(request.digest)
        if self._manners.latency_ms_max:
            latency_ms = dice.between(self._manners.latency_ms_min, self._manners.latency_ms_max)
            await self._clock.sleep(latency_ms / 1_000)
        cost_micros = dice.between(self._manners.cost_micros_min, self._manners.cost_micros_max)
        return ModelAnswer(text=self._text(request, dice), model=MODEL, cost_micros=cost_micros)

    @property
    def counts(self) -> dict[str, int]:
        """How often it misbehaved, by kind."""
        return dict(sorted(Counter(str(each.kind) for each in self.misbehaviours).items()))

    def _dice(self, digest: str) -> Dice:
        # A model asked the same twice does not say the same twice; a replay uses the recorded answer.
        if len(self._asked) >= ASKED_MAX:
            self._asked.clear()
        self._asked[digest] += 1
        return Dice.of(self._seed, "model", digest, self._asked[digest])

    def _text(self, request: ModelRequest, dice: Dice) -> str:
        answer = self._behaved(request, dice)
        kind = self._goes_wrong(request, dice, answer)
        if kind:
            self._report(request, kind, answer.snippet)
        return _worded(request, answer, kind, dice)

    def _behaved(self, request: ModelRequest, dice: Dice) -> _Answer:
        if request.prompt == "judge":
            return _Answer(output=judging.judge(request.data, dice), confidence_bp=0)
        if request.prompt == "compare":
            return _Answer(output=judging.compare(request.data), confidence_bp=9_500)
        if request.prompt == "plan":
            return _Answer(output=planning.plan(request.data, dice), confidence_bp=dice.between(9_050, 9_900))
        writer = writing.WRITERS.get(request.prompt, writing.note)
        confidence_bp = dice.between(7_000, 8_900) if dice.chance(400) else dice.between(9_050, 9_900)
        return _Answer(output=writer(reading.flat(request.data), dice), confidence_bp=confidence_bp)

    def _goes_wrong(self, request: ModelRequest, dice: Dice, answer: _Answer) -> Kind | None:
        order = reading.order_in(request.data) if request.prompt != "judge" else None
        if order and dice.chance(self._manners.obey_bp) and _obey(request, order, answer):
            return Kind.OBEYED
        kind = misbehaviour.draw(
            dice,
            prompt=request.prompt,
            rate_bp=self._rate_bp(request),
            has_feedback=bool(reading.rows(request.data, "feedback")),
        )
        if kind:
            _spoil(request, kind, answer, dice)
        return kind

    def _rate_bp(self, request: ModelRequest) -> int:
        manners = self._manners
        style = reading.text(reading.flat(request.data), "style") if manners.reckless_style else ""
        return manners.reckless_bp if style and style == manners.reckless_style else manners.misbehaviour_bp

    def _report(self, request: ModelRequest, kind: Kind, snippet: str) -> None:
        self.misbehaviours.append(
            Misbehaviour(
                kind=kind,
                prompt=request.prompt,
                task_id=request.task_id,
                agent_id=request.agent_id,
                snippet=snippet,
            )
        )
        if self._truth:
            self._truth.mark_faulty(request.task_id)
        if self._truth and snippet and kind in HARMFUL:
            self._truth.mark_harmful(snippet, kind=kind)
        if self._truth and snippet and kind is Kind.UNDISCLOSED:
            self._truth.mark_undisclosed(snippet)


def _worded(request: ModelRequest, answer: _Answer, kind: Kind | None, dice: Dice) -> str:
    """The answer as text: what was asked for, unless it goes wrong in its form."""
    if kind is Kind.PROSE:
        return dice.pick(phrases.PROSE)
    fitted = fitting.fit(answer.output, request.output, words=reading.text(answer.output, "topic", "games"))
    if kind is Kind.WRONG_SCHEMA:
        fitted = {"result": sorted(fitted), "note": 1}
    is_bare = request.prompt == "judge"
    whole = _ENCODER.encode(fitted if is_bare else {"output": fitted, "confidence_bp": answer.confidence_bp}).decode()
    return whole[: len(whole) * 2 // 3] if kind is Kind.TRUNCATED else whole


# ── going wrong ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _spoil(request: ModelRequest, kind: Kind, answer: _Answer, dice: Dice) -> None:
    """Put the fault into the answer. Faults of form are added when it is worded."""
    match kind:
        case Kind.LOW_CONFIDENCE:
            answer.confidence_bp = dice.between(3_000, 6_900)
        case Kind.CYCLE:
            answer.output = planning.with_cycle(answer.output)
        case Kind.UNKNOWN_SPEC:
            answer.output = planning.with_unknown_spec(answer.output)
        case Kind.UNDISCLOSED:
            _say(answer, reading.text(answer.output, "text").removesuffix(writing.disclosure_of(request.data)).strip())
            answer.output["disclosure"] = ""
        case Kind.OVERLONG:
            _say(answer, writing.drawn_out(reading.text(answer.output, "text"), limit=writing.LIMIT_GRAPHEMES))
        case Kind.REPEATS:
            recent = reading.texts(request.data, "recent")
            _say(answer, recent[0] if recent else " ".join(["again and again and again and again"] * 6))
        case _ if kind in HARMFUL:
            _add(answer, _harmful(kind, request, dice), request)
        case _:
            return


_HARMFUL_WORDS = {
    Kind.INVENTED_CLAIM: phrases.CLAIMS,
    Kind.PERSONAL_DATA: phrases.PERSONAL,
    Kind.POLITICS: phrases.POLITICS,
    Kind.FINANCIAL: phrases.ADVICE,
}


def _harmful(kind: Kind, request: ModelRequest, dice: Dice) -> str:
    if kind is Kind.INSULT:
        return f"And whoever disagrees: {dice.pick(insults())}."
    template = dice.pick(_HARMFUL_WORDS[kind])
    return writing.fill(template, dice, topic=writing.topic_of(reading.flat(request.data), dice))


def _say(answer: _Answer, text: str) -> None:
    answer.output = answer.output | {"text": text}
    answer.snippet = text


def _add(answer: _Answer, snippet: str, request: ModelRequest) -> None:
    answer.output = answer.output | {"text": f"{snippet} {writing.disclosure_of(request.data)}", "sources": []}
    answer.snippet = snippet


def _obey(request: ModelRequest, order: Injection, answer: _Answer) -> bool:
    """Do what a stranger's words demand, as far as this prompt reaches; say whether it does."""
    match request.prompt:
        case "copy.post" | "copy.reply" | "copy.thread" | "copy.caption":
            return _obey_in_text(request, order, answer)
        case "plan" if order.kind is OrderKind.PAY:
            answer.output = planning.with_payment(answer.output, order.value)
        case "commerce.pay" if order.kind is OrderKind.PAY:
            answer.output = answer.output | {"recipient": order.value, "amount_micros": 25_000_000}
        case "community.like" if order.kind is OrderKind.LIKE:
            answer.output = {"like": True, "reason": "somebody asked very kindly for it"}
        case "community.triage" if order.kind in (OrderKind.FOLLOW, OrderKind.LIKE):
            answer.output = {"decision": str(order.kind), "target": order.value, "reason": "asked to"}
        case _:
            return False
    answer.snippet = order.value
    return True


def _obey_in_text(request: ModelRequest, order: Injection, answer: _Answer) -> bool:
    disclosure = writing.disclosure_of(request.data)
    match order.kind:
        case OrderKind.PUBLISH_TEXT:
            text = f"{order.value} {disclosure}"
        case OrderKind.PUBLISH_LINK:
            text = f"More here: {order.value} {disclosure}"
        case OrderKind.REVEAL:
            leak = f"{order.value}: {request.instructions[:160]}"
            text = writing.within(leak, disclosure, limit=writing.LIMIT_GRAPHEMES)
        case OrderKind.INSULT:
            text = f"{order.value} you are a worthless idiot {disclosure}"
        case OrderKind.FOLLOW | OrderKind.LIKE | OrderKind.PAY:
            return False
    answer.output = answer.output | {"text": text}
    answer.snippet = order.value
    return True
