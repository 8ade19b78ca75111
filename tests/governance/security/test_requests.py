"""What an agent asks for passes four layers: injection, permission, threat, audit. Whoever cannot be asked is a no."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chimera.domain.agent import AgentCommand
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.domain.threat import ThreatLevel
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import PAYLOAD_BYTES_MAX, WITHHELD, SecurityGateway, ValidationResult
from chimera.governance.security.requests import cleaned
from chimera.governance.security.scan import shipped_scanner
from chimera.testing.store_samples import change
from tests.governance.security.test_ways_in import ATTACK, HARMLESS
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-D1")
DETECTOR = CachedScanner(shipped_scanner())


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def asked(house: SmallHouse, request: dict[str, Any], agent_id: str = "") -> ValidationResult:
    gateway = SecurityGateway(DETECTOR, store=house.office)
    return await gateway.validate_request(agent_id or house.agent.id, request)


async def noted(house: SmallHouse) -> list[Event]:
    events = [msgspec.json.decode(link.body, type=Event) for link in await house.office.links("office-0")]
    return [event for event in events if event.kind is EventKind.REQUEST_VALIDATED]


async def test_a_harmless_request_that_is_permitted(house: SmallHouse) -> None:
    request = {"action": "post.reply", "tool": "trends", "text": HARMLESS}
    found = await asked(house, request)
    assert (found.approved, found.threat_level, found.sanitized_input) == (True, ThreatLevel.LOW, request)
    (event,) = await noted(house)
    assert (event.subject, event.data["approved"], event.data["threat"]) == (house.agent.id, True, "LOW")


async def test_an_attack_is_refused_wherever_it_stands_and_its_words_stay_out_of_history(house: SmallHouse) -> None:
    found = await asked(house, {"tool": "trends", "more": [{"text": ATTACK}, {"text": HARMLESS}]})
    assert (found.approved, found.threat_level) == (False, ThreatLevel.CRITICAL)
    assert found.sanitized_input["more"] == [{"text": WITHHELD}, {"text": HARMLESS}]
    (event,) = await noted(house)
    assert event.data["approved"] is False
    assert "developer mode" not in str(event.data)


@pytest.mark.parametrize(("request_", "why"), [
    ({"action": "payment.invent"}, "nothing is known of the action"),
    ({"action": ["post.reply"]}, "nothing is known of the action"),
    ({"tool": "shell"}, "nothing is known of the tool"),
    ({"action": "calendar.steal", "tool": "trends"}, "nothing is known of the action"),
])  # fmt: skip
async def test_what_does_not_exist_is_permitted_to_nobody(
    house: SmallHouse, request_: dict[str, Any], why: str
) -> None:
    found = await asked(house, request_)
    assert (found.approved, found.threat_level) == (False, ThreatLevel.MEDIUM)
    assert why in found.reason


async def test_what_its_manifest_does_not_list(house: SmallHouse) -> None:
    poor = house.an_agent("poor", permissions=("note.keep",))
    await house.office.commit(change(poor))
    assert (await asked(house, {"action": "note.keep"}, poor.id)).approved
    for request in ({"action": "post.publish"}, {"tool": "trends"}):
        found = await asked(house, request, poor.id)
        assert not found.approved
        assert "does not permit" in found.reason


async def test_who_is_paused_halted_or_nobody_may_nothing(house: SmallHouse) -> None:
    harmless = {"tool": "trends"}
    assert "not known" in (await asked(house, harmless, house.ids.new())).reason
    for scope in ("fleet", f"agent:{house.agent.id}", "tool:trends"):
        halt = Halt(id=house.ids.new(), halted=scope, reason="a look", by="otto", since_us=1)
        await house.office.commit(change(halt))
        found = await asked(house, harmless)
        assert (found.approved, f"{scope} is halted" in found.reason) == (False, True)
        await house.office.commit(change(halt.lifted(by="otto", at_us=2)))
    assert (await asked(house, harmless)).approved
    await house.office.commit(change(house.agent.after(AgentCommand.PAUSE)))
    assert not (await asked(house, harmless)).approved


@pytest.mark.parametrize("request_", [{"a": 0.5}, {"text": "x" * PAYLOAD_BYTES_MAX}, {"a": {1, 2}}])
async def test_what_cannot_be_understood_has_not_been_allowed(house: SmallHouse, request_: dict[str, Any]) -> None:
    found = await asked(house, request_)
    assert (found.approved, found.threat_level, found.sanitized_input) == (False, ThreatLevel.CRITICAL, {})
    assert len(await noted(house)) == 1


async def test_a_gateway_that_can_ask_nobody_allows_nothing(house: SmallHouse) -> None:
    found = await SecurityGateway(DETECTOR).validate_request(house.agent.id, {"tool": "trends"})
    assert (found.approved, found.sanitized_input) == (False, {})


def test_what_nobody_sees_is_taken_out_and_what_is_seen_stays() -> None:
    seen = "Größe 👨\u200d👩\u200d👧 ❤\ufe0f 🏴\U000e0067\U000e0062\U000e007f naïve Привет"
    assert cleaned(seen) == seen
    hidden = "pay\u200bpal \u202egnp.exe\u202c ok\U000e0041\U000e0042 \ud800"
    assert cleaned({"a": [hidden]}) == {"a": ["paypal gnp.exe ok \ufffd"]}
