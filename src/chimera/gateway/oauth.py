"""The door's own authorization server: the MCP library's endpoints over the house's accesses. Admits nobody.

Clients register by themselves and ask; a person answers elsewhere (in the console, or `chimera gateway admit`); the
asking browser is shown what to do and goes on by itself. Codes need PKCE, tokens are for this door alone.
"""

from __future__ import annotations

import html
from urllib.parse import urlsplit

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    RegistrationError,
    TokenError,
    TokenVerifier,
    construct_redirect_uri,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyUrl, InstanceOf
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from chimera.domain.access import SCOPES, TOKEN_SECONDS, Access, AccessState
from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.recent import Recent
from chimera.gateway.callers import Callers
from chimera.governance.identity.accesses import Accesses, Asking, Given

REGISTERED_MAX = 256
REGISTRATION_BYTES_MAX = 8_192
REDIRECTS_MAX = 8
REDIRECT_LENGTH_MAX = 1_024
CHALLENGE_LENGTH = 43
TOLD_BACK_MAX = 1_024
CONSENT = "/consent"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_US = 1_000_000


class HouseCode(AuthorizationCode):
    """A code with the access that it opens."""

    access: InstanceOf[Access]


class HouseRefresh(RefreshToken):
    """A refresh token with the access that it renews."""

    access: InstanceOf[Access]


class HouseToken(AccessToken):
    """A token with its access; nothing for the token of a file."""

    access: InstanceOf[Access] | None = None


class HouseAuthorization(OAuthAuthorizationServerProvider[HouseCode, HouseRefresh, HouseToken]):
    """Implements what the library's endpoints ask for. Registrations that nobody has asked with live in memory."""

    def __init__(self, accesses: Accesses, *, issuer: str, resource: str, console: str = "") -> None:
        self._console = console
        self._accesses = accesses
        self._issuer = issuer
        self._resource = resource
        self._registered: Recent[str, OAuthClientInformationFull] = Recent(REGISTERED_MAX)

    # ── clients ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """What a client registered, a moment ago or when a person was asked."""
        if (found := self._registered.get(client_id)) is not None:
            return found
        try:
            kept = await self._accesses.registration(client_id)
        except ChimeraError:
            return None  # No id, or locked under another key: nobody that we know.
        return OAuthClientInformationFull.model_validate_json(kept) if kept is not None else None

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Remember a client. It may do nothing by that."""
        if len(client_info.model_dump_json()) > REGISTRATION_BYTES_MAX:
            raise RegistrationError("invalid_client_metadata", f"more than {REGISTRATION_BYTES_MAX} bytes")
        redirects = client_info.redirect_uris or []
        if not 0 < len(redirects) <= REDIRECTS_MAX:
            raise RegistrationError("invalid_redirect_uri", f"1 to {REDIRECTS_MAX} addresses to return to")
        for one in redirects:
            _require_returnable(str(one))
        assert client_info.client_id is not None, "the library gives one"
        self._registered[client_info.client_id] = client_info

    # ── the question ────────────────────────────────────────────────────────────────────────────────────────────────

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Put the question before people, and send the browser to where it can wait."""
        if params.resource is not None and params.resource.rstrip("/") != self._resource:
            raise AuthorizeError("invalid_target", f"tokens of this server are for {self._resource} only")
        if len(params.code_challenge) != CHALLENGE_LENGTH or len(params.state or "") > TOLD_BACK_MAX:
            raise AuthorizeError("invalid_request", "a challenge is a SHA-256 in base64url, a state is short")
        assert client.client_id is not None, "it was looked up by it"
        asking = Asking(
            client_id=client.client_id, client=client.model_dump_json().encode(), program=client.client_name or "",
            redirect=str(params.redirect_uri), challenge=params.code_challenge,
            scopes=tuple(params.scopes or SCOPES), told_back=params.state or "",
            redirect_was_given=params.redirect_uri_provided_explicitly,
        )  # fmt: skip
        try:
            _, watch = await self._accesses.ask(asking)
        except ChimeraError as error:
            unknown = error.code == "access_scope_unknown"
            raise AuthorizeError("invalid_scope" if unknown else "temporarily_unavailable", error.message) from error
        return construct_redirect_uri(self._issuer + CONSENT, ask=watch)

    async def consent(self, request: Request) -> Response:
        """Where the browser waits. It only looks: nobody is admitted by opening a page."""
        watch = request.query_params.get("ask", "")
        try:
            access = await self._accesses.watched(watch)
            return await self._shown(access)
        except ChimeraError as error:
            return _page("This question is not open", html.escape(str(error)), status=404)

    async def _shown(self, access: Access) -> Response:
        match access.state:
            case AccessState.ASKED:
                return _page("A program asks to come in", _waiting(access, self._console), again=True)
            case AccessState.ADMITTED:
                return self._back(access, code=await self._accesses.code(access))
            case AccessState.REFUSED:
                return self._back(access, error="access_denied", error_description="a person said no")
            case AccessState.CODED | AccessState.OPEN | AccessState.REVOKED:
                return _page("Answered already", "This question was answered. You may close this page.", status=410)

    def _back(self, access: Access, **told: str) -> Response:
        # RFC 9207: the client is told which server answers.
        back = construct_redirect_uri(access.redirect, **told, state=access.told_back or None, iss=self._issuer)
        return RedirectResponse(back, status_code=302, headers=PAGE_HEADERS)

    # ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> HouseCode | None:
        """The code, with all that its exchange is checked against."""
        found = await self._accesses.by_code(authorization_code)
        if found is None or found.client_id != client.client_id:
            return None
        return HouseCode(
            code=authorization_code, scopes=list(found.scopes), expires_at=found.ends_at_us / _US,
            client_id=found.client_id, code_challenge=found.challenge, redirect_uri=AnyUrl(found.redirect),
            redirect_uri_provided_explicitly=found.redirect_was_given, resource=self._resource,
            subject=found.agent_id, access=found,
        )  # fmt: skip

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: HouseCode
    ) -> OAuthToken:
        """Tokens for a code, once."""
        try:
            return _as_token(await self._accesses.exchange(authorization_code.access))
        except (Conflict, Refused) as error:
            raise TokenError("invalid_grant", error.message) from error

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> HouseRefresh | None:
        """The refresh token, if it is the newest one."""
        found = await self._accesses.by_renewal(refresh_token)
        if found is None or found.client_id != client.client_id:
            return None
        return HouseRefresh(token=refresh_token, client_id=found.client_id, scopes=list(found.scopes),
                            expires_at=found.ends_at_us // _US, subject=found.agent_id, access=found)  # fmt: skip

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: HouseRefresh, scopes: list[str]
    ) -> OAuthToken:
        """Fresh tokens; the old ones are good no more."""
        try:
            return _as_token(await self._accesses.renew(refresh_token.access, scopes))
        except (Conflict, Refused) as error:
            raise TokenError("invalid_grant", error.message) from error

    async def load_access_token(self, token: str) -> HouseToken | None:
        """The token, as it stands now."""
        found = await self._accesses.by_token(token)
        if found is None:
            return None
        return HouseToken(token=token, client_id=found.client_id, scopes=list(found.scopes), subject=found.agent_id,
                          expires_at=found.token_ends_at_us // _US, resource=self._resource, access=found)  # fmt: skip

    async def revoke_token(self, token: HouseToken | HouseRefresh) -> None:
        """What the program gives back counts no more, with everything that came of it."""
        if token.access is not None:
            await self._accesses.hand_back(token.access)


class DoorTokens(TokenVerifier):
    """Implements the library's check of a bearer token: an agent's own token, or one that OAuth gave."""

    def __init__(self, callers: Callers, authorization: HouseAuthorization, *, resource: str) -> None:
        self._callers = callers
        self._authorization = authorization
        self._resource = resource

    async def verify_token(self, token: str) -> AccessToken | None:
        """Whose token this is, and what it is for."""
        agent_id = self._callers.agent_of(token)
        if agent_id is not None:
            return HouseToken(token=token, client_id=agent_id, subject=agent_id, scopes=list(SCOPES),
                              resource=self._resource)  # fmt: skip
        return await self._authorization.load_access_token(token)


def _as_token(given: Given) -> OAuthToken:
    return OAuthToken(access_token=given.token, refresh_token=given.renewal, expires_in=TOKEN_SECONDS,
                      scope=" ".join(given.access.scopes))  # fmt: skip


def _require_returnable(address: str) -> None:
    """Codes go to an encrypted address, or to this very machine: nowhere else, and to no scheme of an app."""
    parts = urlsplit(address)
    fits = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not fits or parts.fragment or parts.username or len(address) > REDIRECT_LENGTH_MAX:
        raise RegistrationError("invalid_redirect_uri", "use https, or http to this machine, without a fragment")


def _waiting(access: Access, console: str) -> str:
    scopes = " ".join(f"--scope {one}" for one in access.scopes)
    program, back = html.escape(access.program), html.escape(urlsplit(access.redirect).netloc)
    there = f'<a href="{html.escape(console)}/connections" target="_blank" rel="noopener">the console</a>'
    where = there if console else "the console"
    return (
        f"<p><b>{program}</b> asks to call as one of your agents. Its answer goes to <b>{back}</b>. That name is its "
        f"own word for itself.</p><p>If you started this, and only then, let it in under <i>Connections</i> in {where},"
        f" with this number:</p><h2>{access.number}</h2><p>Or on the machine itself:</p>"
        f"<pre>chimera gateway admit {access.id} --agent NAME {html.escape(scopes)}</pre>"
        f"<p>To say no: there, or <code>chimera gateway refuse {access.id}</code>. This page goes on by itself.</p>"
    )


def _page(title: str, body: str, *, status: int = 200, again: bool = False) -> Response:
    meta = '<meta http-equiv="refresh" content="2">' if again else ""
    page = f'<!doctype html><html lang="en"><meta charset="utf-8">{meta}<title>{title}</title><h1>{title}</h1>{body}'
    return HTMLResponse(page, status_code=status, headers=PAGE_HEADERS)
