"""The embedded PostgreSQL, on the real one: private, durable, found again after any kill; nobody else's is touched."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from chimera.adapters.local.data_folder import make_data_folder, programs, read_pid_file
from chimera.adapters.local.postgres import PostgresSettings, start_postgres
from chimera.adapters.local.processes import all_in, as_nobody_special, is_alive, look
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused, Unavailable

from .conftest import ORPHAN_MAKER, Orphans, ask, connected, is_root, open_to_others, postgres

SETTINGS_QUERY = """
SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN
('data_checksums', 'fsync', 'full_page_writes', 'listen_addresses', 'server_encoding', 'synchronous_commit', 'jit')
"""
SETTINGS_WANTED = (
    "data_checksums=on fsync=on full_page_writes=on jit=off listen_addresses= "
    "server_encoding=UTF8 synchronous_commit=on"
)


async def write(dsn: str, value: int) -> None:
    async with connected(dsn) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        await connection.execute("INSERT INTO kept VALUES ($1)", value)


@pytest.mark.parametrize("major", [18, 16])
async def test_a_new_home_becomes_a_private_and_durable_server(tmp_path: Path, major: int) -> None:
    home = tmp_path / "h"
    async with postgres(home, major=major) as server:
        assert await ask(server.superuser_dsn, SETTINGS_QUERY) == SETTINGS_WANTED
        version = await ask(server.superuser_dsn, "SELECT current_setting('server_version_num')::int / 10000")
        assert version == major
        assert await ask(server.superuser_dsn, "SELECT 'B' < 'a'")
        told = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
        assert b"MALLOC_TRIM_THRESHOLD_=33554432" in told, "it keeps what the next batch needs"
        assert open_to_others(home) == []
    assert open_to_others(home) == []
    assert all_in(home / "postgres" / str(major), program="postgres") == ()
    assert list((home / "run").iterdir()) == []
    assert sorted(path.name for path in (home / "postgres").iterdir()) == [str(major), f"{major}.lock", f"{major}.log"]


async def test_a_role_comes_in_with_its_password_only(home: Path) -> None:
    async with postgres(home) as server:
        async with connected(server.superuser_dsn) as connection:
            await connection.execute("CREATE ROLE office LOGIN PASSWORD 'p@ss/w:rd?'")
            stored = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'office'")
        assert stored.startswith("SCRAM-SHA-256$")
        assert await ask(server.dsn("office", "p@ss/w:rd?"), "SELECT current_user") == "office"
        for role, password in (("office", "wrong"), ("chimera", "wrong"), ("nobody", "p@ss/w:rd?")):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await ask(server.dsn(role, password), "SELECT 1")


async def test_tcp_is_off_unless_asked_for_and_then_wants_the_password_too(home: Path) -> None:
    async with postgres(home) as server:
        with pytest.raises(Invalid):
            server.dsn("chimera", "x", tcp=True)
    password = (home / "secrets" / "postgres-18-chimera").read_text().strip()
    async with postgres(home, settings=PostgresSettings(tcp=True)) as server:
        assert await ask(server.dsn("chimera", password, tcp=True), "SELECT host(inet_server_addr())") == "127.0.0.1"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(server.dsn("chimera", "wrong", tcp=True), "SELECT 1")


async def test_stopping_keeps_the_data_breaks_connections_off_and_may_be_repeated(home: Path) -> None:
    server = await start_postgres(home)
    await write(server.superuser_dsn, 1)
    async with connected(server.superuser_dsn) as connection:
        await connection.execute("BEGIN")
        await server.stop()
        await server.stop()
    assert not server.is_alive()
    assert look(server.pid) is None
    async with postgres(home) as again:
        assert not again.adopted
        assert await ask(again.superuser_dsn, "SELECT value FROM kept") == 1


async def test_stopping_patiently_lets_a_client_finish(home: Path) -> None:
    server = await start_postgres(home)
    async with connected(server.superuser_dsn) as connection:
        stopping = asyncio.create_task(server.stop(fast=False))
        assert await connection.fetchval("SELECT pg_sleep(0.2) IS NOT NULL")
        assert not stopping.done()
    await stopping
    assert not server.is_alive()


async def test_a_killed_server_recovers_what_was_committed(home: Path) -> None:
    server = await start_postgres(home)
    await write(server.superuser_dsn, 7)
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while server.is_alive():
            await asyncio.sleep(0.005)
    await server.stop()
    async with postgres(home) as again:
        assert await ask(again.superuser_dsn, "SELECT value FROM kept") == 7


async def test_a_second_start_on_a_used_home_is_refused_with_the_users_number(home: Path) -> None:
    async with postgres(home) as server:
        with pytest.raises(Conflict) as refusal:
            await start_postgres(home)
        assert f"Process {os.getpid()} " in refusal.value.message
        assert await ask(server.superuser_dsn, "SELECT 1") == 1


async def test_the_server_of_a_killed_parent_is_adopted(home: Path, orphans: Orphans) -> None:
    (orphan,) = orphans.leave(home, "postgres")
    assert is_alive(orphan)
    async with postgres(home) as server:
        assert server.adopted
        assert server.pid == orphan.pid
        assert await ask(server.superuser_dsn, "SELECT 1") == 1
    assert not is_alive(orphan)


async def test_an_orphan_with_other_settings_is_replaced(home: Path, orphans: Orphans) -> None:
    (orphan,) = orphans.leave(home, "postgres")
    async with postgres(home, settings=PostgresSettings(more={"work_mem": "16MB"})) as server:
        assert not server.adopted
        assert not is_alive(orphan)
        assert await ask(server.superuser_dsn, "SHOW work_mem") == "16MB"


async def test_a_stopped_orphan_that_does_not_answer_is_replaced(
    home: Path, orphans: Orphans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chimera.adapters.local.postgres.ADOPT_SECONDS_MAX", 0.2)
    monkeypatch.setattr("chimera.adapters.local.postgres.CONNECT_SECONDS_MAX", 0.2)
    (orphan,) = orphans.leave(home, "postgres")
    os.kill(orphan.pid, signal.SIGSTOP)
    steps = "chimera.adapters.local.postgres.FAST"
    monkeypatch.setattr(steps, ())
    async with postgres(home) as server:
        assert not server.adopted
        assert not is_alive(orphan)


async def test_a_stranger_who_has_the_number_by_now_is_left_alone(
    home: Path, stranger: subprocess.Popen[bytes]
) -> None:
    leave_stale_files(home, stranger.pid)
    async with postgres(home) as server:
        assert not server.adopted
        assert stranger.poll() is None


async def test_another_homes_server_that_has_the_number_is_left_alone(new_home: Callable[[str], Path]) -> None:
    home = new_home("b")
    async with postgres(new_home("a")) as other:
        leave_stale_files(home, other.pid)
        async with postgres(home) as server:
            assert server.pid != other.pid
            assert await ask(other.superuser_dsn, "SELECT 1") == 1


def leave_stale_files(home: Path, pid: int) -> None:
    """What a killed server leaves, with a number that now is someone else's."""
    data, sockets = home / "postgres" / "18", home / "run"
    sockets.mkdir(exist_ok=True)
    lines = f"{pid}\n{data}\n1795223620\n5418\n{sockets}\n"
    (data / "postmaster.pid").write_text(lines + "\n  9977998        12\nready   \n")
    (sockets / ".s.PGSQL.5418.lock").write_text(lines)


async def test_a_server_that_cannot_be_seen_but_answers_is_not_displaced(home: Path) -> None:
    """As with a home shared by two containers: the pid file names nobody here, and yet the socket is served."""
    leave_stale_files(home, 0)
    with socket.socket(socket.AF_UNIX) as elsewhere:
        elsewhere.bind(str(home / "run" / ".s.PGSQL.5418"))
        elsewhere.listen()
        with pytest.raises(Conflict) as refusal:
            await start_postgres(home)
    assert refusal.value.code == "postgres_elsewhere"
    assert (home / "postgres" / "18" / "postmaster.pid").exists()
    async with postgres(home) as server:
        assert await ask(server.superuser_dsn, "SELECT 1") == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
async def test_a_start_killed_while_it_makes_the_data_is_begun_anew(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with subprocess.Popen([sys.executable, str(ORPHAN_MAKER), str(home), "postgres"]) as parent:
        async with asyncio.timeout(20):
            while not list(home.glob("postgres/new-18-*/PG_VERSION")):
                await asyncio.sleep(0.005)
        parent.kill()
    assert not (home / "postgres" / "18").exists()
    async with postgres(home) as server:
        assert await ask(server.superuser_dsn, "SELECT 1") == 1
    assert list(home.glob("postgres/new-*")) == []


@pytest.mark.parametrize("delay_seconds", [0.0, 0.05, 0.4])
async def test_a_cancelled_start_leaves_no_process_and_no_lock(tmp_path: Path, delay_seconds: float) -> None:
    home = tmp_path / "h"
    starting = asyncio.create_task(start_postgres(home))
    await asyncio.sleep(delay_seconds)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert list(home.glob("postgres/new-*")) == []
    async with postgres(home) as server:
        assert not server.adopted


async def test_a_cancelled_warm_start_leaves_no_process(home: Path) -> None:
    starting = asyncio.create_task(start_postgres(home))
    async with asyncio.timeout(10):
        while not all_in(home / "postgres" / "18", program="postgres"):
            await asyncio.sleep(0.001)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert all_in(home / "postgres" / "18", program="postgres") == ()


async def test_data_of_another_version_is_refused_untouched(home: Path) -> None:
    (home / "postgres" / "18").rename(home / "postgres" / "16")
    with pytest.raises(Refused) as refusal:
        await start_postgres(home, major=16)
    assert refusal.value.code == "postgres_version_differs"
    assert "made by PostgreSQL 18, and this is PostgreSQL 16" in refusal.value.message
    (home / "postgres" / "16").rename(home / "postgres" / "18")
    async with postgres(home) as server:
        assert await ask(server.superuser_dsn, "SELECT 1") == 1


async def test_a_folder_that_is_not_data_is_refused_untouched(tmp_path: Path) -> None:
    letter = tmp_path / "h" / "postgres" / "18" / "letter.txt"
    letter.parent.mkdir(parents=True, mode=0o700)
    letter.write_text("mine")
    (tmp_path / "h").chmod(0o700)
    with pytest.raises(Refused) as refusal:
        await start_postgres(tmp_path / "h")
    assert refusal.value.code == "postgres_folder_foreign"
    assert letter.read_text() == "mine"


async def test_a_missing_or_wrong_password_is_named_and_nothing_is_left_running(home: Path) -> None:
    secret = home / "secrets" / "postgres-18-chimera"
    right = secret.read_text()
    for text, code in ((None, "postgres_password_missing"), ("wrong\n", "postgres_password_wrong")):
        secret.unlink()
        if text:
            secret.write_text(text)
            secret.chmod(0o600)
        with pytest.raises(Refused) as refusal:
            await start_postgres(home)
        assert refusal.value.code == code
        assert all_in(home / "postgres" / "18", program="postgres") == ()
        secret.write_text(right)
        secret.chmod(0o600)
    async with postgres(home):
        pass


@pytest.mark.parametrize("name", ['a "long", odd \\ näme ' * 5, 'h, "q" \\ ü&?#%'])
async def test_a_home_with_a_long_or_odd_path_works_and_cleans_up(home: Path, runtime: Path, name: str) -> None:
    odd = home.rename(home.with_name(name))
    async with postgres(odd, settings=PostgresSettings(runtime=runtime)) as server:
        assert server.address.sockets.parent == runtime
        assert server.address.sockets.stat().st_mode & 0o777 == 0o700
        assert await ask(server.superuser_dsn, "SELECT 1") == 1
    assert not server.address.sockets.exists()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("fsync", "off", "postgres_setting_ours"),
        ("listen_addresses", "*", "postgres_setting_ours"),
        ("x y", "1", "postgres_setting_malformed"),
        ("work_mem", "1\n2", "postgres_setting_malformed"),
    ],
)
async def test_settings_that_open_or_weaken_the_server_are_refused(
    tmp_path: Path, name: str, value: str, code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        await start_postgres(tmp_path / "h", settings=PostgresSettings(more={name: value}))
    assert refusal.value.code == code
    assert list(tmp_path.iterdir()) == []


async def test_a_setting_that_postgres_refuses_is_told_in_its_words(home: Path) -> None:
    with pytest.raises(Unavailable, match="work_mem") as refusal:
        await start_postgres(home, settings=PostgresSettings(more={"work_mem": "many"}))
    assert refusal.value.code == "postgres_did_not_start"
    async with postgres(home):
        pass


async def test_an_unknown_version_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        await start_postgres(tmp_path / "h", major=9)


@pytest.mark.skipif(not is_root(), reason="about root")
async def test_started_as_root_the_server_has_no_power_of_roots(home: Path) -> None:
    async with postgres(home) as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert {path.stat().st_uid for path in home.rglob("*")} == {0}


@pytest.mark.skipif(not is_root(), reason="mounts a small disk")
async def test_a_disk_that_fills_while_the_data_is_made_is_named_and_nothing_stays(tmp_path: Path) -> None:
    disk, password = tmp_path / "disk", tmp_path / "password"
    disk.mkdir()
    password.write_text("secret")
    if subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "tmpfs", disk], check=False).returncode:
        pytest.skip("may not mount")
    try:
        prefix = await as_nobody_special(programs(18) / "postgres", folder=disk)
        with pytest.raises(ChimeraError) as refusal:
            await make_data_folder(disk / "18", major=18, prefix=prefix, password_file=password)
        assert refusal.value.code == "disk_full"
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["/bin/umount", disk], check=True)


async def test_a_disk_with_too_little_room_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(small)]
    if not is_root() or subprocess.run(mount, check=False).returncode:
        pytest.skip("may not mount")
    try:
        with pytest.raises(Unavailable) as refusal:
            await start_postgres(small / "h")
        assert refusal.value.code == "disk_full"
        assert not (small / "h" / "postgres" / "18").exists()
    finally:
        subprocess.run(["/bin/umount", small], check=True)


async def test_the_pid_file_of_a_dead_server_cut_short_is_no_obstacle(home: Path) -> None:
    (home / "postgres" / "18" / "postmaster.pid").write_text("12")
    assert read_pid_file(home / "postgres" / "18") is None
    async with postgres(home) as server:
        assert await ask(server.superuser_dsn, "SELECT 1") == 1
