"""Which secrets each agent could know now: what its leases gave it to read, and what its tools told it. Asks nobody.

Kept where assignments are given out, so that a worker is not believed about what it was told.
"""

from __future__ import annotations

from collections.abc import Mapping

from chimera.domain import labels
from chimera.domain.work import Assignment
from chimera.governance.texts import texts_of

LEARNT_MAX = 1_000


class Entrusted:
    """Secrets by agent, from the moment that an assignment goes out until the agent's last one is back."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, tuple[str, ...]]] = {}
        self._learnt: dict[str, list[str]] = {}

    @classmethod
    def of(cls, secrets: Mapping[str, tuple[str, ...]]) -> Entrusted:
        """With these secrets by agent from the beginning, as somebody says who is believed."""
        made = cls()
        made._given = {agent_id: {"": texts} for agent_id, texts in secrets.items()}
        return made

    def give(self, assignment: Assignment) -> None:
        """What this assignment has under the label `secret` may not leave while it is out."""
        if secrets := _secrets_in(assignment):
            self._given.setdefault(assignment.task.agent_id, {})[assignment.task.id] = secrets

    def take(self, assignment: Assignment) -> None:
        """The assignment is back. With the last of an agent's, what was told on the way is forgotten, too."""
        agent_id = assignment.task.agent_id
        if given := self._given.get(agent_id):
            given.pop(assignment.task.id, None)
        if not self._given.get(agent_id):
            self._given.pop(agent_id, None)
            self._learnt.pop(agent_id, None)

    def learn(self, agent_id: str, content: object) -> None:
        """A read tool answered under the label `secret`."""
        learnt = self._learnt.setdefault(agent_id, [])
        learnt.extend(texts_of(content))
        del learnt[:-LEARNT_MAX]

    def secrets_of(self, agent_id: str) -> tuple[str, ...]:
        """Everything that this agent could give away now."""
        given = self._given.get(agent_id, {}).values()
        return (*(text for secrets in given for text in secrets), *self._learnt.get(agent_id, ()))


def _secrets_in(assignment: Assignment) -> tuple[str, ...]:
    """All texts that carry the label. A task that is secret as a whole keeps its input and everything it reads."""
    whole = labels.is_secret(assignment.task.labels)
    found = [material.content for material in assignment.readable if whole or labels.is_secret(material.labels)]
    if whole:
        found.append(assignment.task.input)
    if labels.is_secret(assignment.recent_labels):
        found.append({"recent": list(assignment.recent)})
    return tuple(_values_of(found))


def _values_of(found: list[dict[str, object]]) -> list[str]:
    """Names of fields and single plain words, such as a network's name, are no secrets."""
    return [text for content in found for value in content.values() for text in texts_of(value) if not text.isalpha()]
