"""Performs acts by tools of tool servers: the pinned definition, these arguments, once. The rest is passed on.

A tool knows nothing of grants. Where its schema has an argument for it, the grant's id is the key by which it knows a
call again; where not, a call without an answer stays in doubt, and a person is asked.
"""

from __future__ import annotations

from chimera.domain import canonical, labels
from chimera.domain.action import Action
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.threat import ThreatLevel
from chimera.domain.tools import ACTS, Definition, call_of
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.tools.book import PinBook
from chimera.ports.clock import Clock
from chimera.ports.publisher import Order, Outcome, Published, Publisher, Rejected, Trace, Traits, Unknown
from chimera.ports.toolbox import Told
from chimera.ports.tools_write import ToolsWrite

CALLER = "effects"
RECEIPT_BYTES_MAX = 8_192
# Codes that say that nothing was sent: it may be tried anew.
NOT_SENT = frozenset({"tool_server_unreached", "tool_server_resting", "tool_rate_limited", "secret_missing",
                      "secret_open_to_others"})  # fmt: skip


class ToolPublisher:
    """Implements `ports.publisher.Publisher` for the platform `tools`, before that of all others."""

    def __init__(
        self, publisher: Publisher, tools: ToolsWrite, book: PinBook, *, security: SecurityGateway, clock: Clock
    ) -> None:
        self._publisher = publisher
        self._tools = tools
        self._book = book
        self._security = security
        self._clock = clock

    def traits(self, action: Action) -> Traits:
        """A tool that takes a key says that it knows a call again; none can be asked what became of one."""
        if not action.is_tool_act:
            return self._publisher.traits(action)
        return Traits(deduplicates=bool(action.arguments.get("key")), looks_up=False, settling_seconds=0.0)

    async def publish(self, order: Order) -> Outcome:
        """Call it once, if it is still what was granted."""
        if not order.action.is_tool_act:
            return await self._publisher.publish(order)
        try:
            definition = await self._granted(order.action)
            given = call_of(order.action.arguments)
        except Unavailable as error:
            return Rejected(error.message, later=True)
        except ChimeraError as error:
            return Rejected(error.message)
        key = str(order.action.arguments.get("key", ""))
        return await self._called(order, definition, {**given, **({key: order.grant_id} if key else {})})

    async def look_up(self, order: Order) -> Trace:
        """Nobody can be asked."""
        if not order.action.is_tool_act:
            return await self._publisher.look_up(order)
        return Unknown("a tool server cannot be asked what became of a call")

    async def _granted(self, action: Action) -> Definition:
        """The tool as it is offered now: exactly the one that was granted, and still approved for such an act."""
        await self._book.freshen()
        server, _, tool = str(action.arguments.get("tool", "")).partition("/")
        seen = await self._tools.known(server, tool)
        if seen is None:
            raise Unavailable("tool_gone", f"{server} does not offer {tool} now", where=server,
                              remedy="chimera tools list shows what it offers, and whether it answers")  # fmt: skip
        if seen.digest != action.arguments.get("definition"):
            raise Refused("tool_quarantined", f"{seen.full_name} is not the tool that was granted", where=server,
                          remedy="chimera tools diff, then chimera tools pin, and ask for it again")  # fmt: skip
        kind = self._book.kind(seen)  # None unless it is pinned exactly as it is offered now.
        if kind is None or ACTS.get(kind) != action.kind:
            raise Refused("tool_quarantined", f"{seen.full_name} is not pinned for {action.kind}", where=server,
                          remedy="chimera tools pin, with the kind that it is meant for")  # fmt: skip
        return seen

    async def _called(self, order: Order, definition: Definition, arguments: dict[str, object]) -> Outcome:
        # Only now: finding the tool may have taken its time, and what is past its deadline is not begun.
        if self._clock.now_us() >= order.deadline_us:
            return Rejected("deadline_passed", later=True)
        try:
            told = await self._tools.act(definition.server, definition.name, arguments, caller=CALLER)
        except ChimeraError as error:
            return Rejected(error.message, later=True) if error.code in NOT_SENT else Unknown(error.message)
        return self._outcome_of(definition, told)

    def _outcome_of(self, definition: Definition, told: Told) -> Outcome:
        """Tools report errors after the act as well as before it: only `happened: false` is a refusal."""
        if told.is_error and told.content.get("happened") is False:
            return Rejected(str(told.content.get("code", "declined"))[:300], later=told.content.get("later") is True)
        content, worst = self._security.withhold(told.content)
        if told.is_error:
            return Unknown(f"{definition.full_name} says that it failed: {content.get('text', '')}"[:500])
        carried = labels.union((labels.PUBLIC, labels.tool(definition.full_name)))
        if worst is ThreatLevel.HIGH:
            carried = labels.union(carried, (labels.THREAT_HIGH,))
        encoded = canonical.encode(content)
        if len(encoded) > RECEIPT_BYTES_MAX:
            content = {"notice": f"shortened: {len(encoded)} bytes, {RECEIPT_BYTES_MAX} are kept",
                       "text": encoded[:RECEIPT_BYTES_MAX].decode("utf-8", "ignore")}  # fmt: skip
        return Published({"tool": definition.full_name, "content": content, "labels": list(carried)})
