"""What an agent's package brought with it, as installed: its brand, its face, the models it names. Reads only."""

from __future__ import annotations

from chimera.domain.brand import Style
from chimera.domain.edition import Edition, edition_id
from chimera.domain.recent import Recent
from chimera.ports.store import Reads
from chimera.swarm.roster import Roster

EDITIONS_KEPT_MAX = 1_000


class Editions:
    """Editions never change once installed: each is read once."""

    def __init__(self, *, reads: Reads, roster: Roster) -> None:
        self._reads = reads
        self._roster = roster
        self._known: Recent[str, Edition] = Recent(EDITIONS_KEPT_MAX)

    async def style_of(self, agent_id: str) -> Style:
        """Brand and faces of its package; the house's own for an agent that came without one."""
        edition = await self._of(agent_id)
        if edition is None:
            return Style(agent_id=agent_id)
        return Style(agent_id=agent_id, brand=edition.brand, faces=edition.faces)

    async def models_for(self, agent_id: str, task_type: str) -> tuple[str, ...]:
        """Which models its manifest names for a task type, in order; none, if it leaves that to the house."""
        edition = await self._of(agent_id)
        return edition.models_for(task_type) if edition else ()

    async def _of(self, agent_id: str) -> Edition | None:
        agent = (await self._roster.agents((agent_id,))).get(agent_id)
        if agent is None:
            return None
        identifier = edition_id(agent.id, agent.package_digest)
        if identifier not in self._known:
            found = await self._reads.find(Edition, identifier)
            if found is None:
                return None
            self._known[identifier] = found
        self._known.move_to_end(identifier)
        return self._known[identifier]
