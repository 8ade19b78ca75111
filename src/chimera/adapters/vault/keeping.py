"""Starts the vault's process, and again when it died under a running fleet. Holds no key, and asks it nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from chimera.adapters.vault.process import READY, Begin, NotStarted
from chimera.domain.errors import ChimeraError, Unavailable

READY_SECONDS_MAX = 15.0
END_SECONDS_MAX = 5.0
PAUSE_SECONDS_MIN = 0.2
PAUSE_SECONDS_MAX = 5.0
# What a vault may see of our environment. Nothing of ours, and of others only what names a key service's account.
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
    "COVERAGE_FILE",
)
_log = structlog.get_logger("chimera.vault")


class VaultOrder(Struct, frozen=True, kw_only=True):
    """What the vault's process is told when it starts."""

    folder: Path
    socket: Path
    policy_digest: str
    cap_micros_day: int
    begin: Begin
    pack: Path | None = None


@contextlib.asynccontextmanager
async def kept_vault(order: VaultOrder) -> AsyncGenerator[None]:
    """A vault that answers for as long as the block runs, whatever becomes of its process."""
    process = await _start(order)
    keeping = asyncio.create_task(_keep(order, process), name="vault-keeper")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(order: VaultOrder, process: asyncio.subprocess.Process) -> None:
    """Until cancelled: wait for its end, which should never come, and start it again."""
    pause_seconds = PAUSE_SECONDS_MIN
    try:
        while True:
            code = await process.wait()
            _log.warning("the vault is gone and is started again", pid=process.pid, code=code)
            await asyncio.sleep(pause_seconds)
            try:
                process = await _start(order)
                pause_seconds = PAUSE_SECONDS_MIN
            except ChimeraError as error:
                pause_seconds = min(PAUSE_SECONDS_MAX, pause_seconds * 2)
                _log.error("the vault cannot be started again", why=str(error), again_in_seconds=pause_seconds)
    finally:
        await _end(process)


async def _start(order: VaultOrder) -> asyncio.subprocess.Process:
    module = "chimera.adapters.vault.process_kms" if order.begin.kms_key else "chimera.adapters.vault.process"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--folder", str(order.folder),
        "--socket", str(order.socket), "--policy-digest", order.policy_digest,
        "--cap-micros-day", str(order.cap_micros_day), *(("--pack", str(order.pack)) if order.pack else ()),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        # A session of its own: a Ctrl-C is for us, and we end it when we no longer need it.
        env=_environment(with_account=bool(order.begin.kms_key)), start_new_session=True,
    )  # fmt: skip
    try:
        await _tell(process, order.begin)
        await _until_ready(order, process)
    except BaseException:
        await _end(process)
        raise
    return process


def _environment(*, with_account: bool) -> dict[str, str]:
    return {name: value for name, value in os.environ.items()
            if name in PASSED_ON or (with_account and name.startswith("AWS_"))}  # fmt: skip


async def _tell(process: asyncio.subprocess.Process, begin: Begin) -> None:
    """The passphrase goes through a pipe that nobody else has."""
    assert process.stdin is not None, "the pipe was asked for"
    with contextlib.suppress(ConnectionError):
        process.stdin.write(msgspec.json.encode(begin) + b"\n")
        await process.stdin.drain()


async def _until_ready(order: VaultOrder, process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None, "the pipe was asked for"
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            said = await process.stdout.readline()
    except TimeoutError:
        said = b""
    if said != READY:
        raise _why(said, order.folder)


def _why(said: bytes, folder: Path) -> Unavailable:
    """What the process itself says, where it could still say it."""
    try:
        told = msgspec.json.decode(said, type=NotStarted)
    except msgspec.DecodeError:
        return Unavailable("vault_not_started", "the vault's process did not come up", where=str(folder),
                           remedy="run chimera doctor")  # fmt: skip
    return Unavailable(told.code, told.message, where=told.where, remedy=told.remedy)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS_MAX):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
