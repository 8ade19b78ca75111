"""Total state machines: every state meets every command with a transition or a named refusal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from chimera.domain.errors import Refused

S = TypeVar("S", bound=StrEnum)
C = TypeVar("C", bound=StrEnum)


class Machine(Generic[S, C]):
    """A table of transitions. What is not in the table is refused by name, never ignored."""

    def __init__(self, noun: str, states: type[S], commands: type[C], table: Mapping[tuple[S, C], S]) -> None:
        self.noun = noun
        self.states = states
        self.commands = commands
        self._table = dict(table)
        self._moving = frozenset(state for state, _ in table)

    def after(self, state: S, command: C) -> S:
        """The next state, or `Refused` that names noun, state and command."""
        following = self._table.get((state, command))
        if following is None:
            raise Refused(
                f"{self.noun}_{state}_cannot_{command}", f"the {self.noun} is {state} and cannot {command}",
                where=self.noun, remedy=f"look at it again: what stands as {state} takes {self._taken(state)}",
            )  # fmt: skip
        return following

    def _taken(self, state: S) -> str:
        return ", ".join(command for source, command in self._table if source is state) or "no command any more"

    def allows(self, state: S, command: C) -> bool:
        """Whether the command is a transition in this state."""
        return (state, command) in self._table

    def is_final(self, state: S) -> bool:
        """Whether no command leads out of this state."""
        return state not in self._moving
