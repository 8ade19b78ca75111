"""One wallet on one chain: gives a granted payment a nonce, has it signed, sends it, stays with it until it is final.

Whatever happens to us, the node or the chain, a grant has one nonce and a nonce one grant: the chain takes it once.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from chimera.adapters.chain import calls, fees
from chimera.adapters.chain.fees import Offer
from chimera.adapters.chain.ledger import NonceBook
from chimera.adapters.chain.node import Node, Seen
from chimera.adapters.chain.signatory import Signatory
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused, Unavailable
from chimera.domain.transfer import ATTEMPTS_MAX, Sending, Transfer, TransferCommand, TransferState
from chimera.domain.wallets import NETWORKS, ChainRules, Consent, Payment, payment_of
from chimera.ports.clock import Clock
from chimera.ports.publisher import Absent, Order, Outcome, Published, Rejected, Trace, Unknown
from chimera.ports.store import Store
from chimera.ports.wallet import Evidence, Postage

_log = structlog.get_logger("chimera.wallet")
POLL_SECONDS_MIN = 0.1
POLL_SECONDS_MAX = 4.0
DEAR_PAUSE_SECONDS = 1.0
GAS_NUMERATOR, GAS_DENOMINATOR = 5, 4
# The vault says these for now, not for this payment.
_LATER = frozenset(
    {
        "halted",
        "vault_too_busy",
        "vault_second_key_missing",
        "vault_person_needed",
        "vault_expiry",
        "vault_fee_too_high",
    }
)
# The vault remembers a signature of which the store knows nothing: nobody may guess.
_LOST = frozenset({"vault_grant_has_nonce", "vault_nonce_taken"})


class ChainWallet:
    """`run` has to be running: it watches the chain. `pay` and `trace` are what effects asks."""

    def __init__(
        self, *, chain: str, wallet: str, rules: ChainRules, node: Node, signatory: Signatory, store: Store,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._network = NETWORKS[chain]
        self._rules = rules
        self._node = node
        self._signatory = signatory
        self._clock = clock
        self._wallet = wallet
        self.book = NonceBook(chain=chain, wallet=wallet, store=store, clock=clock)
        self._turn = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self._told_us: dict[int, int] = {}
        self._missing: dict[int, int] = {}
        self._address = ""
        self._is_read = False

    # ── what effects asks ───────────────────────────────────────────────────────────────────────────────────────────

    async def pay(self, order: Order) -> Outcome:
        """Begin the payment, or go on with it, and wait until it counts as made."""
        try:
            payment = payment_of(order.action)
            transfer = await self._known(order.grant_id)
            if transfer is None:
                gas = await self._gas(payment)
                offer = await self._calm(gas)
                async with self._turn:
                    transfer = await self._of(order.grant_id) or await self._begin(order, gas, offer)
        except Unavailable as error:
            return Unknown(str(error)) if await self._has_nonce(order.grant_id) else Rejected(str(error), later=True)
        except (Refused, Invalid, Conflict) as error:
            return Rejected(str(error), later=isinstance(error, Conflict) or error.code in _LATER)
        return _ended(transfer) or await self._wait(order.grant_id)

    async def trace(self, order: Order) -> Trace:
        """What has become of a payment."""
        try:
            transfer = await self._known(order.grant_id)
        except Unavailable as error:
            return Unknown(str(error))
        if transfer is None or transfer.state in (TransferState.FREE, TransferState.REVERTED):
            return Absent()
        with contextlib.suppress(Unavailable):
            if transfer.state is TransferState.MINED and await self._counts(transfer, await self._node.head()):
                return Published(_receipt(transfer))
        return (
            Published(_receipt(transfer))
            if transfer.state is TransferState.FINAL
            else Unknown(f"it is {transfer.state}")
        )

    async def run(self) -> None:
        """Until cancelled: watch."""
        while True:
            try:
                async with self._turn:
                    await self._ready()
                    await self.tend()
            except ChimeraError as error:
                self._is_read = self._is_read and not isinstance(error, Conflict)
                _log.warning("a wallet is looked after later", wallet=self._wallet, why=str(error))
            await self._clock.sleep(min(POLL_SECONDS_MAX, max(POLL_SECONDS_MIN, self._rules.stuck_seconds / 20)))

    async def tend(self) -> None:
        """One look at the chain, and what follows from it for every open payment."""
        if not self.book.open:
            return
        head, used = await self._node.head(), await self._node.used(self._address)
        for nonce in sorted(self.book.open):
            await self._tend(self.book.open[nonce], head=head, used=used)

    # ── beginning ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ready(self) -> None:
        if not self._address:
            self._address = await self._signatory.address(self._wallet)
        if not self._is_read:
            await self.book.read()
            self._is_read = True

    async def _known(self, grant_id: str) -> Transfer | None:
        async with self._turn:
            await self._ready()
            return await self._of(grant_id)

    async def _of(self, grant_id: str) -> Transfer | None:
        open_one = next((one for one in self.book.open.values() if one.grant_id == grant_id), None)
        found = open_one or await self.book.of_grant(grant_id)
        return None if found and found.state is TransferState.FREE else found

    async def _has_nonce(self, grant_id: str) -> bool:
        return any(one.grant_id == grant_id for one in self.book.open.values())

    async def _begin(self, order: Order, gas: int, offer: Offer) -> Transfer:
        if (before := self.book.reserved) is not None:
            await self._sign_and_send(before)
        evidence = await self._signatory.evidence(order.grant_id)
        consents = await self._signatory.consents(evidence)
        used = await self._node.used(self._address, with_pending=True)
        try:
            transfer = await self.book.reserve(order.grant_id, used=used)
        except Conflict:
            self._is_read = False
            raise
        return await self._sign(transfer, evidence, consents, gas=gas, offer=offer)

    async def _weighed(self, gas: int) -> Offer:
        return fees.offer(await self._node.weather(), gas=gas, rules=self._rules, network=self._network)

    async def _calm(self, gas: int) -> Offer:
        """What to pay; a dear moment is waited out for a while, and one above the cap is not taken at all."""
        waited = 0.0
        while True:
            offer = await self._weighed(gas)
            if offer.is_affordable and (not offer.is_dear or waited >= self._rules.patience_seconds):
                return offer
            if waited >= self._rules.patience_seconds:
                raise Conflict("fees_above_cap", "carriage costs more than the rules allow", where=self.book.chain,
                               remedy="it is tried again when the chain is calmer")  # fmt: skip
            await self._clock.sleep(DEAR_PAUSE_SECONDS)
            waited += DEAR_PAUSE_SECONDS

    async def _gas(self, payment: Payment) -> int:
        to, value, data = calls.call_of(payment, self._rules)
        used = await self._node.gas(sender=self._address, to=to, value=value, data=data)
        return min(used * GAS_NUMERATOR // GAS_DENOMINATOR, self._rules.gas_max)

    async def _sign(
        self, transfer: Transfer, evidence: Evidence, consents: tuple[Consent, ...], *, gas: int, offer: Offer
    ) -> Transfer:
        postage = Postage(nonce=transfer.nonce, gas=gas, fee_wei=offer.fee_wei, tip_wei=offer.tip_wei)
        try:
            signed = await self._signatory.sign(evidence, postage, consents)
        except Refused as refusal:
            if refusal.code in _LOST:
                await self.book.step(transfer, TransferCommand.DISOWN)
            elif not transfer.sendings:
                await self.book.give_back(transfer)
            raise
        now_us = self._clock.now_us()
        sending = Sending(
            hash=signed.hash, raw=signed.raw, fee_wei=offer.fee_wei, tip_wei=offer.tip_wei, gas=gas, at_us=now_us
        )
        sent = await self.book.sent(transfer, sending, signed.consents, naive_tip_wei=offer.naive_tip_wei)
        await self._tell(sent)
        return sent

    async def _sign_and_send(self, transfer: Transfer) -> None:
        """A payment that had its nonce when somebody died. The vault knows whether it has signed for it."""
        evidence = await self._signatory.evidence(transfer.grant_id)
        payment = payment_of(evidence.grant.action)
        gas = await self._gas(payment)
        offer = await self._weighed(gas)
        try:
            await self._sign(transfer, evidence, await self._signatory.consents(evidence), gas=gas, offer=offer)
        except Refused as refusal:
            _log.warning("a nonce was given back", nonce=transfer.nonce, why=str(refusal))
            self._answer(transfer.grant_id, Rejected(str(refusal), later=refusal.code in _LATER))

    async def _tell(self, transfer: Transfer) -> None:
        """Hand it to the node. Whether that worked is seen in a block, not in the answer."""
        self._told_us[transfer.nonce] = self._clock.now_us()
        with contextlib.suppress(Unavailable):
            if said := await self._node.send(transfer.sendings[-1].raw):
                _log.info("the node did not take a transaction", nonce=transfer.nonce, why=said)

    # ── staying with it ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _tend(self, transfer: Transfer, *, head: int, used: int) -> None:
        match transfer.state:
            case TransferState.RESERVED:
                await self._sign_and_send(transfer)
            case TransferState.SENT:
                await (self._find(transfer, head) if transfer.nonce < used else self._push(transfer))
            case TransferState.MINED:
                await self._keep(transfer, head=head, used=used)
            case TransferState.FREE | TransferState.FINAL | TransferState.REVERTED | TransferState.FOREIGN:
                return

    async def _find(self, transfer: Transfer, head: int) -> None:
        """Its nonce is used: by one of its transactions, whichever replaced which."""
        for sending in reversed(transfer.sendings):
            seen = await self._node.seen(sending.hash)
            if seen is None:
                continue
            if not seen.succeeded:
                await self.book.step(transfer, TransferCommand.REVERT)
                return self._answer(transfer.grant_id, Rejected(f"the chain reverted {seen.hash}"))
            return await self._noted(transfer, seen, head)
        await self._missed(transfer, head)

    async def _missed(self, transfer: Transfer, head: int) -> None:
        """Used, and none of ours is known: a node that is still catching up, or somebody else has the key."""
        since = self._missing.setdefault(transfer.nonce, head)
        if since == head:
            _log.warning("a nonce is used, and the node knows no transaction of ours", nonce=transfer.nonce)
        if head - since >= self._rules.depth(self._network):
            _log.error("a nonce was used by a transaction that is not ours", nonce=transfer.nonce, wallet=self._wallet)
            await self.book.step(transfer, TransferCommand.DISOWN)
            self._answer(transfer.grant_id, Unknown("its nonce was used by a transaction that is not ours"))

    async def _noted(self, transfer: Transfer, seen: Seen, head: int) -> None:
        self._missing.pop(transfer.nonce, None)
        naive = (seen.base_wei + transfer.naive_tip_wei) * seen.gas_used
        mined = await self.book.mined(transfer, digest=seen.hash, block=seen.block, naive_wei=naive,
                                      paid_wei=seen.price_wei * seen.gas_used)  # fmt: skip
        if await self._counts(mined, head):
            self._answer(mined.grant_id, Published(_receipt(mined)))

    async def _push(self, transfer: Transfer) -> None:
        """In no block yet: handed in again now and then, since nodes forget, and replaced when it is stuck."""
        now_us = self._clock.now_us()
        stuck_us = int(self._rules.stuck_seconds * 1_000_000)
        if now_us - transfer.sendings[-1].at_us > stuck_us and len(transfer.sendings) < ATTEMPTS_MAX:
            await self._replace(transfer)
        elif now_us - self._told_us.get(transfer.nonce, 0) > stuck_us // 4:
            await self._tell(transfer)

    async def _replace(self, transfer: Transfer) -> None:
        """The same payment under the same nonce for more: one of the two is taken, never both."""
        last = transfer.sendings[-1]
        now = await self._weighed(last.gas)
        raised = fees.replacement(last.fee_wei, last.tip_wei, now, gas=last.gas, rules=self._rules)
        if raised is None:
            return await self._tell(transfer)
        evidence = await self._signatory.evidence(transfer.grant_id)
        offer = Offer(
            fee_wei=raised[0], tip_wei=raised[1], naive_tip_wei=now.naive_tip_wei, is_affordable=True, is_dear=False
        )
        try:
            await self._sign(transfer, evidence, await self._signatory.consents(evidence), gas=last.gas, offer=offer)
        except Refused as refusal:
            _log.warning("a stuck payment was not replaced", nonce=transfer.nonce, why=str(refusal))

    async def _keep(self, transfer: Transfer, *, head: int, used: int) -> None:
        """In a block: until nothing brings that block back."""
        depth = head - transfer.block + 1
        is_final = depth >= self._rules.depth(self._network)
        if transfer.nonce >= used or (is_final and not await self._is_there(transfer)):
            _log.warning("a block was taken back", nonce=transfer.nonce, block=transfer.block)
            await self._tell(await self.book.step(transfer, TransferCommand.LOSE))
        elif is_final:
            self._answer(transfer.grant_id, Published(_receipt(transfer)))
            await self.book.step(transfer, TransferCommand.SETTLE)
            self._told_us.pop(transfer.nonce, None)
        elif transfer.grant_id in self._waiting and await self._counts(transfer, head):
            self._answer(transfer.grant_id, Published(_receipt(transfer)))

    async def _counts(self, transfer: Transfer, head: int) -> bool:
        return head - transfer.block + 1 >= self._rules.confirmations and await self._is_there(transfer)

    async def _is_there(self, transfer: Transfer) -> bool:
        seen = await self._node.seen(transfer.mined_hash)
        return seen is not None and seen.block == transfer.block

    # ── who waits ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _wait(self, grant_id: str) -> Outcome:
        waiting = self._waiting.setdefault(grant_id, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.shield(waiting)
        finally:
            if self._waiting.get(grant_id) is waiting:
                del self._waiting[grant_id]

    def _answer(self, grant_id: str, outcome: Outcome) -> None:
        waiting = self._waiting.pop(grant_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)


def _ended(transfer: Transfer) -> Outcome | None:
    match transfer.state:
        case TransferState.FINAL:
            return Published(_receipt(transfer))
        case TransferState.REVERTED:
            return Rejected("the chain reverted it")
        case TransferState.FOREIGN:
            return Unknown("the vault signed it under another nonce, or its nonce was used by somebody else")
        case TransferState.RESERVED | TransferState.FREE | TransferState.SENT | TransferState.MINED:
            return None


def _receipt(transfer: Transfer) -> dict[str, object]:
    """What the network said, for the performance. Amounts in wei are strings: no integer of JSON holds them."""
    return {
        "network": transfer.chain,
        "hash": transfer.mined_hash,
        "nonce": transfer.nonce,
        "block": transfer.block,
        "sendings": len(transfer.sendings),
        "fee_wei": transfer.paid_wei,
        "saved_wei": str(int(transfer.naive_wei) - int(transfer.paid_wei)),
        "consents": [f"{one.role}:{one.key_id}" for one in transfer.consents],
    }
