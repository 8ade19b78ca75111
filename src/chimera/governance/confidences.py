"""What each persona keeps to itself, and whether a text tells what belongs to another. Compares; decides nothing.

How a persona is told to speak, and what it is there for, is nobody's business but its owner's. A worker gets its own
persona's and no other; if another's stands in its draft nevertheless, something was mixed up or was asked out of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from chimera.governance import texts

RUN_WORDS = 8
RUN_STEP = 4  # Every stretch of RUN_WORDS + RUN_STEP - 1 words holds a run.
OPENING_WORDS = 3
RUN_CHARS_MIN = 2 * RUN_WORDS - 1
TELLS_OTHERS = "it tells what belongs to another persona"


class Confidences:
    """Runs of words, each with the agents to whom it belongs. Holds hashes of them, and no text."""

    __slots__ = ("_openings", "_owners")

    def __init__(self) -> None:
        # Of 100,000 personas each byte counts: a run has one owner, nearly always, and needs no set for it.
        self._owners: dict[int, str | frozenset[str]] = {}
        self._openings: set[int] = set()

    def keep(self, agent_id: str, kept: Iterable[str]) -> None:
        """These texts are this agent's own. What two agents share is neither's secret from the other."""
        for text in kept:
            row = texts.words(text)
            for start in range(0, len(row) - RUN_WORDS + 1, RUN_STEP):
                self._own(_run(row, start), agent_id)
                self._openings.add(hash(tuple(row[start : start + OPENING_WORDS])))

    def tells(self, agent_id: str, said: Iterable[str]) -> bool:
        """Whether a text of this agent has a run that is another's and not its own."""
        return any(self._tells(agent_id, texts.words(text)) for text in said if len(text) >= RUN_CHARS_MIN)

    def _tells(self, agent_id: str, row: list[str]) -> bool:
        # Nearly every text has no opening of anybody's run in it, and is done with here.
        if self._openings.isdisjoint(map(hash, zip(row, row[1:], row[2:], strict=False))):
            return False
        runs = (_run(row, start) for start in range(len(row) - RUN_WORDS + 1))
        return any((owners := self._owners.get(run)) is not None and not _is_of(agent_id, owners) for run in runs)

    def _own(self, run: int, agent_id: str) -> None:
        match self._owners.setdefault(run, agent_id):
            case frozenset() as owners:
                if agent_id not in owners:
                    self._owners[run] = owners | {agent_id}
            case owner:
                if owner != agent_id:
                    self._owners[run] = frozenset((owner, agent_id))


def _is_of(agent_id: str, owners: str | frozenset[str]) -> bool:
    return owners == agent_id if isinstance(owners, str) else agent_id in owners


def _run(row: list[str], start: int) -> int:
    return hash(tuple(row[start : start + RUN_WORDS]))
