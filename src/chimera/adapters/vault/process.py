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
from chimera.adapters.vault.server import MAY, VaultServer
from chimera.adapters.vault.signer import Spent, VaultSigner
from chimera.domain import scopes

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
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    folder: Path = options.folder
    secret = keys.passphrase(folder, os.environ.get(PASSPHRASE, ""))
    key = keys.load_or_make(folder / "sealing.key", secret)
    keys.publish(folder / "sealing.pub", key)
    cfo_key = keys.load_or_make(folder / "cfo.key", secret)
    keys.publish(folder / "cfo.pub", cfo_key)
    core = VaultSigner(
        key=key,
        policy_digest=options.policy_digest,
        cap_micros_day=options.cap_micros_day,
        spent=_spent(folder / SPENT),
        cfo_key=cfo_key,
        keep=lambda spent: keys.write_private(folder / SPENT, msgspec.json.encode(spent)),
    )
    # Until the office has said what is halted, everything is.
    core.halt((scopes.FLEET,))
    clients = {name: keys.public_key(folder / "clients" / f"{name}.pub") for name in MAY}
    server = await VaultServer(core=core, clients=clients).serve(options.socket)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def _spent(path: Path) -> Spent:
    return msgspec.json.decode(path.read_bytes(), type=Spent) if path.exists() else Spent(day=0, micros=0)


if __name__ == "__main__":
    main()
