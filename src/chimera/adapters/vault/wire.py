"""How the vault is spoken to: framed, signed, fresh messages on a local socket. Everything else is not answered."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.vault.signer import Standing
from chimera.domain.checkpoint import ChainHead
from chimera.domain.errors import Refused
from chimera.domain.grant import Terms
from chimera.domain.policy import PackFiles
from chimera.domain.wallets import Consent
from chimera.ports.attestor import Attestation
from chimera.ports.notary import SignedStatement
from chimera.ports.sealer import SignedRoot
from chimera.ports.wallet import Evidence, Item, Postage, SignedAuthorization, SignedShipment, SignedTransfer

FRAME_BYTES_MAX = 8 * 1024 * 1024
FRESH_SECONDS = 30
_DOMAIN = b"chimera.vault.v1\x00"


class SealRequest(Struct, frozen=True, tag="seal", forbid_unknown_fields=True):
    """A manager asks for a signature."""

    leaves: tuple[Terms, ...]


class HaltRequest(Struct, frozen=True, tag="halt", forbid_unknown_fields=True):
    """The office says what is halted now."""

    halted: tuple[str, ...]


class PolicyRequest(Struct, frozen=True, tag="policy", forbid_unknown_fields=True):
    """The office says which policy is in force: its content, and the digest that this has to have."""

    digest: str
    files: PackFiles


class CheckpointRequest(Struct, frozen=True, tag="checkpoint", forbid_unknown_fields=True):
    """The office says where every chain stands, and which checkpoint it has."""

    heads: tuple[ChainHead, ...]
    after: int
    previous: str


class HelloRequest(Struct, frozen=True, tag="hello", forbid_unknown_fields=True):
    """Anybody whom the vault knows asks whether it is there."""


class AgentKeyRequest(Struct, frozen=True, tag="agent_key", forbid_unknown_fields=True):
    """The office wants an agent's public key; of a new one, if `anew`."""

    agent_id: str
    anew: bool


class BadgeRequest(Struct, frozen=True, tag="badge", forbid_unknown_fields=True):
    """A manager asks for a token with which an agent works on named tasks."""

    agent_id: str
    tasks: tuple[str, ...]
    audience: str
    seconds: int


class StatusRequest(Struct, frozen=True, tag="status", forbid_unknown_fields=True):
    """The office asks how the vault stands."""


class RotateRequest(Struct, frozen=True, tag="rotate", forbid_unknown_fields=True):
    """The office wants a new sealing key."""


class AddressRequest(Struct, frozen=True, tag="address", forbid_unknown_fields=True):
    """Effects asks where a wallet is paid."""

    wallet: str


class ConsentRequest(Struct, frozen=True, tag="consent", forbid_unknown_fields=True):
    """Effects asks the second key to look at a payment."""

    evidence: Evidence


class TransferRequest(Struct, frozen=True, tag="transfer", forbid_unknown_fields=True):
    """Effects asks for a transaction under a sealed grant."""

    evidence: Evidence
    postage: Postage
    consents: tuple[Consent, ...]


class ShipmentRequest(Struct, frozen=True, tag="shipment", forbid_unknown_fields=True):
    """Effects asks for one transaction under several sealed grants."""

    items: tuple[Item, ...]
    postage: Postage


class AuthorizationRequest(Struct, frozen=True, tag="authorization", forbid_unknown_fields=True):
    """Effects asks for a word that a facilitator can bring to the chain."""

    evidence: Evidence
    consents: tuple[Consent, ...]


class AttestRequest(Struct, frozen=True, tag="attest", forbid_unknown_fields=True):
    """A manager asks for the CFO's signature under each of its words on payments."""

    statements: tuple[bytes, ...]


Request: TypeAlias = (
    SealRequest | HaltRequest | HelloRequest | AttestRequest | StatusRequest | RotateRequest | AddressRequest
    | ConsentRequest | TransferRequest | ShipmentRequest | AuthorizationRequest | PolicyRequest | CheckpointRequest
    | AgentKeyRequest | BadgeRequest
)  # fmt: skip


class Signed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request under its client's signature."""

    client: str
    nonce: str
    at_us: int
    body: msgspec.Raw
    signature: str

    def signed_bytes(self) -> bytes:
        """What the signature covers: everything else."""
        head = f"{self.client}\x00{self.nonce}\x00{self.at_us}\x00".encode()
        return _DOMAIN + head + bytes(self.body)


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed root, or the refusal."""

    sealed: SignedRoot | None = None
    stated: SignedStatement | None = None
    attestations: tuple[Attestation, ...] = ()
    standing: Standing | None = None
    address: str = ""
    consent: Consent | None = None
    transfer: SignedTransfer | None = None
    shipment: SignedShipment | None = None
    authorization: SignedAuthorization | None = None
    key_id: str = ""
    text: str = ""
    code: str = ""
    message: str = ""
    where: str = ""
    remedy: str = ""


def sign(request: Request, *, client: str, key: Ed25519PrivateKey, nonce: str, at_us: int) -> bytes:
    """The request as it travels."""
    body = msgspec.Raw(msgspec.json.encode(request))
    bare = Signed(client=client, nonce=nonce, at_us=at_us, body=body, signature="")
    return msgspec.json.encode(msgspec.structs.replace(bare, signature=key.sign(bare.signed_bytes()).hex()))


def require_genuine(signed: Signed, keys: dict[str, Ed25519PublicKey], *, now_us: int) -> None:
    """Known client, right signature, fresh; or `Refused`."""
    key = keys.get(signed.client)
    try:
        if key is None:
            raise InvalidSignature
        key.verify(bytes.fromhex(signed.signature), signed.signed_bytes())
    except (InvalidSignature, ValueError) as error:
        raise Refused(
            "vault_request_not_genuine",
            "the request is not signed by a known client",
            where="vault",
            remedy="nothing to do: look at who reaches its socket",
        ) from error
    if abs(now_us - signed.at_us) > FRESH_SECONDS * 1_000_000:
        raise Refused("vault_request_stale", "the request is not fresh", where="vault", remedy="set the clocks right")


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """One message, or None at the end. A frame that is too large ends the conversation."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        return await reader.readexactly(size) if size <= FRAME_BYTES_MAX else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def write_frame(writer: asyncio.StreamWriter, payload: bytes) -> None:
    """One message."""
    writer.write(len(payload).to_bytes(4, "big") + payload)
    await writer.drain()
