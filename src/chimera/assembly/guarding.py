"""Assembles what looks at texts on their way in, and at what workers may read. A part of bootstrap."""

from __future__ import annotations

from functools import cache

from chimera.adapters.guarded.tools_read import GuardedToolsRead
from chimera.domain.costing import read_prices
from chimera.governance.egress import Egress
from chimera.governance.entrusted import Entrusted
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings


@cache
def security() -> SecurityGateway:
    """One for all ways in: a text that was looked at on one of them is known on the next."""
    return SecurityGateway(CachedScanner(shipped_scanner()))


def guarded(settings: Settings, tools: ToolsRead, entrusted: Entrusted) -> GuardedToolsRead:
    """The read tools as workers get them: hosts by the fleet's list, answers looked at before they are read."""
    egress = Egress(settings.read_hosts.split(","))
    return GuardedToolsRead(tools, security=security(), egress=egress, entrusted=entrusted,
                            secret_tools=settings.secret_tools.split(","),
                            prices=read_prices(settings.tool_prices))  # fmt: skip
