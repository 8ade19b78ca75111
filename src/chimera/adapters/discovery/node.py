"""One node of the directory: a Kademlia over UDP whose records prove themselves. Believes no node; calls no agent.

Against liars: places follow from keys, addresses are proven before anything large is sent to them, look-ups go several
ways that share no node, and what is found counts only by its own signature, sequence and expiry.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import TypeAlias, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from chimera.adapters.discovery.keeping import POINTERS_AT_MAX, Neighbours, Pointers, Sequences
from chimera.adapters.discovery.wire import (
    CLOSEST,
    POINTERS_IN_REPLY,
    Kind,
    Message,
    Node,
    Where,
    distance,
    framed,
    node_at,
    opened,
    place_of,
)
from chimera.adapters.system.web import is_public
from chimera.domain import canonical
from chimera.domain.directory import Pointer
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.recent import Recent
from chimera.governance.directory import checked, newest
from chimera.ports.clock import Clock

WAYS = 3
BESIDE_POINTERS = 8  # Twelve addresses of IPv6 and a long pointer would not fit one datagram.
AT_ONCE = 3
QUERIES_MAX = 40
QUERY_SECONDS = 0.7
PER_HOST_MAX = 2
RATE_A_SECOND = 100.0
BURST = 200.0
SOURCES_MAX = 4_096
TOKEN_SECONDS = 600
PENDING_MAX = 1_024
UNREACHABLE_SECONDS = 60
PATIENCE = (2.0, 4.0, 8.0)  # Times as long as at first: for those who did not answer, where too few did.
_US = 1_000_000
Misses: TypeAlias = Callable[[Node], bool]


class Found(Struct, frozen=True, kw_only=True):
    """What a look-up brought: who is closest, and every pointer there that proved itself."""

    nodes: tuple[Node, ...]
    pointers: tuple[Pointer, ...]
    refused: int


class DirectoryNode(asyncio.DatagramProtocol):
    """Answers others, and looks up and announces for us."""

    def __init__(
        self,
        key: Ed25519PrivateKey,
        *,
        clock: Clock,
        per_host_max: int = PER_HOST_MAX,
        seconds_max: float = QUERY_SECONDS,
        here: bool = True,
    ) -> None:
        self._seconds_max = seconds_max
        self._key = key
        # A directory of the open network leads nobody into a private one; one on this machine stays on it.
        self._here = here
        self.public = key.public_key().public_bytes_raw()
        self._clock = clock
        self.neighbours = Neighbours(self.public, per_host_max=per_host_max)
        self.pointers = Pointers(place_of(self.public))
        self._sequences = Sequences()
        self._secret = secrets.token_bytes(32)
        self._tokens: Recent[bytes, bytes] = Recent(SOURCES_MAX)
        self._rates: Recent[str, tuple[float, int]] = Recent(SOURCES_MAX)
        self._pending: dict[bytes, tuple[bytes, Where, asyncio.Future[tuple[bytes, Message]]]] = {}
        self._unreachable: Recent[Node, int] = Recent(SOURCES_MAX)
        self._transport: asyncio.DatagramTransport | None = None

    # ── the socket ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def where(self) -> Where:
        """Where this node listens."""
        assert self._transport is not None, "it listens"
        host, port = self._transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # The loop's own class does not say that it is one of these, on every Python.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Anything from anybody. What is not a message of ours is dropped without a word."""
        where = (addr[0], addr[1])
        if not self._has_room(where):
            return
        try:
            public, message = opened(data)
        except ChimeraError:
            return
        if message.kind in {Kind.FOUND, Kind.STORED}:
            self._heard(public, message, where)
        elif message.to in {b"", self.public} and public != self.public:
            answer = self.answered(public, message, where)
            if answer is not None:
                self._send(answer, where)

    def error_received(self, exc: Exception) -> None:
        """A port was closed somewhere: the question runs into its time-out."""

    def _send(self, message: Message, where: Where) -> None:
        assert self._transport is not None, "it listens"
        self._transport.sendto(framed(message, self._key, self.public), where)

    def _has_room(self, where: Where) -> bool:
        """A bucket for each source, so that nobody takes all of our time."""
        source, now_us = f"{where[0]}:{where[1]}" if self._here else where[0], self._clock.now_us()
        left, at_us = self._rates.get(source, (BURST, now_us))
        left = min(BURST, left + RATE_A_SECOND * (now_us - at_us) / _US)
        self._rates[source] = (max(0.0, left - 1), now_us)
        return left >= 1

    # ── answering ───────────────────────────────────────────────────────────────────────────────────────────────────

    def answered(self, public: bytes, message: Message, where: Where) -> Message | None:
        """What a question is answered. Who has not shown yet that it is where it says gets a token and no more."""
        token = self._token(public, where)
        if not self._shown(message.token, public, where):
            return Message(kind=Kind.FOUND, nonce=message.nonce, to=public, token=token)
        self.neighbours.met(node_at(public, where))
        match message.kind:
            case Kind.FIND:
                return self._finding(public, message, token)
            case Kind.STORE:
                kept = self.keep(message.pointers, message.target)
                return Message(kind=Kind.STORED, nonce=message.nonce, to=public, total=kept)
            case Kind.FOUND | Kind.STORED:
                return None

    def _finding(self, public: bytes, message: Message, token: bytes) -> Message:
        here = self.pointers.at(message.target, now_us=self._clock.now_us())
        page = here[message.offset : message.offset + POINTERS_IN_REPLY]
        others = [one for one in self.neighbours.closest(message.target, CLOSEST + 1) if one.public != public]
        return Message(
            kind=Kind.FOUND, nonce=message.nonce, to=public, target=message.target, token=token, total=len(here),
            nodes=tuple(others[: BESIDE_POINTERS if page else CLOSEST]),
            pointers=tuple(canonical.encode(one) for one in page),
        )  # fmt: skip

    def keep(self, pointers: Iterable[bytes], target: bytes) -> int:
        """Keep what proves itself; how many were kept."""
        now_us = self._clock.now_us()
        kept = 0
        for data in pointers:
            with contextlib.suppress(ChimeraError):  # What does not prove itself is not kept, and that is the answer.
                kept += self.pointers.put(checked(data, key=target, now_us=now_us), now_us=now_us)
        return kept

    def _token(self, public: bytes, where: Where, *, ago: int = 0) -> bytes:
        age = self._clock.now_us() // (TOKEN_SECONDS * _US) - ago
        told = f"{where[0]} {where[1]} {age}".encode() + public
        return hmac.new(self._secret, told, hashlib.sha256).digest()[:16]

    def _shown(self, token: bytes, public: bytes, where: Where) -> bool:
        return any(hmac.compare_digest(token, self._token(public, where, ago=ago)) for ago in (0, 1))

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def join(self, seeds: Sequence[Where]) -> int:
        """Meet the directory through some nodes of it; how many are known then."""
        for host, port in seeds:
            seed = Node(self.public, ipaddress.ip_address(host).packed, port)
            await self._asked(seed, Kind.FIND, target=place_of(self.public), known=b"")
        await self._searched(place_of(self.public))
        if not len(self.neighbours):
            raise Unavailable("directory_unreachable", "no node of the directory answers", where="--join",
                              remedy="name another node as host:port")  # fmt: skip
        return len(self.neighbours)

    async def look_up(self, target: bytes) -> Found:
        """Who is closest to a place, and what lies there, by several ways that share no node.

        Tells nothing where less than half of the closest, as far as we have met them, answer however often they are
        asked: what the others say may be old.
        """
        ways = await self._searched(target)
        for patience in PATIENCE:
            silent = self._unheard(ways, target)
            if not silent:
                break
            shares = [(ways[number % WAYS], node) for number, node in enumerate(silent)]
            await asyncio.gather(*(self._visit(way, node, patience=patience) for way, node in shares))
        if silent := self._unheard(ways, target):
            raise Unavailable("directory_unheard", f"{len(silent)} of the closest nodes do not answer", where="look-up",
                              remedy="look again later: whoever answered may not know what is newest")  # fmt: skip
        own = self.pointers.at(target, now_us=self._clock.now_us())
        found = newest([*own, *(one for way in ways for one in way.pointers)])
        return Found(nodes=_closest(ways, target), pointers=self._sequences.in_force(target, found),
                     refused=sum(way.refused for way in ways))  # fmt: skip

    async def _searched(self, target: bytes) -> Sequence[_Way]:
        """Everybody on the way to a place, asked once."""
        start = [one for one in self.neighbours.closest(target, CLOSEST * WAYS) if not self._is_unreachable(one)]
        asked: set[bytes] = {self.public}
        ways = [_Way(target, start[number::WAYS]) for number in range(WAYS)]
        await asyncio.gather(*(self._walk(way, asked) for way in ways))
        return ways

    def _unheard(self, ways: Sequence[_Way], target: bytes) -> list[Node]:
        """Who is silent of the closest, where that is more than half of them. Made-up nodes count for nothing here."""
        heard = {node.public: node for way in ways for node in way.answered}
        met = {node.public: node for node in self.neighbours.closest(target, CLOSEST)}
        every = sorted((heard | met).values(), key=lambda node: distance(place_of(node.public), target))[:CLOSEST]
        silent = [node for node in every if node.public not in heard]
        return silent if 2 * len(silent) > len(every) else []

    async def announce(self, pointer: Pointer) -> int:
        """Put a pointer where it belongs; on how many nodes."""
        found = await self.look_up(pointer.key)
        data = canonical.encode(pointer)
        self.keep((data,), pointer.key)
        answers = await asyncio.gather(
            *(self._asked(node, Kind.STORE, target=pointer.key, known=node.public, data=data) for node in found.nodes)
        )
        return sum(answer is not None and answer[1].total > 0 for answer in answers)

    async def _walk(self, way: _Way, asked: set[bytes]) -> None:
        for _ in range(QUERIES_MAX // AT_ONCE):
            batch = way.next(asked, self._is_unreachable)[:AT_ONCE]
            if not batch:
                return
            asked.update(node.public for node in batch)
            await asyncio.gather(*(self._visit(way, node) for node in batch))

    async def _visit(self, way: _Way, node: Node, *, patience: float = 1.0) -> None:
        offset = 0
        while True:
            answer = await self._asked(
                node, Kind.FIND, target=way.target, known=node.public, offset=offset, patience=patience
            )
            if answer is None:
                way.lost(node)
                return
            message = answer[1]
            if offset == 0:
                # Whom we have met is where we met it, whatever others say.
                named = [self.neighbours.known(other) for other in message.nodes]
                way.learnt(node, [other for other in named if self._may_ask(other)])
            way.received(message.pointers, now_us=self._clock.now_us())
            offset += POINTERS_IN_REPLY
            if not message.pointers or offset >= min(message.total, POINTERS_AT_MAX):
                return

    async def _asked(
        self, node: Node, kind: Kind, *, target: bytes, known: bytes, offset: int = 0, data: bytes = b"",
        patience: float = 1.0,
    ) -> tuple[bytes, Message] | None:  # fmt: skip
        """One question; asked again with a token where the first answer is one. Nothing if nobody answers."""
        answer = None
        # Of whom nobody knows a key yet, the token is kept by where it is.
        whose = known or node.host + str(node.port).encode()
        for _ in range(2):
            message = Message(
                kind=kind, nonce=secrets.token_bytes(12), to=known, target=target, offset=offset,
                token=self._tokens.get(whose, b""), pointers=(data,) if data else (),
            )  # fmt: skip
            answer = await self._exchanged(message, known, node.where, seconds_max=patience * self._seconds_max)
            if answer is None:
                self._missed(node)
                return None
            self._remember(whose, answer[1].token)
            if answer[1].target == target or answer[1].kind is Kind.STORED:
                self._remember(answer[0], answer[1].token)
                self.neighbours.met(node_at(answer[0], node.where))
                self._unreachable.pop(node, None)
                return answer
        return answer if answer is not None and answer[1].target == target else None

    async def _exchanged(
        self, message: Message, known: bytes, where: Where, *, seconds_max: float
    ) -> tuple[bytes, Message] | None:
        if len(self._pending) >= PENDING_MAX:
            return None
        waiting: asyncio.Future[tuple[bytes, Message]] = asyncio.get_running_loop().create_future()
        self._pending[message.nonce] = (known, where, waiting)
        try:
            self._send(message, where)
            async with self._clock.timeout(seconds_max):
                return await waiting
        except (TimeoutError, OSError):
            return None
        finally:
            del self._pending[message.nonce]

    def _heard(self, public: bytes, message: Message, where: Where) -> None:
        """An answer counts only from whom, and from where, it was asked."""
        found = self._pending.get(message.nonce)
        if found is None or message.to != self.public:
            return
        known, asked_where, waiting = found
        if where == asked_where and known in {b"", public} and not waiting.done():
            waiting.set_result((public, message))

    def _remember(self, whose: bytes, token: bytes) -> None:
        if token:
            self._tokens[whose] = token

    def _missed(self, node: Node) -> None:
        """Nobody answers there. Counts for that address only: whoever names a wrong one harms nobody else.

        However many look-ups met it in the same bad minute, it is one miss.
        """
        if not self._is_unreachable(node):
            self.neighbours.missed(node)
        self._unreachable[node] = self._clock.now_us() + UNREACHABLE_SECONDS * _US

    def _may_ask(self, node: Node) -> bool:
        host = node.where[0]
        return ipaddress.ip_address(host).is_loopback if self._here else is_public(host)

    def _is_unreachable(self, node: Node) -> bool:
        return self._clock.now_us() < self._unreachable.get(node, 0)


def _closest(ways: Iterable[_Way], target: bytes) -> tuple[Node, ...]:
    live = {node.public: node for way in ways for node in way.answered}
    return tuple(sorted(live.values(), key=lambda node: distance(place_of(node.public), target))[:CLOSEST])


class _Way:
    """One of the ways of a look-up: whom it has heard of, who answered, what was found."""

    def __init__(self, target: bytes, start: Sequence[Node]) -> None:
        self.target = target
        self.known: dict[bytes, Node] = {node.public: node for node in start}
        self.answered: list[Node] = []
        self.pointers: list[Pointer] = []
        self.refused = 0

    def next(self, asked: set[bytes], missing: Misses) -> list[Node]:
        """Whom to ask now: the closest of those that this way has heard of, and that no way has asked."""
        # Taken out before the closest are chosen: made-up nodes beside the target push no real one aside.
        there = (node for node in self.known.values() if not missing(node))
        closest = sorted(there, key=lambda node: distance(place_of(node.public), self.target))[:CLOSEST]
        return [node for node in closest if node.public not in asked]

    def learnt(self, node: Node, others: Iterable[Node]) -> None:
        """A node answered, and named others."""
        self.answered.append(node)
        for other in others:
            self.known.setdefault(other.public, other)

    def lost(self, node: Node) -> None:
        """A node did not answer."""
        self.known.pop(node.public, None)

    def received(self, pointers: Iterable[bytes], *, now_us: int) -> None:
        """What a node said lies here. What does not prove itself is counted and thrown away."""
        for data in pointers:
            try:
                self.pointers.append(checked(data, key=self.target, now_us=now_us))
            except ChimeraError:
                self.refused += 1


@contextlib.asynccontextmanager
async def listening(node: DirectoryNode, *, host: str, port: int) -> AsyncGenerator[DirectoryNode]:
    """The node with its socket open, for as long as the block runs."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: node, local_addr=(host, port))
    except OSError as error:
        raise Unavailable("directory_port_taken", f"cannot listen on {host}:{port}: {error.strerror}", where="--port",
                          remedy="choose another port, or 0 for a free one") from error  # fmt: skip
    try:
        yield node
    finally:
        transport.close()
        await asyncio.sleep(0)  # The transport closes its socket with the loop's next turn.


def signed_pointer(key: Ed25519PrivateKey, pointer: Pointer) -> Pointer:
    """A pointer under its publisher's signature."""
    return msgspec.structs.replace(pointer, signature=key.sign(pointer.signed()).hex())
