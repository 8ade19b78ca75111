"""Real servers in this process, over HTTP and as child processes: found, called, and kept from harming one another."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp import types as mcp_types
from mcp.server import Server
from msgspec.structs import replace

from chimera.adapters.mcp.fleet.entries import Entry, Limits, Secrets, read_entries
from chimera.adapters.mcp.fleet.fleet import ToolFleet
from chimera.adapters.mcp.fleet.pipes import Told, child
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Invalid, Missing, Refused, Unavailable
from chimera.domain.tools import Standing, ToolKind, standing

pytestmark = pytest.mark.requirement("R-H1")
QUICK = Limits(connect_seconds_max=3, call_seconds_max=1.5, failures_max=2, rest_seconds=30, tries_max=2)
# For whatever is to be understood, not to be waited for: a busy machine starts a server in ten seconds.
PATIENT = replace(QUICK, connect_seconds_max=40, call_seconds_max=30)
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def odd(mode: str, *, name: str = "", limits: Limits = PATIENT) -> Entry:
    return Entry(
        name=name or mode, command=sys.executable, args=("-m", "chimera.bench.odd_server", mode), limits=limits
    )


def plain_server(name: str = "good") -> Server[Any]:
    async def listed(_context: Any, _params: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[mcp_types.Tool(name="read_work", input_schema=SCHEMA)])

    async def called(_context: Any, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        text = (params.arguments or {}).get("text", "")
        return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=f"{name}: {text}")])

    return Server(name, on_list_tools=listed, on_call_tool=called)


@asynccontextmanager
async def fleet_of(
    *entries: Entry, folder: Path = Path("/nonexistent"), **local: Server[Any]
) -> AsyncGenerator[ToolFleet]:
    named = (*entries, *(Entry(name=name, url="http://in.process/") for name in local))
    async with ToolFleet(named, clock=SystemClock(), secrets=Secrets(folder), local=local) as fleet:
        yield fleet


@asynccontextmanager
async def listening(app: Any) -> AsyncGenerator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on", ws="none"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def text_of(answer: mcp_types.CallToolResult) -> str:
    return "".join(block.text for block in answer.content if isinstance(block, mcp_types.TextContent))


async def ask(
    fleet: ToolFleet, server: str, text: str = "hello", *, agent_id: str = "a1", repeatable: bool = True
) -> str:
    return text_of(await fleet.call(server, "read_work", {"text": text}, agent_id=agent_id, repeatable=repeatable))


async def test_three_ways_to_reach_a_server_are_one_fleet() -> None:
    app = plain_server("wired").streamable_http_app(json_response=True, stateless_http=True, host="127.0.0.1")
    async with listening(app) as url, fleet_of(odd("good"), Entry(name="wired", url=f"{url}/mcp"),
                                               inside=plain_server("inside")) as fleet:  # fmt: skip
        assert all(one.state == "idle" and one.connections == 0 for one in fleet.health()), "nothing starts unasked"
        assert await fleet.discover() == {}
        assert sorted(one.full_name for one in fleet.definitions()) == [
            "good/read_work", "inside/read_work", "wired/read_work"]  # fmt: skip
        assert await ask(fleet, "good") == "hello"
        assert await ask(fleet, "wired") == "wired: hello"
        assert await ask(fleet, "inside") == "inside: hello"
        assert {one.connections for one in fleet.health()} == {1}, "one connection each, whoever calls"


HARMFUL = ["exits", "hangs-at-start", "hangs-at-list", "hangs-at-call", "floods", "huge-answer", "endless-line",
           "endless-pages", "dies-in-answer", "dies-at-call", "wrong-ids", "slow-drip"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mode", HARMFUL)
async def test_a_server_that_misbehaves_is_named_and_left_alone_and_the_other_answers(mode: str) -> None:
    async with fleet_of(odd(mode, limits=QUICK), inside=plain_server()) as fleet:
        await fleet.discover()

        async def suffer() -> Unavailable:
            with pytest.raises(Unavailable) as refused:
                for _ in range(3):
                    await ask(fleet, mode)
            return refused.value

        suffering = asyncio.create_task(suffer())
        while not suffering.done():
            assert await asyncio.wait_for(ask(fleet, "inside"), 10.0) == "good: hello"
            await asyncio.sleep(0.1)
        error = suffering.result()
        assert error.where == mode
        assert error.code in {"tool_server_failed", "tool_server_resting", "tool_server_unreached"}
        health = {one.server: one for one in fleet.health()}
        assert health[mode].failures >= 1
        assert health[mode].why
        assert health["inside"].state == "ready"


async def test_a_flood_and_a_huge_answer_are_called_what_they_are() -> None:
    async with fleet_of(odd("floods"), odd("huge-answer")) as fleet:
        failed = await fleet.discover()
        assert "floods" in failed["floods"]
        with pytest.raises(Unavailable, match="more than 4194304 bytes"):
            await ask(fleet, "huge-answer", repeatable=False)


@pytest.mark.parametrize("mode", ["bad-schema", "remote-schema", "huge-schema"])
async def test_a_tool_that_lies_about_its_schema_is_not_taken_over(mode: str) -> None:
    async with fleet_of(odd(mode)) as fleet:
        await fleet.discover()
        assert list(fleet.definitions()) == []
        assert "schema" in fleet.faults()[f"{mode}/read_work"] or "bytes" in fleet.faults()[f"{mode}/read_work"]


async def test_names_that_deceive_the_eye_are_not_taken_over() -> None:
    async with fleet_of(odd("odd-names")) as fleet:
        await fleet.discover()
        assert [one.name for one in fleet.definitions()] == ["read_work"]
        assert len(fleet.faults()) == 2


async def test_a_definition_that_changes_is_another_definition() -> None:
    async with fleet_of(odd("changes")) as fleet:
        await fleet.discover()
        first = fleet.find("changes", "read_work")
        await fleet.discover()
        second = fleet.find("changes", "read_work")
        assert first is not None
        assert second is not None
        assert first.digest != second.digest


@pytest.mark.parametrize("mode", ["garbage", "asks-back"])
async def test_noise_and_questions_beside_an_answer_do_not_matter(mode: str) -> None:
    async with fleet_of(odd(mode)) as fleet:
        assert await ask(fleet, mode) == "hello"


async def test_a_server_that_died_comes_back_after_its_rest() -> None:
    limits = replace(PATIENT, rest_seconds=0.2, failures_max=1)
    async with fleet_of(odd("dies-at-call", limits=limits)) as fleet:
        for _ in range(2):
            with pytest.raises(Unavailable, match="it ended"):
                await ask(fleet, "dies-at-call", repeatable=False)
            with pytest.raises(Unavailable, match="left alone"):
                await ask(fleet, "dies-at-call")
            await asyncio.sleep(0.6)
        await fleet.discover()
        assert fleet.find("dies-at-call", "read_work") is not None


def zombies() -> set[str]:
    """Dead children of this process that nobody has reaped."""
    stats = [stat.read_text().rpartition(")")[2].split() for stat in Path("/proc").glob("[0-9]*/stat") if stat.exists()]
    return {" ".join(fields[:2]) for fields in stats if fields[0] == "Z" and fields[1] == str(os.getpid())}


@pytest.mark.parametrize("turns", range(4))
def test_a_server_whose_start_is_broken_off_is_reaped_before_the_loop_ends(turns: int) -> None:
    """Whoever ends a group of tasks tells each of them again and again until it has ended."""

    async def broken_off() -> None:
        async def hold() -> None:
            async with child(("sleep", "60"), env={}, cwd=None, limits=Limits(), told=Told()):
                await asyncio.Event().wait()

        starting = asyncio.create_task(hold())
        for _ in range(turns):
            await asyncio.sleep(0)
        while not starting.done():
            starting.cancel()
            await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(broken_off())
        gc.collect()
    assert not [str(one.message) for one in heard if "subprocess" in str(one.message)]
    assert not zombies()


async def test_only_a_call_that_reads_is_repeated() -> None:
    calls = 0

    async def listed(_context: Any, _params: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[mcp_types.Tool(name="read_work", input_schema=SCHEMA)])

    async def called(_context: Any, _params: Any) -> mcp_types.CallToolResult:
        nonlocal calls
        calls += 1
        raise OSError("lost")

    async with fleet_of(inside=Server("odd", on_list_tools=listed, on_call_tool=called)) as fleet:
        with pytest.raises(Unavailable):
            await ask(fleet, "inside", repeatable=False)
        assert calls == 1
        with pytest.raises(Unavailable):
            await ask(fleet, "inside", repeatable=True)
        assert calls == 1 + Limits().tries_max


async def test_an_agent_has_its_own_rate_and_does_not_take_another_s() -> None:
    limits = Limits(agent_calls_per_second=2, calls_per_second=100)
    entry = Entry(name="inside", url="http://in.process/", limits=limits)
    async with ToolFleet((entry,), clock=SystemClock(), secrets=Secrets(Path("/none")),
                         local={"inside": plain_server()}) as fleet:  # fmt: skip
        await ask(fleet, "inside")
        await ask(fleet, "inside")
        with pytest.raises(Refused, match="agent a1 calls it too often"):
            await ask(fleet, "inside")
        assert await ask(fleet, "inside", agent_id="a2") == "good: hello"


# ── over HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────────


def raw_app(status: int, headers: dict[str, str], body: bytes = b"", repeat: int = 1) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                event = await receive()
                await send({"type": f"{event['type']}.complete"})
                if event["type"] == "lifespan.shutdown":
                    return
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        try:
            for _ in range(repeat):
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (OSError, RuntimeError):
            pass

    return app


@pytest.mark.parametrize(
    ("app", "why"),
    [
        (raw_app(307, {"location": "http://169.254.169.254/latest/meta-data"}), "redirects to 'http://169.254"),
        (raw_app(200, {"content-type": "application/json"}, b"x" * 1_000_000, 100), "more than 4194304 bytes"),
        (raw_app(200, {"content-type": "text/event-stream"}, b": x\n" * 250_000, 100), "more than 4194304 bytes"),
        (raw_app(200, {"content-type": "application/json", "content-encoding": "gzip"}, b"x"), "compresses"),
    ],
)  # fmt: skip
async def test_an_answer_over_http_is_bounded_plain_and_from_where_it_was_asked(app: Any, why: str) -> None:
    async with listening(app) as url, fleet_of(Entry(name="far", url=f"{url}/mcp", limits=PATIENT)) as fleet:
        failed = await fleet.discover()
        assert why in failed["far"]


async def test_who_is_not_there_is_said_to_be_in_words_that_tell_something() -> None:
    async with fleet_of(Entry(name="far", url="http://127.0.0.1:9/mcp", limits=QUICK), odd("bad-schema")) as fleet:
        failed = await fleet.discover()
        assert "ExceptionGroup" not in failed["far"]
        [why] = fleet.faults().values()
        assert "no JSON schema" in why
        assert "\n" not in why


async def test_a_name_that_leads_to_a_private_address_is_not_reached() -> None:
    reached = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            reached.set()

    async with listening(raw_app(200, {})) as url:
        port = url.rpartition(":")[2]
        host = os.uname().nodename
        async with fleet_of(Entry(name="near", url=f"http://{host}:{port}/mcp", limits=QUICK)) as fleet:
            failed = await fleet.discover()
            assert "private address" in failed["near"] or "Name or service" in failed["near"]
    assert not reached.is_set()


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_json_of_other_clients_and_our_toml_are_read(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "tools.toml", tmp_path / "mcp.json"
    theirs.write_text(
        '{"mcpServers": {"a": {"command": "npx", "args": ["-y", "x"], "env": {"K": "v"}, "autoApprove": []},'
        ' "b": {"type": "http", "url": "https://example.org/mcp"}, "c": {"command": "x", "disabled": true}}}'
    )
    ours.write_text('[servers.a]\ncommand = "x"\nlimits = { call_seconds_max = 3 }\n')
    assert [(one.name, one.command, one.url) for one in read_entries(theirs)] == [
        ("a", "npx", ""), ("b", "", "https://example.org/mcp")]  # fmt: skip
    assert read_entries(ours)[0].limits.call_seconds_max == 3


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"mcpServers": []}', '{"mcpServers": {"a": {}}}', '{"mcpServers": {"a b": {"command": "x"}}}',
     '{"mcpServers": {"a": {"command": "x", "url": "http://y"}}}', '{"mcpServers": {"a": {"url": "file:///etc"}}}',
     '{"mcpServers": {"a": {"command": ["x"]}}}', "\x00"],
)  # fmt: skip
def test_a_file_that_cannot_be_understood_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(Invalid):
        read_entries(path)


async def test_a_secret_is_filled_in_at_the_last_moment_and_stands_in_no_schema(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("sesame-123456\n")
    secret.chmod(0o600)
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "key": {"type": "string"}},
              "required": ["text", "key"]}  # fmt: skip

    async def listed(_context: Any, _params: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[mcp_types.Tool(name="read_work", input_schema=schema)])

    async def called(_context: Any, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        found = str((params.arguments or {}).get("key"))
        return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=str(found == "sesame-123456"))])

    entry = Entry(name="inside", url="http://in.process/", inject={"key": "${secret:key}"})
    server = Server("s", on_list_tools=listed, on_call_tool=called)
    async with ToolFleet(
        (entry,), clock=SystemClock(), secrets=Secrets(tmp_path), local={"inside": server}
    ) as fleet:  # fmt: skip
        await fleet.discover()
        definition = fleet.find("inside", "read_work")
        assert definition is not None
        assert "key" not in definition.input_schema()["properties"]
        assert await ask(fleet, "inside") == "True"
    secret.chmod(0o644)
    with pytest.raises(Refused, match="others may read"):
        Secrets(tmp_path).fill("${secret:key}")
    with pytest.raises(Missing):
        Secrets(tmp_path).fill("${secret:other}")


async def test_what_was_never_pinned_is_new() -> None:
    async with fleet_of(odd("good")) as fleet:
        await fleet.discover()
        found = fleet.find("good", "read_work")
        assert found is not None
        assert standing(found, None) is Standing.NEW
        assert ToolKind.READ == "read"
