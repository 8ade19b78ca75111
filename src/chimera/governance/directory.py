"""Whether a pointer counts, and with whom we may have to do. Everything that a directory says is a stranger's word.

Writes, as the office, who was seen, allowed and blocked. Reaches nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.directory import (
    POINTER_BYTES_MAX,
    POINTER_SECONDS_MAX,
    Peer,
    PeerCommand,
    PeerState,
    Pointer,
    agent_subject,
    key_of,
    peer_id,
)
from chimera.domain.errors import Invalid, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.ports.store import Store, every

VERB = "system.change"
SEEN_MAX = 10_000
_DECODER = msgspec.json.Decoder(Pointer)


def checked(data: bytes, *, key: bytes, now_us: int) -> Pointer:
    """A pointer from outside: of its form, for this place, signed by its key, in force; or why not."""
    if len(data) > POINTER_BYTES_MAX:
        raise Invalid(
            "pointer_malformed",
            f"more than {POINTER_BYTES_MAX} bytes",
            where="pointer",
            remedy="nothing to do: it is thrown away",
        )
    try:
        pointer = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(
            "pointer_malformed", str(error)[:200], where="pointer", remedy="nothing to do: it is thrown away"
        ) from error
    require_valid(pointer, key=key, now_us=now_us)
    return pointer


def require_valid(pointer: Pointer, *, key: bytes, now_us: int) -> None:
    """Nothing, or why this pointer does not count here."""
    if key_of(pointer.subject) != key:
        raise Refused(
            "pointer_misplaced",
            "it lies where another subject belongs",
            where=pointer.subject,
            remedy="nothing to do: it is thrown away",
        )
    if pointer.subject.startswith("agent:") and pointer.subject != agent_subject(pointer.public):
        raise Refused(
            "pointer_not_own",
            "only the holder of a key says where it is met",
            where=pointer.subject,
            remedy="nothing to do: it is thrown away",
        )
    if not now_us < pointer.expires_at_us <= now_us + POINTER_SECONDS_MAX * 1_000_000:
        raise Refused(
            "pointer_not_in_force",
            "it has run out, or would last longer than two days",
            where=pointer.subject,
            remedy="announce again",
        )
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(pointer.public))
        public.verify(bytes.fromhex(pointer.signature), pointer.signed())
    except (InvalidSignature, ValueError):
        raise Refused(
            "pointer_forged",
            "its key did not sign it",
            where=pointer.subject,
            remedy="nothing to do: it is thrown away",
        ) from None


def newest(pointers: Iterable[Pointer]) -> tuple[Pointer, ...]:
    """Of each key the pointer with the highest sequence; the keys in their order."""
    best: dict[str, Pointer] = {}
    for one in pointers:
        if one.public not in best or best[one.public].sequence < one.sequence:
            best[one.public] = one
    return tuple(best[public] for public in sorted(best))


class Directory:
    """The registry: peers as records. Nobody is called who is not allowed in it."""

    def __init__(self, *, store: Store, permits: Permits) -> None:
        self._store = store
        self._permits = permits

    async def seen(self, pointer: Pointer) -> Peer:
        """Remember what a look-up found. An older sequence than the one that is known was kept by somebody."""
        now_us = await self._store.now_us()
        require_valid(pointer, key=pointer.key, now_us=now_us)
        known = await self._store.find(Peer, peer_id(pointer.public))
        if known is None:
            await self._require_room()
            made = Peer(id=peer_id(pointer.public), public=pointer.public, address=pointer.address,
                        sequence=pointer.sequence, expires_at_us=pointer.expires_at_us, seen_at_us=now_us,
                        subjects=(pointer.subject,))  # fmt: skip
            await self._write(made, EventKind.PEER_SEEN, now_us)
            return made
        if known.state is PeerState.BLOCKED:
            return known
        if pointer.sequence < known.sequence:
            raise Refused(
                "pointer_stale",
                f"sequence {pointer.sequence} after {known.sequence}",
                where=pointer.subject,
                remedy="nothing to do: it is thrown away",
            )
        subjects = tuple(sorted({*known.subjects, pointer.subject}))
        if (pointer.address, subjects) == (known.address, known.subjects) and pointer.sequence == known.sequence:
            return known
        made = replace(known.after(PeerCommand.SEE), address=pointer.address, sequence=pointer.sequence,
                       expires_at_us=pointer.expires_at_us, seen_at_us=now_us, subjects=subjects)  # fmt: skip
        await self._write(made, EventKind.PEER_SEEN, now_us)
        return made

    async def peers(self) -> tuple[Peer, ...]:
        """Everybody who is known, by key."""
        found = [one async for one in every(self._store, Peer)]
        return tuple(sorted(found, key=lambda one: one.public))

    async def allow(self, public: str, *, by: Principal) -> Peer:
        """Somebody may be called, and may be asked for a card."""
        return await self._decided(public, PeerCommand.ALLOW, EventKind.PEER_ALLOWED, by)

    async def block(self, public: str, *, by: Principal) -> Peer:
        """Nothing to do with somebody any more, whatever a directory says."""
        return await self._decided(public, PeerCommand.BLOCK, EventKind.PEER_BLOCKED, by)

    async def required(self, public: str) -> Peer:
        """The peer, if a person has allowed it; else `Refused`. Asked before every call."""
        known = await self._store.find(Peer, peer_id(public))
        if known is None or known.state is not PeerState.ALLOWED:
            raise Refused("peer_not_allowed", "nobody here has allowed this peer", where=public[:64],
                          remedy="chimera discover allow KEY, if you know whose key it is")  # fmt: skip
        return known

    async def _decided(self, public: str, command: PeerCommand, kind: EventKind, by: Principal) -> Peer:
        self._permits.require(by, VERB, Resource(kind="peer", id=public[:64]))
        known = await self._store.find(Peer, peer_id(public))
        if known is None:
            raise Missing("peer_unknown", "no look-up has found this key", where=public[:64],
                          remedy="chimera discover look-up, then chimera discover peers")  # fmt: skip
        made = replace(known.after(command), by=by.name)
        await self._write(made, kind, await self._store.now_us(), by=by.name)
        return made

    async def _require_room(self) -> None:
        if (await self._store.count(Peer)).get(PeerState.SEEN, 0) >= SEEN_MAX:
            raise Refused("peers_too_many", f"{SEEN_MAX} peers were seen already", where="peers",
                          remedy="block or allow some: whoever fills a directory can fill this")  # fmt: skip

    async def _write(self, peer: Peer, kind: EventKind, now_us: int, *, by: str = "") -> None:
        told = {"key": peer.public, "address": peer.address, "sequence": peer.sequence}
        event = Event(kind=kind, subject=peer.id, at_us=now_us, data={**told, **({"by": by} if by else {})})
        await self._store.commit(Change(records=(peer,), events=(event,)))
