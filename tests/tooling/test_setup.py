"""Set-up finds Python and uv wherever they are, and says what is missing. A machine here is a folder of scripts."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.pip_settings import uv_settings

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "scripts" / "setup.sh"
# What set-up may expect of any system.
PLAIN_TOOLS = ("bash", "cat", "dirname", "grep", "sha256sum", "shasum")

pytestmark = pytest.mark.requirement("R-M2")


@dataclass(frozen=True)
class Machine:
    """A machine with nothing on it but what a test puts there."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "bin"

    def command(self, name: str, body: str, *, folder: str = "bin") -> Path:
        command = self.folder / folder / name
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(f"#!/bin/sh\n{body}\n")
        command.chmod(0o755)
        return command

    def python(
        self, name: str = "python3", *, folder: str = "bin", serves: bool = True, took_us: int | str = "",
    ) -> Path:  # fmt: skip
        # setup.sh asks three things of a candidate: is it new enough, where is it really, and how fast is it?
        age = f"*version_info*) exit {0 if serves else 1};;"
        answers = f'case "$*" in {age} *perf_counter*) echo {took_us};; *) echo "$0";; esac'
        return self.command(name, answers, folder=folder)

    def uv(self, *, folder: str = "bin", works: bool = True) -> Path:
        return self.command("uv", f"exit {0 if works else 1}", folder=folder)

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.path),
            "HOME": str(self.folder / "home"),
            "SYSTEM_FOLDERS": f"{self.folder}/brew {self.folder}/usr",
            "DEBIAN_MARK": str(self.folder / "debian_version"),
            "PROC_VERSION": str(self.folder / "proc_version"),
        }
        shell = [self.path / "bash", "-c", f". {SETUP}; {commands}"]
        return subprocess.run(shell, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.path.mkdir()
    for tool in PLAIN_TOOLS:
        if real := shutil.which(tool):
            (machine.path / tool).symlink_to(real)
    machine.command("uname", "echo Linux")
    machine.command("id", "echo 1000")
    return machine


@pytest.mark.parametrize("folder", ["bin", "home/.pyenv/versions/3.12.1/bin", "brew", "usr"])
@pytest.mark.parametrize("name", ["python3", "python3.11", "python3.13"])
def test_python_is_found(machine: Machine, folder: str, name: str) -> None:
    python = machine.python(name, folder=folder)
    assert machine.run("find_python && say $PYTHON").stdout.strip() == str(python)


def test_a_python_that_is_too_old_or_a_dead_shim_is_passed_over(machine: Machine) -> None:
    machine.python("python3", serves=False)
    machine.command("python3.13", "echo 'pyenv: command not found' >&2; exit 127")
    good = machine.python("python3.12", folder="home/.pyenv/versions/3.12.1/bin")
    assert machine.run("find_python && say $PYTHON").stdout.strip() == str(good)


@pytest.mark.parametrize(("first", "other", "taken"), [(9_000, 6_000, "usr"), (9_000, 8_000, "bin"),
                                                       (6_000, 9_000, "bin"), ("", 6_000, "bin"), (9_000, "no", "bin"),
                                                       (9_000, "", "bin")])  # fmt: skip
def test_another_python_is_taken_where_it_is_clearly_faster(
    machine: Machine, first: int | str, other: int | str, taken: str
) -> None:
    found = {"bin": machine.python(took_us=first), "usr": machine.python(folder="usr", took_us=other)}
    ran = machine.run('find_python && echo "$PYTHON $FETCHER"')
    assert ran.stdout.split() == [str(found[taken]), str(found["bin"])], ran.stderr


def test_one_slow_moment_decides_nothing(machine: Machine) -> None:
    """A machine that others share is twice as fast in one second as in the next: each is asked again, in turns."""
    machine.python(took_us=9_000)
    seen = machine.folder / "seen"
    later = machine.python(folder="usr", took_us=f"$(if [ -e {seen} ]; then echo 6000; else : >{seen}; echo 12000; fi)")
    ran = machine.run('find_python && echo "$PYTHON"')
    assert ran.stdout.strip() == str(later), ran.stderr


def test_a_python_that_is_named_is_taken_however_slow_it_is(machine: Machine) -> None:
    machine.python(took_us=1_000)
    named = machine.python("python3.11", folder="usr", took_us=9_000)
    assert machine.run(f'PYTHON={named}; find_python && echo "$PYTHON"').stdout.strip() == str(named)


def test_a_python_that_is_named_comes_first(machine: Machine) -> None:
    machine.python()
    mine = machine.python("my-python", folder="mine")
    assert machine.run(f"PYTHON={mine}; find_python && say $PYTHON").stdout.strip() == str(mine)


@pytest.mark.parametrize(("system", "advice"), [("Linux", "apt install python3"), ("Darwin", "brew install python")])
def test_without_python_it_says_how_to_get_it(machine: Machine, system: str, advice: str) -> None:
    machine.command("uname", f"echo {system}")
    done = machine.run("require_python")
    assert done.returncode != 0
    assert "Python 3.11 or newer was not found" in done.stderr
    assert advice in done.stderr


def test_as_root_on_debian_it_installs_python(machine: Machine) -> None:
    (machine.folder / "debian_version").write_text("12.5\n")
    machine.command("id", "echo 0")
    package = machine.python("python3", folder="package")
    (machine.folder / "usr").mkdir()
    # An apt-get whose package is a Python.
    machine.command("apt-get", f'[ "$1" = update ] || {shutil.which("cp")} {package} {machine.folder}/usr/')
    done = machine.run("require_python && say $PYTHON")
    assert done.stdout.splitlines()[-1] == f"{machine.folder}/usr/python3"


def test_not_root_it_installs_nothing(machine: Machine) -> None:
    (machine.folder / "debian_version").write_text("12.5\n")
    machine.command("apt-get", f"echo called > {machine.folder}/called")
    assert machine.run("require_python").returncode != 0
    assert not (machine.folder / "called").exists()


@pytest.mark.parametrize("folder", ["bin", "home/.cargo/bin", "home/.local/bin", "brew", "usr", ".uv/bin"])
def test_uv_is_found(machine: Machine, folder: str) -> None:
    uv = machine.uv(folder=folder)
    assert (machine.folder / machine.run("find_uv && say $UV").stdout.strip()).resolve() == uv


def test_a_uv_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.uv(works=False)
    good = machine.uv(folder="home/.local/bin")
    assert machine.run("find_uv && say $UV").stdout.strip() == str(good)


def test_without_uv_and_pip_it_says_how_to_get_them(machine: Machine) -> None:
    broken = machine.command("python3", "exit 1")
    done = machine.run(f"PYTHON={broken}; require_uv")
    assert done.returncode != 0
    assert "uv was not found, and pip could not fetch it" in done.stderr


@pytest.mark.parametrize(
    ("uname", "version", "system"),
    [("Darwin", "", "macOS"), ("Linux", "Linux 6.1", "Linux"), ("Linux", "Linux 5.15-microsoft-standard-WSL2", "WSL")],
)
def test_the_system_is_named(machine: Machine, uname: str, version: str, system: str) -> None:
    machine.command("uname", f"echo {uname}")
    (machine.folder / "proc_version").write_text(version)
    assert machine.run("system_name").stdout.strip() == system


def test_the_environment_is_current_until_the_lock_changes(machine: Machine) -> None:
    machine.command("python", "", folder=".venv/bin")
    machine.command("chimera", "", folder=".venv/bin")
    lock = machine.folder / "requirements" / "dev.lock"
    lock.parent.mkdir()
    lock.write_text("a==1\n")
    (machine.folder / "pyproject.toml").write_text("[project]\n")
    assert machine.run("is_current").returncode == 1
    assert machine.run('fingerprint >"$STAMP"; is_current').returncode == 0
    lock.write_text("a==2\n")
    assert machine.run("is_current").returncode == 1


def test_an_unknown_option_is_refused() -> None:
    done = subprocess.run(["bash", SETUP, "--chekc"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "there is only --check" in done.stderr


def test_pip_settings_are_said_in_the_words_of_uv() -> None:
    lines = [
        "global.cert='/etc/one.pem'",
        ":env:.cert='/etc/two.pem'",
        ":env:.find-links='/opt/wheels /srv/wheels'",
        "install.trusted-host='a.internal b.internal'",
        "global.disable-pip-version-check='1'",
        "list.format='columns'",
    ]
    assert uv_settings(lines, {}) == {
        "SSL_CERT_FILE": "/etc/two.pem",
        "UV_FIND_LINKS": "/opt/wheels,/srv/wheels",
        "UV_INSECURE_HOST": "a.internal b.internal",
    }


def test_what_is_said_to_uv_itself_stands() -> None:
    assert uv_settings([":env:.index-url='https://mirror.internal/simple'"], {"UV_DEFAULT_INDEX": "mine"}) == {}
