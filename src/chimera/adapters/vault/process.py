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
from chimera.adapters.vault.server import MAY, VaultServer
from chimera.adapters.vault.signer import Spent, VaultSigner
from chimera.domain import scopes
from chimera.domain.errors import Invalid
from chimera.governance.policy.ceiling import Ceiling
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import PolicyPack

SPENT = "spent.json"
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
    server = await VaultServer(core=core, clients=clients, agents=AgentKeys(folder / "agents", secret)).serve(
        options.socket
    )
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def _ceiling(folder: Path, digest: str) -> Ceiling:
    """The policy itself, if it is the one that was named."""
    pack = PolicyPack(
        text=(folder / "policy.cedar").read_text(encoding="utf-8"),
        schema=(folder / "schema.cedarschema").read_text(encoding="utf-8"),
        bands=(folder / "bands.json").read_bytes(),
    )
    if pack.digest != digest:
        raise Invalid("vault_pack_differs", "the pack is not the policy that was named", where=str(folder))
    return Ceiling(PolicyEngine(pack))


def _spent(path: Path) -> Spent:
    return msgspec.json.decode(path.read_bytes(), type=Spent) if path.exists() else Spent(day=0, micros=0)


if __name__ == "__main__":
    main()
