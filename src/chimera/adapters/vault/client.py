"""Speaks to the vault as one client. Implements `ports.sealer.Sealer`; a vault that does not answer means no."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.vault import wire
from chimera.adapters.vault.signer import Standing
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
    StatusRequest,
    TransferRequest,
)
from chimera.domain.checkpoint import ChainHead
from chimera.domain.errors import Refused, Unavailable
from chimera.domain.grant import Terms
from chimera.domain.policy import PackFiles
from chimera.domain.wallets import Consent
from chimera.governance.together import Together
from chimera.ports.attestor import Attestation
from chimera.ports.clock import Clock
from chimera.ports.notary import SignedStatement
from chimera.ports.sealer import SignedRoot
from chimera.ports.wallet import Evidence, Item, Postage, SignedAuthorization, SignedShipment, SignedTransfer

ANSWER_SECONDS_MAX = 5.0


class VaultClient:
    """One connection, one request at a time, opened again when it was lost."""

    def __init__(self, path: Path, *, client: str, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._path = path
        self._client = client
        self._key = key
        self._clock = clock
        self._turn = asyncio.Lock()
        # Two signatures and a verification a request: what comes meanwhile rides on the next one.
        self._attesting = Together(self._attest)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        """The vault's signature, `Refused` by name, or `Unavailable`."""
        answer = await self._ask(SealRequest(tuple(leaves)))
        if answer.sealed is None:
            raise _odd()
        return answer.sealed

    async def attest(self, statement: bytes) -> Attestation:
        """The CFO's signature under its word."""
        return await self._attesting.ask(statement)

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
            raise Unavailable(
                "vault_answer_odd",
                "the vault answered without a signature",
                where="vault",
                remedy="it is asked again by itself",
            )
        return answer.stated

    async def agent_key(self, agent_id: str, *, anew: bool) -> str:
        """An agent's public key, in hex."""
        return (await self._ask(AgentKeyRequest(agent_id, anew))).text

    async def badge(self, agent_id: str, *, tasks: Sequence[str], audience: str, seconds: int) -> str:
        """A token with which an agent works on these tasks."""
        return (await self._ask(BadgeRequest(agent_id, tuple(tasks), audience, seconds))).text

    async def status(self) -> Standing:
        """How the vault stands."""
        answer = await self._ask(StatusRequest())
        if answer.standing is None:
            raise _odd()
        return answer.standing

    async def rotate(self) -> str:
        """Have it make a new sealing key; its id."""
        return (await self._ask(RotateRequest())).key_id

    async def address(self, wallet: str) -> str:
        """Where a wallet is paid."""
        return (await self._ask(AddressRequest(wallet))).address

    async def consent(self, evidence: Evidence) -> Consent:
        """The second vault's signature under a payment."""
        answer = await self._ask(ConsentRequest(evidence))
        if answer.consent is None:
            raise _odd()
        return answer.consent

    async def sign_transfer(
        self, evidence: Evidence, postage: Postage, consents: tuple[Consent, ...]
    ) -> SignedTransfer:
        """A transaction under a sealed grant."""
        answer = await self._ask(TransferRequest(evidence, postage, consents))
        if answer.transfer is None:
            raise _odd()
        return answer.transfer

    async def sign_shipment(self, items: tuple[Item, ...], postage: Postage) -> SignedShipment:
        """One transaction under several sealed grants."""
        answer = await self._ask(ShipmentRequest(items, postage))
        if answer.shipment is None:
            raise _odd()
        return answer.shipment

    async def sign_authorization(self, evidence: Evidence, consents: tuple[Consent, ...]) -> SignedAuthorization:
        """A word that a facilitator brings to the chain."""
        answer = await self._ask(AuthorizationRequest(evidence, consents))
        if answer.authorization is None:
            raise _odd()
        return answer.authorization

    async def hello(self) -> str:
        """The id of the vault's key, if it answers."""
        return (await self._ask(HelloRequest())).key_id

    async def close(self) -> None:
        """Hang up."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _attest(self, statements: Sequence[bytes]) -> Sequence[Attestation]:
        answer = await self._ask(AttestRequest(tuple(statements)))
        if len(answer.attestations) != len(statements):
            raise _odd()
        return answer.attestations

    async def _ask(self, request: Request) -> Answer:
        answer = await self._ask_once(request)
        if answer.code == "vault_request_stale":
            # It may have been signed before the vault was started again, or have waited for its turn too long.
            answer = await self._ask_once(request)
        if answer.code:
            raise Refused(answer.code, answer.message, where=answer.where, remedy=answer.remedy)
        return answer

    async def _ask_once(self, request: Request) -> Answer:
        async with self._turn:
            frame = wire.sign(
                request, client=self._client, key=self._key, nonce=secrets.token_hex(16), at_us=self._clock.now_us()
            )
            is_answered = False
            try:
                async with self._clock.timeout(ANSWER_SECONDS_MAX):
                    answer = await self._exchange(frame)
                is_answered = True
            except (OSError, TimeoutError, msgspec.DecodeError) as error:
                raise Unavailable(
                    "vault_unavailable",
                    f"the vault does not answer: {str(error) or type(error).__name__}",
                    where=str(self._path),
                    remedy="chimera doctor says whether its process runs",
                ) from error
            finally:
                # Whoever is broken off leaves an answer on the line, which would be taken for that of the next request.
                if not is_answered:
                    await self.close()
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


def _odd() -> Unavailable:
    return Unavailable(
        "vault_answer_odd",
        "the vault answered without what was asked for",
        where="vault",
        remedy="it is asked again by itself",
    )
