"""`python -m chimera.adapters.vault.process`: the vault alone in its process. Ends when its parent's pipe closes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path

import msgspec

from chimera.adapters.vault import keys
from chimera.adapters.vault.agents import AgentKeys
from chimera.adapters.vault.notary import Notary, Standing
from chimera.adapters.vault.server import MAY, VaultServer
from chimera.adapters.vault.signer import Spent, VaultSigner, require_pack
from chimera.domain import scopes
from chimera.domain.policy import PackFiles
from chimera.governance.policy.ceiling import Ceiling
from chimera.governance.policy.engine import PolicyEngine

SPENT = "spent.json"
SIGNED = "checkpoints.json"
READY = b"ready\n"
PASSPHRASE = "CHIMERA_VAULT_PASSPHRASE"  # noqa: S105 – the name of a variable, not a password.


def main() -> None:
    """Read the folder, serve, end with the parent."""
    parser = argparse.ArgumentParser(prog="python -m chimera.adapters.vault.process", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="keys, clients and the vault's own count")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--policy-digest", required=True, help="the only policy under which grants are sealed")
    parser.add_argument("--cap-micros-day", type=int, required=True, help="the vault's own cap")
    parser.add_argument("--pack", type=Path, help="the policy pack, to be asked as well as named")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    folder: Path = options.folder
    secret = keys.passphrase(folder, os.environ.get(PASSPHRASE, ""))
    key = keys.load_or_make(folder / "sealing.key", secret)
    keys.publish(folder / "sealing.pub", key)
    core = VaultSigner(
        key=key,
        policy_digest=options.policy_digest,
        cap_micros_day=options.cap_micros_day,
        spent=_spent(folder / SPENT),
        keep=lambda spent: keys.write_private(folder / SPENT, msgspec.json.encode(spent)),
        policy=_ceiling(options.pack, options.policy_digest) if options.pack else None,
        office=keys.public_key(folder / "clients" / "office.pub"),
    )
    # Until the office has said what is halted, everything is.
    core.halt((scopes.FLEET,))
    clients = {name: keys.public_key(folder / "clients" / f"{name}.pub") for name in MAY}
    agents = AgentKeys(folder / "agents", secret)
    server = await VaultServer(core=core, clients=clients, notary=_notary(folder, secret), agents=agents).serve(
        options.socket
    )
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def _notary(folder: Path, secret: bytes) -> Notary:
    """The notary with a key of its own, and what it has signed so far."""
    key = keys.load_or_make(folder / "checkpoint.key", secret)
    keys.publish(folder / "checkpoint.pub", key)
    path = folder / SIGNED
    standing = msgspec.json.decode(path.read_bytes(), type=Standing) if path.exists() else Standing()
    return Notary(key=key, standing=standing, keep=lambda kept: keys.write_private(path, msgspec.json.encode(kept)))


def _ceiling(folder: Path, digest: str) -> Ceiling:
    """The policy itself, if it is the one that was named."""
    title = msgspec.json.decode((folder / "pack.json").read_bytes(), type=dict[str, str])
    text, schema, bands = (
        (folder / name).read_text(encoding="utf-8") for name in ("policy.cedar", "schema.cedarschema", "bands.json")
    )
    files = PackFiles(name=title["name"], release=title["release"], text=text, schema=schema, bands=bands)
    return Ceiling(PolicyEngine(require_pack(files, digest=digest)))


def _spent(path: Path) -> Spent:
    return msgspec.json.decode(path.read_bytes(), type=Spent) if path.exists() else Spent(day=0, micros=0)


if __name__ == "__main__":
    main()
