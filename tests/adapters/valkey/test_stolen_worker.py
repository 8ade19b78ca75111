"""Whoever has stolen a worker's user in Valkey: every command, every key and every channel there, one by one."""

from __future__ import annotations

import itertools
import re

import pytest
from redis.exceptions import NoPermissionError

from chimera.adapters.local.valkey import RunningValkey
from chimera.adapters.valkey.connection import PREFIX, Valkey
from chimera.adapters.valkey.slices import HELLO, result_stream, work_stream, worker_rules
from chimera.processes.channels import ROLE_RULES
from chimera.swarm.bus_client import ACTED, ARRIVED, GRANTED

pytestmark = pytest.mark.requirement("R-A7", "R-A3")
THIEF, OTHER = "worker-1", "worker-2"
MAY = {"xread", "xadd", "pexpire", "publish", "ping"}
# What a connection may do before anybody knows who it is.
OF_NOBODY = {"auth", "hello", "quit", "reset"}
KEYS = (
    work_stream(OTHER, "1"), result_stream(OTHER, "manager-0.1"), f"{PREFIX}mark:manager-0.1", f"{PREFIX}counters",
    f"{PREFIX}hot", f"{PREFIX}agent:ada", "anything",
)  # fmt: skip
CHANNELS = (f"{PREFIX}{HELLO}{OTHER}", f"{PREFIX}{ARRIVED}", f"{PREFIX}{GRANTED}", f"{PREFIX}{ACTED}", "anything")


@pytest.fixture
async def owner(server: RunningValkey, valkey: Valkey) -> Valkey:
    """The server as `servers` of an installation sets it up, with something in every key."""
    await server.write_acl({**ROLE_RULES, THIEF: worker_rules(THIEF), OTHER: worker_rules(OTHER)})
    for key in KEYS:
        await valkey.ask("XADD", key, "*", "secret", "of somebody else")
    return valkey


async def test_of_all_commands_those_of_its_work_are_permitted(owner: Valkey) -> None:
    known: list[list[object]] = await owner.ask("COMMAND")
    entries = [*known.values()] if isinstance(known, dict) else known
    permitted = set[str]()
    for entry in entries:
        name, arity = (entry["name"], entry["arity"]) if isinstance(entry, dict) else (entry[0], entry[1])
        command = name.decode() if isinstance(name, bytes) else str(name)
        # With its own stream in every place: only what may be done at all is asked here.
        padding = itertools.repeat(result_stream(THIEF, "m"), max(1, abs(int(str(arity))) - 1))
        try:
            answer = await owner.ask("ACL", "DRYRUN", THIEF, command, *padding)
        except Exception as error:  # noqa: BLE001 – a command that cannot be asked so is asked for by its rules below
            assert "permission" not in str(error), (command, error)
            continue
        if answer in (b"OK", "OK", True):
            permitted.add(command.lower())
    assert len(entries) > 200
    assert permitted <= MAY | OF_NOBODY, permitted - MAY - OF_NOBODY
    rules = await owner.redis.acl_getuser(THIEF)
    assert rules is not None
    assert set(re.findall(r"\+([a-z@|]+)", str(rules["commands"]))) == MAY


async def test_no_key_of_anybody_else_is_read_or_written(server: RunningValkey, owner: Valkey) -> None:
    async with Valkey(server.url_of(THIEF)).redis as thief:
        for key in KEYS:
            for act in (thief.xread({key: "0"}), thief.xadd(key, {"results": b"forged"}), thief.pexpire(key, 1)):
                with pytest.raises(NoPermissionError):
                    await act
        for act in (thief.xadd(work_stream(THIEF, "1"), {"slice": b"forged"}),
                    thief.xread({result_stream(THIEF, "manager-0.1"): "0"})):  # fmt: skip
            with pytest.raises(NoPermissionError):
                await act
    for key in KEYS:
        assert await owner.ask("XLEN", key) == 1


async def test_no_bell_of_anybody_else_is_rung_or_heard(server: RunningValkey, owner: Valkey) -> None:
    async with Valkey(server.url_of(THIEF)).redis as thief:
        for channel in CHANNELS:
            with pytest.raises(NoPermissionError):
                await thief.publish(channel, b"")
        for words in (("SUBSCRIBE", CHANNELS[0]), ("PSUBSCRIBE", "*"), ("SSUBSCRIBE", "anything")):
            with pytest.raises(NoPermissionError):
                await thief.execute_command(*words)


@pytest.mark.parametrize("user", ["manager", "effects", "office", OTHER, "default", "chimera"])
async def test_its_password_is_nobody_elses(server: RunningValkey, owner: Valkey, user: str) -> None:
    own = server.url_of(THIEF)
    stolen = Valkey(own.replace(f"unix://{THIEF}:", f"unix://{user}:"))
    try:
        with pytest.raises(Exception, match=r"WRONGPASS|invalid username-password|not_permitted"):
            await stolen.ask("PING")
    finally:
        await stolen.close()
