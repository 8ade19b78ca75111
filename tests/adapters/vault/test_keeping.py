"""The vault's life: a new key under way, a sealed copy and back, one process at a time, and no key anywhere else."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import backup, keys, published
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.folder import VaultFolder
from chimera.adapters.vault.journal import Entry, Journal
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.adapters.vault.process import Begin, NotStarted
from chimera.adapters.vault.published import PublishedKeys
from chimera.adapters.vault.signer import VaultSigner
from chimera.adapters.vault.wire import SealRequest
from chimera.domain import merkle
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.grant import Batch, Grant, Seal, Terms
from chimera.domain.wallets import ChainRules, WalletRules
from chimera.governance.sealing import SealVerifier
from tests.adapters.vault.test_server import MANAGER, OFFICE, POLICY, frame, server, terms
from tests.chain_house import vault_pids
from tests.small_house import a_post

pytestmark = [pytest.mark.requirement("R-E4", "R-N1"), pytest.mark.slow, pytest.mark.timeout(120)]
CANARY = "canary-7f3a-the-passphrase-of-this-test"


class House:
    """A vault's process and its clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for who, key in (("manager", MANAGER), ("office", OFFICE), ("effects", OFFICE)):
            keys.publish(folder / "clients" / f"{who}.pub", key)
        self.office, self.manager = self.client("office", OFFICE), self.client("manager", MANAGER)

    def client(self, name: str, key: Ed25519PrivateKey) -> VaultClient:
        return VaultClient(self.folder / "v.sock", client=name, key=key, clock=SystemClock())

    @asynccontextmanager
    async def open(self, *, cap: int = 100_000) -> AsyncGenerator[None]:
        rules = WalletRules(chains={"ethereum": ChainRules(rpc="http://127.0.0.1:1", recipients=())})
        order = VaultOrder(folder=self.folder, socket=self.folder / "v.sock", policy_digest=POLICY, cap_micros_day=cap,
                           begin=Begin(passphrase=CANARY, rules=rules))  # fmt: skip
        async with kept_vault(order):
            await self.office.halt([])
            try:
                yield
            finally:
                await self.office.close()
                await self.manager.close()

    async def sealed(self, verifier: SealVerifier) -> tuple[Grant, Seal, Batch]:
        """A grant that the vault has sealed, and that a verifier takes."""
        action = a_post()
        leaf = replace(terms(), action_digest=action.digest)
        signed = await self.manager.seal([leaf])
        made = as_sealed(leaf, root=signed.root, signature=signed.signature, key_id=signed.key_id)
        verifier.require_sealed(*made)
        return made


def as_sealed(leaf: Terms, *, root: str, signature: str, key_id: str) -> tuple[Grant, Seal, Batch]:
    batch = Batch(id=leaf.task_id, root=root, signature=signature, key_id=key_id, count=1)
    grant = Grant(id=leaf.grant_id, terms=leaf, action=a_post(), reasons=(), obligations=(), hold_id=None)
    path = merkle.paths_of(merkle.levels_of([leaf.leaf]))[0]
    seal = Seal(id=leaf.grant_id, batch_id=batch.id, campaign_id=leaf.campaign_id, path=path, not_before_us=0)
    return grant, seal, batch


@pytest.fixture
async def house() -> AsyncGenerator[House]:
    with TemporaryDirectory(prefix="v") as name:
        yield House(Path(name))


async def test_a_rotation_stops_nothing_and_old_seals_stay_good(house: House) -> None:
    """A verifier that runs all the time takes seals of before, of during and of after, and over a restart."""
    async with house.open():
        verifier = SealVerifier(PublishedKeys(house.folder / "sealing"))
        before = await house.sealed(verifier)
        sealing = asyncio.create_task(_keep_sealing(house, verifier, 30))
        rotated = [await house.office.rotate() for _ in range(3)]
        assert await sealing == 30
        after = await house.sealed(verifier)
        assert after[2].key_id == rotated[-1] != before[2].key_id
        verifier.require_sealed(*before)
    async with house.open():
        assert (await house.office.status()).key_id == rotated[-1]
        fresh = SealVerifier(PublishedKeys(house.folder / "sealing"))
        for one in (before, after, await house.sealed(fresh)):
            fresh.require_sealed(*one)


async def _keep_sealing(house: House, verifier: SealVerifier, count: int) -> int:
    for _ in range(count):
        await house.sealed(verifier)
    return count


def test_a_key_that_no_elder_vouches_for_is_not_taken(tmp_path: Path) -> None:
    first, second, stranger = (Ed25519PrivateKey.generate() for _ in range(3))
    published.publish(tmp_path, first, made_at_us=1)
    known = PublishedKeys(tmp_path)
    published.publish(tmp_path, second, made_at_us=2, elder=first)
    published.publish(tmp_path, stranger, made_at_us=0)
    assert keys.name_of(second.public_key()) in known
    assert known.get(keys.name_of(second.public_key())) is not None
    assert known.get(keys.name_of(stranger.public_key())) is None
    other = Ed25519PrivateKey.generate()
    published.publish(tmp_path, other, made_at_us=3, elder=stranger)
    assert known.get(keys.name_of(other.public_key())) is None


async def test_a_backup_is_noise_and_a_restored_vault_spends_nothing_that_day(house: House, tmp_path: Path) -> None:
    async with house.open():
        verifier = SealVerifier(PublishedKeys(house.folder / "sealing"))
        before = await house.sealed(verifier)
        count = backup.back_up(house.folder, tmp_path / "b", "correct horse battery")
        assert count > 5
        await house.sealed(verifier)
    content = (tmp_path / "b").read_bytes()
    for word in (b"PRIVATE", b"spent", b"sealing", CANARY.encode()):
        assert word not in content.removeprefix(backup.MAGIC)
    with pytest.raises(Conflict):
        backup.restore(tmp_path / "b", house.folder, "correct horse battery")
    shutil.rmtree(house.folder / "sealing")
    (house.folder / "sealing.key").unlink()
    for passphrase, changed in (("another horse battery", content), ("correct horse battery", content[:-1] + b"x")):
        (tmp_path / "c").write_bytes(changed)
        with pytest.raises(ChimeraError) as refusal:
            backup.restore(tmp_path / "c", house.folder, passphrase)
        assert refusal.value.code == "backup_unreadable"
    assert backup.restore(tmp_path / "b", house.folder, "correct horse battery") == count
    async with house.open(cap=10**15):
        SealVerifier(PublishedKeys(house.folder / "sealing")).require_sealed(*before)
        with pytest.raises(Refused) as refusal:
            await house.manager.seal([terms(cost_micros=1)])
        assert refusal.value.code == "vault_over_cap"
        assert await house.manager.seal([terms(cost_micros=0)]), "what costs nothing goes on"


async def test_one_process_for_one_vault(house: House) -> None:
    async with house.open():
        with pytest.raises(Conflict) as refusal:
            VaultFolder(house.folder, CANARY.encode())
        assert refusal.value.code == "vault_in_use"


async def test_a_request_from_before_a_restart_is_not_answered_again(house: House) -> None:
    """A recorded request is replayed to the vault's next process, which has no memory of it."""
    recorded = frame(SealRequest((terms(),)))
    vault = server()
    assert vault.answer(recorded).sealed is not None
    again = server()
    again._since_us = time.time_ns() // 1_000
    assert again.answer(recorded).code == "vault_request_stale"


def test_a_clock_that_is_set_back_opens_no_cap_again() -> None:
    kept: list[Spent] = []
    core = VaultSigner(
        key=MANAGER, policy_digest=POLICY, cap_micros_day=1_000, spent=Spent(day=0, micros=0), keep=kept.append
    )
    now_us = time.time_ns() // 1_000
    core.seal([terms(cost_micros=900)], now_us=now_us)
    yesterday = now_us - DAY_US
    late = terms(cost_micros=900, expires_at_us=yesterday + 60_000_000)
    with pytest.raises(Refused) as refusal:
        core.seal([late], now_us=yesterday)
    assert refusal.value.code == "vault_over_cap"


def test_the_journal_gives_a_grant_one_nonce_and_a_nonce_one_grant(tmp_path: Path) -> None:
    path = tmp_path / "journal"

    def entry(grant: str, nonce: int) -> Entry:
        return Entry(grant=grant, chain="ethereum", wallet="w", nonce=nonce, micros=5, at_us=DAY_US * 20_000)

    journal = Journal(path)
    journal.admit(entry("a", 0))
    journal.admit(entry("a", 0))
    for grant, nonce, code in (("a", 1, "vault_grant_has_nonce"), ("b", 0, "vault_nonce_taken")):
        for one in (journal, Journal(path)):
            with pytest.raises(Refused) as refusal:
                one.admit(entry(grant, nonce))
            assert refusal.value.code == code
    assert Journal(path).spent_micros("ethereum", at_us=DAY_US * 20_000) == 5
    # A clock that was set back stays on the day that was seen; the next day begins at nothing.
    assert Journal(path).spent_micros("ethereum", at_us=DAY_US * 19_999) == 5
    assert Journal(path).spent_micros("ethereum", at_us=DAY_US * 20_001) == 0
    # The power failed in the middle of a line: that payment was never signed, and the next line stands by itself.
    with path.open("ab") as torn:
        torn.write(b'{"grant":"c","chain"')
    mended = Journal(path)
    assert mended.of("c") is None
    mended.admit(entry("d", 1))
    assert Journal(path).of("d") is not None
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(ChimeraError) as damaged:
        Journal(path)
    assert damaged.value.code == "vault_journal_unreadable"


# ── where keys are not ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_key_and_no_passphrase_stands_anywhere_but_encrypted(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """Searched for: the raw and hex bytes of every private key, and the passphrase; in files, environments, output."""
    async with house.open():
        await house.office.rotate()
        for broken in (b"", b"\xff" * 40, b'{"client":"manager"}'):
            reader, writer = await asyncio.open_unix_connection(house.folder / "v.sock")
            writer.write(len(broken).to_bytes(4, "big") + broken)
            await writer.drain()
            writer.close()
            assert reader is not None
        canaries = [CANARY.encode(), *secrets_of(house.folder)]
        assert len(canaries) > 6
        pids = vault_pids(house.folder)
        assert pids
        for pid in pids:
            proc = Path("/proc") / str(pid)
            for name in ("environ", "cmdline"):
                assert not any(canary in (proc / name).read_bytes() for canary in canaries), name
            cores = next(
                line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file")
            )
            assert cores.split()[4:6] == ["0", "0"], cores
    for path in house.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(canary in content for canary in canaries), path
            assert path.stat().st_mode & 0o077 == 0, path
    said = capfd.readouterr()
    assert not any(canary.decode("latin-1") in said.out + said.err for canary in canaries)


def secrets_of(folder: Path) -> list[bytes]:
    """Every private key in the folder, raw and as hex."""
    found: list[bytes] = []
    for path in folder.rglob("*.key"):
        key = serialization.load_pem_private_key(path.read_bytes(), password=CANARY.encode())
        if isinstance(key, Ed25519PrivateKey):
            raw = key.private_bytes_raw()
        else:
            assert isinstance(key, EllipticCurvePrivateKey)
            raw = key.private_numbers().private_value.to_bytes(32, "big")
        found += [raw, raw.hex().encode(), str(int.from_bytes(raw, "big")).encode()]
    return found


async def test_a_wrong_passphrase_says_so_and_shows_nothing(house: House) -> None:
    async with house.open():
        pass
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chimera.adapters.vault.process", "--folder", str(house.folder), "--socket",
        str(house.folder / "v.sock"), "--policy-digest", POLICY, "--cap-micros-day", "1", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("CHIMERA_")},
    )  # fmt: skip
    out, err = await process.communicate(b'{"passphrase":"wrong-canary-99"}\n')
    assert process.returncode != 0
    assert b"key_locked" in err
    assert b"Traceback" not in err
    assert msgspec.json.decode(out, type=NotStarted).code == "key_locked"
    assert b"wrong-canary-99" not in out + err
    assert b"PRIVATE" not in out + err
