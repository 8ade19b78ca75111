"""Log-in by a provider that people have already: authorisation code with PKCE. Says who the provider vouches for.

Trusts the provider's key set, read over its own address; decides nothing about whether that person may come in.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, cast

import jwt
from msgspec import Struct

from chimera.adapters.system.web import open_address
from chimera.domain.errors import Invalid, Refused, Unavailable
from chimera.ports.clock import Clock
from chimera.ports.vouching import Pending

CALL_SECONDS_MAX = 10
ANSWER_BYTES_MAX = 256 * 1024
SKEW_SECONDS = 30
AGE_SECONDS_MAX = 600
ALGORITHMS = ("EdDSA", "ES256", "RS256", "PS256")
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Client(Struct, frozen=True, kw_only=True):
    """What the provider knows us as."""

    issuer: str
    client_id: str
    client_secret: str
    redirect: str


class OidcProvider:
    """One provider, one client of it. Implements `ports.vouching.Vouching`."""

    def __init__(self, client: Client, *, clock: Clock) -> None:
        _require_safe(client.issuer)
        self._client = client
        self._clock = clock
        self._known: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The host that people log in at."""
        return urllib.parse.urlsplit(self._client.issuer).netloc

    async def begin(self) -> Pending:
        """Where to send the browser, and what to keep until it comes back."""
        configuration = await self._configuration()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = urllib.parse.urlencode({
            "response_type": "code", "client_id": self._client.client_id, "redirect_uri": self._client.redirect,
            "scope": "openid", "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        })  # fmt: skip
        address = f"{configuration['authorization_endpoint']}?{asked}"
        return Pending(address=address, state=state, nonce=nonce, verifier=verifier, begun_us=self._clock.now_us())

    async def finish(self, pending: Pending, *, code: str, state: str) -> str:
        """Who it is, as `issuer subject`; or `Refused`, whatever does not fit."""
        if not hmac.compare_digest(pending.state.encode(), state.encode()):
            raise _refused("the answer belongs to another log-in")
        if self._clock.now_us() - pending.begun_us > AGE_SECONDS_MAX * 1_000_000:
            raise _refused("it took too long")
        claims = await self._verified(await self._token(pending, code))
        if not hmac.compare_digest(str(claims["nonce"]).encode(), pending.nonce.encode()):
            raise _refused("the token belongs to another log-in")
        return f"{self._client.issuer} {claims['sub']}"

    async def _token(self, pending: Pending, code: str) -> str:
        configuration = await self._configuration()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._client.redirect,
                "code_verifier": pending.verifier, "client_id": self._client.client_id,
                "client_secret": self._client.client_secret}  # fmt: skip
        answer = await self._ask(configuration["token_endpoint"], form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise _refused("the provider gave no token")
        return token

    async def _verified(self, token: str) -> dict[str, Any]:
        keys = await self._ask((await self._configuration())["jwks_uri"], None)
        now = self._clock.now_us() // 1_000_000
        try:
            header = jwt.get_unverified_header(token)
            signing = next(key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_id == header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token, signing.key, algorithms=[one for one in ALGORITHMS if one == header.get("alg")],
                audience=self._client.client_id, issuer=self._client.issuer,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"], "verify_exp": False,
                         "verify_iat": False},
            )  # fmt: skip
        except (jwt.PyJWTError, StopIteration, ValueError) as error:
            raise _refused(f"the token does not verify: {type(error).__name__}") from error
        if not claims["iat"] - SKEW_SECONDS <= now < claims["exp"] + SKEW_SECONDS:
            raise _refused("the token is not valid now")
        return claims

    async def _configuration(self) -> dict[str, Any]:
        if not self._known:
            found = await self._ask(f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration", None)
            if found.get("issuer") != self._client.issuer:
                raise _refused("the provider says that it is another")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _require_safe(str(found.get(name)))
            self._known = found
        return self._known

    async def _ask(self, address: str, form: dict[str, str] | None) -> dict[str, Any]:
        try:
            answer = await asyncio.to_thread(_fetched, address, form)
        except urllib.error.HTTPError as error:
            raise _refused(f"the provider answered {error.code}") from error
        except (OSError, ValueError) as error:
            raise Unavailable("provider_unavailable", f"the provider does not answer: {error}", where=address,
                              remedy="try again, or log in by password") from error  # fmt: skip
        if not isinstance(answer, dict):
            raise _refused("the provider answered something else")
        return cast("dict[str, Any]", answer)


def _fetched(address: str, form: dict[str, str] | None) -> Any:  # noqa: ANN401 – whatever JSON it was.
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(address, data=data, headers={"Accept": "application/json"})  # noqa: S310 – _require_safe
    with open_address(request, seconds_max=CALL_SECONDS_MAX) as answer:
        return json.loads(answer.read(ANSWER_BYTES_MAX))


def _require_safe(address: str) -> None:
    """HTTPS; plain HTTP to this very machine only."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL):
        return
    raise Invalid("provider_address", f"{address[:100]!r} is not an address for log-in", where="issuer",
                  remedy="use https")  # fmt: skip


def _refused(why: str) -> Refused:
    return Refused("provider_refused", f"the log-in did not come about: {why}", where="log-in", remedy="begin again")
