"""What a person or a file can get wrong, through the real command: one message per fault, exit 2, nothing written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chimera.cli import operate, output, retelling
from chimera.cli.main import app
from chimera.domain.errors import Invalid
from tests import fleet

pytestmark = pytest.mark.timeout(300)
AGENTS = Path(__file__).parents[2] / "agents"
SETTINGS = {
    "an unknown variable": ({"CHIMERA_WORKRES": "3"}, "", ["CHIMERA_WORKRES", "is not a setting", "workers"]),
    "a wrong type": ({"CHIMERA_WORKERS": "many"}, "", ["CHIMERA_WORKERS", "Expected `int`"]),
    "a wrong value": ({"CHIMERA_TIMEZONE": "Mars/Olympus"}, "", ["CHIMERA_TIMEZONE", "Europe/Berlin"]),
    "a value out of range": ({"CHIMERA_WORKERS": "0"}, "", ["CHIMERA_WORKERS", "choose 1 to"]),
    "bad TOML": ({}, "workers = = 3\n", ["settings.toml", "line 1", "mend the TOML"]),
    "not text": ({}, "home = '\udcff'\n", ["settings.toml", "mend the TOML"]),
    "a key twice": ({}, "workers = 3\nworkers = 4\n", ["settings.toml", "Cannot overwrite a value", "line 2"]),
    "an unknown key": ({}, "home = 'x'\nwrokers = 3\n", ["settings.toml:2 wrokers", "is not a setting"]),
    "a list for a number": ({}, "\nworkers = [1]\n", ["settings.toml:2 workers", "Expected `int`"]),
    "a level that is none": ({"CHIMERA_LOG_LEVEL": "loud"}, "", ["CHIMERA_LOG_LEVEL", "choose debug"]),
}  # fmt: skip


@pytest.mark.requirement("R-M2")
@pytest.mark.parametrize("fault", SETTINGS)
def test_settings(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, text, expected = SETTINGS[fault]
    for name in [name for name in os.environ if name.startswith("CHIMERA_")]:
        monkeypatch.delenv(name)
    if text:
        (tmp_path / "settings.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
        monkeypatch.setenv("CHIMERA_CONFIG", str(tmp_path / "settings.toml"))
    for name, value in {**given, "CHIMERA_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    assert output.run(app, ["audit", "verify"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert all(part in said.err for part in expected), said.err
    assert len(said.err.splitlines()) == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.requirement("R-M2")
def test_every_faulty_setting_is_a_message_of_its_own(tmp_path: Path) -> None:
    missing = fleet.chimera(tmp_path / "home", "doctor", CHIMERA_CONFIG=str(tmp_path / "none.toml"))
    assert (missing.code, "check CHIMERA_CONFIG" in missing.err) == (2, True)
    two = fleet.chimera(tmp_path / "home", "doctor", "--json", CHIMERA_A="1", CHIMERA_WORKERS="x")
    assert two.code == 2
    assert len(two.object["errors"]) == 2
    assert all(error["remedy"] for error in two.object["errors"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("how", ["-O", "PYTHONOPTIMIZE"])
def test_python_without_assertions_is_refused(tmp_path: Path, how: str) -> None:
    command, more = [sys.executable, "-m", "chimera.cli.start", "up"], {}
    if how == "-O":
        command.insert(1, "-O")
    else:
        more = {"PYTHONOPTIMIZE": "1"}
    done = subprocess.run(
        command,
        env=fleet.environment(tmp_path / "home", **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "removes our assertions" in done.stderr
    assert "start chimera without it" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("R-C1", "R-C3")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"voice:", b"voice: \x00"),
        (b"voice:", b"voice: &a [x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\nd:"),
    ],
    ids=["a NUL byte", "a bomb"],
)
def test_a_package_that_will_not_do_is_not_installed(tmp_path: Path, old: bytes, new: bytes) -> None:
    package = tmp_path / "gaming.banterpacks"
    shutil.copytree(AGENTS / "gaming.banterpacks", package)
    manifest = package / "manifest.yaml"
    manifest.write_bytes(manifest.read_bytes().replace(old, new, 1))
    refused = fleet.chimera(tmp_path / "home", "agent", "install", package, "--json")
    assert refused.code == 2, refused
    assert refused.object["errors"]
    assert all(error["file"].endswith("manifest.yaml") and error["message"] for error in refused.object["errors"])
    assert len(refused.out) < 20_000, "what is wrong is not repeated at length"
    assert not (tmp_path / "home").exists(), "nothing is written, and nothing is started"


@pytest.mark.requirement("R-K1")
@pytest.mark.parametrize("task", ["no-id", "", "\x01", "x" * 100_000])
@pytest.mark.parametrize("command", [retelling.replay, retelling.trace])
def test_a_task_that_is_none_starts_nothing(command: Callable[..., None], task: str) -> None:
    with pytest.raises(Invalid) as refusal:
        command(task)
    assert refusal.value.code == "id_malformed"
    assert len(str(refusal.value)) < 200


@pytest.mark.requirement("R-E5")
@pytest.mark.parametrize("scope", ["flet", "agent:", "platform:" + "x" * 10_000, "tool:a\x00b", "agent:\ud800"])
@pytest.mark.parametrize("command", [operate.halt, operate.resume])
def test_a_scope_that_is_none_starts_nothing(command: Callable[..., None], scope: str) -> None:
    with pytest.raises(Invalid) as refusal:
        command(scope)
    assert refusal.value.code == "scope_unknown"
    assert len(str(refusal.value)) < 300


@pytest.mark.requirement("R-E5", "R-K1")
def test_what_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    scope = fleet.chimera(tmp_path / "home", "halt", "flet", "--json")
    assert (scope.code, scope.object["error"]["code"]) == (2, "scope_unknown")
    task = fleet.chimera(tmp_path / "home", "replay", "no-id", "--json")
    assert (task.code, task.object["error"]["code"]) == (2, "id_malformed")
    assert list(tmp_path.iterdir()) == []


# ── the disk ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes, if this machine lets us have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield disk
    subprocess.run(["/bin/umount", disk], check=True)


@pytest.mark.requirement("R-G1")
@pytest.mark.parametrize("command", [("up",), ("demo",)])
def test_a_full_disk_is_a_clear_refusal(small_disk: Path, command: tuple[str, ...]) -> None:
    home = small_disk / "home"
    more = ("--home", home) if command == ("demo",) else ()
    refused = fleet.chimera(home, *command, *more)
    assert (refused.code, refused.out) == (3, ""), refused
    assert "MiB are needed" in refused.err
    assert "CHIMERA_HOME" in refused.err
    assert not (home / "postgres").exists()
    assert fleet.processes_of(home) == {}


@pytest.mark.requirement("R-G1")
def test_a_home_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A file where the folder belongs stops root as well."""
    (tmp_path / "file").write_text("mine")
    refused = fleet.chimera(tmp_path / "file" / "home", "up")
    assert (refused.code, refused.out) == (2, "")
    assert "Choose a folder with CHIMERA_HOME" in refused.err
    assert (tmp_path / "file").read_text() == "mine"
    if os.geteuid():
        (tmp_path / "locked").mkdir(mode=0o500)
        refused = fleet.chimera(tmp_path / "locked" / "home", "up", "--quiet")
        assert (refused.code, json.dumps(refused.err).count("CHIMERA_HOME")) == (1, 1)
