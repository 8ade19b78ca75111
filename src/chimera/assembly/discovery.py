"""Assembles what is known of agents beyond this installation: own key and card, the directory's node, the registry."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.discovery.node import DirectoryNode, listening, signed_pointer
from chimera.adapters.discovery.wire import Where
from chimera.adapters.documents.governance import load_permits
from chimera.adapters.local.home import keep_secret, prepare_home, private_folder
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.system.web import addresses_of, is_public, open_address
from chimera.adapters.vault import keys
from chimera.domain.directory import Peer, Pointer, Subject, agent_subject, key_of
from chimera.domain.errors import Invalid, Missing, Refused, Unavailable
from chimera.governance.directory import Directory, require_valid
from chimera.ports.store import Store
from chimera.settings import Settings

FOLDER, PASSPHRASE, CARD = "discovery", "discovery", "agent-card.json"
POINTER_SECONDS = 24 * 3_600
CARD_SECONDS_MAX = 10.0
CARD_BYTES_MAX = 65_536
SEEDS_MAX = 16
OK = 200
_US = 1_000_000


def identity_key(settings: Settings) -> Ed25519PrivateKey:
    """The key by which others know this installation; made on first use, encrypted at rest."""
    home = prepare_home(settings.folder)
    return keys.load_or_make(private_folder(home / FOLDER) / "identity.key", keep_secret(home, PASSPHRASE).encode())


def card_file(settings: Settings) -> Path:
    """Where the signed card lies for whoever serves it without the key."""
    return settings.folder / FOLDER / CARD


def write_card(settings: Settings, public_address: str, *, version: str) -> bytes:
    """Sign the card anew, and lay it down."""
    # Imported when used: the gateway's offer is made of the MCP library's types.
    from chimera.gateway.card import card_of, signed

    data = msgspec.json.encode(signed(card_of(public_address, version=version), identity_key(settings)))
    path = card_file(settings)
    draft = path.with_suffix(".draft")
    draft.write_bytes(data)
    draft.replace(path)
    return data


def directory_of(store: Store) -> Directory:
    """The registry over a store."""
    return Directory(store=store, permits=load_permits())


@contextlib.asynccontextmanager
async def node(settings: Settings, *, host: str, port: int, seeds: Sequence[Where]) -> AsyncGenerator[DirectoryNode]:
    """A node of the directory under our key, listening and met with others while the block runs."""
    async with _met(identity_key(settings), host=host, port=port, seeds=seeds) as made:
        yield made


@contextlib.asynccontextmanager
async def visitor(*, host: str, seeds: Sequence[Where]) -> AsyncGenerator[DirectoryNode]:
    """A node for one errand, under a key that nobody meets again: ours is at one address, where our node is."""
    if not seeds:
        raise Unavailable("directory_unreachable", "no node of the directory was named", where="--join",
                          remedy="name one as host:port")  # fmt: skip
    async with _met(Ed25519PrivateKey.generate(), host=host, port=0, seeds=seeds) as made:
        yield made


@contextlib.asynccontextmanager
async def _met(
    key: Ed25519PrivateKey, *, host: str, port: int, seeds: Sequence[Where]
) -> AsyncGenerator[DirectoryNode]:
    made = DirectoryNode(key, clock=SystemClock(), here=ipaddress.ip_address(host).is_loopback)
    async with listening(made, host=host, port=port):
        if seeds:
            await made.join(seeds)
        yield made


def place_of(subject: str) -> bytes:
    """Where in the directory a subject lies that a person has written."""
    try:
        return key_of(msgspec.convert(subject, Subject))
    except msgspec.ValidationError as error:
        raise Invalid("pointer_malformed", f"{subject[:80]!r} is nothing that can be looked up", where="SUBJECT",
                      remedy="write skill:NAME or agent:KEY") from error  # fmt: skip


def pointers(settings: Settings, *, address: str, skills: Sequence[str]) -> tuple[Pointer, ...]:
    """Our own pointers, for now: one by our key, one for each skill. The time is the sequence: it only grows."""
    key, now_us = identity_key(settings), SystemClock().now_us()
    public = key.public_key().public_bytes_raw().hex()
    made: list[Pointer] = []
    for subject in (agent_subject(public), *(f"skill:{skill}" for skill in skills)):
        raw = {"subject": subject, "public": public, "address": address, "sequence": now_us // _US,
               "expires_at_us": now_us + POINTER_SECONDS * _US}  # fmt: skip
        try:
            pointer = signed_pointer(key, msgspec.convert(raw, Pointer))
        except msgspec.ValidationError as error:
            raise Invalid("pointer_malformed", str(error)[:200], where=subject[:80],
                          remedy="an https address; skills of small letters and digits") from error  # fmt: skip
        require_valid(pointer, key=pointer.key, now_us=now_us)
        made.append(pointer)
    return tuple(made)


def seeds_of(texts: Sequence[str]) -> tuple[Where, ...]:
    """The nodes that a person named as host:port, by address."""
    found: list[Where] = []
    for text in texts[:SEEDS_MAX]:
        host, _, port = text.rpartition(":")
        try:
            found.append((str(ipaddress.ip_address(host.strip("[]"))), int(port)))
        except ValueError as error:
            raise Invalid("seed_malformed", f"{text[:80]!r} is no address and port", where="--join",
                          remedy="write one such as 192.0.2.7:8423") from error  # fmt: skip
    return tuple(found)


async def card_of_peer(peer: Peer) -> bytes:
    """The card of a peer whom a person has allowed, as it came; nothing of it is believed yet."""
    parts = urlsplit(peer.address)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if parts.scheme != "https" and not local:
        raise Refused(
            "card_unencrypted",
            "a card is read over https",
            where=peer.address,
            remedy="ask the peer for an https address",
        )
    try:
        reached = await addresses_of(parts.hostname or "", parts.port or 443)
    except OSError as error:
        raise Unavailable("card_unreachable", str(error)[:200], where=peer.address, remedy="try later") from error
    if not local and not all(is_public(address) for address in reached):
        raise Refused(
            "card_private_address",
            "its address leads into a private network",
            where=peer.address,
            remedy="nothing to do: nobody outside may lead us inside",
        )
    return await asyncio.to_thread(partial(_read, peer.address))


def _read(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310 – https above
    try:
        with open_address(request, seconds_max=CARD_SECONDS_MAX) as answer:
            if answer.status != OK:
                raise Unavailable("card_unreachable", f"it answered {answer.status}", where=address, remedy="try later")
            return answer.read(CARD_BYTES_MAX + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise Missing(
            "card_missing",
            f"it answered {error.code}",
            where=address,
            remedy="chimera gateway serve signs our own; for another, look at its address",
        ) from error
    except OSError as error:
        raise Unavailable("card_unreachable", str(error)[:200], where=address, remedy="try later") from error


async def verified_card(directory: Directory, public: str) -> dict[str, Any]:
    """The card of a peer, checked by its key. Nobody is asked for one whom no person has allowed."""
    from chimera.gateway.card import verified

    return verified(await card_of_peer(await directory.required(public)), public=public)
