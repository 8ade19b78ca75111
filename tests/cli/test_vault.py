"""`chimera vault …` and `chimera wallet …` as people start them: a home of their own, both vaults as processes."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chimera.adapters.documents.wallets import load_wallets
from chimera.domain.faults import Faults
from tests import fleet, homes
from tests.fleet import chimera

pytestmark = [pytest.mark.requirement("R-E4", "R-E6", "R-L1"), pytest.mark.slow, pytest.mark.timeout(400)]

WALLETS = """
wallets = ["treasury"]
[chains.polygon]
rpc = "http://127.0.0.1:1"
recipients = ["0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"]
[chains.polygon.tokens.USDC]
address = "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"
"""


def test_the_life_of_a_vault() -> None:
    with TemporaryDirectory(prefix="c") as name:
        folder = Path(name)
        home, secret = folder / "home", folder / "secret"
        secret.write_text("correct horse battery")
        (folder / "wallets.toml").write_text(WALLETS)
        more = {"CHIMERA_WALLETS": str(folder / "wallets.toml")}
        try:
            status = chimera(home, "vault", "status", "--json", **more)
            assert status.code == 0, status.err
            address = status.object["vault"]["wallets"]["treasury"]
            assert address.startswith("0x")
            assert status.object["second"]["wallets"] == {}
            assert status.object["vault"]["key_id"] != status.object["second"]["key_id"]
            rotated = chimera(home, "vault", "rotate", "--json", **more)
            assert rotated.object["before"] == status.object["vault"]["key_id"] != rotated.object["after"]
            options = ("--passphrase-file", secret, "--json")
            made = chimera(home, "vault", "backup", folder / "b", *options)
            assert made.code == 0, made.err
            assert chimera(home, "vault", "backup", folder / "b", *options).code == 1
            assert (
                chimera(home, "vault", "restore", folder / "b", *options).object["error"]["code"] == "vault_not_empty"
            )
            shutil.rmtree(home / "vault")
            assert chimera(home, "vault", "restore", folder / "b", *options).object == {**made.object}
            again = chimera(home, "vault", "status", "--json", **more).object["vault"]
            assert (again["key_id"], again["wallets"]) == (rotated.object["after"], {"treasury": address})
            assert again["spent"]["micros"] > again["cap_micros_day"], "the day is closed"
            told = chimera(home, "vault", "status", **more).out
            assert "restored from a backup: until midnight UTC nothing that costs is sealed" in told
            rita = chimera(home, "vault", "person", "rita", "--key-file", folder / "rita.key", *options)
            assert rita.code == 0, rita.err
            assert chimera(home, "vault", "person", "Rita!", "--key-file", folder / "rita.key", *options).code == 2
            assert chimera(home, "wallet", "list", "--json", **more).object == {"transfers": []}
            assert chimera(home, "wallet", "quote", "--json", **more).code == 3, "no node answers"
            assert chimera(home, "wallet", "quote", "--json").object["error"]["code"] == "wallets_missing"
        finally:
            fleet.end_all(home)


def test_a_vault_that_runs_and_says_nothing_is_not_taken_for_one_that_is_in_the_way() -> None:
    with TemporaryDirectory(prefix="c") as name, fleet.running(Path(name) / "home", "vault", "serve") as serving:
        home = Path(name) / "home"
        fleet.until(lambda: "vault: ready" in serving.out, seconds_max=60, what="the vault is ready")
        pid = fleet.processes_of(home)["vault"]
        os.kill(pid, signal.SIGSTOP)
        told = chimera(home, "vault", "status", "--json")
        os.kill(pid, signal.SIGCONT)
        assert (told.code, told.object["error"]["code"]) == (3, "vault_unavailable")
        assert chimera(home, "vault", "status", "--json").code == 0


BAD = {
    "chain": WALLETS.replace("polygon", "dogecoin"),
    "address": WALLETS.replace("0x3C44", "0x3c44"),
    "bound": WALLETS.replace("recipients", "fee_wei_max = 0\nrecipients"),
    "none together": WALLETS.replace("recipients", "shared_max = 0\nrecipients"),
    "too many together": WALLETS.replace("recipients", "shared_max = 33\nrecipients"),
    "no time": WALLETS.replace("recipients", "gather_seconds = 0.0\nrecipients"),
    "too much time": WALLETS.replace("recipients", "gather_seconds = 11.0\nrecipients"),
    "less than nothing": WALLETS.replace("recipients", "shared_micros_max = -1\nrecipients"),
    "unknown": WALLETS.replace("recipients", "surprise = 1\nrecipients"),
    "rpc": WALLETS.replace("http://127.0.0.1:1", "file:///etc/passwd"),
    "toml": WALLETS + "[",
    "name": WALLETS.replace('"treasury"', '"../treasury"'),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_a_wallets_file_with_a_fault(tmp_path: Path, what: str) -> None:
    file = tmp_path / "wallets.toml"
    file.write_text(BAD[what])
    with pytest.raises(Faults) as refused:
        load_wallets(file)
    assert refused.value.code == "wallets_invalid"
    assert all(fault.file == str(file) for fault in refused.value.faults)


def test_a_command_that_meets_such_a_file_says_so_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "wallets.toml"
    file.write_text(BAD["chain"])
    said = chimera(tmp_path / "home", "wallet", "quote", "--json", CHIMERA_WALLETS=str(file))
    assert said.code == 2, said
    assert {error["code"] for error in said.object["errors"]} == {"wallets_invalid"}
    assert not (tmp_path / "home" / "vault").exists()


def test_a_rehearsal_with_wallets_that_nobody_uses_is_as_without() -> None:
    with TemporaryDirectory(prefix="c") as name:
        home, file = homes.furnish(Path(name) / "home"), Path(name) / "wallets.toml"
        file.write_text(WALLETS)
        try:
            said = chimera(home, "demo", "--agents", "2", "--seconds", "5", "--json", CHIMERA_WALLETS=str(file))
            assert said.code == 0, said.err
            told = said.object
            assert (told["audit"], told["lost"], told["doubled"], told["overspent"]) == ("verified", 0, 0, 0)
            assert told["tasks"]["done"] > 0
        finally:
            fleet.end_all(home)
