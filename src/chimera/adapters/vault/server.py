"""The vault's process: answers signed requests on a socket of its own, and nothing else. Holds the sealing key."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.vault import wire
from chimera.adapters.vault.agents import AgentKeys
from chimera.adapters.vault.notary import Notary
from chimera.adapters.vault.payments import Payments
from chimera.adapters.vault.signer import Standing, VaultSigner
from chimera.adapters.vault.wire import (
    AddressRequest,
    AgentKeyRequest,
    Answer,
    AttestRequest,
    AuthorizationRequest,
    BadgeRequest,
    CheckpointRequest,
    ConsentRequest,
    HaltRequest,
    HelloRequest,
    PolicyRequest,
    Request,
    RotateRequest,
    SealRequest,
    ShipmentRequest,
    Signed,
    StatusRequest,
    TransferRequest,
)
from chimera.domain.errors import ChimeraError, Refused

NONCES_MAX = 100_000
FIRST = "first"
SECOND = "second"
_PAYS = (AddressRequest, TransferRequest, ShipmentRequest, AuthorizationRequest, HelloRequest)
# The first vault signs, the second agrees; neither does the other's part, or two keys would be one.
MAY: dict[str, dict[str, tuple[type, ...]]] = {
    FIRST: {
        "manager": (SealRequest, AttestRequest, HelloRequest, BadgeRequest),
        "office": (
            HaltRequest,
            HelloRequest,
            PolicyRequest,
            CheckpointRequest,
            StatusRequest,
            RotateRequest,
            AgentKeyRequest,
        ),
        "effects": _PAYS,
    },
    SECOND: {
        "office": (HaltRequest, HelloRequest, PolicyRequest, StatusRequest),
        "effects": (ConsentRequest, HelloRequest),
    },
}


class Rooms(Struct, frozen=True, kw_only=True):
    """What a vault does beside sealing, where it does: checkpoints, payments, agents' keys."""

    notary: Notary | None = None
    payments: Payments | None = None
    agents: AgentKeys | None = None


class VaultServer:
    """Each client may ask for its own things only: a manager cannot lift a halt, the office cannot seal."""

    def __init__(
        self,
        *,
        core: VaultSigner,
        clients: dict[str, Ed25519PublicKey],
        rooms: Rooms | None = None,
        rotate: Callable[[], None] | None = None,
        order: str = FIRST,
        serves_since_us: int = 0,
        public_keys: Callable[[], int] = lambda: 1,
    ) -> None:
        self._core = core
        self._clients = clients
        rooms = rooms or Rooms()
        self._notary, self._payments, self._agents = rooms.notary, rooms.payments, rooms.agents
        self._rotate = rotate
        self._may = MAY[order]
        self._since_us = serves_since_us
        self._public_keys = public_keys
        self._nonces: OrderedDict[str, int] = OrderedDict()
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
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return Answer(code="vault_request_malformed", message="the request cannot be read", where="vault")
        except ChimeraError as error:
            return Answer(code=error.code, message=error.message, where=error.where, remedy=error.remedy)

    def _answer(self, signed: Signed) -> Answer:
        now_us = time.time_ns() // 1_000
        wire.require_genuine(signed, self._clients, now_us=now_us)
        self._require_new(signed, now_us)
        request: Request = self._bodies.decode(signed.body)
        if not isinstance(request, self._may.get(signed.client, ())):
            raise Refused(
                "vault_not_permitted",
                f"{signed.client} may not ask for this",
                where="vault",
                remedy="nothing to do: look at who holds that key",
            )
        return self._fulfilled(request, now_us)

    def _fulfilled(self, request: Request, now_us: int) -> Answer:
        match request:
            case SealRequest() | AttestRequest() | CheckpointRequest():
                return self._signed(request, now_us)
            case HaltRequest() | PolicyRequest() | RotateRequest():
                return self._governed(request)
            case HelloRequest():
                return Answer(key_id=self._core.key_id)
            case StatusRequest():
                return Answer(key_id=self._core.key_id, standing=self._standing())
            case AddressRequest() | ConsentRequest() | TransferRequest() | ShipmentRequest() | AuthorizationRequest():
                return self._pay(request, now_us)
            case AgentKeyRequest() | BadgeRequest():
                return self._for_agent(request, now_us)

    def _signed(self, request: SealRequest | AttestRequest | CheckpointRequest, now_us: int) -> Answer:
        match request:
            case SealRequest(leaves):
                return Answer(sealed=self._core.seal(leaves, now_us=now_us), key_id=self._core.key_id)
            case AttestRequest(statements):
                return Answer(attestations=self._core.attest(statements), key_id=self._core.key_id)
            case CheckpointRequest():
                return self._stated(request, now_us)

    def _stated(self, request: CheckpointRequest, now_us: int) -> Answer:
        if self._notary is None:
            raise Refused(
                "vault_not_permitted",
                "this vault signs no checkpoints",
                where="vault",
                remedy="nothing to do: look at who holds that key",
            )
        stated = self._notary.sign(request.heads, after=request.after, previous=request.previous, now_us=now_us)
        return Answer(stated=stated, key_id=self._notary.key_id)

    def _for_agent(self, request: AgentKeyRequest | BadgeRequest, now_us: int) -> Answer:
        if self._agents is None:
            raise Refused(
                "vault_not_permitted",
                "this vault keeps no keys of agents",
                where="vault",
                remedy="nothing to do: look at who holds that key",
            )
        match request:
            case AgentKeyRequest(agent_id, anew):
                return Answer(text=self._agents.public(agent_id, anew=anew))
            case BadgeRequest(agent_id, tasks, audience, seconds):
                return Answer(text=self._agents.badge(agent_id, tasks=tasks, audience=audience, seconds=seconds,
                                                      now_us=now_us))  # fmt: skip

    def _governed(self, request: HaltRequest | PolicyRequest | RotateRequest) -> Answer:
        match request:
            case HaltRequest(halted):
                self._core.halt(halted)
            case PolicyRequest(digest, files):
                self._core.govern(files, digest=digest)
            case RotateRequest():
                if self._rotate is None:
                    raise Refused(
                        "vault_cannot_rotate",
                        "this vault's key is not kept here",
                        where="vault",
                        remedy="rotate it where it is kept",
                    )
                self._rotate()
        return Answer(key_id=self._core.key_id)

    def _standing(self) -> Standing:
        addresses = self._payments.addresses if self._payments else {}
        return msgspec.structs.replace(self._core.standing, wallets=addresses, serves_since_us=self._since_us,
                                       public_keys=self._public_keys())  # fmt: skip

    def _pay(
        self, request: AddressRequest | ConsentRequest | TransferRequest | ShipmentRequest | AuthorizationRequest,
        now_us: int,
    ) -> Answer:  # fmt: skip
        if self._payments is None:
            raise Refused("vault_no_wallets", "this vault has no wallets", where="vault", remedy="set CHIMERA_WALLETS")
        match request:
            case AddressRequest(wallet):
                return Answer(address=self._payments.address(wallet))
            case ConsentRequest(evidence):
                return Answer(consent=self._payments.consent(evidence, now_us=now_us))
            case TransferRequest(evidence, postage, consents):
                return Answer(transfer=self._payments.transfer(evidence, postage, consents, now_us=now_us))
            case ShipmentRequest(items, postage):
                return Answer(shipment=self._payments.shipment(items, postage, now_us=now_us))
            case AuthorizationRequest(evidence, consents):
                return Answer(authorization=self._payments.authorization(evidence, consents, now_us=now_us))

    def _require_new(self, signed: Signed, now_us: int) -> None:
        """Answered once, also over a restart: what was signed before this process served may have been answered."""
        if signed.at_us < self._since_us:
            raise Refused("vault_request_stale", "the request is older than this vault's process", where="vault",
                          remedy="sign it anew")  # fmt: skip
        nonce = f"{signed.client}:{signed.nonce}"
        if nonce in self._nonces:
            raise Refused(
                "vault_request_replayed",
                "this request was answered before",
                where="vault",
                remedy="nothing to do: look at who reaches its socket",
            )
        if len(self._nonces) >= NONCES_MAX:
            self._forget(now_us)
        self._nonces[nonce] = signed.at_us

    def _forget(self, now_us: int) -> None:
        """Room for more: but a request that would still count as fresh is never forgotten."""
        _, oldest_us = next(iter(self._nonces.items()))
        if now_us - oldest_us <= 2 * wire.FRESH_SECONDS * 1_000_000:
            raise Refused("vault_too_busy", "more requests than can be remembered", where="vault", remedy="ask later")
        self._nonces.popitem(last=False)


def _clear(path: Path) -> None:
    path.unlink(missing_ok=True)


def _close_to_others(path: Path) -> None:
    path.chmod(0o600)
