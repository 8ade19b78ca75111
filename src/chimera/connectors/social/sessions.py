"""Speaks with one server as one account, by an OAuth token. A token that had run out meant that nothing was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from chimera.connectors.social.tokens import Bearer
from chimera.connectors.social.wire import Lost, NotSent, Reply, Unreadable, Wire

UNAUTHORIZED = 401
# Counts a call by its method and path before it is made. May raise `NotSent`.
Meter: TypeAlias = Callable[[str, str], None]


class Session:
    """One account. `parameter` names the query parameter of the token where it is no header."""

    def __init__(self, wire: Wire, bearer: Bearer, *, parameter: str = "", meter: Meter | None = None) -> None:
        self._wire = wire
        self._bearer = bearer
        self._parameter = parameter
        self._meter = meter

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Reply:
        """Ask: whatever is lost here has had no effect."""
        try:
            return await self._spoken("GET", path, query=query)
        except Lost as lost:
            raise NotSent(str(lost)) from lost

    async def told(self, path: str, query: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 – JSON has no type.
        """What was asked for; or that the server does not say."""
        reply = await self.get(path, query)
        if not reply.is_good:
            raise Unreadable(reply)
        return reply.body

    async def before(
        self, path: str, *, query: Mapping[str, Any] | None = None, json: object = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        form: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        """Hand over what shows nothing to anybody yet: what is lost here has had no effect either."""
        try:
            return await self._spoken("POST", path, query=query, json=json, files=files, form=form, headers=headers)
        except Lost as lost:
            raise NotSent(str(lost)) from lost

    async def hand_over(
        self, method: str, path: str, data: bytes, *, headers: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
    ) -> Reply:  # fmt: skip
        """The same with bare bytes."""
        try:
            return await self._spoken(method, path, query=query, content=data, headers=headers)
        except Lost as lost:
            raise NotSent(str(lost)) from lost

    async def send(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, json: object = None
    ) -> Reply:
        """Change something."""
        return await self._spoken(method, path, query=query, json=json)

    async def _spoken(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, json: object = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        form: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:  # fmt: skip
        reply = None
        for _ in range(2):
            if self._meter is not None:
                self._meter(method, path)
            token = await self._bearer.current()
            proof = {} if self._parameter else {"Authorization": f"Bearer {token}"}
            asked = {**(query or {}), **({self._parameter: token} if self._parameter else {})}
            reply = await self._wire.ask(method, path, headers={**(headers or {}), **proof}, query=asked, json=json,
                                         content=content, files=files, form=form)  # fmt: skip
            if reply.status != UNAUTHORIZED:
                return reply
            await self._bearer.replaced(token)
        assert reply is not None, "it was asked twice"
        return reply
