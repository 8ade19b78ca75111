"""snac2, a real server of the Mastodon API, as a process of its own with two users, and a stranger on it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
from msgspec import Struct

from chimera.connectors.mastodon.markup import plain_text
from tests.live.places import free_port, tool

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
SCOPES = "read write follow"
NO_REUSE = httpx2.Limits(max_keepalive_connections=0)  # It closes connections without saying so.
ANSWER_SECONDS_MAX = 60.0  # On a machine that does other things besides, it has taken six.


class Snac(Struct, frozen=True, kw_only=True):
    """The running server, and a token for each of its users."""

    url: str
    tokens: dict[str, str]

    def client(self, user: str) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.tokens[user]}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, trust_env=False, limits=NO_REUSE,
                                  timeout=ANSWER_SECONDS_MAX)  # fmt: skip

    async def statuses(self, user: str) -> list[dict[str, Any]]:
        """Everything that a user has posted, by the server's own record."""
        async with self.client(user) as client:
            own = (await client.get("/api/v1/accounts/verify_credentials")).json()["id"]
            return (await client.get(f"/api/v1/accounts/{own}/statuses", params={"limit": 200})).json()


@contextmanager
def running(folder: Path, users: tuple[str, ...] = ("nova", "mila", "troll")) -> Generator[Snac]:
    """The server for as long as the block runs."""
    program, port = str(tool("snac", "usr", "bin", "snac")), free_port()
    base = folder / "snac"
    answers = f"127.0.0.1\n{port}\nlocalhost:{port}\n\nadmin@example.test\n"
    subprocess.run([program, "init", str(base)], input=answers, text=True, check=True, capture_output=True)
    settings = msgspec.json.decode((base / "server.json").read_bytes())
    (base / "server.json").write_bytes(msgspec.json.encode(settings | {"protocol": "http"}))
    added = {user: subprocess.run([program, "adduser", str(base), user], text=True, check=True, capture_output=True,
                                  stdin=subprocess.DEVNULL) for user in users}  # fmt: skip
    said = {user: re.search(r"User password is (\S+)", done.stdout + done.stderr) for user, done in added.items()}
    with (folder / "snac.log").open("wb") as log:
        child = subprocess.Popen([program, "httpd", str(base)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        _wait(url)
        yield Snac(url=url, tokens={user: _token(url, user, found[1]) for user, found in said.items() if found})
    finally:
        child.terminate()
        child.wait(timeout=30)


def _wait(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            httpx2.get(f"{url}/api/v1/instance", trust_env=False)
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("snac2 does not come up")


def _token(url: str, user: str, password: str) -> str:
    """The code flow, as a person in front of a browser goes through it."""
    with httpx2.Client(base_url=url, trust_env=False, limits=NO_REUSE, timeout=ANSWER_SECONDS_MAX) as browser:
        app = browser.post("/api/v1/apps", data={
            "client_name": "chimera", "redirect_uris": OUT_OF_BAND, "scopes": SCOPES,
        }).json()  # fmt: skip
        login = {"login": user, "passwd": password, "redir": OUT_OF_BAND, "cid": app["client_id"], "state": ""}
        answer = browser.post("/oauth/x-snac-login", data=login)
        where = answer.headers.get("location", "")
        code = parse_qs(urlsplit(where).query).get("code", [""])[0] or re.findall(r"[0-9a-f]{32}", answer.text)[-1]
        told = browser.post("/oauth/token", data={
            "grant_type": "authorization_code", "code": code, "client_id": app["client_id"],
            "client_secret": app["client_secret"], "redirect_uri": OUT_OF_BAND, "scope": SCOPES,
        })  # fmt: skip
        return str(told.json()["access_token"])


class SnacStranger:
    """Another user of the same server."""

    def __init__(self, snac: Snac, user: str) -> None:
        self._snac = snac
        self._user = user

    @property
    def handle(self) -> str:
        return f"@{self._user}@{urlsplit(self._snac.url).netloc}"

    async def say(self, text: str, *, to: str = "") -> str:
        # Its own people are named without their server.
        said = f"{to} {text}" if to else text
        async with self._snac.client(self._user) as client:
            answer = await client.post("/api/v1/statuses", data={"status": said, "visibility": "public"})
            return str(answer.json()["id"])

    async def texts_of(self, account: str) -> list[str]:
        return [plain_text(status["content"]) for status in await self._snac.statuses(account.removeprefix("@"))]

    async def is_bot(self, account: str) -> bool:
        async with self._snac.client(account.removeprefix("@")) as client:  # To others it shows a label of its own.
            return (await client.get("/api/v1/accounts/verify_credentials")).json()["bot"] is True
