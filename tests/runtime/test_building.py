"""Where a compiler is, the library is built; where none is, set-up says so and goes on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from chimera.domain import native

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".tools" / "runtime.log"

pytestmark = pytest.mark.requirement("R-J1", "R-J3", "R-M2")


def runtime_script(folder: Path, *, home: Path, path: Path, option: str = "") -> subprocess.CompletedProcess[str]:
    """The script in a copy of what it reads, on a machine with nothing but what is named."""
    for part in ("scripts/setup.sh", "scripts/runtime.sh", "runtime/Cargo.toml", "requirements/runtime.lock"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    for tool in ("bash", "cat", "dirname", "mkdir", "sed", "awk"):
        if real := shutil.which(tool):
            (path / tool).unlink(missing_ok=True)
            (path / tool).symlink_to(real)
    environment = {"PATH": str(path), "HOME": str(home), "SYSTEM_FOLDERS": str(home)}
    command = [str(path / "bash"), "scripts/runtime.sh", *([option] if option else [])]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def test_where_there_is_a_compiler_there_is_the_library() -> None:
    if shutil.which("cargo") is None or (LOG.exists() and "could not be fetched" in LOG.read_text()):
        pytest.skip("no Rust compiler here, or no crates")
    assert native.runtime is not None, f"make setup builds it; {LOG} says why not"
    assert native.runtime.VERSION == native.VERSION


def test_without_a_compiler_it_is_said_and_nothing_else_happens(tmp_path: Path, path: Path) -> None:
    done = runtime_script(tmp_path / "there", home=tmp_path / "home", path=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no Rust compiler found; the hot paths run in Python, more slowly" in done.stdout


def test_what_was_not_looked_at_is_not_called_sound(tmp_path: Path, path: Path) -> None:
    done = runtime_script(tmp_path / "there", home=tmp_path / "home", path=path, option="--audit")
    assert done.returncode == 1
    assert "its crates were not looked at" in done.stderr


def test_crates_that_cannot_be_fetched_stop_nothing(tmp_path: Path, path: Path) -> None:
    cargo = path / "cargo"
    cargo.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "  fetch) echo 'error: no route to the registry' >&2; exit 101 ;;\n"
        '  metadata) echo \'{"source":"registry+https://crates.example/index"}\' ;;\n'
        "esac\n"
    )
    cargo.chmod(0o755)
    there = tmp_path / "there"
    done = runtime_script(there, home=tmp_path / "home", path=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "could not be fetched" in done.stdout
    assert "no route to the registry" in (there / ".tools" / "runtime.log").read_text()
    # What cargo read: our lock, with the registry that cargo itself named.
    lock = (there / "runtime" / "Cargo.lock").read_text()
    assert lock.count('source = "registry+https://crates.example/index"') == lock.count("checksum = ") > 10


def test_an_unknown_option_is_refused(tmp_path: Path, path: Path) -> None:
    done = runtime_script(tmp_path / "there", home=tmp_path / "home", path=path, option="--locc")
    assert done.returncode == 1
    assert "unknown option --locc" in done.stderr
