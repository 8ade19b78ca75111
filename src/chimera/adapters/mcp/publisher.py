"""Publishes by calling the tools of a connector over MCP. An error is a refusal only where the connector says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jsonschema_rs
from mcp import types as mcp_types
from msgspec import Struct

from chimera.adapters.mcp.plain import plain
from chimera.adapters.mcp.session import NOT_SENT, McpSession
from chimera.domain.action import Action
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import Unavailable
from chimera.ports.clock import Clock
from chimera.ports.publisher import Absent, Order, Outcome, Published, Rejected, Trace, Traits, Unknown

CALL_SECONDS_MAX = 20.0
LOOK_UP = "find_by_key"
RECEIPT_CHARS_MAX = 4_000

TOOLS = {
    "post.publish": "post",
    "post.reply": "reply",
    "post.like": "like",
    "post.follow": "follow",
    "post.take_down": "take_down",
    "account.block": "block",
    "payment.send": "pay",
}


class Route(Struct, frozen=True, kw_only=True):
    """How to reach one platform, and what it can do about doubt."""

    session: McpSession
    traits: Traits


class McpPublisher:
    """One route per platform. The grant's id is the idempotency key of the call."""

    def __init__(self, routes: Mapping[str, Route], clock: Clock) -> None:
        self._routes = dict(routes)
        self._clock = clock

    def traits(self, action: Action) -> Traits:
        """What the platform can do about doubt; of an unknown one, nothing is claimed."""
        route = self._routes.get(action.platform)
        return route.traits if route else Traits(deduplicates=False, looks_up=False, settling_seconds=0.0)

    async def publish(self, order: Order) -> Outcome:
        """Perform it once, before its deadline."""
        action = order.action
        route, tool = self._routes.get(action.platform), TOOLS.get(action.kind)
        if route is None or tool is None:
            return Rejected(f"there is no way to {action.kind} on {action.platform}")
        if action.pays_otherwise:
            return Rejected("payment_differs")
        try:
            return await self._call(route, tool, order)
        except Unavailable as error:
            return Rejected(error.message, later=True) if error.code == NOT_SENT else Unknown(error.message)

    async def look_up(self, order: Order) -> Trace:
        """Ask the platform whether it happened."""
        route = self._routes.get(order.action.platform)
        if route is None:
            return Unknown(f"there is no way to {order.action.platform}")
        asked = {"account": order.action.account, "key": order.grant_id}
        try:
            answer = await route.session.call(LOOK_UP, asked, seconds=CALL_SECONDS_MAX)
        except Unavailable as error:
            return Unknown(error.message)
        return _trace_of(answer)

    async def _call(self, route: Route, tool: str, order: Order) -> Outcome:
        offered, arguments = (await route.session.tools()).get(tool), arguments_of(order)
        if offered is None:
            return Rejected(f"the connector has no tool {tool!r}")
        if not jsonschema_rs.is_valid(offered.input_schema, arguments):
            return Rejected("arguments_malformed")
        # Only now: connecting may have taken its time.
        seconds = self._seconds(order)
        if seconds <= 0:
            return Rejected("deadline_passed", later=True)
        return _outcome_of(await route.session.call(tool, arguments, seconds=seconds))

    def _seconds(self, order: Order) -> float:
        # Past it nothing is sent, whatever the key protects: by then the act may be proved absent and granted anew.
        return min(CALL_SECONDS_MAX, (order.deadline_us - self._clock.now_us()) / SECOND_US)


def arguments_of(order: Order) -> dict[str, Any]:
    """The order as the tool wants it."""
    action = order.action
    return {**action.arguments, **action.payment, "account": action.account, "key": order.grant_id}


def _outcome_of(answer: mcp_types.CallToolResult) -> Outcome:
    content = _content(answer)
    if not answer.is_error:
        return Published(content)
    # Tools report errors after the act as well as before it: only `happened: false` is a refusal.
    if content.get("happened") is False:
        return Rejected(str(content.get("code", "declined")), later=content.get("later") is True)
    return Unknown(_said(answer))


def _trace_of(answer: mcp_types.CallToolResult) -> Trace:
    content = _content(answer)
    match content.get("found"):
        case True if not answer.is_error:
            receipt: Any = content.get("receipt")
            return Published(cast("dict[str, Any]", receipt) if isinstance(receipt, dict) else content)
        case False if not answer.is_error:
            return Absent()
        case _:
            return Unknown(_said(answer))


def _content(answer: mcp_types.CallToolResult) -> dict[str, Any]:
    structured: Any = answer.structured_content
    if isinstance(structured, dict):
        return plain(cast("dict[str, Any]", structured))
    return {"text": plain(_said(answer))}


def _said(answer: mcp_types.CallToolResult) -> str:
    texts = [block.text for block in answer.content if isinstance(block, mcp_types.TextContent)]
    return "\n".join(texts)[:RECEIPT_CHARS_MAX]
