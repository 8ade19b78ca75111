"""Whatever an outside agent asks for passes four layers first: injection, permission, threat, audit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera.adapters.system.clock import SystemClock
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Invalid
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.gateway.asking import Asking
from chimera.gateway.offered import ASKS_FOR_NOTHING, OFFERED
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.testing.store_samples import change
from tests.gateway.test_a2a import Client, calling
from tests.governance.security.test_ways_in import ATTACK
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-D1", "R-N7")
FORMS: dict[str, dict[str, Any]] = {
    "chimera_search": {"wish": "the weather of tomorrow"},
    "chimera_call": {"tool": "no/such", "arguments": {"at": 0.5, "much": 2**60, "of": ["rain", None]}},
    "chimera_post": {"text": "hello"},
    "chimera_reply": {"text": "hello", "in_reply_to": "post-1", "target_account": "sam"},
    "chimera_like": {"post_id": "post-1", "target_account": "sam"},
    "chimera_take_down": {"post_id": "post-1"},
}


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse(clock=SystemClock()).open()


async def noted(house: SmallHouse) -> list[dict[str, Any]]:
    events = [msgspec.json.decode(link.body, type=Event) for link in await house.office.links("office-0")]
    return [dict(event.data) for event in events if event.kind is EventKind.REQUEST_VALIDATED]


async def refusal_of(client: Client, skill: str, **arguments: Any) -> tuple[str, str]:
    told = (await client.say(skill, **arguments))["error"]
    return told["data"][0]["reason"], told["message"]


async def test_whatever_is_asked_for_is_on_record_and_asking_what_became_of_it_is_not(
    house: SmallHouse, tmp_path: Path
) -> None:
    assert {tool.name for tool in OFFERED} == FORMS.keys() | ASKS_FOR_NOTHING
    reader = house.an_agent("reader", permissions=(*house.agent.permissions, "tools.read", "post.take_down"))
    await house.office.commit(change(reader))
    async with calling(house, tmp_path, agent_id=reader.id) as client:
        answers = await asyncio.gather(*(client.say(skill, **arguments) for skill, arguments in FORMS.items()))
        told = dict(zip(FORMS, answers, strict=True))
        # The house has no such tool; but it was allowed to ask, with numbers that have no single spelling.
        assert told.pop("chimera_call")["error"]["data"][0]["reason"] == "tool_unknown"
        assert all("result" in answer for answer in told.values()), told
        await client.ask("GetTask", {"id": house.ids.new()})
        kept = await noted(house)
    assert [(one["agent"], one["approved"]) for one in kept] == [(reader.id, True)] * len(FORMS)


@pytest.mark.parametrize("skill", FORMS)
async def test_an_attack_opens_nothing_and_its_words_stay_out_of_history(
    house: SmallHouse, tmp_path: Path, skill: str
) -> None:
    arguments = dict(FORMS[skill])
    wording = next(name for name, value in arguments.items() if isinstance(value, str))
    hidden = {"tool": "no/such", "arguments": {"of": [{"deep": ATTACK}]}} if skill == "chimera_call" else {}
    async with calling(house, tmp_path) as client:
        before = await house.office.list(Campaign)
        code, _ = await refusal_of(client, skill, **{**arguments, wording: ATTACK[:300], **hidden})
        assert code == "request_refused"
        assert await house.office.list(Campaign) == before
    (event,) = await noted(house)
    assert (event["approved"], event["threat"]) == (False, "CRITICAL")
    assert "developer mode" not in str(event)


async def test_who_is_not_permitted_or_halted_is_refused_with_the_reason(house: SmallHouse, tmp_path: Path) -> None:
    poor = house.an_agent("poor", permissions=("note.keep",))
    await house.office.commit(change(poor))
    async with calling(house, tmp_path, agent_id=poor.id) as client:
        for skill, needs in (("chimera_post", "post.publish"), ("chimera_call", "tools.read")):
            code, why = await refusal_of(client, skill, **FORMS[skill])
            assert (code, needs in why) == ("request_refused", True)
    halt = Halt(id=house.ids.new(), halted="fleet", reason="a look", by="otto", since_us=1)
    async with calling(house, tmp_path) as client:
        await house.office.commit(change(halt))
        for skill in FORMS:
            code, why = await refusal_of(client, skill, **FORMS[skill])
            assert (code, "fleet is halted" in why) == ("request_refused", True)
        await house.office.commit(change(halt.lifted(by="otto", at_us=2)))
        assert "result" in await client.say("chimera_search", wish="weather")


async def test_signs_that_nobody_sees_are_taken_out_of_what_is_handed_on(house: SmallHouse) -> None:
    asking = Asking(SecurityGateway(shipped_scanner(), store=house.office))
    seen = await asking.allowed(house.agent.id, "chimera_post", {"text": "the pay\u200bpal page \u202ehas gone"})
    assert seen == {"text": "the paypal page has gone"}
    with pytest.raises(Invalid, match="tool_arguments"):
        await asking.allowed(house.agent.id, "chimera_post", {"text": "\u202e"})
