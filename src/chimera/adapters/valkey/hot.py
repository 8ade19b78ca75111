"""Hot state in Valkey: one key with a lifetime for each agent, a hash of counters, a mark that says all is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chimera.adapters.valkey.connection import PREFIX, Valkey
from chimera.ports.hot import Pulse

LIFETIME_SECONDS = 60.0
AT_ONCE_MAX = 1_000
_COUNTERS, _MARK, _BUILDER = f"{PREFIX}counters", f"{PREFIX}hot", f"{PREFIX}hot:builder"
_PULSE = msgspec.msgpack.Decoder(Pulse)


class ValkeyHotState:
    """Implements `ports.hot.HotState`."""

    def __init__(self, valkey: Valkey, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._valkey = valkey
        self._lifetime_ms = round(lifetime_seconds * 1_000)

    async def beat(self, pulses: Sequence[Pulse]) -> None:
        """A thousand in one round trip."""
        for start in range(0, len(pulses), AT_ONCE_MAX):
            await self._valkey.ask_all([
                ("SET", _key(pulse.agent_id), msgspec.msgpack.encode(pulse), "PX", self._lifetime_ms)
                for pulse in pulses[start : start + AT_ONCE_MAX]
            ])  # fmt: skip

    async def look(self, agent_ids: Sequence[str]) -> Mapping[str, Pulse]:
        """Those that live."""
        if not agent_ids:
            return {}
        found: list[bytes | None] = await self._valkey.ask("MGET", *map(_key, agent_ids))
        return {one: _PULSE.decode(body) for one, body in zip(agent_ids, found, strict=True) if body is not None}

    async def count(self, more: Mapping[str, int]) -> None:
        """Add."""
        await self._valkey.ask_all([("HINCRBY", _COUNTERS, name, by) for name, by in more.items()])

    async def counters(self) -> Mapping[str, int]:
        """All of them."""
        found: dict[bytes, bytes] = await self._valkey.ask("HGETALL", _COUNTERS)
        return {name.decode(): int(value) for name, value in found.items()}

    async def begin(self, counted: Mapping[str, int]) -> None:
        """The mark last: who finds it finds the rest."""
        setting = [("HSET", _COUNTERS, name, value) for name, value in counted.items()]
        await self._valkey.ask_all([("DEL", _COUNTERS), *setting, ("SET", _MARK, "1"), ("DEL", _BUILDER)])

    async def is_whole(self) -> bool:
        """Whether nothing was emptied since it began."""
        return bool(await self._valkey.ask("EXISTS", _MARK))

    async def may_build(self, *, seconds: float) -> bool:
        """A key with a lifetime, set by one."""
        return bool(await self._valkey.ask("SET", _BUILDER, "1", "NX", "PX", round(seconds * 1_000)))


def _key(agent_id: str) -> str:
    return f"{PREFIX}agent:{agent_id}"
