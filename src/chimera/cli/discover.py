"""`chimera discover …`: agents beyond this installation. Parses and renders; holds no rule."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chimera.assembly import discovery as assembly
from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.cli.agent import Json
from chimera.cli.doors import doors_of
from chimera.domain.directory import Peer, Pointer
from chimera.domain.errors import ChimeraError, Missing
from chimera.governance.directory import Directory
from chimera.settings import read_settings

app = typer.Typer(name="discover", help="Agents beyond this installation.", no_args_is_help=True)
Host = Annotated[str, typer.Option(help="On which address to listen. 127.0.0.1 stays on this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="On which UDP port; 0 for a free one.")]
Join = Annotated[list[str] | None, typer.Option(help="A node of the directory as address:port; may be repeated.")]
Address = Annotated[str, typer.Option(help="Where our card is: the gateway's or the API's agent-card.json.")]
Skill = Annotated[list[str] | None, typer.Option(help="A skill to be found by; may be repeated.")]
Key = Annotated[str, typer.Argument(help="The peer's public key, 64 hexadecimal digits.")]
Result = TypeVar("Result")
AGAIN_SECONDS = 3_600.0


@app.command()
def card(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Whose; nothing for our own.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Our own card as it is served, or that of a peer whom a person has allowed: fetched, and checked by its key."""
    settings = read_settings()
    if not key:
        path = assembly.card_file(settings)
        if not path.exists():
            raise Missing("card_missing", "there is no card yet", where=str(path),
                          remedy="chimera gateway serve signs one")  # fmt: skip
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    else:
        found = stopping.run(_with_directory(context, lambda directory, _: assembly.verified_card(directory, key)))
    if as_json:
        output.answer(found)
    else:
        output.tell(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


@app.command()
def serve(
    *, host: Host = "127.0.0.1", port: Port = 8423, join: Join = None, address: Address = "", skill: Skill = None
) -> None:
    """Be a node of the directory until stopped; with an address, announce ourselves every hour."""
    with contextlib.suppress(KeyboardInterrupt):
        stopping.run(_serve(host, port, join or (), address, skill or ()))
    output.note("stopped")


async def _serve(host: str, port: int, join: Sequence[str], address: str, skills: Sequence[str]) -> None:
    settings = read_settings()
    async with assembly.node(settings, host=host, port=port, seeds=assembly.seeds_of(join)) as node:
        output.tell(f"the directory's node: {node.where[0]}:{node.where[1]}, key {node.public.hex()}")
        while True:
            if address:
                for pointer in assembly.pointers(settings, address=address, skills=skills):
                    output.note(f"{pointer.subject[:40]} lies on {await node.announce(pointer)} other nodes")
            await asyncio.sleep(AGAIN_SECONDS)


@app.command()
def announce(
    *,
    join: Join = None,
    address: Address,
    skill: Skill = None,
    host: Host = "127.0.0.1",
    as_json: Json = False,
) -> None:
    """Put signed pointers to our card into the directory, for a day. Exit 1 if no node kept one."""

    async def inside() -> list[tuple[Pointer, int]]:
        made = assembly.pointers(read_settings(), address=address, skills=skill or ())
        async with assembly.visitor(host=host, seeds=assembly.seeds_of(join or ())) as node:
            return [(pointer, await node.announce(pointer)) for pointer in made]

    told = stopping.run(inside())
    if as_json:
        output.answer({"pointers": [{**_pointer_as_json(one), "nodes": count} for one, count in told]})
    else:
        output.table(("subject", "on nodes"), [(one.subject, str(count)) for one, count in told])
    if not all(count for _, count in told):
        raise typer.Exit(1)


@app.command("look-up")
def look_up(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="skill:NAME, or agent:KEY.")],
    *,
    join: Join = None,
    host: Host = "127.0.0.1",
    as_json: Json = False,
) -> None:
    """Who can be met for a skill, or where the holder of a key is. Remembers them as seen; calls nobody."""

    async def inside() -> tuple[tuple[Pointer, ...], int]:
        place = assembly.place_of(subject)
        async with assembly.visitor(host=host, seeds=assembly.seeds_of(join or ())) as node:
            found = await node.look_up(place)
        stale = 0
        async with doors_of(context).office() as office:
            directory = assembly.directory_of(office.store)
            kept: list[Pointer] = []
            for pointer in found.pointers:
                try:
                    await directory.seen(pointer)
                    kept.append(pointer)
                except ChimeraError as error:
                    output.note(str(error))
                    stale += 1
        return tuple(kept), found.refused + stale

    found, refused = stopping.run(inside())
    if as_json:
        output.answer({"pointers": [_pointer_as_json(one) for one in found], "refused": refused})
    elif found:
        # No table: a key that is broken over two lines cannot be copied.
        for one in found:
            output.tell(f"{one.public}  {one.address}")
    else:
        output.tell("nobody is announced there")
    if not found:
        raise typer.Exit(1)


@app.command()
def peers(context: typer.Context, *, as_json: Json = False) -> None:
    """Everybody whom a look-up has found, and what a person has decided about them."""
    found = stopping.run(_with_directory(context, lambda directory, _: directory.peers()))
    if as_json:
        output.answer({"peers": [_peer_as_json(one) for one in found]})
    elif found:
        for one in found:
            output.tell(f"{one.public}  {one.state}  {one.address}")
    else:
        output.tell("nobody was seen yet")


@app.command()
def allow(context: typer.Context, key: Key, *, as_json: Json = False) -> None:
    """Let a peer be called. Compare the key with its owner first: the directory proves only whose word it is."""
    _decide(context, lambda directory, office: directory.allow(key, by=office.principal), as_json=as_json)


@app.command()
def block(context: typer.Context, key: Key, *, as_json: Json = False) -> None:
    """Have nothing to do with a peer, whatever the directory says."""
    _decide(context, lambda directory, office: directory.block(key, by=office.principal), as_json=as_json)


def _decide(context: typer.Context, work: Callable[[Directory, Office], Awaitable[Peer]], *, as_json: bool) -> None:
    peer = stopping.run(_with_directory(context, work))
    if as_json:
        output.answer(_peer_as_json(peer))
    else:
        output.tell(f"{peer.public} is {peer.state}")


async def _with_directory(context: typer.Context, work: Callable[[Directory, Office], Awaitable[Result]]) -> Result:
    async with doors_of(context).office() as office:
        return await work(assembly.directory_of(office.store), office)


def _pointer_as_json(pointer: Pointer) -> dict[str, Any]:
    return {"subject": pointer.subject, "key": pointer.public, "address": pointer.address,
            "sequence": pointer.sequence, "expires_at_us": pointer.expires_at_us}  # fmt: skip


def _peer_as_json(peer: Peer) -> dict[str, Any]:
    return {"key": peer.public, "state": peer.state, "address": peer.address, "subjects": peer.subjects,
            "sequence": peer.sequence, "expires_at_us": peer.expires_at_us, "by": peer.by}  # fmt: skip
