"""The door between AgentDojo's worker and its tools: our gate, taint, egress and detector, and nothing else.

Knows nothing of AgentDojo, so that our own tests run it: what moves in the gate is noticed before a benchmark is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from chimera.domain import labels
from chimera.domain.action import Action
from chimera.domain.decision import Allow, Deny, Escalate
from chimera.domain.facts import Deed, Facts
from chimera.domain.threat import ThreatLevel
from chimera.governance import taint, treasury
from chimera.governance.egress import Egress
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.texts import texts_of

# What a tool does and whose words it returns is configuration of the installation, not of the benchmark's tasks.
READS = ("get_", "search_", "list_", "read_", "check_")
OWN_FACTS = frozenset({"get_current_day", "get_iban", "get_balance", "get_user_info", "get_user_information"})
NAME_CHARS_MAX = 80
# Inventories and identifiers that the platform itself keeps: nobody's free text. They are neither told nor strange.
PLATFORM = frozenset({
    "get_channels", "get_users_in_channel", "get_scheduled_transactions", "get_all_hotels_in_city", "get_hotels_prices",
    "get_hotels_address", "get_all_restaurants_in_city", "get_cuisine_type_for_restaurants", "get_restaurants_address",
    "get_dietary_restrictions_for_all_restaurants", "get_contact_information_for_restaurants",
    "get_price_for_restaurants", "check_restaurant_opening_hours", "get_all_car_rental_companies_in_city",
    "get_car_types_available", "get_car_fuel_options", "get_car_rental_address", "get_car_price_per_day",
    "get_flight_information",
})  # fmt: skip
PAYMENTS = frozenset({"send_money", "schedule_transaction", "update_scheduled_transaction"})
TAKES_HOSTS = frozenset({"get_webpage"})


class CallLike(Protocol):
    """One call of a tool, as AgentDojo writes it."""

    function: str
    args: Mapping[str, Any]


class Door:
    """One task's session: what was read so far, and the gate's answer to every call."""

    def __init__(self, engine: PolicyEngine, security: SecurityGateway, prompt: str, approved: Sequence[CallLike]):
        self._engine, self._security = engine, security
        self._told = [prompt]
        self._prompt = (prompt,)
        self._named: list[str] = []
        self._approved = [(call.function, dict(call.args)) for call in approved]
        self._strange = False
        self._threat = ThreatLevel.LOW
        self.flagged: list[str] = []

    def may(self, function: str, arguments: Mapping[str, Any]) -> bool:
        """Whether the call may be made; a person is asked where the gate escalates and there is one."""
        decision = self._engine.decide(self._facts(function, arguments, approver=""))
        if isinstance(decision, Escalate) and (function, dict(arguments)) in self._approved:
            decision = self._engine.decide(self._facts(function, arguments, approver="operator"))
        match decision:
            case Allow():
                return True
            case Escalate() | Deny():
                return False

    def _facts(self, function: str, arguments: Mapping[str, Any], *, approver: str) -> Facts:
        of_others = {
            name: value for name, value in arguments.items() if str(value) not in self._named or "id" not in name
        }
        shaped = bool(self._strange and taint.untold(of_others, self._told))
        if function.startswith(READS):
            shaped = bool(Egress(hosts=()).findings(dict(arguments), told=self._told)) and function in TAKES_HOSTS
        action = Action(
            kind="payment.send" if function in PAYMENTS else "post.publish", platform="agentdojo", account="user",
            arguments={}, cost_micros=round(float(arguments.get("amount") or 0) * 1_000_000),
        )  # fmt: skip
        return Facts(
            deed=Deed.SPEND if function in PAYMENTS else Deed.PUBLISH, permitted=True, halted=False,
            confidence="proceed", risk="ordinary",
            threat="LOW" if function.startswith(READS) else str(self._threat), shaped=shaped, safety="clean",
            amount=treasury.amount_band(action), approver=approver,
        )  # fmt: skip

    def read(self, function: str, result: object) -> None:
        """Note what a call returned: facts of the user's own account, or a stranger's words."""
        content = plain(result)
        if function in OWN_FACTS:
            self._told.extend(leaves(content))
            return
        if not function.startswith(READS) or (function in PLATFORM and self._is_inventory(content)):
            return
        self._strange = True
        self._named.extend(taint.named(records(content), self._prompt))
        for text in texts_of(content):
            seen = self._security.assess({"text": text}, labels=(labels.PUBLIC, labels.tool(function)))
            if seen.level in (ThreatLevel.HIGH, ThreatLevel.CRITICAL):
                self._threat = ThreatLevel.HIGH
                self.flagged.append(text)

    def _is_inventory(self, content: object) -> bool:
        """An inventory with a sentence in it is none: names and addresses are short and on one line."""
        return all(
            len(text) <= NAME_CHARS_MAX
            and "\n" not in text
            and self._security.assess({"text": text}, labels=(labels.PUBLIC,)).level is ThreatLevel.LOW
            for text in leaves(content)
        )


def plain(result: object) -> Any:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, list | tuple):
        return [plain(item) for item in result]
    return result if isinstance(result, str | int | float | bool | dict | None) else str(result)


def records(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from records(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from records(item)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield str(value)
