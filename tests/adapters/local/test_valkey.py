"""The embedded Valkey, on the real one: nobody without a password, users by their rules, found again after any kill."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from chimera.adapters.local.processes import all_in, is_alive, look
from chimera.adapters.local.valkey import start_valkey
from chimera.domain.errors import Conflict, Invalid

from .conftest import Orphans, open_to_others, valkey

WORKER = "~tasks:* &tasks:* +@read +@stream +ping"


def client(url: str) -> Redis:
    return Redis.from_url(url)


async def put(url: str, key: str, value: str) -> None:
    async with client(url) as redis:
        await redis.set(key, value)


async def get(url: str, key: str) -> bytes | None:
    async with client(url) as redis:
        found = await redis.get(key)
    assert not isinstance(found, str)
    return found


async def test_a_new_home_becomes_a_private_server(tmp_path: Path) -> None:
    home = tmp_path / "h"
    async with valkey(home) as server:
        await put(server.url, "a", "b")
        assert await get(server.url, "a") == b"b"
        assert open_to_others(home) == []
        async with Redis(unix_socket_path=str(server.socket)) as stranger:
            with pytest.raises(RedisError):
                await stranger.get("a")
    assert open_to_others(home) == []
    assert look(server.pid) is None
    assert list((home / "run").iterdir()) == []
    await server.stop()


async def test_a_user_may_what_its_rules_say_and_no_more(tmp_path: Path) -> None:
    async with valkey(tmp_path / "h", users={"worker": WORKER}) as server:
        async with client(server.url_of("worker")) as worker:
            await worker.xadd("tasks:1", {"a": "b"})
            with pytest.raises(NoPermissionError):
                await worker.xadd("other", {"a": "b"})
            with pytest.raises(NoPermissionError):
                await worker.delete("tasks:1")
        await server.write_acl({"effects": "~rates:* +get"})
        with pytest.raises(RedisError, match="invalid username-password pair"):
            await get(server.url_of("worker"), "tasks:1")
        assert await get(server.url_of("effects"), "rates:1") is None


@pytest.mark.parametrize(
    "users",
    [
        {"worker": "~* nopass"},
        {"worker": ">password"},
        {"worker": "+get\nuser evil on nopass ~* +@all"},
        {"worker": "on +get"},
        {"default": "+get"},
        {"chimera": "+get"},
        {"a b": "+get"},
        {"../up": "+get"},
    ],
)
async def test_rules_that_open_the_door_are_invalid(tmp_path: Path, users: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        await start_valkey(tmp_path / "h", users=users)
    async with valkey(tmp_path / "h") as server:
        with pytest.raises(Invalid):
            await server.write_acl(users)


async def test_rules_that_valkey_refuses_change_nothing(tmp_path: Path) -> None:
    async with valkey(tmp_path / "h", users={"worker": WORKER}) as server:
        with pytest.raises(Invalid) as refusal:
            await server.write_acl({"worker": "+nosuchcommand"})
        assert refusal.value.code == "valkey_rules_refused"
        async with client(server.url_of("worker")) as worker:
            await worker.xadd("tasks:1", {"a": "b"})


@pytest.mark.parametrize("persist", [True, False])
async def test_it_keeps_its_content_only_when_asked(tmp_path: Path, persist: bool) -> None:
    async with valkey(tmp_path / "h", persist=persist) as server:
        await put(server.url, "a", "b")
    async with valkey(tmp_path / "h", persist=persist) as server:
        assert await get(server.url, "a") == (b"b" if persist else None)


async def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    server = await start_valkey(tmp_path / "h")
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while server.is_alive():
            await asyncio.sleep(0.005)
    await server.stop()
    async with valkey(tmp_path / "h") as again:
        await put(again.url, "a", "b")


async def test_the_server_of_a_killed_parent_is_adopted_with_todays_users(tmp_path: Path, orphans: Orphans) -> None:
    (orphan,) = orphans.leave(tmp_path / "h", "valkey")
    async with valkey(tmp_path / "h", users={"worker": WORKER}) as server:
        assert server.adopted
        assert server.pid == orphan.pid
        assert await get(server.url_of("worker"), "tasks:1") is None
    assert not is_alive(orphan)


async def test_an_orphan_with_other_settings_is_replaced(tmp_path: Path, orphans: Orphans) -> None:
    (orphan,) = orphans.leave(tmp_path / "h", "valkey")
    async with valkey(tmp_path / "h", persist=True) as server:
        assert not server.adopted
        assert not is_alive(orphan)


async def test_an_orphan_without_its_pid_file_is_found_and_ended(tmp_path: Path, orphans: Orphans) -> None:
    (orphan,) = orphans.leave(tmp_path / "h", "valkey")
    (tmp_path / "h" / "valkey" / "valkey.pid").unlink()
    async with valkey(tmp_path / "h") as server:
        assert not server.adopted
        assert not is_alive(orphan)


async def test_an_orphan_with_another_password_is_replaced(tmp_path: Path, orphans: Orphans) -> None:
    (orphan,) = orphans.leave(tmp_path / "h", "valkey")
    (tmp_path / "h" / "secrets" / "valkey-chimera").unlink()
    async with valkey(tmp_path / "h") as server:
        assert not is_alive(orphan)
        assert await get(server.url, "a") is None


async def test_a_stranger_who_has_the_number_by_now_is_left_alone(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    async with valkey(tmp_path / "h"):
        pass
    (tmp_path / "h" / "valkey" / "valkey.pid").write_text(f"{stranger.pid}\n")
    async with valkey(tmp_path / "h") as server:
        assert not server.adopted
        assert stranger.poll() is None


async def test_a_second_start_on_a_used_home_is_refused(tmp_path: Path) -> None:
    async with valkey(tmp_path / "h") as server:
        with pytest.raises(Conflict):
            await start_valkey(tmp_path / "h")
        await put(server.url, "a", "b")


@pytest.mark.parametrize("name", ['a "long", odd \\ näme ' * 5, 'h, "q" \\ ü&?#%'])
async def test_a_home_with_a_long_or_odd_path_works_and_cleans_up(tmp_path: Path, runtime: Path, name: str) -> None:
    async with valkey(tmp_path / name, runtime=runtime) as server:
        assert server.socket.parent.parent == runtime
        await put(server.url, "a", "b")
    assert not server.socket.parent.exists()


async def test_a_cancelled_start_leaves_no_process(tmp_path: Path) -> None:
    starting = asyncio.create_task(start_valkey(tmp_path / "h"))
    async with asyncio.timeout(10):
        while not (tmp_path / "h" / "valkey" / "valkey.conf").exists() and not starting.done():
            await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert all_in(tmp_path / "h" / "valkey", program="valkey-server") == ()
