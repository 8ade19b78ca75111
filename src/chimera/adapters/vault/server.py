"""The vault's process: answers signed requests on a socket of its own, and nothing else. Holds the sealing key."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera.adapters.vault import wire
from chimera.adapters.vault.agents import AgentKeys
from chimera.adapters.vault.notary import Notary
from chimera.adapters.vault.signer import VaultSigner
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
    Signed,
)
from chimera.domain.errors import ChimeraError, Refused

NONCES_MAX = 100_000
MAY: dict[str, tuple[type, ...]] = {
    "manager": (SealRequest, HelloRequest, BadgeRequest),
    "office": (HaltRequest, HelloRequest, PolicyRequest, CheckpointRequest, AgentKeyRequest),
}


class VaultServer:
    """Each client may ask for its own things only: a manager cannot lift a halt, the office cannot seal."""

    def __init__(
        self, *, core: VaultSigner, clients: dict[str, Ed25519PublicKey], notary: Notary | None = None,
        agents: AgentKeys | None = None,
    ) -> None:  # fmt: skip
        self._core = core
        self._notary = notary
        self._clients = clients
        self._agents = agents
        self._nonces: OrderedDict[str, None] = OrderedDict()
        self._decoder = msgspec.json.Decoder(Signed)
        self._bodies: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)

    async def serve(self, path: Path) -> asyncio.Server:
        """Listens on a socket that only its owner may open."""
        # The folder is the owner's alone, so nobody connects between binding and chmod.
        _clear(path)
        server = await asyncio.start_unix_server(self._converse, path)
        _close_to_others(path)
        return server

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (frame := await wire.read_frame(reader)) is not None:
                await wire.write_frame(writer, msgspec.json.encode(self.answer(frame)))
        except ConnectionError:
            return
        finally:
            writer.close()

    def answer(self, frame: bytes) -> Answer:
        """The answer to one frame. What cannot be read is refused, and nothing of a key is ever in a message."""
        try:
            return self._answer(self._decoder.decode(frame))
        except (msgspec.DecodeError, UnicodeError):
            return Answer(code="vault_request_malformed", message="the request cannot be read", where="vault")
        except ChimeraError as error:
            return Answer(code=error.code, message=error.message, where=error.where, remedy=error.remedy)

    def _answer(self, signed: Signed) -> Answer:
        now_us = time.time_ns() // 1_000
        wire.require_genuine(signed, self._clients, now_us=now_us)
        self._require_new(signed)
        request: Request = self._bodies.decode(signed.body)
        if not isinstance(request, MAY.get(signed.client, ())):
            raise Refused("vault_not_permitted", f"{signed.client} may not ask for this", where="vault")
        match request:
            case SealRequest(leaves):
                return Answer(sealed=self._core.seal(leaves, now_us=now_us), key_id=self._core.key_id)
            case HaltRequest(halted):
                self._core.halt(halted)
                return Answer(key_id=self._core.key_id)
            case PolicyRequest(digest, files):
                self._core.govern(files, digest=digest)
                return Answer(key_id=self._core.key_id)
            case CheckpointRequest():
                return self._stated(request, now_us)
            case HelloRequest():
                return Answer(key_id=self._core.key_id)
            case AgentKeyRequest() | BadgeRequest():
                return self._for_agent(request, now_us)

    def _stated(self, request: CheckpointRequest, now_us: int) -> Answer:
        if self._notary is None:
            raise Refused("vault_not_permitted", "this vault signs no checkpoints", where="vault")
        stated = self._notary.sign(request.heads, after=request.after, previous=request.previous, now_us=now_us)
        return Answer(stated=stated, key_id=self._notary.key_id)

    def _for_agent(self, request: AgentKeyRequest | BadgeRequest, now_us: int) -> Answer:
        if self._agents is None:
            raise Refused("vault_not_permitted", "this vault keeps no keys of agents", where="vault")
        match request:
            case AgentKeyRequest(agent_id, anew):
                return Answer(text=self._agents.public(agent_id, anew=anew))
            case BadgeRequest(agent_id, tasks, audience, seconds):
                return Answer(text=self._agents.badge(agent_id, tasks=tasks, audience=audience, seconds=seconds,
                                                      now_us=now_us))  # fmt: skip

    def _require_new(self, signed: Signed) -> None:
        nonce = f"{signed.client}:{signed.nonce}"
        if nonce in self._nonces:
            raise Refused("vault_request_replayed", "this request was answered before", where="vault")
        self._nonces[nonce] = None
        if len(self._nonces) > NONCES_MAX:
            self._nonces.popitem(last=False)


def _clear(path: Path) -> None:
    path.unlink(missing_ok=True)


def _close_to_others(path: Path) -> None:
    path.chmod(0o600)
