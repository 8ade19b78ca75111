"""The vault with AWS KMS, against moto's KMS in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import msgspec
import pytest
from eth_account import Account

from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import keys
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.adapters.vault.kms import WRAPPED, KeyService
from chimera.adapters.vault.process import Begin
from chimera.adapters.vault.transactions import signed_transaction
from chimera.domain.errors import Refused, Unavailable
from chimera.domain.keccak import keccak256
from chimera.domain.wallets import NATIVE, ChainRules, Payment, WalletRules
from chimera.ports.wallet import Postage
from tests.adapters.vault.test_server import MANAGER, OFFICE, POLICY, terms

pytestmark = [pytest.mark.requirement("R-E4", "R-E6"), pytest.mark.slow, pytest.mark.timeout(120)]
TO = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# moto says that MessageType=DIGEST "is not yet implemented" and hashes the digest again. KMS signs it as it is; so does
# this server, started with that one method filled in. Everything else is moto's own.
SERVER = """
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils as asymmetric
from moto.kms import utils
from moto.server import main
utils.ECDSAPrivateKey.sign = lambda self, message, signing_algorithm: self.private_key.sign(
    message, ec.ECDSA(asymmetric.Prehashed(hashes.SHA256())))
main()
"""


class Moto:
    """moto's server: a KMS that keeps its keys in memory."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ACCOUNT},
        )  # fmt: skip
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("moto did not come up")

    @property
    def client(self) -> Any:
        return boto3.client("kms", endpoint_url=self.endpoint)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ACCOUNT.items():
            patch.setenv(name, value)
        running = Moto()
        yield running
        running.end()


def test_a_wallet_in_kms_signs_what_ethereum_takes(moto: Moto) -> None:
    made = moto.client.create_key(KeySpec="ECC_SECG_P256K1", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    coin = KeyService(moto.endpoint).coin(made)
    payment = Payment(chain="ethereum", wallet="w", recipient=TO, asset=NATIVE, units=5, cost_micros=1)
    for nonce in range(6):
        postage = Postage(nonce=nonce, gas=21_000, fee_wei=10, tip_wei=1)
        _, raw = signed_transaction(payment, postage, chain_id=1, token=None, sign=coin.sign)
        assert Account.recover_transaction(raw) == coin.address


def test_the_passphrase_is_opened_by_the_service_alone(moto: Moto, tmp_path: Path) -> None:
    key = moto.client.create_key()["KeyMetadata"]["KeyId"]
    secret = KeyService(moto.endpoint).secret(tmp_path, key)
    assert KeyService(moto.endpoint).secret(tmp_path, key) == secret
    assert bytes.fromhex(secret.decode()) not in (tmp_path / WRAPPED).read_bytes()
    other = moto.client.create_key()["KeyMetadata"]["KeyId"]
    with pytest.raises(Refused) as refusal:
        KeyService(moto.endpoint).secret(tmp_path, other)
    assert refusal.value.code == "kms_refused"


def test_a_key_that_is_disabled_is_a_no_and_a_service_that_is_gone_is_later(moto: Moto) -> None:
    key = moto.client.create_key(KeySpec="ECC_SECG_P256K1", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    coin = KeyService(moto.endpoint).coin(key)
    with pytest.raises(Refused):
        KeyService(moto.endpoint).coin("alias/nobody")
    gone = KeyService(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable) as away:
        gone.coin(key)
    assert away.value.code == "kms_unavailable"
    assert coin.sign(keccak256(b"x"))[0] in (0, 1)


async def test_the_vaults_process_with_kms(moto: Moto) -> None:
    """Sealing and a wallet, over a restart; nothing in the folder opens without the service."""
    wrapping = moto.client.create_key()["KeyMetadata"]["KeyId"]
    wallet = moto.client.create_key(KeySpec="ECC_SECG_P256K1", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    chains = {"ethereum": ChainRules(rpc="http://127.0.0.1:1", recipients=(TO,))}
    rules = WalletRules(chains=chains, kms={"cold": wallet}, wallets=("treasury", "cold"))
    with TemporaryDirectory(prefix="v") as name:
        folder = Path(name)
        for who, key in (("manager", MANAGER), ("office", OFFICE), ("effects", OFFICE)):
            keys.publish(folder / "clients" / f"{who}.pub", key)
        order = VaultOrder(
            folder=folder, socket=folder / "v.sock", policy_digest=POLICY, cap_micros_day=10_000,
            begin=Begin(rules=rules, kms_key=wrapping, kms_endpoint=moto.endpoint),
        )  # fmt: skip
        clock = SystemClock()
        ids: list[str] = []
        for _ in range(2):
            async with kept_vault(order):
                office = VaultClient(folder / "v.sock", client="office", key=OFFICE, clock=clock)
                manager = VaultClient(folder / "v.sock", client="manager", key=MANAGER, clock=clock)
                await office.halt([])
                ids.append((await manager.seal([terms()])).key_id)
                standing = await office.status()
                assert standing.wallets["cold"] == KeyService(moto.endpoint).coin(wallet).address
                assert standing.wallets["treasury"] != standing.wallets["cold"]
                await office.close()
                await manager.close()
        assert ids[0] == ids[1], "the sealing key was opened again"
        assert not (folder / "passphrase").exists()
        assert msgspec.json.decode((folder / "spent.json").read_bytes())["micros"] == 2_000
