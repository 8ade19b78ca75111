"""`chimera store …`: agent packages of others, from a catalogue. Parses and renders; holds no rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chimera.assembly import catalogue as assembly
from chimera.assembly.catalogue import Fetched
from chimera.cli import output, stopping
from chimera.cli.agent import Json, installed_as_json, say_installed
from chimera.cli.doors import doors_of
from chimera.domain.agent import Agent
from chimera.domain.catalogue import Listing, found_by
from chimera.domain.manifest import budget_in_words
from chimera.domain.permissions import PERMISSIONS, widened
from chimera.domain.verbs import Resource
from chimera.governance.agents import find_agent
from chimera.governance.catalogue import public_key_of, require_agreed
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.installer import Installed, Installer, Offer
from chimera.settings import read_settings

app = typer.Typer(name="store", help="Agent packages of others, signed, from a catalogue.", no_args_is_help=True)
Where = Annotated[str, typer.Option("--index", help="The catalogue: a folder or an https address.")]
Wanted = Annotated[str, typer.Argument(help="The name of the package, or name@version.")]
Publisher = Annotated[str, typer.Argument(help="The publisher's name.")]


@app.command()
def search(
    wish: Annotated[str, typer.Argument(help="Words to look for; none for everything.")] = "",
    *,
    index: Where = "",
    as_json: Json = False,
) -> None:
    """What a catalogue lists. Nothing of it has been verified."""
    _, listed = stopping.run(assembly.index_at(index or read_settings().store_index))
    found = found_by(listed.packages, wish)
    trusted = assembly.publishers_of(read_settings()).known()
    if as_json:
        output.answer({"packages": [{**_as_json(one), "trusted": one.publisher in trusted} for one in found]})
    elif found:
        rows = [(one.name, one.version, one.publisher + ("" if one.publisher in trusted else " (unknown)"), one.title)
                for one in found]  # fmt: skip
        output.table(("name", "version", "publisher", "title"), rows)
    else:
        output.tell("the catalogue lists nothing like that")


@app.command()
def verify(context: typer.Context, wanted: Wanted, *, index: Where = "", as_json: Json = False) -> None:
    """Fetch a package, check signature, bytes and content, and show what it would change here. Installs nothing."""

    async def inside() -> tuple[Fetched, Agent | None]:
        found = await _fetched(wanted, index)
        async with doors_of(context).office_store() as store:
            return found, await find_agent(store, found.listing.name)

    found, known = stopping.run(inside())
    before = known.permissions if known is not None else ()
    gained, lost = widened(before, found.listing.permissions), widened(found.listing.permissions, before)
    if as_json:
        output.answer({**_as_json(found.listing), "verified": True, "gained": gained, "lost": lost,
                       "installed": known.package_version if known is not None else ""})  # fmt: skip
        return
    output.tell(f"{found.listing.name} {found.listing.version} is what {found.listing.publisher} signed")
    output.tell(f"it may cost {budget_in_words(found.listing.budget_micros_day)}")
    output.tell(f"installed here: {known.package_version}" if known is not None else "not installed here")
    for sign, names in (("+", gained), ("-", lost)):
        for name in names:
            output.tell(f"  {sign} {name}: {PERMISSIONS[name].meaning if name in PERMISSIONS else 'no longer exists'}")


@app.command()
def install(
    context: typer.Context,
    wanted: Wanted,
    *,
    index: Where = "",
    accept_permissions: Annotated[bool, typer.Option("--accept-permissions", help="It may be permitted more.")] = False,
    accept_budget: Annotated[bool, typer.Option("--accept-budget", help="It may spend more.")] = False,
    as_json: Json = False,
) -> None:
    """Install a package of a trusted publisher, or upgrade the one that is installed."""

    async def inside() -> Installed:
        found = await _fetched(wanted, index)
        async with doors_of(context).office() as office:
            office.desk.require(office.principal, "agent.change", Resource(kind="agents", id="agents"))
            known = await find_agent(office.store, found.listing.name)
            require_agreed(found.listing, known.permissions if known else (), accepted=accept_permissions)
            installer = Installer(office.store, security=SecurityGateway(shipped_scanner()))
            return await installer.install(
                Offer(
                    manifest=found.package.manifest, digest=found.package.digest, by=office.principal.name,
                    constitution=found.package.constitution, brand=found.package.brand, faces=found.package.faces,
                    accept_permissions=accept_permissions,
                    accept_budget=accept_budget,
                )
            )  # fmt: skip

    installed = stopping.run(inside())
    if as_json:
        output.answer(installed_as_json(installed))
    else:
        say_installed(installed)


async def _fetched(wanted: str, index: str) -> Fetched:
    settings = read_settings()
    trusted = assembly.publishers_of(settings).known()
    return await assembly.fetched(index or settings.store_index, wanted, trusted)


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="The folder of the package.")],
    *,
    into: Annotated[Path, typer.Option("--index", help="The catalogue's folder; made if there is none.")],
    publisher: Annotated[str, typer.Option("--as", help="Under which name; its key is made on first use.")],
    as_json: Json = False,
) -> None:
    """Sign a package and put it into a catalogue's folder, to be served or copied as it is."""
    settings = read_settings()
    listing = stopping.run(assembly.published(settings, folder, into=into, publisher=publisher))
    key = assembly.publishing_key(settings, publisher).public_key().public_bytes_raw().hex()
    if as_json:
        output.answer({**_as_json(listing), "key": key})
    else:
        output.tell(f"{listing.name} {listing.version} is in {into}, signed by {publisher}\nits key: {key}")


@app.command()
def trust(
    context: typer.Context,
    publisher: Publisher,
    key: Annotated[str, typer.Argument(help="Its public key, 64 hexadecimal digits, from the publisher itself.")],
    *,
    as_json: Json = False,
) -> None:
    """Let packages of a publisher be installed here. Whoever holds that key decides what they are."""
    public_key_of(key)
    _require_may_change(context)
    before = assembly.publishers_of(read_settings()).trust(publisher, key)
    if as_json:
        output.answer({"publisher": publisher, "key": key, "before": before})
    else:
        output.tell(
            f"{publisher} is trusted" + (f", with another key than {before}" if before not in {"", key} else "")
        )


@app.command()
def distrust(context: typer.Context, publisher: Publisher, *, as_json: Json = False) -> None:
    """Trust a publisher no more. What is installed stays. Exit 1 if it was not trusted."""
    _require_may_change(context)
    was = assembly.publishers_of(read_settings()).forget(publisher)
    if as_json:
        output.answer({"publisher": publisher, "was_trusted": was})
    else:
        output.tell(f"{publisher} is not trusted" + ("" if was else ", and was not"))
    if not was:
        raise typer.Exit(1)


@app.command()
def publishers(*, as_json: Json = False) -> None:
    """Whose packages may be installed here."""
    known = assembly.publishers_of(read_settings()).known()
    if as_json:
        output.answer({"publishers": [{"name": name, "key": key} for name, key in sorted(known.items())]})
    elif known:
        output.table(("name", "key"), sorted(known.items()))
    else:
        output.tell("no publisher is trusted")


def _require_may_change(context: typer.Context) -> None:
    """Whoever may install agents may say whose."""

    async def inside() -> None:
        async with doors_of(context).office() as office:
            office.desk.require(office.principal, "agent.change", Resource(kind="agents", id="agents"))

    stopping.run(inside())


def _as_json(listing: Listing) -> dict[str, Any]:
    return {"name": listing.name, "version": listing.version, "publisher": listing.publisher, "title": listing.title,
            "permissions": listing.permissions, "budget_micros_day": listing.budget_micros_day,
            "digest": listing.digest, "archive_sha256": listing.archive_sha256}  # fmt: skip
