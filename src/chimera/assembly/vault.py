"""Starts the vault and gives each of its clients its own key. Part of bootstrap; asks the vault for nothing itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from chimera.adapters.documents.governance import DEFAULT_PACK
from chimera.adapters.local.home import prepare_home, socket_folder
from chimera.adapters.vault import keys
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.governance.sealing import SealVerifier
from chimera.ports.clock import Clock
from chimera.settings import Settings


@contextlib.asynccontextmanager
async def vault(settings: Settings, *, digest: str, clock: Clock) -> AsyncGenerator[tuple[VaultClient, VaultClient]]:
    """The vault's process, and its two clients: the manager's and the office's. It ends when we do."""
    home = prepare_home(settings.folder)
    folder, socket = home / "vault", socket_folder(home) / "vault.sock"
    secret = keys.passphrase(home / "clients", "")
    made = {name: keys.load_or_make(home / "clients" / f"{name}.key", secret) for name in ("manager", "office")}
    for name, key in made.items():
        keys.publish(folder / "clients" / f"{name}.pub", key)
    order = VaultOrder(folder=folder, socket=socket, policy_digest=digest,
                       cap_micros_day=settings.vault_cap_micros_day, passphrase=settings.vault_passphrase,
                       pack=DEFAULT_PACK)  # fmt: skip
    clients = {name: VaultClient(socket, client=name, key=key, clock=clock) for name, key in made.items()}
    async with kept_vault(order):
        try:
            yield clients["manager"], clients["office"]
        finally:
            for client in clients.values():
                await client.close()


def seal_verifier(settings: Settings) -> SealVerifier:
    """Verifies with the public key that the vault published."""
    public = keys.public_key(prepare_home(settings.folder) / "vault" / "sealing.pub")
    return SealVerifier({keys.name_of(public): public})
