"""Asks the models of a route in turn until one gives an answer of the right form, within the time there is.

Ordered fallbacks, back-off with jitter, a breaker for each provider, repairs, holds before every call. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from chimera.adapters.models import form
from chimera.adapters.models.authors import JUDGE, Authors
from chimera.adapters.models.breaker import Breaker
from chimera.adapters.models.endpoint import Card, Endpoint
from chimera.adapters.models.memo import Memo
from chimera.adapters.models.purse import Purse
from chimera.adapters.models.wire import FAILING, PASSING, Ask, Cause, Repair, Reply, Trouble
from chimera.domain import canonical
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import ChimeraError
from chimera.ports.clock import Clock
from chimera.ports.model import ModelAnswer, ModelRequest, ModelsFailed, Try

DEFAULT = "default"
RETRIES_MAX = 1
BACK_OFF_SECONDS = 0.5
TOKENS_MIN = 64
CHARS_PER_TOKEN = 3
# What is left of a task's time is for judging what came.
SHARE_OF_TIME = 0.85
# Whoever is asked before others may use half of what is left; the last one all of it.
SHARE_BEFORE_OTHERS = 0.5
ANSWER_SHOWN_CHARS = 4_000


class Shared(Struct, frozen=True, kw_only=True):
    """What the routes of one house have in common."""

    clock: Clock
    draw: Callable[[], float]
    frame: str
    endpoints: Mapping[str, Endpoint]
    breakers: dict[str, Breaker]
    authors: Authors
    memo: Memo
    purse: Purse

    @property
    def frame_ref(self) -> str:
        """How records name the frame."""
        return f"frame#{canonical.sha256_hex(self.frame.encode())[:12]}"

    def breaker(self, name: str) -> Breaker:
        """The breaker of one model."""
        return self.breakers.setdefault(name, Breaker(draw=self.draw))


class Wishes(Protocol):
    """Which models an agent's manifest names for a task type, in order; none, where it leaves that to the house."""

    async def models_for(self, agent_id: str, task_type: str) -> Sequence[str]: ...


class RoutedModel:
    """Implements `ports.model.Model` over the models of a configuration. Nobody wishes who judges."""

    def __init__(self, shared: Shared, routes: Mapping[str, Sequence[str]], *, wishes: Wishes | None = None) -> None:
        self._shared = shared
        self._routes = routes
        self._wishes = wishes

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The first answer of the right form, with everything that was tried before it; or `ModelsFailed`."""
        names = await self._wished(request) or self._route(request)
        run = _Run(self._shared, request)
        for place, name in enumerate(names):
            is_last = place == len(names) - 1
            answer = await run.ask(self._shared.endpoints[name], share=1.0 if is_last else SHARE_BEFORE_OTHERS)
            if answer is not None:
                self._shared.authors.note(request, self._shared.endpoints[name].card.identity)
                return answer
        raise ModelsFailed(run.tries)

    async def _wished(self, request: ModelRequest) -> Sequence[str]:
        """Those of the models that the agent's manifest names which the house has. A package cannot bring one."""
        if self._wishes is None or request.prompt == JUDGE:
            return ()
        wished = await self._wishes.models_for(request.agent_id, request.prompt)
        return [name for name in wished if name in self._shared.endpoints and "/" not in name]

    def _route(self, request: ModelRequest) -> Sequence[str]:
        names = self._routes.get(request.prompt) or self._routes.get(DEFAULT, ())
        if request.prompt != JUDGE:
            return names
        author = self._shared.authors.of(request)
        others = [name for name in names if self._shared.endpoints[name].card.identity != author]
        return others or names


class _Run:
    """One request on its way along its route."""

    def __init__(self, shared: Shared, request: ModelRequest) -> None:
        self._shared = shared
        self._request = request
        self._schema = form.schema_of(request)
        self._until_us = shared.clock.now_us() + int(request.seconds_max * SHARE_OF_TIME * SECOND_US)
        self.tries: list[Try] = []

    async def ask(self, endpoint: Endpoint, *, share: float) -> ModelAnswer | None:
        """An answer of this model, or nothing, with the causes on record."""
        card, now_us = endpoint.card, self._shared.clock.now_us()
        kept = self._shared.memo.find(card.name, self._request, now_us=now_us) if self._request.may_cache else None
        if kept is not None:
            self._note(card, Cause.CACHED, "", Reply(), since_us=now_us)
            return self._answer(card, kept, cost_micros=0)
        until_us = now_us + int((self._until_us - now_us) * share)
        return await self._repaired(endpoint, until_us)

    async def _repaired(self, endpoint: Endpoint, until_us: int) -> ModelAnswer | None:
        repair: Repair | None = None
        for _ in range(1 + self._request.repairs_max):
            reply = await self._retried(endpoint, repair, until_us)
            if reply is None:
                return None
            fault = form.fault_of(self._request, reply.text)
            if fault is None:
                return self._taken(endpoint.card, reply)
            self._fault(endpoint.card, fault, reply)
            if fault.cause is not Cause.MALFORMED:
                return None
            repair = Repair(reply.text[:ANSWER_SHOWN_CHARS], fault.findings)
        self._shared.breaker(endpoint.card.name).failed(self._shared.clock.now_us())
        return None

    async def _retried(self, endpoint: Endpoint, repair: Repair | None, until_us: int) -> Reply | None:
        for number in range(1 + RETRIES_MAX):
            trouble = await self._once(endpoint, repair, until_us)
            if isinstance(trouble, Reply):
                return trouble
            wait_seconds = trouble.wait_seconds or self._shared.draw() * BACK_OFF_SECONDS * 2**number
            is_over = self._shared.clock.now_us() + int(wait_seconds * SECOND_US) >= until_us
            if trouble.cause not in PASSING or number == RETRIES_MAX or is_over:
                return None
            await self._shared.clock.sleep(wait_seconds)
        return None

    async def _once(self, endpoint: Endpoint, repair: Repair | None, until_us: int) -> Reply | Trouble:
        card, breaker = endpoint.card, self._shared.breaker(endpoint.card.name)
        since_us = self._shared.clock.now_us()
        ask, held_micros = self._priced(card, repair)
        cause = self._why_not(ask, held_micros, until_us)
        if cause is None and not breaker.admits(since_us):
            cause = Cause.RESTING
        if cause is not None:
            return self._note(card, cause, "", Reply(), since_us=since_us)
        self._shared.purse.hold(self._request, held_micros)
        cost_micros = held_micros
        try:
            reply = await self._within(endpoint, ask, until_us)
            cost_micros = self._cost(card, ask, reply)
            breaker.worked()
            self._note(card, Cause.OK, "", reply, since_us=since_us, cost_micros=cost_micros)
        except Trouble as trouble:
            cost_micros = self._cost(card, ask, trouble.reply) if trouble.reply.text or trouble.reply.tokens_in else 0
            if trouble.cause in FAILING:
                breaker.failed(self._shared.clock.now_us(), wait_seconds=trouble.wait_seconds)
            else:
                breaker.worked()
            self._note(card, trouble.cause, trouble.detail, trouble.reply, since_us=since_us, cost_micros=cost_micros)
            return trouble
        else:
            return reply
        finally:
            breaker.let_go()
            self._shared.purse.settle(self._request, held_micros=held_micros, cost_micros=cost_micros)

    async def _within(self, endpoint: Endpoint, ask: Ask, until_us: int) -> Reply:
        left_seconds = (until_us - self._shared.clock.now_us()) / SECOND_US
        try:
            async with self._shared.clock.timeout(left_seconds):
                return await endpoint.reply(ask)
        except TimeoutError as error:
            raise Trouble(Cause.TIMED_OUT, f"no answer within {left_seconds:.1f} s") from error
        except ChimeraError as error:
            raise Trouble(Cause.ERROR, error.message) from error

    def _priced(self, card: Card, repair: Repair | None) -> tuple[Ask, int]:
        """The question with as many tokens as the task can pay, and the most that it can cost."""

        def asking(tokens_max: int) -> Ask:
            return Ask(model=card.model, request=self._request, frame=self._shared.frame, schema=self._schema,
                       tokens_max=tokens_max, repair=repair)  # fmt: skip

        ask = asking(card.tokens_max)
        question_micros = card.cost_micros(tokens_in=_tokens_of(ask), tokens_out=0)
        room_micros = self._shared.purse.room_micros(self._request) - question_micros
        price = card.output_micros_per_million_tokens
        affordable = card.tokens_max if not price else min(card.tokens_max, room_micros * 1_000_000 // price)
        if affordable < card.tokens_max:
            ask = asking(max(0, affordable))
        return ask, card.cost_micros(tokens_in=_tokens_of(ask), tokens_out=ask.tokens_max)

    def _why_not(self, ask: Ask, held_micros: int, until_us: int) -> Cause | None:
        if self._shared.clock.now_us() >= until_us:
            return Cause.NO_TIME
        is_dear = ask.tokens_max < TOKENS_MIN or held_micros > self._shared.purse.room_micros(self._request)
        return Cause.TOO_DEAR if is_dear else None

    def _cost(self, card: Card, ask: Ask, reply: Reply) -> int:
        """By the provider's count; by the length of the texts where the stream ended before it said one."""
        if reply.cost_micros is not None:
            return reply.cost_micros
        tokens_in = reply.tokens_in or _tokens_of(ask)
        tokens_out = max(reply.tokens_out, 0 if reply.finish and reply.tokens_out else _tokens(reply.text))
        return card.cost_micros(tokens_in=tokens_in, tokens_out=tokens_out)

    def _taken(self, card: Card, reply: Reply) -> ModelAnswer:
        if self._request.may_cache:
            self._shared.memo.keep(card.name, self._request, reply.text, now_us=self._shared.clock.now_us())
        return self._answer(card, reply.text, cost_micros=self.tries[-1].cost_micros)

    def _answer(self, card: Card, text: str, *, cost_micros: int) -> ModelAnswer:
        return ModelAnswer(
            text=text, model=f"{card.name}/{card.model}", cost_micros=cost_micros, tries=tuple(self.tries),
            frame=self._shared.frame_ref,
        )  # fmt: skip

    def _fault(self, card: Card, fault: form.Fault, reply: Reply) -> None:
        """What came was of no use; its price stands."""
        last = self.tries.pop()
        self.tries.append(
            Try(model=last.model, cause=fault.cause, detail=fault.findings[0][:200], cost_micros=last.cost_micros,
                tokens_in=last.tokens_in, tokens_out=last.tokens_out, took_us=last.took_us)
        )  # fmt: skip

    def _note(
        self, card: Card, cause: Cause, detail: str, reply: Reply, *, since_us: int, cost_micros: int = 0
    ) -> Trouble:
        self.tries.append(
            Try(model=f"{card.name}/{card.model}", cause=cause, detail=detail, cost_micros=cost_micros,
                tokens_in=reply.tokens_in, tokens_out=reply.tokens_out,
                took_us=self._shared.clock.now_us() - since_us)
        )  # fmt: skip
        return Trouble(cause, detail, reply=reply)


def _tokens_of(ask: Ask) -> int:
    return _tokens(ask.system) + _tokens(ask.user) + _tokens(canonical.encode(ask.schema).decode())


def _tokens(text: str) -> int:
    """No fewer than a tokenizer would find, in most texts: three bytes a token."""
    return -(-len(text.encode()) // CHARS_PER_TOKEN)
