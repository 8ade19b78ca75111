"""The installation's A2A agent card, and anybody's checked: JWS over the canonical card, as the A2A specification says.

Holds no key. A card is a stranger's word about itself; its signature proves only whose word it is.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeAlias, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chimera.domain import canonical
from chimera.domain.access import AccessScope
from chimera.domain.errors import Invalid, Refused
from chimera.gateway.offered import OFFERED

Card: TypeAlias = dict[str, Any]
WELL_KNOWN = "/.well-known/agent-card.json"
ENDPOINT = "/a2a"
CARD_BYTES_MAX = 65_536
ALGORITHM = "EdDSA"
SIGNATURES_MAX = 8


def card_of(public_address: str, *, version: str) -> Card:
    """What this installation says of itself. Nothing of it names an agent, a person or a tool server.

    Nothing in it is empty either: the specification and its own library differ about what is left out before signing.
    """
    interface = {"url": public_address + ENDPOINT, "protocolBinding": "JSONRPC"}
    return {
        "name": "Chimera",
        "description": "Agents under the policies, budgets and reviews of one installation. Every act is decided.",
        "version": version,
        "supportedInterfaces": [{**interface, "protocolVersion": one} for one in ("1.0", "0.3")],
        "capabilities": {"streaming": False, "pushNotifications": False},
        "securitySchemes": {"bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}},
        "securityRequirements": [{"schemes": {"bearer": {"list": [AccessScope.READ]}}}],
        "defaultInputModes": ["application/json"],
        "defaultOutputModes": ["application/json"],
        "skills": [
            {"id": tool.name, "name": tool.name.replace("_", " "), "description": tool.description or tool.name,
             "tags": ["read" if tool.annotations and tool.annotations.read_only_hint else "act"]}
            for tool in OFFERED if tool.name != "chimera_result"
        ],
    }  # fmt: skip


def signed(card: Card, key: Ed25519PrivateKey) -> Card:
    """The card with a signature. The key's name is the public key itself."""
    public = key.public_key().public_bytes_raw().hex()
    protected = _base64(canonical.encode({"alg": ALGORITHM, "kid": public, "typ": "JOSE"}))
    return {**card, "signatures": [{"protected": protected, "signature": _base64(key.sign(_input(protected, card)))}]}


def verified(data: bytes, *, public: str) -> Card:
    """The card, if the holder of this key signed it; or why it does not count."""
    card = _parsed(data)
    signatures = card.get("signatures")
    if not isinstance(signatures, list):
        raise Refused("card_unsigned", "the card has no signature", where="card", remedy="ask whoever serves it")
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    for one in cast("list[Any]", signatures)[:SIGNATURES_MAX]:
        if _is_by(one, card, key, public):
            return card
    raise Refused("card_signature_bad", "nothing in the card was signed by this key", where="card",
                  remedy="ask whoever holds the key")  # fmt: skip


def _is_by(one: Any, card: Card, key: Ed25519PublicKey, public: str) -> bool:  # noqa: ANN401 – anything, from outside
    try:
        protected, signature = str(one["protected"]), _bytes(str(one["signature"]))
        header = msgspec.json.decode(_bytes(protected), type=dict[str, Any])
        # The algorithm is ours to say, and the key is the one that was asked for: a header cannot name another.
        if header.get("alg") != ALGORITHM or header.get("kid") != public or "crit" in header:
            return False
        key.verify(signature, _input(protected, card))
    except (InvalidSignature, ValueError, KeyError, TypeError, binascii.Error, msgspec.DecodeError, UnicodeError):
        return False
    return True


def _parsed(data: bytes) -> Card:
    if len(data) > CARD_BYTES_MAX:
        raise Refused(
            "card_too_large", f"more than {CARD_BYTES_MAX} bytes", where="card", remedy="ask whoever serves it"
        )
    try:
        card = msgspec.json.decode(data, type=dict[str, Any])
        canonical.require_plain(card, where="card")
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("card_malformed", str(error)[:200], where="card", remedy="ask whoever serves it") from error
    return card


def _input(protected: str, card: Card) -> bytes:
    payload = canonical.encode({name: value for name, value in card.items() if name != "signatures"})
    return f"{protected}.{_base64(payload)}".encode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
