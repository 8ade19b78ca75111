"""Sends webhooks: over HTTPS to the open network, or to hosts that the operator has named. Follows nothing.

A name is looked up once, and what was found is what is connected to: whatever the name says later changes nothing.
"""

from __future__ import annotations

import logging
from types import TracebackType

import httpx2

from chimera.adapters.system.web import addresses_of, is_public
from chimera.domain.errors import Invalid, Refused, Unavailable
from chimera.governance.egress import Egress

URL_LENGTH_MAX = 500
SECONDS_MAX, CONNECT_SECONDS_MAX = 10.0, 5.0
CONNECTIONS_MAX = 16
_PORTS = {"http": 80, "https": 443}
# A line for every request would put addresses into the log, and some of them hold secrets.
logging.getLogger("httpx2").setLevel(logging.WARNING)


class WebhookPoster:
    """Implements `ports.webhooks.Poster`. Enter it before use."""

    def __init__(self, *, own: Egress) -> None:
        self._own = own
        timeout = httpx2.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        self._client = httpx2.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False,
                                          limits=httpx2.Limits(max_connections=CONNECTIONS_MAX))  # fmt: skip

    async def __aenter__(self) -> WebhookPoster:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def require_fit(self, url: str) -> None:
        parsed = _parsed(url)
        if parsed.scheme != "https" and not self._own.allows(parsed.host):
            raise Invalid("webhook_address", "a webhook is reached over HTTPS", where="url",
                          remedy="write https://…, or name the host in CHIMERA_WEBHOOK_HOSTS")  # fmt: skip

    async def post(self, url: str, body: bytes, *, headers: dict[str, str]) -> int:
        self.require_fit(url)
        parsed = _parsed(url)
        address = await self._address_of(parsed)
        sent = {**headers, "host": parsed.netloc.decode("ascii"), "accept-encoding": "identity"}
        request = self._client.build_request("POST", parsed.copy_with(host=address), content=body, headers=sent,
                                             extensions={"sni_hostname": parsed.host})  # fmt: skip
        try:
            response = await self._client.send(request, stream=True)
            await response.aclose()
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise Unavailable(
                "webhook_silent",
                f"no answer: {type(error).__name__}",
                where=parsed.host,
                remedy="it is tried again by itself",
            ) from error
        return response.status_code

    async def _address_of(self, parsed: httpx2.URL) -> str:
        try:
            found = await addresses_of(parsed.host, parsed.port or _PORTS[parsed.scheme])
        except OSError as error:
            raise Unavailable(
                "webhook_silent", "its name leads nowhere", where=parsed.host, remedy="it is tried again by itself"
            ) from error
        inside = [one for one in found if not is_public(one)]
        if inside and not self._own.allows(parsed.host):
            raise Refused("webhook_inside", "its name leads into our own network", where=parsed.host,
                          remedy="name the host in CHIMERA_WEBHOOK_HOSTS, if that is meant")  # fmt: skip
        return found[0]


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise _unfit() from error
    if parsed.scheme not in _PORTS or not parsed.host or parsed.userinfo or len(url) > URL_LENGTH_MAX:
        raise _unfit()
    return parsed


def _unfit() -> Invalid:
    return Invalid("webhook_address", "this is no address for a webhook", where="url",
                   remedy="write https://host/path, without a name and password")  # fmt: skip
