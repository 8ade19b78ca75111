"""One wallet on one chain: gives a granted payment a nonce, has it signed, sends it, stays with it until it is final.

Whatever happens to us, the node or the chain, a grant has one place at one nonce: the chain takes it once. Small
payments may share a transaction, where the rules say so and where it is cheaper.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from chimera.adapters.chain import calls, fees
from chimera.adapters.chain.boarding import Boarding, Rider, Weight
from chimera.adapters.chain.fees import Offer
from chimera.adapters.chain.ledger import Cargo, NonceBook
from chimera.adapters.chain.node import Node, Seen
from chimera.adapters.chain.outcomes import ended, paid_places, receipt
from chimera.adapters.chain.signatory import Signatory
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused, Unavailable
from chimera.domain.programs import Place, pay_coins
from chimera.domain.transfer import ATTEMPTS_MAX, Sending, Shipment, Transfer, TransferCommand, TransferState
from chimera.domain.wallets import NATIVE, NETWORKS, ChainRules, Consent, Payment, payment_of
from chimera.ports.clock import Clock
from chimera.ports.publisher import Absent, Order, Outcome, Published, Rejected, Trace, Unknown
from chimera.ports.store import Store
from chimera.ports.wallet import Item, Postage

_log = structlog.get_logger("chimera.wallet")
POLL_SECONDS_MIN = 0.1
POLL_SECONDS_MAX = 4.0
DEAR_PAUSE_SECONDS = 1.0
GAS_NUMERATOR, GAS_DENOMINATOR = 5, 4
# What every transaction costs, whatever it does.
PLAIN_GAS = 21_000
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
_GRANT_HAS_NONCE, _NONCE_TAKEN = "vault_grant_has_nonce", "vault_nonce_taken"
# It knows exactly what it has signed, and will not again for now: the nonce is kept for it.
_SIGNED_BEFORE = "vault_signed_before"


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
        self._boarding = Boarding(rules=rules, clock=clock, ship=self._ship)
        # Whom a shared transaction could not pay is paid alone from then on.
        self._refusing: set[str] = set()
        self._address = ""
        self._is_read = False

    # ── what effects asks ───────────────────────────────────────────────────────────────────────────────────────────

    async def pay(self, order: Order) -> Outcome:
        """Begin the payment, or go on with it, and wait until it counts as made."""
        try:
            payment = payment_of(order.action)
            transfer = await self._known(order.grant_id)
            if transfer is None:
                transfer = await self._begun(order.grant_id, payment)
        except Unavailable as error:
            return Unknown(str(error)) if self.book.has(order.grant_id) else Rejected(str(error), later=True)
        except (Refused, Invalid, Conflict) as error:
            return Rejected(str(error), later=isinstance(error, Conflict) or error.code in _LATER)
        return ended(transfer) or await self._wait(order.grant_id)

    async def trace(self, order: Order) -> Trace:
        """What has become of a payment."""
        try:
            transfer = await self._known(order.grant_id)
        except Unavailable as error:
            return Unknown(str(error))
        if transfer is None or transfer.state in (TransferState.FREE, TransferState.REVERTED):
            return Absent()
        with contextlib.suppress(Unavailable):
            is_paid = transfer.state is TransferState.MINED and transfer.is_paid
            if is_paid and await self._counts(transfer, await self._node.head()):
                return Published(receipt(transfer))
        return (
            Published(receipt(transfer))
            if transfer.state is TransferState.FINAL
            else Unknown(f"it is {transfer.state}")
        )

    async def run(self) -> None:
        """Until cancelled: watch, and send off who has waited for others."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._watch())
            both.create_task(self._boarding.run())

    async def tend(self) -> None:
        """One look at the chain, and what follows from it for every open payment."""
        if not self.book.open:
            return
        head, used = await self._node.head(), await self._node.used(self._address)
        for shipment in self.book.open:
            await self._tend(shipment, head=head, used=used)

    async def _watch(self) -> None:
        while True:
            try:
                async with self._turn:
                    await self._ready()
                    await self.tend()
            except ChimeraError as error:
                self._is_read = self._is_read and not isinstance(error, Conflict)
                _log.warning("a wallet is looked after later", wallet=self._wallet, why=str(error))
            await self._clock.sleep(min(POLL_SECONDS_MAX, max(POLL_SECONDS_MIN, self._rules.stuck_seconds / 20)))

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
            return await self.book.of_grant(grant_id)

    async def _begun(self, grant_id: str, payment: Payment) -> Transfer:
        weight = await self._weight(payment)
        if self._rules.shares(payment) and payment.recipient not in self._refusing:
            begun = await self._boarding.join(Rider(grant_id, payment, weight))
            if begun is not None:
                return begun
        offer = await self._calm(weight.gas_max)
        async with self._turn:
            return await self.book.of_grant(grant_id) or await self._begin(grant_id, weight, offer)

    async def _begin(self, grant_id: str, weight: Weight, offer: Offer) -> Transfer:
        await self._finish_reserved()
        item = await self._item(grant_id, gas=weight.gas_max)
        cargo = Cargo(grant_id=grant_id, gas=weight.gas_max, gas_alone=weight.gas_alone)
        shipment = await self._reserved([cargo])
        return (await self._sign(shipment, [item], gas=weight.gas_max, offer=offer)).lead

    async def _finish_reserved(self) -> None:
        if (before := self.book.reserved) is not None:
            await self._sign_and_send(before)

    async def _item(self, grant_id: str, *, gas: int) -> Item:
        evidence = await self._signatory.evidence(grant_id)
        return Item(evidence=evidence, consents=await self._signatory.consents(evidence), gas=gas)

    async def _reserved(self, cargo: Sequence[Cargo]) -> Shipment:
        used = await self._node.used(self._address, with_pending=True)
        try:
            return await self.book.reserve(cargo, used=used)
        except Conflict:
            self._is_read = False
            raise

    # ── several in one ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _ship(self, riders: Sequence[Rider]) -> None:
        """Those who have waited for one another."""
        try:
            await self._calm(max(one.weight.gas_max for one in riders))
            async with self._turn:
                await self._ready()
                await self._board([one for one in riders if one.is_waiting])
        except ChimeraError as error:
            for one in riders:
                one.refuse(error)

    async def _board(self, riders: Sequence[Rider]) -> None:
        """Whom one of the keys refuses stays behind; the others go together where that is cheaper, else each alone."""
        await self._finish_reserved()
        boarded = [(one, item) for one in riders if (item := await self._ticket(one)) is not None]
        try:
            if len(boarded) > 1 and await self._together(boarded):
                return
        except Refused as refusal:
            if refusal.code == _NONCE_TAKEN:
                raise
            _log.info("they go alone", payments=len(boarded), why=str(refusal))
        for one, _ in boarded:
            one.answer(None)

    async def _ticket(self, rider: Rider) -> Item | None:
        try:
            if (known := await self.book.of_grant(rider.grant_id)) is not None:
                return rider.answer(known)
            return await self._item(rider.grant_id, gas=max(0, rider.weight.gas_max - PLAIN_GAS))
        except ChimeraError as error:
            return rider.refuse(error)

    async def _together(self, boarded: Sequence[tuple[Rider, Item]]) -> bool:
        """Whether one transaction has begun that carries them all."""
        payments = [one.payment for one, _ in boarded]
        cargo = [Cargo(grant_id=one.grant_id, gas=item.gas, gas_alone=one.weight.gas_alone) for one, item in boarded]
        should, may = await self._shared_gas(payments, cargo)
        offer = await self._weighed(may, places=len(cargo))
        is_cheaper = offer.is_affordable and should < sum(one.gas_alone for one in cargo)
        # Nothing begins for somebody who has stopped waiting: by now it may count as not having happened.
        if not is_cheaper or not all(one.is_waiting for one, _ in boarded):
            return False
        shipment = await self._sign(await self._reserved(cargo), [item for _, item in boarded], gas=may, offer=offer)
        for (one, _), transfer in zip(boarded, shipment.transfers, strict=True):
            one.answer(transfer)
        return True

    async def _shared_gas(self, payments: Sequence[Payment], cargo: Sequence[Cargo]) -> tuple[int, int]:
        """What one transaction for all should use, and what it may: coins tried on the node, tokens reckoned."""
        if payments[0].asset != NATIVE:
            return fees.shared_token_gas([one.gas_alone for one in cargo], [one.gas for one in cargo])
        code = pay_coins([Place(recipient=bytes.fromhex(one.recipient[2:]), units=one.units, gas=place.gas)
                          for one, place in zip(payments, cargo, strict=True)])  # fmt: skip
        should = await self._node.gas(sender=self._address, to="", value=sum(one.units for one in payments),
                                      data="0x" + code.hex())  # fmt: skip
        return should, self._with_margin(should, [one.gas for one in cargo])

    # ── signing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _weighed(self, gas: int, *, places: int = 1) -> Offer:
        return fees.offer(await self._node.weather(), gas=gas, rules=self._rules, network=self._network, places=places)

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

    async def _weight(self, payment: Payment) -> Weight:
        to, value, data = calls.call_of(payment, self._rules)
        used = await self._node.gas(sender=self._address, to=to, value=value, data=data)
        may = min(used * GAS_NUMERATOR // GAS_DENOMINATOR, self._rules.gas_max)
        return Weight(gas_alone=used, gas_max=may)

    async def _sign(self, shipment: Shipment, items: Sequence[Item], *, gas: int, offer: Offer) -> Shipment:
        postage = Postage(nonce=shipment.nonce, gas=gas, fee_wei=offer.fee_wei, tip_wei=offer.tip_wei)
        try:
            digest, raw, consents = await self._signed(items, postage)
        except Refused as refusal:
            if refusal.code == _NONCE_TAKEN or (refusal.code == _GRANT_HAS_NONCE and not shipment.is_shared):
                await self.book.step(shipment, TransferCommand.DISOWN)
            elif refusal.code != _SIGNED_BEFORE and not shipment.lead.sendings:
                await self.book.give_back(shipment)
            raise
        sending = Sending(hash=digest, raw=raw, fee_wei=offer.fee_wei, tip_wei=offer.tip_wei, gas=gas,
                          at_us=self._clock.now_us())  # fmt: skip
        sent = await self.book.sent(shipment, sending, consents, naive_tip_wei=offer.naive_tip_wei)
        await self._tell(sent)
        return sent

    async def _signed(
        self, items: Sequence[Item], postage: Postage
    ) -> tuple[str, str, tuple[tuple[Consent, ...], ...]]:  # fmt: skip
        if len(items) > 1:
            together = await self._signatory.sign_together(tuple(items), postage)
            return together.hash, together.raw, together.consents
        alone = await self._signatory.sign(items[0].evidence, postage, items[0].consents)
        return alone.hash, alone.raw, (alone.consents,)

    async def _sign_and_send(self, shipment: Shipment) -> None:
        """Payments that had their nonce when somebody died. The vault knows whether it has signed for it."""
        items = [await self._item_again(one) for one in shipment.transfers]
        gas = await self._gas_again(shipment, items)
        offer = await self._weighed(gas, places=len(items))
        try:
            await self._sign(shipment, items, gas=gas, offer=offer)
        except Refused as refusal:
            _log.warning("a nonce has no signature", nonce=shipment.nonce, why=str(refusal))
            if refusal.code != _SIGNED_BEFORE:
                is_later = refusal.code in _LATER or shipment.is_shared
                self._answer(shipment, Rejected(str(refusal), later=is_later))

    async def _item_again(self, transfer: Transfer) -> Item:
        """Without the second key's word the first vault refuses, and says whether it had signed before."""
        evidence = await self._signatory.evidence(transfer.grant_id)
        try:
            return Item(evidence=evidence, consents=await self._signatory.consents(evidence), gas=transfer.gas)
        except Refused as refusal:
            _log.warning("the second key says no", grant=transfer.grant_id, why=str(refusal))
            return Item(evidence=evidence, consents=(), gas=transfer.gas)

    async def _gas_again(self, shipment: Shipment, items: Sequence[Item]) -> int:
        """As much as at first, reckoned from what was noted then: no node has to agree once more."""
        if shipment.lead.sendings:
            return shipment.lead.sendings[-1].gas
        payment = payment_of(items[0].evidence.grant.action)
        if not shipment.is_shared:
            return shipment.lead.gas or (await self._weight(payment)).gas_max
        alone, own = [one.gas_alone for one in shipment.transfers], [one.gas for one in shipment.transfers]
        if payment.asset != NATIVE:
            return fees.shared_token_gas(alone, own)[1]
        # It was begun because it uses less than they would alone.
        return self._with_margin(sum(alone), own)

    def _with_margin(self, should: int, own: Sequence[int]) -> int:
        """The node looks for what just lets it through, in which a place may have starved: each has its own on top."""
        return min(should * GAS_NUMERATOR // GAS_DENOMINATOR + sum(own), len(own) * self._rules.gas_max)

    async def _tell(self, shipment: Shipment) -> None:
        """Hand it to the node. Whether that worked is seen in a block, not in the answer."""
        self._told_us[shipment.nonce] = self._clock.now_us()
        with contextlib.suppress(Unavailable):
            if said := await self._node.send(shipment.lead.sendings[-1].raw):
                _log.info("the node did not take a transaction", nonce=shipment.nonce, why=said)

    # ── staying with it ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _tend(self, shipment: Shipment, *, head: int, used: int) -> None:
        match shipment.lead.state:
            case TransferState.RESERVED:
                await self._sign_and_send(shipment)
            case TransferState.SENT:
                await (self._find(shipment, head) if shipment.nonce < used else self._push(shipment))
            case TransferState.MINED:
                await self._keep(shipment, head=head, used=used)
            case TransferState.FREE | TransferState.FINAL | TransferState.REVERTED | TransferState.FOREIGN:
                return

    async def _find(self, shipment: Shipment, head: int) -> None:
        """Its nonce is used: by one of its transactions, whichever replaced which."""
        for sending in reversed(shipment.lead.sendings):
            seen = await self._node.seen(sending.hash)
            if seen is not None:
                return await self._noted(shipment, seen, head)
        await self._missed(shipment, head)

    async def _missed(self, shipment: Shipment, head: int) -> None:
        """Used, and none of ours is known: a node that is still catching up, or somebody else has the key."""
        since = self._missing.setdefault(shipment.nonce, head)
        if since == head:
            _log.warning("a nonce is used, and the node knows no transaction of ours", nonce=shipment.nonce)
        if head - since >= self._rules.depth(self._network):
            _log.error("a nonce was used by a transaction that is not ours", nonce=shipment.nonce, wallet=self._wallet)
            await self.book.step(shipment, TransferCommand.DISOWN)
            self._answer(shipment, Unknown("its nonce was used by a transaction that is not ours"))

    async def _noted(self, shipment: Shipment, seen: Seen, head: int) -> None:
        self._missing.pop(shipment.nonce, None)
        mined = await self.book.mined(shipment, seen, paid=paid_places(seen, len(shipment.transfers)))
        if await self._counts(mined.lead, head):
            self._answer_paid(mined)

    async def _push(self, shipment: Shipment) -> None:
        """In no block yet: handed in again now and then, since nodes forget, and replaced when it is stuck."""
        now_us, sendings = self._clock.now_us(), shipment.lead.sendings
        stuck_us = int(self._rules.stuck_seconds * 1_000_000)
        if now_us - sendings[-1].at_us > stuck_us and len(sendings) < ATTEMPTS_MAX:
            await self._replace(shipment)
        elif now_us - self._told_us.get(shipment.nonce, 0) > stuck_us // 4:
            await self._tell(shipment)

    async def _replace(self, shipment: Shipment) -> None:
        """The same payments under the same nonce for more: one of the two is taken, never both."""
        last, places = shipment.lead.sendings[-1], len(shipment.transfers)
        now = await self._weighed(last.gas, places=places)
        raised = fees.replacement(last.fee_wei, last.tip_wei, now, gas=last.gas, rules=self._rules, places=places)
        if raised is None:
            return await self._tell(shipment)
        offer = Offer(
            fee_wei=raised[0], tip_wei=raised[1], naive_tip_wei=now.naive_tip_wei, is_affordable=True, is_dear=False
        )
        try:
            items = [await self._item_again(one) for one in shipment.transfers]
            await self._sign(shipment, items, gas=last.gas, offer=offer)
        except Refused as refusal:
            _log.warning("a stuck payment was not replaced", nonce=shipment.nonce, why=str(refusal))

    async def _keep(self, shipment: Shipment, *, head: int, used: int) -> None:
        """In a block: until nothing brings that block back."""
        lead = shipment.lead
        is_final = head - lead.block + 1 >= self._rules.depth(self._network)
        if lead.nonce >= used or (is_final and not await self._is_there(lead)):
            _log.warning("a block was taken back", nonce=lead.nonce, block=lead.block)
            await self._tell(await self.book.step(shipment, TransferCommand.LOSE))
        elif is_final:
            await self._conclude(shipment)
        elif any(one.grant_id in self._waiting for one in shipment.transfers) and await self._counts(lead, head):
            self._answer_paid(shipment)

    async def _conclude(self, shipment: Shipment) -> None:
        """What the chain has refused is only now refused: in another block it might have been paid."""
        self._answer_paid(shipment)
        concluded = await self.book.conclude(shipment)
        self._told_us.pop(shipment.nonce, None)
        for one in concluded.transfers:
            if not one.is_paid:
                _log.warning("the chain did not pay somebody", nonce=one.nonce, place=one.place, grant=one.grant_id)
                grant = (await self._signatory.evidence(one.grant_id)).grant
                self._refusing.add(grant.action.recipient)
                self._answer_one(one, Rejected(f"the chain reverted {one.mined_hash}", later=shipment.is_shared))

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

    def _answer(self, shipment: Shipment, outcome: Outcome) -> None:
        for one in shipment.transfers:
            self._answer_one(one, outcome)

    def _answer_paid(self, shipment: Shipment) -> None:
        for one in shipment.transfers:
            if one.is_paid:
                self._answer_one(one, Published(receipt(one)))

    def _answer_one(self, transfer: Transfer, outcome: Outcome) -> None:
        waiting = self._waiting.pop(transfer.grant_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)
