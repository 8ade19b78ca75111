"""Starts the vaults and gives each of their clients its own key. A part of bootstrap; it has nothing signed itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.documents.governance import DEFAULT_PACK, load_pack
from chimera.adapters.documents.wallets import load_wallets
from chimera.adapters.local.home import prepare_home, socket_folder
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import keys, signer
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.folder import CHECKPOINT, CLIENTS, SIGNED
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.adapters.vault.notary import Standing
from chimera.adapters.vault.process import Begin
from chimera.adapters.vault.published import PublishedKeys
from chimera.adapters.vault.server import SECOND
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.policy import PackFiles
from chimera.governance.sealing import SealVerifier
from chimera.ports.clock import Clock
from chimera.settings import Settings


class Vaults(Struct, frozen=True, kw_only=True):
    """The clients of the vaults: for the manager, for the office, and, where there are wallets, for effects."""

    manager: VaultClient
    office: VaultClient
    payer: VaultClient
    second_office: VaultClient | None = None
    second_payer: VaultClient | None = None

    async def halt(self, halted: frozenset[str]) -> None:
        """Tell both what is halted."""
        await self.office.halt(halted)
        if self.second_office is not None:
            await self.second_office.halt(halted)

    async def govern(self, files: PackFiles, *, digest: str) -> None:
        """Tell both which policy is in force."""
        await self.office.govern(files, digest=digest)
        if self.second_office is not None:
            await self.second_office.govern(files, digest=digest)

    async def close(self) -> None:
        """Hang up everywhere."""
        for client in (self.manager, self.office, self.payer, self.second_office, self.second_payer):
            if client is not None:
                await client.close()


@contextlib.asynccontextmanager
async def vault(settings: Settings, policy_digest: str, clock: Clock) -> AsyncGenerator[Vaults]:
    """The vault's process, and the second one's where there are wallets. They end when we do."""
    home = prepare_home(settings.folder)
    wallets = load_wallets(settings.wallets_file) if settings.wallets_file else None
    clients = vaults_of(settings, clock, second=wallets is not None)
    async with contextlib.AsyncExitStack() as stack:
        if wallets is not None:
            # The second answers first: the first learns at its start whose consents count.
            begin = Begin(passphrase=settings.second_vault_passphrase, rules=wallets, order=SECOND,
                          sealers=str(home / "vault" / "sealing"))  # fmt: skip
            order = _order(settings, policy_digest, begin, folder=home / "vault-second")
            await stack.enter_async_context(kept_vault(order))
            keys.pin(home / "vault-second" / "consent.pub", home / "vault" / "consents" / "second.pub")
        begin = Begin(passphrase=settings.vault_passphrase, rules=wallets, kms_key=settings.vault_kms_key,
                      kms_endpoint=settings.vault_kms_endpoint)  # fmt: skip
        await stack.enter_async_context(kept_vault(_order(settings, policy_digest, begin, folder=home / "vault")))
        stack.push_async_callback(clients.close)
        yield clients


def vaults_of(settings: Settings, clock: Clock, *, second: bool) -> Vaults:
    """Clients with keys of their own, which the vaults know; whether the vaults run or not."""
    home = prepare_home(settings.folder)
    secret = keys.passphrase(home / "clients", "")
    made = {name: keys.load_or_make(home / "clients" / f"{name}.key", secret) for name in CLIENTS}
    folders = (home / "vault", home / "vault-second") if second else (home / "vault",)
    for folder in folders:
        for name, key in made.items():
            keys.publish(folder / "clients" / f"{name}.pub", key)

    def client(folder: Path, name: str) -> VaultClient:
        return VaultClient(_socket(home, folder), client=name, key=made[name], clock=clock)

    beside = folders[-1]
    return Vaults(
        manager=client(folders[0], "manager"), office=client(folders[0], "office"), payer=client(folders[0], "effects"),
        second_office=client(beside, "office") if second else None,
        second_payer=client(beside, "effects") if second else None,
    )  # fmt: skip


def _socket(home: Path, folder: Path) -> Path:
    return socket_folder(home) / f"{folder.name}.sock"


def _order(settings: Settings, policy_digest: str, begin: Begin, *, folder: Path) -> VaultOrder:
    socket = _socket(prepare_home(settings.folder), folder)
    return VaultOrder(folder=folder, socket=socket, policy_digest=policy_digest,
                      cap_micros_day=settings.vault_cap_micros_day, begin=begin, pack=DEFAULT_PACK)  # fmt: skip


@contextlib.asynccontextmanager
async def running_or_own_vault(settings: Settings) -> AsyncGenerator[Vaults]:
    """The vaults of the fleet that runs on this home; if none does, our own for as long as the command takes."""
    clock = SystemClock()
    found = vaults_of(settings, clock, second=bool(settings.wallets))
    try:
        await found.office.hello()
    except Unavailable as silent:
        await found.close()
        async with contextlib.AsyncExitStack() as stack:
            yield await _own_vault(stack, settings, clock, silent=silent)
        return
    try:
        yield found
    finally:
        await found.close()


async def _own_vault(
    stack: contextlib.AsyncExitStack, settings: Settings, clock: Clock, *, silent: Unavailable
) -> Vaults:
    """Ours, unless there is one that runs and says nothing: then that is what is wrong."""
    try:
        return await stack.enter_async_context(vault(settings, load_pack().digest, clock))
    except ChimeraError as error:
        if error.code == "vault_in_use":
            raise silent from error
        raise


async def standings(settings: Settings) -> dict[str, signer.Standing]:
    """How the vaults stand that have a socket in this home; `Unavailable` where one does not answer. Starts none."""
    home = prepare_home(settings.folder)
    if not _socket(home, home / "vault").exists():
        return {}
    found = vaults_of(settings, SystemClock(), second=bool(settings.wallets))
    try:
        standing = {"the vault": await found.office.status()}
        if found.second_office is not None:
            standing["the second"] = await found.second_office.status()
        return standing
    finally:
        await found.close()


def seal_verifier(settings: Settings) -> SealVerifier:
    """Verifies with the public keys that the vault published, those after a rotation too."""
    return SealVerifier(PublishedKeys(prepare_home(settings.folder) / "vault" / "sealing"))


def cfo_key(settings: Settings) -> Ed25519PublicKey | None:
    """The public half of the CFO's key, where the vault has published it."""
    path = prepare_home(settings.folder) / "vault" / "cfo.pub"
    return keys.public_key(path) if path.is_file() else None


def checkpoint_keys(settings: Settings) -> dict[str, str]:
    """The public keys of this installation's checkpoints by name, in hex; none before its vault was first started."""
    path = settings.folder.expanduser() / "vault" / f"{CHECKPOINT}.pub"
    if not path.exists():
        return {}
    public = keys.public_key(path)
    return {keys.name_of(public): public.public_bytes_raw().hex()}


def signed_last(settings: Settings) -> int:
    """The number of the last checkpoint that the vault of this installation says it signed."""
    path = settings.folder.expanduser() / "vault" / SIGNED
    return msgspec.json.decode(path.read_bytes(), type=Standing).number if path.exists() else 0
