"""Speaks to the vault as one client. Implements `ports.sealer.Sealer`; a vault that does not answer means no."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.vault import wire
from chimera.adapters.vault.wire import (
    AgentKeyRequest,
    Answer,
    BadgeRequest,
    CheckpointRequest,
    HaltRequest,
    HelloRequest,
    PolicyRequest,
    Request,
    SealRequest,
)
from chimera.domain.checkpoint import ChainHead
from chimera.domain.errors import Refused, Unavailable
from chimera.domain.grant import Terms
from chimera.domain.policy import PackFiles
from chimera.ports.clock import Clock
from chimera.ports.notary import SignedStatement
from chimera.ports.sealer import SignedRoot

ANSWER_SECONDS_MAX = 5.0


class VaultClient:
    """One connection, one request at a time, opened again when it was lost."""

    def __init__(self, path: Path, *, client: str, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._path = path
        self._client = client
        self._key = key
        self._clock = clock
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        """The vault's signature, `Refused` by name, or `Unavailable`."""
        answer = await self._ask(SealRequest(tuple(leaves)))
        if answer.sealed is None:
            raise Unavailable("vault_answer_odd", "the vault answered without a signature", where="vault")
        return answer.sealed

    async def halt(self, halted: Iterable[str]) -> None:
        """Tell the vault what is halted now."""
        await self._ask(HaltRequest(tuple(sorted(halted))))

    async def govern(self, files: PackFiles, *, digest: str) -> None:
        """Tell the vault which policy is in force: what it says, and under which digest."""
        await self._ask(PolicyRequest(digest, files))

    async def checkpoint(self, heads: Sequence[ChainHead], *, after: int, previous: str) -> SignedStatement:
        """The vault's signature for where every chain stands, or `Refused` when history went backwards."""
        answer = await self._ask(CheckpointRequest(tuple(heads), after, previous))
        if answer.stated is None:
            raise Unavailable("vault_answer_odd", "the vault answered without a signature", where="vault")
        return answer.stated

    async def agent_key(self, agent_id: str, *, anew: bool) -> str:
        """An agent's public key, in hex."""
        return (await self._ask(AgentKeyRequest(agent_id, anew))).text

    async def badge(self, agent_id: str, *, tasks: Sequence[str], audience: str, seconds: int) -> str:
        """A token with which an agent works on these tasks."""
        return (await self._ask(BadgeRequest(agent_id, tuple(tasks), audience, seconds))).text

    async def hello(self) -> str:
        """The id of the vault's key, if it answers."""
        return (await self._ask(HelloRequest())).key_id

    async def close(self) -> None:
        """Hang up."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, request: Request) -> Answer:
        frame = wire.sign(
            request, client=self._client, key=self._key, nonce=secrets.token_hex(16), at_us=self._clock.now_us()
        )
        async with self._turn:
            try:
                async with self._clock.timeout(ANSWER_SECONDS_MAX):
                    answer = await self._exchange(frame)
            except (OSError, TimeoutError, msgspec.DecodeError) as error:
                await self.close()
                raise Unavailable(
                    "vault_unavailable",
                    f"the vault does not answer: {error}",
                    where=str(self._path),
                    remedy="chimera doctor says whether its process runs",
                ) from error
        if answer.code:
            raise Refused(answer.code, answer.message, where=answer.where, remedy=answer.remedy)
        return answer

    async def _exchange(self, frame: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(self._path)
        reader, writer = self._streams
        await wire.write_frame(writer, frame)
        reply = await wire.read_frame(reader)
        if reply is None:
            raise ConnectionError("the vault hung up")
        return msgspec.json.decode(reply, type=Answer)
