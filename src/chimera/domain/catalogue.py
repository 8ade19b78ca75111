"""A catalogue of agent packages: what is listed, under which publisher's signature, and which is newer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.errors import Missing

FORMAT = 1
LISTINGS_MAX = 10_000
INDEX_BYTES_MAX = 16 * 1024 * 1024
ARCHIVE_BYTES_MAX = 16 * 1024 * 1024
CONTEXT = b"chimera catalogue listing 1\n"  # Signed bytes of ours are never another thing's.
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$", max_length=64)]
Number: TypeAlias = Annotated[str, Meta(pattern=r"^(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){2}$")]
Publisher: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Hash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Permission: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z_:./*-]{1,200}$")]


class Listing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one package, as its publisher signed it. `digest` is the package's own, over all its files."""

    name: Name
    version: Number
    publisher: Publisher
    title: Annotated[str, Meta(max_length=200)]
    permissions: Annotated[tuple[Permission, ...], Meta(max_length=200)]
    budget_micros_day: Annotated[int, Meta(ge=0, le=canonical.INTEGER_MAX)]
    archive_bytes: Annotated[int, Meta(ge=1, le=ARCHIVE_BYTES_MAX)]
    archive_sha256: Hash
    digest: Hash
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}$|^$")] = ""

    @property
    def archive(self) -> str:
        """The archive's file name. It follows from the rest: a listing cannot point anywhere else."""
        return f"{self.name}-{self.version}.tar.gz"

    @property
    def order(self) -> tuple[int, ...]:
        """By which versions are newer."""
        return tuple(int(part) for part in self.version.split("."))

    def signed(self) -> bytes:
        """The bytes that a publisher signs: everything but the signature."""
        return CONTEXT + canonical.encode(replace(self, signature=""))


class Index(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a catalogue lists."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    packages: Annotated[tuple[Listing, ...], Meta(max_length=LISTINGS_MAX)]


def chosen(packages: Iterable[Listing], wanted: str) -> Listing:
    """The listing of `name` (its newest version) or `name@version`."""
    name, _, version = wanted.partition("@")
    found = [one for one in packages if one.name == name and version in {"", one.version}]
    if not found:
        raise Missing("package_not_listed", f"the catalogue does not list {wanted[:80]!r}", where=wanted[:80],
                      remedy="chimera store search")  # fmt: skip
    return max(found, key=lambda one: one.order)


def found_by(packages: Iterable[Listing], wish: str) -> tuple[Listing, ...]:
    """The newest version of every package with all these words in its name, title or publisher, by name."""
    newest: dict[str, Listing] = {}
    for one in packages:
        if one.name not in newest or newest[one.name].order < one.order:
            newest[one.name] = one
    words = wish.casefold().split()
    listed = (newest[name] for name in sorted(newest))
    return tuple(one for one in listed if all(word in _text(one) for word in words))


def _text(listing: Listing) -> str:
    return f"{listing.name} {listing.title} {listing.publisher}".casefold()
