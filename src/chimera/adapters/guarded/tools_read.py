"""Read tools behind a door of their own: what goes out is checked before the call, what comes back before it is read.

Decides by the SecurityGateway and the egress rules that it is given, and knows no tool but by its price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from chimera.domain import labels
from chimera.domain.costing import STUDIO_TOOLS
from chimera.domain.errors import Refused
from chimera.domain.threat import ThreatLevel
from chimera.governance import texts
from chimera.governance.egress import Egress
from chimera.governance.entrusted import Entrusted
from chimera.governance.security.gateway import SecurityGateway
from chimera.ports.tools_read import ToolAnswer, ToolsRead

# Tools that are the house itself: what they say is nobody else's word.
HOUSE_TOOLS = frozenset(STUDIO_TOOLS)


class GuardedToolsRead:
    """Implements `ports.tools_read.ToolsRead` in front of another. Attacks are withheld; a suspicion is marked.

    What is left of the answer is handed on: one poisoned post must not blind an agent to all the others.
    """

    def __init__(
        self, tools: ToolsRead, *, security: SecurityGateway, egress: Egress, entrusted: Entrusted | None = None,
        secret_tools: Iterable[str] = (), prices: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        self._tools = tools
        self._security = security
        self._egress = egress
        self._entrusted = entrusted or Entrusted()
        self._secret_tools = frozenset(name.strip() for name in secret_tools)
        self._prices = dict(prices or {})

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """The answer of the tool behind, under every label that it deserves."""
        # The house's own reach nobody: a host in their words learns nothing. A secret in a picture would go out.
        told = texts.texts_of(arguments) if tool in HOUSE_TOOLS else ()
        findings = self._egress.findings(arguments, told=told, secrets=self._entrusted.secrets_of(agent_id))
        if findings:
            raise Refused("egress_refused", "; ".join(findings)[:500], where=tool,
                          remedy="put the host on the fleet's list, or leave the secret out")  # fmt: skip
        answer = await self._tools.call(tool, arguments, agent_id=agent_id)
        carried = answer.labels if tool in HOUSE_TOOLS else labels.union(answer.labels, (labels.tool(tool),))
        if tool in self._secret_tools:
            carried = labels.union(carried, (labels.SECRET,))
        if labels.is_secret(carried):
            self._entrusted.learn(agent_id, answer.content)
        content, worst = self._security.withhold(answer.content)
        if worst is ThreatLevel.HIGH:
            carried = labels.union(carried, (labels.THREAT_HIGH,))
        cost_micros = answer.cost_micros + self._prices.get(tool, 0)
        return replace(answer, content=content, labels=carried, cost_micros=cost_micros)
