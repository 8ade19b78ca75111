"""A real Ethereum node beside a test: anvil, under either chain's id, with a token like USDC. Ends what it started.

`scripts/anvil.sh` fetches it. Where it is missing a test fails: it does not pass by not having run.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from chimera.domain.errors import Unavailable

PROGRAM = Path(__file__).resolve().parents[4] / ".tools" / "anvil" / "anvil"
TOKEN = Path(__file__).with_name("PaymentToken.json")
READY_SECONDS_MAX = 60.0
# Known to everybody: anvil makes the same accounts each time. Never for real money.
RICH = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
RICH_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SUPPLY = 10**15
_MOVED = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


class Anvil:
    """One node. Its state lies in a file: it survives a graceful end, and falls back to the last dump when killed."""

    def __init__(self, folder: Path, *, chain_id: int, block_seconds: float = 0.25, dump_seconds: int = 5) -> None:
        self._folder = folder
        self._chain_id = chain_id
        self._block_seconds = block_seconds
        self._dump_seconds = dump_seconds
        self._port = _free_port()
        self._said = folder / "anvil.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def rpc(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start, or start again on the state that was left."""
        if not PROGRAM.exists():
            raise Unavailable("anvil_missing", "anvil is not here", where=str(PROGRAM), remedy="make anvil")
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._said.open("ab") as said:
            self._process = await self._begun(said.fileno())
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                while not await self._answers():  # noqa: ASYNC110 – another process: there is nothing to wait on.
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise self._silent(f"anvil does not answer after {READY_SECONDS_MAX:.0f} s") from error

    async def _begun(self, said: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(PROGRAM), "--port", str(self._port), "--chain-id", str(self._chain_id), "--silent",
            "--block-time", str(self._block_seconds), "--state", str(self._folder / "state.json"),
            "--state-interval", str(self._dump_seconds), "--preserve-historical-states",
            cwd=self._folder, stdout=said, stderr=said,
        )  # fmt: skip

    def _silent(self, why: str) -> Unavailable:
        """With what it said itself, and how large the state is that it begins with."""
        state = self._folder / "state.json"
        size = state.stat().st_size if state.exists() else 0
        said = self._said.read_text("utf-8", "replace")[-500:]
        told = f"{why}; its state has {size} bytes, whole: {_is_whole(state)}; it said {said!r}"
        return Unavailable("anvil_ended", told, where=str(self._folder), remedy="read its log")

    async def stop(self) -> None:
        """As a careful operator would: it writes its state."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """As the power would: back to the last dump."""
        await self._end(signal.SIGKILL)

    async def kill_after_dump(self, seconds: int) -> None:
        """Kill it when it has gone on for a while after a dump: what it mined meanwhile is taken back.

        Mining rests during that dump. A dump in the middle of a block has the accounts of after it and the blocks of
        before it, which no chain ever has.
        """
        await self.ask("evm_setIntervalMining", 0)
        await asyncio.sleep(1)
        state = self._folder / "state.json"
        before = _written_ns(state)
        async with asyncio.timeout(3 * self._dump_seconds + READY_SECONDS_MAX):
            while _written_ns(state) == before or not await asyncio.to_thread(_is_whole, state):  # noqa: ASYNC110 – as above.
                await asyncio.sleep(0.05)
        kept = await asyncio.to_thread(state.read_bytes)
        await self.ask("evm_setIntervalMining", 1)
        await asyncio.sleep(seconds)
        await self.kill()
        # On a busy machine the next dump may have been under way: anvil does not start on a torn one.
        if not await asyncio.to_thread(_is_whole, state):
            await asyncio.to_thread(state.write_bytes, kept)

    async def ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 – whatever the node says.
        """One call by hand."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        async with aiohttp.ClientSession() as session, session.post(self.rpc, json=body) as reply:
            answer = json.loads(await reply.read())
        assert "error" not in answer, answer
        return answer["result"]

    async def fund(self, address: str, *, wei: int = 10**21) -> None:
        """Give somebody coins."""
        await self.ask("anvil_setBalance", address, hex(wei))

    async def deploy_token(self) -> str:
        """A token like USDC, all of it with `RICH`."""
        made = msgspec.json.decode(TOKEN.read_bytes())
        digest = await self.ask("eth_sendTransaction", {"from": RICH, "data": made["bytecode"] + f"{SUPPLY:064x}"})
        return (await self.mined(digest))["contractAddress"]

    async def give_tokens(self, token: str, to: str, units: int) -> None:
        """Move tokens from `RICH`."""
        data = "0xa9059cbb" + to[2:].lower().rjust(64, "0") + f"{units:064x}"
        await self.mined(await self.ask("eth_sendTransaction", {"from": RICH, "to": token, "data": data}))

    async def balance(self, token: str, address: str) -> int:
        """How many units of a token somebody has."""
        data = "0x70a08231" + address[2:].lower().rjust(64, "0")
        return int(await self.ask("eth_call", {"to": token, "data": data}, "latest"), 16)

    async def transfers(self, token: str, sender: str) -> list[tuple[int, str]]:
        """Every transfer of a token by somebody, as the chain has it: units and transaction."""
        return await self._moved(token, "0x" + sender[2:].lower().rjust(64, "0"))

    async def received(self, token: str, *recipients: str) -> list[tuple[int, str]]:
        """Every transfer of a token to somebody, whoever moved it: units and transaction."""
        return await self._moved(token, None, ["0x" + one[2:].lower().rjust(64, "0") for one in recipients])

    async def _moved(self, token: str, *of: str | list[str] | None) -> list[tuple[int, str]]:
        asked = {"address": token, "fromBlock": "0x0", "toBlock": "latest", "topics": [_MOVED, *of]}
        found = await self.ask("eth_getLogs", asked)
        return [(int(log["data"], 16), log["transactionHash"]) for log in found]

    async def mined(self, digest: str) -> dict[str, Any]:
        """The receipt of a transaction, as soon as it is in a block."""
        async with asyncio.timeout(READY_SECONDS_MAX):
            while (found := await self.ask("eth_getTransactionReceipt", digest)) is None:  # noqa: ASYNC110 – as above.
                await asyncio.sleep(0.05)
        return found

    async def _answers(self) -> bool:
        assert self._process is not None, "it was started"
        if self._process.returncode is not None:
            raise self._silent(f"anvil ended with {self._process.returncode}")
        try:
            return int(await self.ask("eth_chainId"), 16) == self._chain_id
        except (aiohttp.ClientError, OSError, ValueError):
            return False

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(how)
        await self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _written_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _is_whole(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return False
