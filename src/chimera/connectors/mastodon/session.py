"""Speaks the Mastodon API with one server as one account. The token is read when it is needed and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chimera.connectors.social.wire import LoginRefused, Lost, NotSent, Reply, Wire


class Session:
    """One account on one server."""

    def __init__(self, wire: Wire, token: Callable[[], str]) -> None:
        self._wire = wire
        self._token = token
        self._id = ""

    async def account_id(self) -> str:
        """The server's own id of the account."""
        if not self._id:
            reply = await self.get("/api/v1/accounts/verify_credentials", {})
            if reply.is_unclear:
                raise NotSent(reply.said)
            if not reply.is_good:
                raise LoginRefused(reply.said)
            self._id = str(reply.body["id"])
        return self._id

    async def get(self, path: str, query: dict[str, Any]) -> Reply:
        """Ask: whatever is lost here has had no effect."""
        try:
            return await self._wire.ask("GET", path, headers=self._headers(), query=query)
        except Lost as lost:
            raise NotSent(str(lost)) from lost

    async def send(
        self, method: str, path: str, *, form: Mapping[str, Any] | None = None, key: str = "",
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Reply:  # fmt: skip
        """Change something, under a key where the server knows what that is."""
        headers = self._headers() | ({"Idempotency-Key": key} if key else {})
        return await self._wire.ask(method, path, headers=headers, form=form, files=files)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}
