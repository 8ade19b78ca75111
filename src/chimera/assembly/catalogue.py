"""Assembles what reads and writes catalogues of packages. Decides nothing: the rules are governance's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace

from chimera.adapters.catalogue import archive, place
from chimera.adapters.catalogue.publishers import Publishers, require_publisher_name, signed_with
from chimera.adapters.documents.packages import Package, package_of, read_files
from chimera.adapters.documents.specs import load_specs
from chimera.adapters.local.home import keep_secret, prepare_home, private_folder
from chimera.adapters.vault import keys
from chimera.domain import canonical
from chimera.domain.catalogue import FORMAT, Index, Listing, chosen
from chimera.domain.errors import Missing, Refused
from chimera.governance import catalogue as rules
from chimera.settings import Settings

KEYS, PASSPHRASE = "publishing", "publishing"


class Fetched(Struct, frozen=True, kw_only=True):
    """A listed package whose signature, bytes and content were found to agree."""

    listing: Listing
    package: Package


def publishers_of(settings: Settings) -> Publishers:
    """Whose packages may be installed in this home."""
    return Publishers(prepare_home(settings.folder))


def publishing_key(settings: Settings, publisher: str) -> Ed25519PrivateKey:
    """The key under which this home publishes by that name; made on first use, encrypted at rest."""
    home = prepare_home(settings.folder)
    path = private_folder(home / KEYS) / f"{require_publisher_name(publisher)}.key"
    return keys.load_or_make(path, keep_secret(home, PASSPHRASE).encode())


async def index_at(location: str) -> tuple[place.Place, Index]:
    """A catalogue, and what it lists. Believed in nothing yet."""
    where = place.place_of(location)
    index = await place.read_index(where)
    rules.require_unambiguous(index)
    return where, index


async def fetched(location: str, wanted: str, publishers: Mapping[str, str]) -> Fetched:
    """A package of a catalogue: signed by who is trusted, the very bytes, and what it says it is; or why not."""
    where, index = await index_at(location)
    listing = chosen(index.packages, wanted)
    rules.require_signed(listing, publishers)
    data = await place.read_archive(where, listing)
    rules.require_archive(listing, data)
    files = archive.unpacked(data, where=listing.archive)
    package = package_of(files, folder=Path(listing.name), specs=load_specs())
    identity = package.manifest.identity
    rules.require_same(listing, name=identity.name, version=identity.version, digest=package.digest,
                       permissions=tuple(package.manifest.permissions))  # fmt: skip
    return Fetched(listing=listing, package=package)


async def published(settings: Settings, folder: Path, *, into: Path, publisher: str) -> Listing:
    """Put a package into a catalogue's folder, signed. A version that is listed stays what it is."""
    files = read_files(folder)
    package = package_of(files, folder=folder, specs=load_specs())
    data, key = archive.packed(files), publishing_key(settings, publisher)
    identity = package.manifest.identity
    listing = Listing(
        name=identity.name, version=identity.version, publisher=publisher, title=identity.title,
        permissions=tuple(sorted(package.manifest.permissions)), budget_micros_day=package.manifest.budget_micros_day,
        archive_bytes=len(data), archive_sha256=canonical.sha256_hex(data), digest=package.digest,
    )  # fmt: skip
    listing = replace(listing, signature=signed_with(key, listing.signed()))
    where = place.FolderPlace(into)
    before = await _listed(where)
    _require_unlisted(before, listing)
    where.write(listing.archive, data)
    where.write(place.INDEX, canonical.encode(Index(format=FORMAT, packages=(*before, listing))))
    return listing


async def _listed(where: place.FolderPlace) -> tuple[Listing, ...]:
    try:
        return (await place.read_index(where)).packages
    except Missing:
        return ()  # A new catalogue.


def _require_unlisted(before: tuple[Listing, ...], listing: Listing) -> None:
    if any((one.name, one.version) == (listing.name, listing.version) for one in before):
        raise Refused("package_version_listed", f"{listing.name} {listing.version} is in the catalogue already",
                      where="identity.version", remedy="a listed version never changes; raise it")  # fmt: skip
