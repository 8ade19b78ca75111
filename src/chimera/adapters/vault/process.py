"""`python -m chimera.adapters.vault.process`: the vault alone in its process. Ends when its parent's pipe closes.

Its passphrase comes through that pipe: an environment can be read by whoever may look at processes.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.vault import hardening, keys
from chimera.adapters.vault.agents import AgentKeys
from chimera.adapters.vault.coins import CoinKey, LocalCoinKey
from chimera.adapters.vault.folder import JOURNAL, VaultFolder
from chimera.adapters.vault.journal import Journal
from chimera.adapters.vault.payments import Payments
from chimera.adapters.vault.published import PublishedKeys
from chimera.adapters.vault.server import FIRST, SECOND, Rooms, VaultServer
from chimera.adapters.vault.signer import VaultSigner, require_pack
from chimera.domain import scopes
from chimera.domain.errors import ChimeraError
from chimera.domain.policy import PackFiles
from chimera.domain.wallets import WalletRules
from chimera.governance.policy.ceiling import Ceiling
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.sealing import SealVerifier

READY = b"ready\n"


class NotStarted(Struct, frozen=True):
    """Why it does not come up, for whoever started it to say."""

    code: str
    message: str
    where: str
    remedy: str


class Begin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one line that the parent says when it starts a vault."""

    passphrase: str = ""
    rules: WalletRules | None = None
    order: str = FIRST
    # Where the first vault publishes its sealing keys: the second verifies with them.
    sealers: str = ""
    kms_key: str = ""
    kms_endpoint: str = ""


Secret: TypeAlias = Callable[[Path, Begin], bytes]
Coins: TypeAlias = Callable[[Path, Begin, bytes], Mapping[str, CoinKey]]


def local_secret(folder: Path, begin: Begin) -> bytes:
    """The passphrase that was given, or the installation's own."""
    return keys.passphrase(folder, begin.passphrase)


def local_coins(folder: Path, begin: Begin, secret: bytes) -> Mapping[str, CoinKey]:
    """Wallets whose keys are in this folder."""
    assert begin.rules is not None, "asked only where there are rules"
    local = [name for name in begin.rules.wallets if name not in begin.rules.kms]
    return {name: LocalCoinKey(folder / "wallets" / f"{name}.key", secret) for name in local}


def main(*, secret_of: Secret = local_secret, coins_of: Coins = local_coins) -> None:
    """Read the folder, serve, end with the parent."""
    parser = argparse.ArgumentParser(prog="python -m chimera.adapters.vault.process", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="keys, clients and the vault's own count")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--policy-digest", required=True, help="the only policy under which grants are sealed")
    parser.add_argument("--cap-micros-day", type=int, required=True, help="the vault's own cap")
    parser.add_argument("--pack", type=Path, help="the policy pack, to be asked as well as named")
    options = parser.parse_args()
    hardening.close_to_others()
    try:
        asyncio.run(_serve(options, secret_of, coins_of))
    except KeyboardInterrupt:
        return
    except ChimeraError as error:
        # A traceback would show where keys are read, and tell nobody what to do.
        why = NotStarted(error.code, error.message, error.where, error.remedy)
        sys.stdout.buffer.write(msgspec.json.encode(why) + b"\n")
        sys.stdout.buffer.flush()
        sys.exit(f"the vault does not start: {error}")


async def _serve(options: argparse.Namespace, secret_of: Secret, coins_of: Coins) -> None:
    begin = msgspec.json.decode(sys.stdin.buffer.readline() or b"{}", type=Begin)
    secret = secret_of(options.folder, begin)
    folder = VaultFolder(options.folder, secret)
    core = VaultSigner(
        key=folder.sealing,
        policy_digest=options.policy_digest,
        cap_micros_day=options.cap_micros_day,
        spent=folder.spent,
        # The second vault has no word of the CFO: neither does the other's part.
        cfo_key=folder.own_key("cfo") if begin.order == FIRST else None,
        keep=folder.keep,
        policy=_ceiling(options.pack, options.policy_digest) if options.pack else None,
        office=folder.clients.get("office"),
    )
    # Until the office has said what is halted, everything is.
    core.halt((scopes.FLEET,))
    coins: Mapping[str, CoinKey] = {}
    if begin.rules and begin.order == FIRST:
        coins = coins_of(options.folder, begin, secret)
    server = VaultServer(
        core=core,
        clients=folder.clients,
        rooms=Rooms(
            notary=folder.notary() if begin.order == FIRST else None,
            payments=_payments(folder, begin, core, coins),
            agents=AgentKeys(options.folder / "agents", secret) if begin.order == FIRST else None,
        ),
        rotate=lambda: folder.rotate(core),
        order=begin.order,
        serves_since_us=time.time_ns() // 1_000,
        public_keys=lambda: len(folder.public_keys),
    )
    listening = await server.serve(options.socket)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    try:
        await _told_to_end()
    finally:
        # Whoever still speaks to us is not waited for.
        listening.close()
        core.close()


async def _told_to_end() -> None:
    """The parent's pipe closes, or somebody says so: nothing else is ever said through it."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), told.set)
    loop.add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


def _ceiling(folder: Path, digest: str) -> Ceiling:
    """The policy itself, if it is the one that was named."""
    title = msgspec.json.decode((folder / "pack.json").read_bytes(), type=dict[str, str])
    text, schema, bands = (
        (folder / name).read_text(encoding="utf-8") for name in ("policy.cedar", "schema.cedarschema", "bands.json")
    )
    files = PackFiles(name=title["name"], release=title["release"], text=text, schema=schema, bands=bands)
    return Ceiling(PolicyEngine(require_pack(files, digest=digest)))


def _payments(folder: VaultFolder, begin: Begin, core: VaultSigner, coins: Mapping[str, CoinKey]) -> Payments | None:
    if begin.rules is None:
        return None
    sealers: Mapping[str, Ed25519PublicKey] = folder.public_keys
    word = "consent" if begin.order == SECOND else "cfo"
    if begin.order == SECOND:
        sealers = PublishedKeys(Path(begin.sealers))
    return Payments(
        rules=begin.rules, policy_digest=lambda: core.policy_digest, seals=SealVerifier(sealers), coins=coins,
        consent_key=folder.own_key(word), trusted=folder.trusted, journal=Journal(folder.path / JOURNAL),
        halted=lambda: core.halted,
    )  # fmt: skip


if __name__ == "__main__":
    main()
