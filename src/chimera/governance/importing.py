"""Whether somebody else's skill may be let into quarantine: the pinned bytes, signed by who is trusted."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature

from chimera.domain import canonical
from chimera.domain.errors import Invalid, Refused
from chimera.domain.imported import Seal, signed_bytes
from chimera.governance.catalogue import public_key_of

REMEDY = "do not import it"


def require_vouched(archive: bytes, *, seal: bytes, pin: str, publishers: Mapping[str, str]) -> Seal:
    """Who vouches for these bytes; or `Invalid`, and nothing is written. Both pin and signature are needed."""
    digest = canonical.sha256_hex(archive)
    if digest != pin:
        raise Invalid("skill_not_as_pinned", f"its hash is {digest}", where="--pin", remedy=REMEDY)
    try:
        found = msgspec.json.decode(seal, type=Seal)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("skill_unsigned", str(error)[:200], where="signature", remedy=REMEDY) from error
    key = publishers.get(found.publisher)
    if key is None or found.sha256 != digest:
        raise Invalid("skill_unsigned", "nobody whom this home trusts has signed these bytes", where=found.publisher,
                      remedy="chimera store trust, if you know the publisher")  # fmt: skip
    try:
        public_key_of(key).verify(bytes.fromhex(found.signature), signed_bytes(found.publisher, digest))
    except InvalidSignature:
        raise Invalid("skill_signature_bad", f"{found.publisher} did not sign it", where="signature",
                      remedy=REMEDY) from None  # fmt: skip
    return found


def require_name(name: str, expected: str) -> None:
    """A skill is called what whoever imports it says: a look-alike is another name."""
    if name != expected:
        raise Refused("skill_of_another_name", f"it calls itself {name!r}", where=expected[:80], remedy=REMEDY)
