"""The door to read tools: what is not pinned, not permitted, not by schema or not harmless does not pass."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chimera.adapters.mcp.fleet.entries import Entry, Secrets
from chimera.adapters.mcp.fleet.fleet import ToolFleet
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.tools import scanner
from chimera.domain import labels
from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.event import EventKind
from chimera.domain.roles import Role
from chimera.domain.tools import Definition, Standing, ToolKind, ToolPin, differences, standing
from chimera.gateway.door import Guards, ToolDoor
from chimera.governance.egress import Egress
from chimera.governance.tools.book import PinBook
from chimera.governance.tools.classify import classify
from chimera.governance.tools.pins import Pins, pins
from chimera.testing.manual_clock import ManualClock
from tests.small_house import OLGA, OTTO, PERMITS

pytestmark = pytest.mark.requirement("R-H1", "R-N2", "R-D3")
SCHEMA = '{"properties":{"text":{"type":"string"}},"required":["text"],"type":"object"}'


async def may(agent_id: str, tool: str) -> bool:
    return agent_id == "a1"


@asynccontextmanager
async def house(mode: str) -> AsyncGenerator[tuple[ToolFleet, Pins, ToolDoor, ManualClock]]:
    clock = ManualClock()
    store = MemoryStore(MemoryDatabase(), writer="office", role=Role.OFFICE, clock=clock)
    entry = Entry(name="odd", command=sys.executable, args=("-m", "chimera.bench.odd_server", mode))
    async with ToolFleet((entry,), clock=SystemClock(), secrets=Secrets(Path("/none"))) as fleet:
        await fleet.discover()
        guards = Guards(may_use=may, may_act=may, security=scanner(), egress=Egress(()))
        yield (
            fleet,
            Pins(store=store, permits=PERMITS, security=scanner()),
            ToolDoor(fleet, PinBook(reads=store, clock=clock), guards),
            clock,
        )


def found(fleet: ToolFleet) -> Definition:
    seen = fleet.find("odd", "read_work")
    assert seen is not None
    return seen


async def test_a_tool_is_usable_from_its_pin_until_it_is_revoked() -> None:
    async with house("good") as (fleet, desk, door, clock):
        with pytest.raises(Refused, match="is new"):
            await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")
        seen = found(fleet)
        with pytest.raises(Refused, match="no rule permits it"):
            await desk.pin(seen, digest=seen.digest, kind=ToolKind.READ, by=OTTO)
        await desk.pin(seen, digest=seen.digest, kind=ToolKind.READ, by=OLGA)
        clock.advance(3)
        answer = await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")
        assert answer.content == {"text": "hello"}
        assert answer.labels == ("public", "tool:odd/read_work")
        await desk.revoke("odd/read_work", by=OLGA)
        clock.advance(3)
        with pytest.raises(Refused, match="is revoked"):
            await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")


async def test_a_tool_that_changes_after_its_pin_is_quarantined_with_a_difference_to_look_at() -> None:
    async with house("changes") as (fleet, desk, door, clock):
        seen = found(fleet)
        pin = await desk.pin(seen, digest=seen.digest, kind=ToolKind.READ, by=OLGA)
        assert (await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")).content == {"text": "hello"}
        await fleet.discover()
        with pytest.raises(Refused, match="is changed"):
            await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")
        assert list(differences(pin.definition, found(fleet))) == ["description"]
        with pytest.raises(Conflict, match="not the one that was looked at"):
            await desk.pin(found(fleet), digest=seen.digest, kind=ToolKind.READ, by=OLGA)
        again = await desk.pin(found(fleet), digest=found(fleet).digest, kind=ToolKind.READ, by=OLGA)
        assert again.version == 2
        clock.advance(3)
        assert (await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")).content == {"text": "hello"}


@pytest.mark.parametrize(
    ("arguments", "kind", "agent", "error", "says"),
    [
        ({"text": 5}, ToolKind.READ, "a1", Invalid, "string"),
        ({}, ToolKind.READ, "a1", Invalid, "text"),
        ({"text": "x", "more": 1}, ToolKind.READ, "a1", Invalid, "more"),
        ({"text": "x"}, ToolKind.WRITE, "a1", Refused, "does more than read"),
        ({"text": "x"}, ToolKind.READ, "a2", Refused, "may not use"),
        ({"text": "https://evil.example/?q=1"}, ToolKind.READ, "a1", Refused, "evil.example"),
        ({"text": "4111 1111 1111 1111"}, ToolKind.READ, "a1", Refused, "card"),
    ],
)  # fmt: skip
async def test_what_may_not_be_asked_is_not_asked(
    arguments: dict[str, Any], kind: ToolKind, agent: str, error: type[Exception], says: str
) -> None:
    async with house("good") as (fleet, desk, door, _):
        await desk.pin(found(fleet), digest=found(fleet).digest, kind=kind, by=OLGA)
        with pytest.raises(error, match=says):
            await door.call("odd/read_work", arguments, agent_id=agent)
        assert [one.calls for one in fleet.health()] == [0]


async def test_orders_in_an_answer_are_withheld() -> None:
    async with house("orders-in-answer") as (fleet, desk, door, _):
        await desk.pin(found(fleet), digest=found(fleet).digest, kind=ToolKind.READ, by=OLGA)
        answer = await door.call("odd/read_work", {"text": "hello"}, agent_id="a1")
        assert "Ignore all" not in str(answer.content)
        assert labels.is_tainted(answer.labels)


async def test_an_approval_is_an_event_and_a_renamed_tool_has_none() -> None:
    async with house("good") as (fleet, desk, _, _clock):
        seen = found(fleet)
        store = desk._store
        await desk.pin(seen, digest=seen.digest, kind=ToolKind.READ, by=OLGA)
        told = [json.loads(link.body) for link in await store.links("office")]
        [pinned] = [one for one in told if one["kind"] == EventKind.TOOL_PINNED]
        assert pinned["data"]["digest"] == seen.digest
        known = await pins(store)
        renamed = replace(seen, name="read_works")
        assert standing(renamed, known.get(renamed.full_name)) is Standing.NEW
        with pytest.raises(Missing):
            await desk.revoke("odd/other", by=OLGA)


def defined(name: str, *, server: str = "s", reads: bool = False, destroys: bool = False) -> Definition:
    return Definition(server=server, name=name, description="", schema=SCHEMA, says_read_only=reads,
                      says_destructive=destroys)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("get_weather", "read"), ("listUsers", "read"), ("API-query-data-source", "read"),
        ("send_gmail_message", "message"), ("create_payment", "spend"), ("post_tweet", "publish"),
        ("delete_user", "admin"), ("kubectl_exec", "admin"), ("frobnicate", "write"), ("", "write"),
        ("find_and_replace_doc", "write"), ("get_or_create_page", "write"), ("edit_file", "write"),
    ],
)  # fmt: skip
def test_a_kind_is_guessed_and_the_unknown_is_a_side_effect(name: str, kind: str) -> None:
    assert classify(defined(name, server="s")) == kind


def test_a_server_s_own_hint_makes_nothing_harmless() -> None:
    assert classify(defined("delete_all", reads=True)) is ToolKind.WRITE
    assert classify(defined("transfer_funds", reads=True)) is ToolKind.SPEND
    assert classify(defined("weather", reads=True)) is ToolKind.READ
    assert classify(defined("get_and_purge", reads=True)) is ToolKind.ADMIN
    assert classify(defined("get_thing", destroys=True)) is not ToolKind.READ


def test_a_pin_whose_content_was_tampered_with_fits_nothing() -> None:
    seen = defined("get_weather")
    pin = ToolPin(id="x", definition=replace(seen, description="other"), digest=seen.digest, kind=ToolKind.READ,
                  pinned_by="Grace", pinned_at_us=1)  # fmt: skip
    assert standing(seen, pin) is Standing.CHANGED
