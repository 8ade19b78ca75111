"""Whether a listed package is what a known publisher signed. Everything in a catalogue is a stranger's word until then.

Reads nothing and installs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera.domain import canonical
from chimera.domain.catalogue import Index, Listing
from chimera.domain.errors import Invalid, Refused
from chimera.domain.permissions import PERMISSIONS, widened

KEY_BYTES = 32


def public_key_of(text: str) -> Ed25519PublicKey:
    """A publisher's public key, from its 64 hexadecimal digits."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise Invalid("publisher_key_malformed", "a public key has 64 hexadecimal digits", where="key",
                      remedy="ask its publisher for the whole key, elsewhere") from error  # fmt: skip


def require_unambiguous(index: Index) -> None:
    """A catalogue that lists a version twice says two things: neither is believed."""
    seen: set[tuple[str, str]] = set()
    for one in index.packages:
        if (one.name, one.version) in seen:
            raise Invalid("catalogue_lists_twice", f"{one.name} {one.version} is listed twice", where=one.name,
                          remedy="tell whoever keeps the catalogue")  # fmt: skip
        seen.add((one.name, one.version))


def require_signed(listing: Listing, publishers: Mapping[str, str]) -> None:
    """Nothing, or `Refused`: nobody known published this, or not these bytes."""
    key = publishers.get(listing.publisher)
    if key is None:
        raise Refused("publisher_unknown", f"nobody here trusts the publisher {listing.publisher!r}",
                      where=listing.name, remedy="chimera store trust NAME KEY, from the publisher")  # fmt: skip
    try:
        public_key_of(key).verify(bytes.fromhex(listing.signature), listing.signed())
    except InvalidSignature:
        raise Refused("listing_signature_bad", f"{listing.publisher} did not sign this listing", where=listing.name,
                      remedy="do not install it; tell the publisher") from None  # fmt: skip


def require_archive(listing: Listing, archive: bytes) -> None:
    """Nothing, or `Refused`: these are not the bytes that were listed."""
    if len(archive) != listing.archive_bytes or canonical.sha256_hex(archive) != listing.archive_sha256:
        raise Refused("archive_changed", "the archive is not the one that its publisher signed", where=listing.archive,
                      remedy="do not install it; tell the publisher")  # fmt: skip


def require_same(listing: Listing, *, name: str, version: str, digest: str, permissions: Sequence[str]) -> None:
    """Nothing, or `Refused`: what was unpacked is another package, or asks for something else than was listed."""
    listed = (listing.name, listing.version, listing.digest, tuple(sorted(listing.permissions)))
    if listed != (name, version, digest, tuple(sorted(permissions))):
        raise Refused("package_not_as_listed", f"the archive holds {name} {version}, and not what was listed",
                      where=listing.archive, remedy="tell the publisher")  # fmt: skip


def require_agreed(listing: Listing, before: Sequence[str], *, accepted: bool) -> None:
    """Nothing, or `Refused`: it may be permitted more than before (which is nothing, the first time)."""
    gained = widened(tuple(before), listing.permissions)
    if gained and not accepted:
        said = "; ".join(f"+ {name}: {PERMISSIONS[name].meaning}" for name in gained)
        raise Refused("permissions_widened", f"{listing.name} {listing.version} asks for more than before: {said}",
                      where="permissions", remedy="install it with --accept-permissions if that is meant")  # fmt: skip
