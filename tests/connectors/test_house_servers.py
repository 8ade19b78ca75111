"""`chimera connector serve images | calendar`, as any MCP client meets them: on a real studio and a real Radicale."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from chimera.assembly import networks
from chimera.domain.durations import HOUR_US
from chimera.domain.errors import Missing
from chimera.settings import Settings
from chimera.testing.connector_conformance import new_key
from tests.adapters.test_calendar import emptied, radicale, utc

__all__ = ["radicale"]
pytestmark = [pytest.mark.requirement("R-N5", "R-N7"), pytest.mark.timeout(120)]
NOON, ONE = utc("2026-03-30T10:00:00"), utc("2026-03-30T11:00:00")
MEETING: dict[str, Any] = {"title": "Planning", "people": ["ada", "grace"], "from_us": NOON, "to_us": ONE}


@asynccontextmanager
async def served(home: Path, name: str, calendar: str = "") -> AsyncGenerator[Client]:
    settings = Settings(home=str(home), calendar_url=calendar, calendar_name="assistant", calendar_password="any")
    async with networks.named(settings, name) as server, Client(server) as client:
        yield client


async def told(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer: Any = (await client.call_tool(tool, arguments)).structured_content
    return answer


@pytest.fixture
async def people(radicale: str) -> str:
    """Everybody's calendar, empty."""
    await emptied(radicale)
    return radicale


async def test_a_picture_is_made_named_by_its_bytes_and_handed_out(tmp_path: Path) -> None:
    async with served(tmp_path / "home", "images") as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        assert set(hints) == {"card", "chart", "collage", "film", "bytes"}
        made = await told(client, "card", title="Patch 2", body="The healer is stronger.", name="Banterpacks")
        assert "Patch 2" in made["alt"]
        data = base64.b64decode((await told(client, "bytes", digest=made["digest"]))["data"])
        assert hashlib.sha256(data).hexdigest() == made["digest"]
        assert data.startswith(b"\x89PNG")
        for digest, code in (("0" * 64, "object_missing"), ("/" * 64, "media_missing")):
            refused = await told(client, "bytes", digest=digest)
            assert (refused["happened"], refused["code"]) == (False, code)


async def test_a_meeting_is_set_once_found_by_its_key_moved_and_seen_as_busy(people: str, tmp_path: Path) -> None:
    key = new_key()
    async with served(tmp_path / "home", "calendar", people) as client:
        known: dict[str, Any] = {"account": "@assistant", "key": key}
        first = await told(client, "set_meeting", **known, **MEETING)
        assert first == {"id": key, "people": 2}
        assert await told(client, "set_meeting", **known, **MEETING) == first
        other = await told(client, "set_meeting", **known, **{**MEETING, "title": "Other"})
        assert (other["happened"], other["code"]) == (False, "key_taken")
        busy = await told(client, "freebusy", people=["ada"], first_day="2026-03-30", days=1)
        assert busy["busy"] == [{"from_us": NOON, "to_us": ONE}]
        later = {**MEETING, "from_us": ONE, "to_us": ONE + HOUR_US}
        moving: dict[str, Any] = {"account": "@assistant", "key": new_key()}
        assert (await told(client, "move_meeting", **moving, meeting=key, **later))["id"] == key
        assert (await told(client, "find_by_key", **moving))["found"] is True
        busy = await told(client, "freebusy", people=["grace"], first_day="2026-03-30", days=1)
        assert busy["busy"] == [{"from_us": ONE, "to_us": later["to_us"]}]
    async with served(tmp_path / "home", "calendar", people) as client:
        assert (await told(client, "find_by_key", **moving))["receipt"]["id"] == key
        never = {"account": "@assistant", "key": new_key()}
        assert await told(client, "find_by_key", **never) == {"found": False}


async def test_what_names_no_place_in_a_calendar_is_declined(people: str, tmp_path: Path) -> None:
    async with served(tmp_path / "home", "calendar", people) as client:
        for more in ({"key": "../../troll/calendar/x"}, {"people": ["../ada"]}, {"people": []}):
            given: dict[str, Any] = {"account": "@assistant", "key": new_key(), **MEETING, **more}
            refused = await told(client, "set_meeting", **given)
            assert (refused["happened"], refused["code"]) == (False, "arguments_malformed"), more
        lost: dict[str, Any] = {"account": "@nobody", "key": new_key()}
        with pytest.raises(MCPError, match="answers 409"):
            await told(client, "keep_task", **lost, title="Tea", due_us=NOON)
        assert await told(client, "find_by_key", **lost) == {"found": False}


async def test_without_a_calendar_server_there_is_none_to_serve(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no calendar server"):
        async with served(tmp_path / "home", "calendar"):
            pass
