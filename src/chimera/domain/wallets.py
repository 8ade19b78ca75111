"""Payments on chains: which chains there are, what a payment says, what has to be signed by whom. Pure.

An amount on a chain is a decimal string of the asset's smallest unit: no integer of a database or of JSON holds it.
"""

from __future__ import annotations

import re

from msgspec import Struct

from chimera.domain.action import Action
from chimera.domain.address import parse_address
from chimera.domain.errors import Invalid
from chimera.domain.grant import Terms

NATIVE = "native"
USDC = "USDC"
SHARED_MAX = 32
GATHER_SECONDS_MAX = 10.0
WHOLE_COIN = 10**18
_UNITS = re.compile(r"[1-9][0-9]{0,77}")
_DOMAIN = b"chimera.transfer.v1\x00"


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a chain wherever it is reached."""

    chain_id: int
    coin: str
    # How deep a block has to lie until nothing brings it back.
    final_blocks: int
    block_seconds: int
    # Validators pass over what pays them less.
    tip_wei_min: int = 0


# Ethereum: two epochs. Polygon: bor reorganised more than 150 blocks once; 256 is what its own bridge waited for.
NETWORKS: dict[str, Network] = {
    "ethereum": Network(chain_id=1, coin="ETH", final_blocks=64, block_seconds=12),
    "polygon": Network(chain_id=137, coin="POL", final_blocks=256, block_seconds=2, tip_wei_min=25_000_000_000),
}


class Token(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token contract that may be paid with. `name` and `revision` are those of its EIP-712 domain."""

    address: str
    name: str = "USD Coin"
    revision: str = "2"


class ChainRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the fleet and both vaults were told about one chain. Each vault keeps its own copy, and its own counts."""

    rpc: str
    recipients: tuple[str, ...]
    # Beginnings of addresses on the web where something may be bought (x402).
    sellers: tuple[str, ...] = ()
    tokens: dict[str, Token] = {}
    # Bounds on what a signature may cost; a spike above them waits.
    fee_wei_max: int = 200_000_000_000
    gas_max: int = 200_000
    fee_micros_max: int = 20_000_000
    # What a whole coin is taken to be worth at most, in micros: an amount in coins must fit its grant at this price.
    coin_micros_max: int = 0
    cap_micros_day: int = 1_000_000_000
    # Above this a second vault is not enough: a person has to sign.
    human_over_micros: int = 50_000_000
    # When a payment counts as made; it is watched until it is final.
    confirmations: int = 3
    final_blocks: int = 0
    stuck_seconds: float = 60.0
    # How long a dear moment may be waited out before sending.
    patience_seconds: float = 0.0
    # How many small payments one transaction may carry (1: each goes alone), how long the first waits for others, and
    # what is small.
    shared_max: int = 1
    gather_seconds: float = 3.0
    shared_micros_max: int = 5_000_000

    def depth(self, network: Network) -> int:
        """How deep is final here."""
        return self.final_blocks or network.final_blocks

    def shares(self, payment: Payment) -> bool:
        """Whether a payment may go in one transaction with others: it is small, and not urgent."""
        is_small = payment.cost_micros <= self.shared_micros_max
        return self.shared_max > 1 and is_small and not payment.is_urgent and not payment.url


class WalletRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wallets' file: names of wallets, and one table per chain."""

    chains: dict[str, ChainRules]
    wallets: tuple[str, ...] = ("treasury",)
    # Wallets whose keys are in a key service: name, and the key's id there. The others' are in the vault's folder.
    kms: dict[str, str] = {}

    def of(self, chain: str) -> ChainRules:
        """The rules of a chain, or a named refusal."""
        found = self.chains.get(chain)
        if found is None:
            raise Invalid("chain_unknown", f"{chain[:40]!r} is not configured", where="platform",
                          remedy="add it to the file of CHIMERA_WALLETS")  # fmt: skip
        return found


class Carriage(Struct, frozen=True, kw_only=True):
    """What one payment's carriage would cost on one chain, in micros."""

    chain: str
    micros: int
    naive_micros: int


class Payment(Struct, frozen=True, kw_only=True):
    """An action's bytes, read as a payment on a chain."""

    chain: str
    wallet: str
    recipient: str
    asset: str
    units: int
    cost_micros: int
    url: str = ""
    is_urgent: bool = False


def chain_of(recipient: object) -> str:
    """The chain in a recipient that is written `polygon:0x…`, or nothing: then it is somebody elsewhere."""
    chain, colon, _ = recipient.partition(":") if isinstance(recipient, str) else ("", "", "")
    return chain if colon and chain in NETWORKS else ""


def wallet_of(account: str) -> str:
    """The name of the wallet in an account's handle: `@treasury` is `treasury`."""
    return account.removeprefix("@")


def is_on_chain(action: Action) -> bool:
    """Whether an action is a payment on a chain."""
    return action.kind == "payment.send" and action.platform in NETWORKS


def payment_of(action: Action) -> Payment:
    """What is paid to whom, or `Invalid` by name: what is shown, what is granted and what is paid are the same."""
    told = action.arguments
    recipient = parse_address(str(told.get("recipient", "")), where="arguments.recipient")
    if recipient != action.recipient:
        raise Invalid(
            "payment_differs",
            "the recipient shown is not the one granted",
            where="arguments.recipient",
            remedy="pay what was asked, or nothing",
        )
    units, asset = parse_units(str(told.get("amount", "")), where="arguments.amount"), str(told.get("asset", ""))
    if asset != NATIVE and units != action.cost_micros:
        raise Invalid(
            "payment_differs",
            f"{units} units of {asset[:20]} are not the cost that was granted",
            where="arguments.amount",
            remedy="pay what was asked, or nothing",
        )
    return Payment(chain=action.platform, wallet=wallet_of(action.account), recipient=recipient, asset=asset,
                   units=units, cost_micros=action.cost_micros, url=str(told.get("url", "")),
                   is_urgent=told.get("urgent") is True)  # fmt: skip


def parse_units(text: str, *, where: str = "amount") -> int:
    """A decimal string of smallest units: no sign, no point, no leading zero, at most 78 digits."""
    if not _UNITS.fullmatch(text):
        raise Invalid("units_malformed", f"{text[:40]!r} is not a whole number of units", where=where,
                      remedy="write the smallest units as digits, such as 4500000 for 4.50 USDC")  # fmt: skip
    return int(text)


def coins_in_micros(wei: int, *, coin_micros: int) -> int:
    """What an amount of coins is worth at a price, rounded up."""
    return -(-wei * coin_micros // WHOLE_COIN)


class Consent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key's signature under one payment: the CFO's, the second vault's, or a person's."""

    role: str
    key_id: str
    signature: str
    expires_at_us: int = 0


def consent_bytes(role: str, terms: Terms, *, expires_at_us: int = 0) -> bytes:
    """What is signed. A person signs before there is a grant."""
    if role == "human":
        return human_bytes(terms.task_id, terms.action_digest, expires_at_us=expires_at_us)
    return _consent_bytes(role, terms.leaf, expires_at_us)


def human_bytes(task_id: str, action_digest: str, *, expires_at_us: int) -> bytes:
    """What a person signs: a task's exact bytes, until a time."""
    return _consent_bytes("human", f"{task_id}:{action_digest}", expires_at_us)


def _consent_bytes(role: str, subject: str, expires_at_us: int) -> bytes:
    return _DOMAIN + f"{role}\x00{subject}\x00{expires_at_us}".encode()
