"""Which tools are pinned, a moment old at most. A view of the store; it approves nothing."""

from __future__ import annotations

from collections.abc import Mapping

from chimera.domain.agent import Agent
from chimera.domain.permissions import permits
from chimera.domain.tools import ACTS, Definition, PinState, Standing, ToolKind, ToolPin, standing
from chimera.governance import texts
from chimera.governance.tools.pins import pins
from chimera.ports.clock import Clock
from chimera.ports.store import Reads

FRESH_US = 2_000_000
READING = "tools.read"


def _permits(agent: Agent, kind: ToolKind) -> bool:
    if kind is ToolKind.READ:
        return READING in agent.allowed
    return permits(agent.allowed, ACTS[kind])


class PinBook:
    """Read again when it is no longer fresh; who cannot read it keeps to what was read, and then to nothing."""

    def __init__(self, *, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._pins: Mapping[str, ToolPin] = {}
        self._versions: Mapping[str, int] = {}
        self._read_us = -FRESH_US

    async def freshen(self) -> None:
        """Read anew what has changed, unless that was done a moment ago."""
        now_us = self._clock.now_us()
        if now_us - self._read_us < FRESH_US:
            return
        before_us, self._read_us = self._read_us, now_us
        try:
            versions = await self._reads.versions(ToolPin)
            if versions != self._versions:
                self._pins, self._versions = await pins(self._reads), versions
        except BaseException:
            self._read_us = before_us  # Who could not read has not read: the next one asks again.
            raise

    def standing(self, seen: Definition) -> Standing:
        """Whether this definition is the one that was approved."""
        return standing(seen, self._pins.get(seen.full_name))

    def kind(self, seen: Definition) -> ToolKind | None:
        """What a pinned tool does, as the person said who pinned it; nothing for any other."""
        pin = self._pins.get(seen.full_name)
        return pin.kind if pin is not None and standing(seen, pin) is Standing.PINNED else None

    async def usable_by(self, agent: Agent, *, wish: str, limit: int) -> tuple[ToolPin, ...]:
        """The pinned tools that an agent may use; of many, those whose words are most of them in the wish."""
        await self.freshen()
        wanted = frozenset(texts.words(wish.casefold()))
        mine = [pin for pin in self._pins.values() if pin.state is PinState.PINNED and _permits(agent, pin.kind)]

        def fit(pin: ToolPin) -> tuple[int, str]:
            seen = pin.definition
            words = texts.words(f"{seen.name} {seen.description}".replace("_", " ").casefold())
            return -len(wanted.intersection(words)), seen.full_name

        return tuple(sorted(mine, key=fit)[:limit])

    def pin(self, full_name: str) -> ToolPin | None:
        """The pin of a tool, whatever its state."""
        return self._pins.get(full_name)
