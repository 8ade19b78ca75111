"""Says what a tool that does more than read may be called for, before the gate is asked. Reads pins; calls nothing.

What a worker proposes names a tool and its arguments. Which definition of it a person has approved, what a call costs
and by which argument the tool knows it again is filled in here; none of it is believed from whoever proposes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import msgspec
from msgspec.structs import replace

from chimera.domain.action import Action
from chimera.domain.decision import Question, Reason
from chimera.domain.errors import Invalid
from chimera.domain.recent import Recent
from chimera.domain.tools import ACTS, CALL_CHARS_MAX, SPENDS, PinState, ToolPin, call_of
from chimera.governance.egress import Egress
from chimera.governance.tools.book import PinBook

VALIDATORS_MAX = 10_000
CATEGORY = "tools"
FIELDS = frozenset({"tool", "arguments", "definition", "key"})
SOME_KEY = "0" * 36  # As long as the one that effects gives.
OTHER_PINS = Reason("tool-differs", "the tool is another now than when this was proposed", "propose it again")


class ToolActs:
    """The pins of the fleet's tools, where its calls may lead, and what they cost."""

    def __init__(self, *, book: PinBook, egress: Egress, prices: Mapping[str, int] | None = None) -> None:
        self._book = book
        self._egress = egress
        self._prices = prices or {}
        self._validators: Recent[str, jsonschema_rs.Validator] = Recent(VALIDATORS_MAX)

    async def proposed(self, question: Question) -> Question:
        """The question about exactly the call that would be made, with what stands against it."""
        action = question.action
        if not action.is_tool_act:
            return question
        await self._book.freshen()
        pin = self._pin_of(action)
        if pin is not None:
            question = msgspec.structs.replace(question, action=self._exactly(action, pin))
        return await self.looked_at(question)

    async def looked_at(self, question: Question) -> Question:
        """The question with what stands against its call today. Its bytes are as they were shown."""
        if not question.action.is_tool_act:
            return question
        await self._book.freshen()
        pin = self._pin_of(question.action)
        faults = tuple(self._faults(question.action, pin)) if pin is not None else (_not_pinned(question.action),)
        return msgspec.structs.replace(question, tool_faults=faults)

    def _pin_of(self, action: Action) -> ToolPin | None:
        pin = self._book.pin(str(action.arguments.get("tool", "")))
        return pin if pin is not None and pin.state is PinState.PINNED else None

    def _exactly(self, action: Action, pin: ToolPin) -> Action:
        seen, key = pin.definition, pin.definition.key()
        arguments = {"tool": seen.full_name, "arguments": str(action.arguments.get("arguments", "")),
                     "definition": pin.digest, **({"key": key} if key else {})}  # fmt: skip
        return replace(action, account=seen.server, arguments=arguments, category=CATEGORY,
                       cost_micros=self._price(seen.full_name),
                       recipient=seen.server if action.kind == SPENDS else "")  # fmt: skip

    def _price(self, full_name: str) -> int:
        return self._prices.get(full_name, self._prices.get(full_name.partition("/")[2], 0))

    def _faults(self, action: Action, pin: ToolPin) -> Iterator[Reason]:
        if action.arguments.get("definition") != pin.digest or action.arguments.get("key", "") != pin.definition.key():
            yield OTHER_PINS
        if strange := sorted(set(action.arguments) - FIELDS):
            yield Reason(
                "tool-arguments", f"{strange[0]} is no part of a call", "edit `arguments`: the call as JSON text"
            )
        if ACTS.get(pin.kind) != action.kind:
            yield Reason("tool-kind-differs", f"this tool is pinned as one to {pin.kind}, and {action.kind} is asked",
                         "propose what it does")  # fmt: skip
        if action.kind == SPENDS and not action.cost_micros:
            yield Reason("tool-price-unknown", "nobody has said what a call of this tool costs at most",
                         f"name it in CHIMERA_TOOL_PRICES: {pin.definition.full_name}=5.00")  # fmt: skip
        if len(str(action.arguments.get("arguments", ""))) > CALL_CHARS_MAX:
            yield Reason("tool-arguments", f"the arguments have more than {CALL_CHARS_MAX} characters", "say less")
            return
        try:
            yield from self._arguments_faults(call_of(action.arguments), pin)
        except Invalid as error:
            yield Reason("tool-arguments", error.message, error.remedy)

    def _arguments_faults(self, given: dict[str, Any], pin: ToolPin) -> Iterator[Reason]:
        key = pin.definition.key()
        if key and key in given:
            yield Reason("tool-key-given", f"{key} is the house's: by it the call is known again", "leave it out")
        error = next(self._validator(pin).iter_errors({**given, **({key: SOME_KEY} if key else {})}), None)
        if error is not None:
            yield Reason("tool-arguments", error.message[:300], "look at the tool's schema")
        for found in self._egress.findings(given):
            yield Reason("egress-refused", found, "put the host on the fleet's list, or leave the secret out")

    def _validator(self, pin: ToolPin) -> jsonschema_rs.Validator:
        if pin.digest not in self._validators:
            self._validators[pin.digest] = jsonschema_rs.validator_for(pin.definition.input_schema(), offline=True)
        return self._validators[pin.digest]


def _not_pinned(action: Action) -> Reason:
    tool = str(action.arguments.get("tool", ""))[:100]
    return Reason("tool-not-pinned", f"nobody has approved {tool or 'this tool'}",
                  f"chimera tools diff {tool}, then chimera tools pin")  # fmt: skip
