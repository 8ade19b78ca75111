"""The vault as a stranger meets it: forged, replayed, stale, malformed, oversized requests; then over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from chimera.adapters.documents.governance import load_files
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import keys, wire
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.server import FIRST, SECOND, VaultServer
from chimera.adapters.vault.signer import VaultSigner
from chimera.adapters.vault.wire import (
    FRAME_BYTES_MAX,
    AttestRequest,
    CheckpointRequest,
    HaltRequest,
    HelloRequest,
    PolicyRequest,
    Request,
    SealRequest,
)
from chimera.domain import ids
from chimera.domain.checkpoint import ChainHead
from chimera.domain.errors import Refused, Unavailable
from chimera.domain.grant import Terms
from chimera.governance.sealing import is_attested

pytestmark = pytest.mark.requirement("R-N1", "R-E4")

MANAGER, OFFICE, STRANGER, SEALING, CFO = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 6))
POLICY = "p" * 64
FILES = load_files()


def terms(**more: object) -> Terms:
    root = ids.build(at_us=time.time_ns() // 1_000, entropy=secrets.randbits(74))
    made = Terms(
        grant_id=root,
        task_id=root,
        campaign_id=root,
        agent_id=root,
        action_digest="0" * 64,
        action_kind="post.publish",
        platform="sandbox",
        cost_micros=1_000,
        expires_at_us=time.time_ns() // 1_000 + 600_000_000,
        policy_digest=POLICY,
    )
    return msgspec.structs.replace(made, **more)


def server() -> VaultServer:
    core = VaultSigner(
        key=SEALING, policy_digest=POLICY, cap_micros_day=10_000, spent=Spent(day=0, micros=0), keep=lambda _: None
    )
    return VaultServer(core=core, clients={"manager": MANAGER.public_key(), "office": OFFICE.public_key()})


def frame(
    request: Request, *, client: str = "manager", key: Ed25519PrivateKey = MANAGER, nonce: str = "", seconds: float = 0
) -> bytes:
    at_us = time.time_ns() // 1_000 + int(seconds * 1_000_000)
    return wire.sign(request, client=client, key=key, nonce=nonce or secrets.token_hex(16), at_us=at_us)


def seal() -> SealRequest:
    """Made when it is asked for: what was made when tests were collected is expired at the end of a long run."""
    return SealRequest((terms(),))


def test_a_genuine_request_is_answered() -> None:
    answer = server().answer(frame(seal()))
    assert answer.sealed is not None
    assert answer.code == ""


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "forged": (lambda: frame(seal(), key=STRANGER), "vault_request_not_genuine"),
    "of somebody unknown": (lambda: frame(seal(), client="stranger", key=STRANGER), "vault_request_not_genuine"),
    "in another's name": (lambda: frame(seal(), client="office", key=MANAGER), "vault_request_not_genuine"),
    "stale": (lambda: frame(seal(), seconds=-60), "vault_request_stale"),
    "from the future": (lambda: frame(seal(), seconds=60), "vault_request_stale"),
    "the office would seal": (lambda: frame(seal(), client="office", key=OFFICE), "vault_not_permitted"),
    "the manager would lift a halt": (lambda: frame(HaltRequest(())), "vault_not_permitted"),
    "the manager would change the policy": (lambda: frame(PolicyRequest("q" * 64, FILES)), "vault_not_permitted"),
    "the manager would have history signed": (
        lambda: frame(CheckpointRequest((ChainHead(writer="a", seq=1, hash="00" * 32),), 0, "")),
        "vault_not_permitted",
    ),
    "the office would speak for the CFO": (
        lambda: frame(AttestRequest((b"pay", b"again")), client="office", key=OFFICE),
        "vault_not_permitted",
    ),
    "no key of a CFO": (lambda: frame(AttestRequest((b"pay", b"again"))), "vault_no_cfo_key"),
    "another policy": (lambda: frame(SealRequest((terms(policy_digest="q" * 64),))), "vault_policy_differs"),
    "over its cap": (lambda: frame(SealRequest((terms(cost_micros=10_001),))), "vault_over_cap"),
    "a negative cost": (lambda: frame(SealRequest((terms(cost_micros=-5),))), "vault_amount"),
    "no leaves": (lambda: frame(SealRequest(())), "vault_batch_size"),
    "expired": (lambda: frame(SealRequest((terms(expires_at_us=1),))), "vault_expiry"),
    "nothing": (lambda: b"", "vault_request_malformed"),
    "no JSON": (lambda: b"\xff\xfe{", "vault_request_malformed"),
    "another JSON": (lambda: b'{"client":"manager"}', "vault_request_malformed"),
    "deep": (lambda: b"[" * 100_000, "vault_request_malformed"),
}


@pytest.mark.parametrize("how", sorted(REFUSED))
def test_what_is_not_answered(how: str) -> None:
    request, code = REFUSED[how]
    answer = server().answer(request())
    assert (answer.code, answer.sealed) == (code, None)


def test_a_request_is_answered_once() -> None:
    vault, request = server(), frame(seal())
    assert vault.answer(request).sealed is not None
    assert vault.answer(request).code == "vault_request_replayed"


def test_a_body_that_was_exchanged() -> None:
    signed = msgspec.json.decode(frame(HelloRequest()), type=wire.Signed)
    exchanged = msgspec.structs.replace(signed, body=msgspec.Raw(msgspec.json.encode(seal())))
    assert server().answer(msgspec.json.encode(exchanged)).code == "vault_request_not_genuine"


def test_a_halt_by_the_office_stops_the_manager() -> None:
    vault = server()
    assert vault.answer(frame(HaltRequest(("platform:sandbox",)), client="office", key=OFFICE)).code == ""
    assert vault.answer(frame(seal())).code == "halted"
    assert vault.answer(frame(HaltRequest(()), client="office", key=OFFICE)).code == ""
    assert vault.answer(frame(seal())).sealed is not None


@pytest.mark.parametrize(("order", "client", "key", "code"), [
    (FIRST, "manager", MANAGER, ""),
    (FIRST, "office", OFFICE, "vault_not_permitted"),
    (FIRST, "effects", STRANGER, "vault_not_permitted"),
    (SECOND, "manager", MANAGER, "vault_not_permitted"),
    (SECOND, "effects", STRANGER, "vault_not_permitted"),
])  # fmt: skip
def test_who_may_have_the_cfos_word_signed(order: str, client: str, key: Ed25519PrivateKey, code: str) -> None:
    core = VaultSigner(
        key=SEALING, policy_digest=POLICY, cap_micros_day=0, spent=Spent(day=0, micros=0), keep=lambda _: None,
        cfo_key=CFO,
    )  # fmt: skip
    known = {"manager": MANAGER.public_key(), "office": OFFICE.public_key(), "effects": STRANGER.public_key()}
    answer = VaultServer(core=core, clients=known, order=order).answer(
        frame(AttestRequest((b"pay", b"again")), client=client, key=key)
    )
    assert (answer.code, len(answer.attestations)) == (code, 0 if code else 2)
    for statement, attested in zip((b"pay", b"again"), answer.attestations, strict=not code):
        assert is_attested(statement, attested.signature, CFO.public_key())


@given(st.binary(max_size=200))
def test_whatever_comes_is_answered_and_never_signed(data: bytes) -> None:
    answer = server().answer(data)
    assert answer.code
    assert answer.sealed is None


@given(st.data())
def test_no_bent_request_is_taken(data: st.DataObject) -> None:
    request = frame(seal())
    at = data.draw(st.integers(0, len(request) - 1))
    bent = request[:at] + bytes([request[at] ^ data.draw(st.integers(1, 255))]) + request[at + 1 :]
    answer = server().answer(bent)
    # A hex digit of the signature may be written in capitals: that is the same signature.
    assert answer.sealed is None or bent.lower() == request.lower()


def test_no_answer_holds_a_key() -> None:
    secret = SEALING.private_bytes_raw().hex().encode()
    for request, _ in REFUSED.values():
        assert secret not in msgspec.json.encode(server().answer(request()))


# ── over a socket ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def socket() -> AsyncIterator[Path]:
    """A vault that listens. Its folder is short: a socket's path has a limit."""
    with TemporaryDirectory(prefix="v") as folder:
        path = Path(folder) / "v.sock"
        running = await server().serve(path)
        yield path
        running.close()
        await running.wait_closed()


def client(path: Path, *, name: str = "manager", key: Ed25519PrivateKey = MANAGER) -> VaultClient:
    return VaultClient(path, client=name, key=key, clock=SystemClock())


async def test_only_the_owner_may_open_the_socket(socket: Path) -> None:
    assert socket.stat().st_mode & 0o077 == 0


async def test_many_at_once_over_one_connection(socket: Path) -> None:
    speaker = client(socket)
    roots = await asyncio.gather(*(speaker.seal([terms(cost_micros=1)]) for _ in range(20)))
    assert len({one.root for one in roots}) == 20
    await speaker.close()


async def test_a_refusal_comes_by_name(socket: Path) -> None:
    stranger = client(socket, key=STRANGER)
    with pytest.raises(Refused) as refusal:
        await stranger.seal([terms()])
    assert refusal.value.code == "vault_request_not_genuine"
    await stranger.close()


@pytest.mark.parametrize(
    "sent", [b"\xff" * 4, (FRAME_BYTES_MAX + 1).to_bytes(4, "big") + b"x" * 64, b"\x00\x00\x00\x09cut"]
)
async def test_an_oversized_or_cut_frame_ends_the_conversation(socket: Path, sent: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(sent)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    speaker = client(socket)
    assert await speaker.hello()
    await speaker.close()


async def test_a_vault_that_is_gone_is_unavailable_and_comes_back() -> None:
    with TemporaryDirectory(prefix="v") as folder:
        path = Path(folder) / "v.sock"
        speaker = client(path)
        with pytest.raises(Unavailable):
            await speaker.hello()
        running = await server().serve(path)
        assert await speaker.hello()
        await speaker.close()
        running.close()
        await running.wait_closed()


async def test_whoever_breaks_off_does_not_leave_its_answer_to_the_next() -> None:
    asked, ended = 0, asyncio.Semaphore(0)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while await wire.read_frame(reader) is not None:
                asked += 1
                told = f"answer {asked}"
                await asyncio.sleep(0.2)
                await wire.write_frame(writer, msgspec.json.encode(wire.Answer(key_id=told)))
        ended.release()

    with TemporaryDirectory(prefix="v") as folder:
        path = Path(folder) / "v.sock"
        running = await asyncio.start_unix_server(slow, path)
        speaker = client(path)
        first = asyncio.create_task(speaker.hello())
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert await speaker.hello() == "answer 2"
        await speaker.close()
        for _ in range(2):
            await ended.acquire()
        running.close()
        await running.wait_closed()


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def start(folder: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chimera.adapters.vault.process", "--folder", str(folder), "--socket",
        str(folder / "v.sock"), "--policy-digest", POLICY, "--cap-micros-day", "10000",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("CHIMERA_")},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdin.write(b'{"passphrase":"correct horse"}\n')
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
    return process


async def stop(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


@pytest.mark.slow
async def test_the_process_is_halted_until_it_is_told_and_keeps_its_count_over_a_kill() -> None:
    with TemporaryDirectory(prefix="v") as name:
        folder = Path(name)
        for who, key in (("manager", MANAGER), ("office", OFFICE)):
            keys.publish(folder / "clients" / f"{who}.pub", key)
        process = await start(folder)
        speaker, office = client(folder / "v.sock"), client(folder / "v.sock", name="office", key=OFFICE)
        with pytest.raises(Refused, match="halted"):
            await speaker.seal([terms()])
        await office.halt([])
        await speaker.seal([terms(cost_micros=9_000)])
        await stop(process)
        process = await start(folder)
        with pytest.raises(Unavailable):
            await office.halt([])
        await office.halt([])
        with pytest.raises((Refused, Unavailable)):
            await speaker.seal([terms(cost_micros=9_000)])
        with pytest.raises(Refused) as refusal:
            await speaker.seal([terms(cost_micros=9_000)])
        assert refusal.value.code == "vault_over_cap"
        assert b"PRIVATE" in (folder / "sealing.key").read_bytes()
        assert SEALING.private_bytes_raw() not in (folder / "sealing.key").read_bytes()
        assert (folder / "sealing.key").stat().st_mode & 0o077 == 0
        await speaker.close()
        await office.close()
        await stop(process)


@pytest.mark.slow
async def test_the_process_ends_with_its_parent() -> None:
    with TemporaryDirectory(prefix="v") as name:
        folder = Path(name)
        for who, key in (("manager", MANAGER), ("office", OFFICE)):
            keys.publish(folder / "clients" / f"{who}.pub", key)
        process = await start(folder)
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) is not None
