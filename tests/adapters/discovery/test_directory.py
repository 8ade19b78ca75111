"""Fifty nodes on the loopback, ten of them hostile: nothing that they made up is believed, and honest look-ups find."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.discovery import keeping
from chimera.adapters.discovery import node as nodes
from chimera.adapters.discovery.keeping import PLACES_MAX, POINTERS_AT_MAX, Pointers
from chimera.adapters.discovery.node import DirectoryNode, listening, signed_pointer
from chimera.adapters.discovery.wire import (
    CLOSEST,
    DATAGRAM_BYTES_MAX,
    Kind,
    Message,
    Node,
    Where,
    distance,
    framed,
    opened,
)
from chimera.adapters.system.clock import SystemClock
from chimera.domain import canonical
from chimera.domain.directory import POINTER_SECONDS_MAX, Pointer, agent_subject, key_of
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.governance.directory import checked, newest
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-H3")
HONEST, HOSTILE, LOOK_UPS, AT_ONCE = 40, 10, 200, 40
SECONDS_MAX = 2.5  # They all live in one loop of a busy machine.
T = TypeVar("T")
CLOCK = SystemClock()


def a_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def hex_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def pointer_of(key: Ed25519PrivateKey, **changed: Any) -> Pointer:
    given: dict[str, Any] = {"subject": agent_subject(hex_of(key)), "public": hex_of(key), "sequence": 2,
                             "address": f"https://{hex_of(key)[:8]}.example/card",
                             "expires_at_us": CLOCK.now_us() + DAY_US, **changed}  # fmt: skip
    return signed_pointer(key, Pointer(**given))


class Hostile(DirectoryNode):
    """Joins as anybody does, and then lies in one of five ways."""

    def __init__(self, key: Ed25519PrivateKey, how: str, dice: random.Random) -> None:
        super().__init__(key, clock=CLOCK, per_host_max=CLOSEST, seconds_max=SECONDS_MAX)
        self.how = how
        self.dice = dice
        self.friends: list[Node] = []
        self.old: dict[bytes, bytes] = {}

    def answered(self, public: bytes, message: Message, where: Where) -> Message | None:
        honest = super().answered(public, message, where)
        if honest is None or not honest.nodes or self.how == "keeps nothing":
            return honest
        if self.how == "silent":
            return None
        lies = self.lies(message.target)
        return msgspec.structs.replace(honest, nodes=self.named(message.target, honest), pointers=lies,
                                       total=len(lies))  # fmt: skip

    def keep(self, pointers: Any, target: bytes) -> int:
        if self.how == "keeps nothing":
            return 1
        for data in pointers:
            self.old.setdefault(target, data)
        return super().keep(pointers, target)

    def lies(self, target: bytes) -> tuple[bytes, ...]:
        own = pointer_of(self._key, address="https://evil.example/")
        match self.how:
            case "forges":
                other = msgspec.json.decode(self.old[target], type=Pointer) if target in self.old else own
                return (canonical.encode(replace(other, address="https://evil.example/", sequence=999)),)
            case "stale":
                return (self.old[target],) if target in self.old else ()
            case _:
                return (canonical.encode(own),)

    def named(self, target: bytes, honest: Message) -> tuple[Node, ...]:
        if self.how != "poisons":
            return honest.nodes
        # Only its own kind, and nodes that nobody has ever met.
        made_up = [Node(self.dice.randbytes(32), b"\x7f\x00\x00\x01", 9) for _ in range(CLOSEST)]
        return tuple([*self.friends, *made_up][:CLOSEST])


HOW = ("silent", "forges", "stale", "poisons", "keeps nothing")


@asynccontextmanager
async def network() -> AsyncGenerator[tuple[list[DirectoryNode], list[Hostile]]]:
    dice = random.Random(7)
    honest = [
        DirectoryNode(a_key(1 + number), clock=CLOCK, per_host_max=CLOSEST, seconds_max=SECONDS_MAX)
        for number in range(HONEST)
    ]
    hostile = [Hostile(a_key(1_000 + number), HOW[number % len(HOW)], dice) for number in range(HOSTILE)]
    async with AsyncExitStack() as stack:
        everyone = [*honest, *hostile]
        dice.shuffle(everyone)
        for one in everyone:
            await stack.enter_async_context(listening(one, host="127.0.0.1", port=0))
        for one in hostile:
            one.friends = [nodes.node_at(other.public, other.where) for other in hostile if other is not one]
        first = honest[0].where
        others = [one for one in everyone if one is not honest[0]]
        await so_many_at_once(one.join([first]) for one in others)
        yield honest, hostile


@pytest.mark.slow  # Fifty nodes that all know one another, and two hundred look-ups.
@pytest.mark.timeout(600)
async def test_fifty_nodes_of_which_ten_lie() -> None:
    dice = random.Random(11)
    async with network() as (honest, hostile):
        owners = [a_key(10_000 + number) for number in range(25)]
        for sequence in (1, 2):  # What the stale ones keep is the first.
            kept = await asyncio.gather(
                *(dice.choice(honest).announce(pointer_of(owner, sequence=sequence)) for owner in owners)
            )
            assert min(kept) >= CLOSEST // 2
        found, wrong, refused = 0, 0, 0
        wanted = [owners[number % len(owners)] for number in range(LOOK_UPS)]
        asked = (looked_up(dice.choice(honest), key_of(agent_subject(hex_of(owner)))) for owner in wanted)
        for owner, result in zip(wanted, await so_many_at_once(asked), strict=True):
            if result is None:  # Too few answered it, and it says so: not found, and nothing wrong believed.
                continue
            refused += result.refused
            right = [one for one in result.pointers if one == pointer_of(owner, expires_at_us=one.expires_at_us)]
            wrong += len(result.pointers) - len(right)
            found += len(right) == 1
        assert wrong == 0
        assert refused > 0, "the hostile ones were met"
        assert found >= LOOK_UPS * 0.99, f"{found} of {LOOK_UPS}"
        assert all(len(one.neighbours) > 0 for one in hostile)
        lying = [one for member in honest for owner in owners
                for one in member.pointers.at(key_of(agent_subject(hex_of(owner))), now_us=CLOCK.now_us())]  # fmt: skip
        assert {one.address.partition(".")[2] for one in lying} == {"example/card"}


async def so_many_at_once(asked: Iterable[Awaitable[T]]) -> list[T]:
    """Who waits for a liar holds up nobody else."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(one: Awaitable[T]) -> T:
        async with turn:
            return await one

    return await asyncio.gather(*map(in_turn, asked))


async def looked_up(node: DirectoryNode, target: bytes) -> nodes.Found | None:
    try:
        return await node.look_up(target)
    except Unavailable as refusal:
        assert refusal.code == "directory_unheard"
        return None


class Moody(DirectoryNode):
    """Answers when it likes to."""

    is_silent = False

    def answered(self, public: bytes, message: Message, where: Where) -> Message | None:
        return None if self.is_silent else super().answered(public, message, where)


async def test_the_few_who_answer_are_not_believed_alone() -> None:
    asking, stale, *others = (
        Moody(a_key(number), clock=CLOCK, per_host_max=8, seconds_max=2.0) for number in range(1, 7)
    )
    owner = a_key(9)
    async with AsyncExitStack() as stack:
        for one in (asking, stale, *others):
            await stack.enter_async_context(listening(one, host="127.0.0.1", port=0))
        for one in (stale, *others):
            await one.join([asking.where])
        old, new = (pointer_of(owner, sequence=sequence) for sequence in (1, 2))
        stale.keep((canonical.encode(old),), old.key)
        for one in others:
            one.keep((canonical.encode(new),), new.key)
            one.is_silent = True
        with pytest.raises(Unavailable) as refusal:
            await asking.look_up(old.key)
        assert refusal.value.code == "directory_unheard"
        for one in others:
            one.is_silent = False
        assert (await asking.look_up(old.key)).pointers == (new,), "who was silent a moment ago is asked again"
        for one in others:
            one.pointers = Pointers(b"")
        assert (await asking.look_up(old.key)).pointers == (), "what was seen newer does not become old again"


async def test_two_networks_nodes_meet_by_one_address_and_nobody_answers_elsewhere() -> None:
    one, other = (DirectoryNode(a_key(number), clock=CLOCK) for number in (1, 2))
    async with listening(one, host="127.0.0.1", port=0), listening(other, host="127.0.0.1", port=0):
        assert await other.join([one.where]) == 1
        skill = pointer_of(a_key(3), subject="skill:post")
        assert await other.announce(skill) == 1
        assert (await one.look_up(key_of("skill:post"))).pointers == (skill,)
        with pytest.raises(Unavailable) as refusal:
            async with listening(DirectoryNode(a_key(4), clock=CLOCK), host="127.0.0.1", port=other.where[1]):
                pass
        assert refusal.value.code == "directory_port_taken"
        dead = other.where
    alone = DirectoryNode(a_key(5), clock=CLOCK)
    async with listening(alone, host="127.0.0.1", port=0):
        with pytest.raises(Unavailable, match="no node"):
            await alone.join([dead])


NOW_US = 1_800_000_000_000_000
OWNER, THIEF = a_key(21), a_key(22)


def made(**changed: Any) -> Pointer:
    return pointer_of(OWNER, **{"expires_at_us": NOW_US + DAY_US, **changed})


BAD = {
    "pointer_forged": replace(made(), address="https://evil.example/"),
    "pointer_not_own": signed_pointer(THIEF, replace(made(), public=hex_of(THIEF))),
    "pointer_misplaced": pointer_of(THIEF, expires_at_us=NOW_US + DAY_US),
    "pointer_not_in_force": made(expires_at_us=NOW_US),
    "pointer_malformed": made(address="file:///etc/passwd"),
}
LATE = made(expires_at_us=NOW_US + (POINTER_SECONDS_MAX + 1) * 1_000_000)


@pytest.mark.parametrize(("code", "pointer"), [*BAD.items(), ("pointer_not_in_force", LATE)])
def test_what_does_not_prove_itself_is_refused_by_name(code: str, pointer: Pointer) -> None:
    with pytest.raises(ChimeraError) as refusal:
        checked(canonical.encode(pointer), key=made().key, now_us=NOW_US)
    assert refusal.value.code == code
    assert checked(canonical.encode(made()), key=made().key, now_us=NOW_US) == made()


def test_a_newer_pointer_takes_an_older_ones_place_and_never_back() -> None:
    kept = Pointers(b"\0" * 32)
    for sequence, stays in ((2, True), (1, False), (3, True)):
        assert kept.put(made(sequence=sequence), now_us=NOW_US) is stays
    assert [one.sequence for one in kept.at(made().key, now_us=NOW_US)] == [3]
    assert kept.at(made().key, now_us=NOW_US + DAY_US) == []
    assert newest([made(sequence=2), made(sequence=5), made(sequence=3)]) == (made(sequence=5),)
    for number in range(POINTERS_AT_MAX + 4):
        kept.put(pointer_of(a_key(100 + number), subject="skill:post", expires_at_us=NOW_US + DAY_US), now_us=NOW_US)
    assert len(kept.at(key_of("skill:post"), now_us=NOW_US)) == POINTERS_AT_MAX
    kept.sweep(now_us=NOW_US + DAY_US)
    assert len(kept) == 0
    assert PLACES_MAX * POINTERS_AT_MAX < 100_000


@given(data=st.binary(max_size=DATAGRAM_BYTES_MAX + 10))
def test_any_datagram_is_a_message_or_dropped(data: bytes) -> None:
    with pytest.raises(ChimeraError):
        opened(data)


class Deaf(DirectoryNode):
    """A node without a socket: what it would send is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(a_key(number), clock=ManualClock())
        self.sent: list[tuple[Message, Where]] = []

    def _send(self, message: Message, where: Where) -> None:
        self.sent.append((message, where))


def test_who_has_not_shown_where_it_is_gets_less_than_it_sent() -> None:
    one, asking = Deaf(1), a_key(2)
    message = Message(kind=Kind.FIND, nonce=b"n" * 12, to=one.public, target=b"t" * 32)
    data = framed(message, asking, asking.public_key().public_bytes_raw())
    one.datagram_received(data, ("10.0.0.1", 5))
    [(told, where)] = one.sent
    assert (told.nodes, told.pointers, told.target, where) == ((), (), b"", ("10.0.0.1", 5))
    assert len(framed(told, one._key, one.public)) <= len(data) + 32
    again = msgspec.structs.replace(message, token=told.token)
    one.datagram_received(framed(again, asking, asking.public_key().public_bytes_raw()), ("10.0.0.2", 5))
    assert one.sent[-1][0].target == b"", "a token is for one address"
    one.datagram_received(framed(again, asking, asking.public_key().public_bytes_raw()), ("10.0.0.1", 5))
    assert one.sent[-1][0].target == message.target
    assert len(one.neighbours) == 1


def test_a_flood_and_what_is_for_another_are_dropped() -> None:
    one, asking = Deaf(1), a_key(2)
    public = asking.public_key().public_bytes_raw()
    elsewhere = framed(Message(kind=Kind.FIND, nonce=b"n" * 12, to=b"x" * 32, target=b"t" * 32), asking, public)
    one.datagram_received(elsewhere, ("10.0.0.1", 5))
    unasked = framed(Message(kind=Kind.FOUND, nonce=b"n" * 12, to=one.public), asking, public)
    one.datagram_received(unasked, ("10.0.0.1", 5))
    assert one.sent == []
    data = framed(Message(kind=Kind.FIND, nonce=b"n" * 12, to=one.public, target=b"t" * 32), asking, public)
    for _ in range(1_000):
        one.datagram_received(data, ("10.0.0.3", 5))
    assert len(one.sent) == nodes.BURST


async def test_a_reply_counts_only_from_whom_and_where_it_was_asked() -> None:
    one, other, third = Deaf(1), a_key(2), a_key(3)
    known = other.public_key().public_bytes_raw()
    question = Message(kind=Kind.FIND, nonce=b"n" * 12, to=known)
    asking = asyncio.create_task(one._exchanged(question, known, ("10.0.0.1", 5), seconds_max=60))
    await asyncio.sleep(0)
    answer = Message(kind=Kind.FOUND, nonce=b"n" * 12, to=one.public)
    one.datagram_received(framed(answer, third, third.public_key().public_bytes_raw()), ("10.0.0.1", 5))
    one.datagram_received(framed(answer, other, known), ("10.0.0.2", 5))
    await asyncio.sleep(0)
    assert not asking.done()
    one.datagram_received(framed(answer, other, known), ("10.0.0.1", 5))
    assert (await asking) == (known, answer)


def test_a_node_that_is_filled_keeps_what_is_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PLACES_MAX", 4)
    own = key_of("skill:own")
    kept = Pointers(own)
    made_up = [pointer_of(OWNER, subject=f"skill:s{number}", expires_at_us=NOW_US + DAY_US) for number in range(40)]
    for one in made_up:
        kept.put(one, now_us=NOW_US)
    nearest = sorted(made_up, key=lambda one: distance(one.key, own))[:4]
    assert all(kept.at(one.key, now_us=NOW_US) for one in nearest)
    assert len(kept) == 4


async def test_who_names_a_wrong_address_harms_nobody() -> None:
    one, other, liar = (DirectoryNode(a_key(number), clock=CLOCK) for number in (1, 2, 3))
    async with (
        listening(one, host="127.0.0.1", port=0),
        listening(other, host="127.0.0.1", port=0),
        listening(liar, host="127.0.0.1", port=0),
    ):
        await one.join([other.where])
        wrong = Node(other.public, b"\x7f\x00\x00\x01", 9)
        liar.neighbours.met(wrong)
        await one.join([liar.where])
        for _ in range(3):
            one._missed(wrong)
        assert one.neighbours.known(wrong) == nodes.node_at(other.public, other.where)
        pointer = pointer_of(a_key(4))
        assert await other.announce(pointer) >= 1
        assert (await one.look_up(pointer.key)).pointers == (pointer,)
