"""The folder of an installation: private, locked, with room, its secrets kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chimera.adapters.local.home import (
    Home,
    keep_secret,
    prepare_home,
    private_folder,
    read_secret,
    secret_path,
    socket_folder,
    write_private,
)
from chimera.assembly import joining
from chimera.domain.errors import Conflict, Invalid, Refused, Unavailable

HOLD = """
import sys, time
from pathlib import Path
from chimera.adapters.local.home import Home
home = Home.open(Path(sys.argv[1]), passing=sys.argv[2:] == ["passing"])
print("held", flush=True)
time.sleep(600)
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_home_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Home.open(tmp_path / "a" / "home") as home:
            assert mode(home.folder) == 0o700
            assert mode(home.folder / "lock") == 0o600
    finally:
        os.umask(before)


def test_a_second_process_is_refused_with_the_first_ones_number_until_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            with pytest.raises(Conflict) as refusal:
                Home.open(folder)
        finally:
            holder.kill()
    assert refusal.value.code == "home_in_use"
    assert f"Process {holder.pid} " in refusal.value.message
    with Home.open(folder):
        assert (folder / "lock").read_text() == f"{os.getpid()}\n"


async def test_whoever_stays_waits_for_a_command_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    told: list[str] = []
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder), "passing"], stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"held\n"

        def tell(line: str) -> None:
            told.append(line)
            command.kill()

        async with joining.held(folder, tell=tell):
            assert (folder / "lock").read_text() == f"{os.getpid()}\n"
    assert len(told) == 1
    assert f"Process {command.pid} is at a command" in told[0]


async def test_whoever_stays_is_refused_at_once_where_another_stays(tmp_path: Path) -> None:
    with Home.open(tmp_path / "home"), pytest.raises(Conflict, match="home_in_use"):
        async with joining.held(tmp_path / "home", tell=pytest.fail):
            pass


def test_a_lock_that_was_let_go_is_free_even_while_a_child_starts(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    with subprocess.Popen(["/bin/sleep", "600"], close_fds=False) as child:
        try:
            home.close()
            Home.open(tmp_path / "home").close()
        finally:
            child.kill()


def test_a_home_without_room_is_refused_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"\d+ MiB are free .* 1099511627776 MiB are needed") as refusal:
        Home.open(tmp_path / "home", free_bytes_min=1 << 60)
    assert refusal.value.code == "disk_full"
    Home.open(tmp_path / "home").close()


def test_a_folder_of_other_things_is_not_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(Refused) as refusal:
        Home.open(folder)
    assert refusal.value.code == "folder_open_to_others"
    assert mode(folder) == 0o755


def test_an_empty_or_former_home_is_narrowed(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    for _ in range(2):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        Home.open(folder).close()
        assert mode(folder) == 0o700


@pytest.mark.parametrize("name", ["a\nb", "a\x07b", "\udcff"])
def test_a_folder_name_that_no_line_can_hold_is_invalid(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        prepare_home(tmp_path / name)
    assert refusal.value.code == "home_path_unreadable"
    assert list(tmp_path.iterdir()) == []


def test_a_home_below_a_file_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid) as refusal:
        prepare_home(tmp_path / "file" / "home")
    assert refusal.value.code == "home_not_a_folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    (tmp_path / "home").chmod(0o500)
    (tmp_path / "above").mkdir(mode=0o500)
    for folder in (tmp_path / "above" / "home",):
        with pytest.raises(Refused) as refusal:
            prepare_home(folder)
        assert refusal.value.code == "home_not_writable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    os.chown(tmp_path / "home", 12345, 12345)
    with pytest.raises(Refused) as refusal:
        prepare_home(tmp_path / "home")
    assert refusal.value.code == "folder_of_another_user"


def test_a_secret_is_made_once_and_only_for_us(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    first = keep_secret(home, "key")
    assert keep_secret(home, "key") == first
    assert keep_secret(home, "other") != first
    assert len(first) >= 43
    assert mode(secret_path(home, "key")) == 0o600
    assert mode(secret_path(home, "key").parent) == 0o700
    assert sorted(path.name for path in (home / "secrets").iterdir()) == ["key", "other"]


def test_a_secret_that_others_can_read_or_that_is_a_link_or_empty_is_refused(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    keep_secret(home, "key")
    secret_path(home, "key").chmod(0o640)
    secret_path(home, "link").symlink_to(secret_path(home, "key"))
    write_private(secret_path(home, "empty"), "\n")
    codes: list[str] = []
    for name in ("key", "link", "empty"):
        with pytest.raises((Refused, Invalid)) as refusal:
            keep_secret(home, name)
        codes.append(refusal.value.code)
    assert codes == ["secret_open_to_others", "home_not_a_folder", "secret_empty"]


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "a longer text")
    write_private(path, "short")
    assert read_secret(path) == "short"
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_home_has_its_sockets_in_the_runtime_folder_always_the_same(tmp_path: Path, runtime: Path) -> None:
    home = prepare_home(tmp_path / ("long" * 25))
    folder = socket_folder(home, runtime=runtime)
    assert folder.parent == runtime
    assert mode(folder) == 0o700
    assert socket_folder(home, runtime=runtime) == folder
    other = prepare_home(tmp_path / ("wide" * 25))
    assert socket_folder(other, runtime=runtime) != folder
    short = prepare_home(runtime / "h")
    assert socket_folder(short, runtime=runtime) == short / "run"
    assert socket_folder(prepare_home(runtime / "a,b"), runtime=runtime).parent == runtime


def test_a_runtime_folder_that_is_too_long_itself_is_invalid(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / ("long" * 25))
    with pytest.raises(Invalid) as refusal:
        socket_folder(home, runtime=home)
    assert refusal.value.code == "socket_path_unfit"


def test_a_planted_socket_folder_is_refused(tmp_path: Path, runtime: Path) -> None:
    home = prepare_home(tmp_path / ("long" * 25))
    folder = socket_folder(home, runtime=runtime)
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        socket_folder(home, runtime=runtime)
    folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "planted").write_text("")
    with pytest.raises(Refused):
        private_folder(folder)
