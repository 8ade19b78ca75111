"""Content credentials (C2PA): signs a picture as made by AI, and says whether one's credentials hold.

The key signs through a callback and is never handed to the library. The certificate is the house's own: readers call it
untrusted until an operator gives one by an authority; that the bytes are the ones signed, they verify all the same.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import c2pa  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

GENERATOR = "Chimera"
AI_MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
VALID_DAYS = 365
PNG = "image/png"
# That nobody else vouches for the house's own certificate says nothing about the bytes.
HARMLESS = frozenset({"signingCredential.untrusted"})


class Verdict(Struct, frozen=True, kw_only=True):
    """What a reader of the picture may believe. `faults` are C2PA's own codes."""

    holds: bool
    title: str = ""
    issuer: str = ""
    is_ai_made: bool = False
    faults: tuple[str, ...] = ()


class Credentials:
    """Signs under one key and the house's name."""

    def __init__(self, key: Ed25519PrivateKey | bytes, *, house: str, now: datetime) -> None:
        """The key, or the 32 bytes that it is made of."""
        self._key = Ed25519PrivateKey.from_private_bytes(key) if isinstance(key, bytes) else key
        self._chain = _chain(self._key, house, now)

    def sign(self, made: bytes, *, title: str, mime: str = PNG) -> bytes:
        """The picture or film with a manifest in it that says who made it, and that an AI did."""
        builder = c2pa.Builder(_manifest(title, mime))
        signer = c2pa.Signer.from_callback(self._key.sign, c2pa.C2paSigningAlg.ED25519, self._chain)
        signed = io.BytesIO()
        builder.sign(signer, mime, io.BytesIO(made), signed)
        return signed.getvalue()


def verify(picture: bytes, *, mime: str = PNG) -> Verdict:
    """Read a picture back by C2PA's own reader. One without credentials does not hold either."""
    try:
        with c2pa.Reader(mime, io.BytesIO(picture)) as reader:
            told = msgspec.json.decode(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError as error:
        return Verdict(holds=False, faults=(str(error)[:200],))
    faults = tuple(
        code for one in told.get("validation_status", []) if (code := str(one.get("code", ""))) not in HARMLESS
    )
    active = told.get("manifests", {}).get(told.get("active_manifest", ""), {})
    return Verdict(
        holds=state in ("Valid", "Trusted") and not faults, title=str(active.get("title", "")), faults=faults,
        issuer=str(active.get("signature_info", {}).get("issuer", "")), is_ai_made=AI_MADE in str(active),
    )  # fmt: skip


def _manifest(title: str, mime: str) -> str:
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": AI_MADE}]}
    manifest = {
        "claim_generator_info": [{"name": GENERATOR, "version": "1"}],
        "title": title[:200],
        "format": mime,
        "assertions": [{"label": "c2pa.actions.v2", "data": actions}],
    }
    return msgspec.json.encode(manifest).decode()


def _chain(key: Ed25519PrivateKey, house: str, now: datetime) -> str:
    """A certificate for signing content, and above it the house's own authority: C2PA refuses one that signs itself."""
    authority = Ed25519PrivateKey.generate()
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{house} authority")])
    leaf = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, house), x509.NameAttribute(NameOID.ORGANIZATION_NAME, house),
    ])  # fmt: skip
    above = _certificate(root, root, authority, authority, now, is_authority=True)
    below = _certificate(leaf, root, key, authority, now, is_authority=False)
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in (below, above))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: Ed25519PrivateKey, by: Ed25519PrivateKey, now: datetime, *,
    is_authority: bool,
) -> x509.Certificate:  # fmt: skip
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=is_authority, crl_sign=is_authority, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS)).add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )  # fmt: skip
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(by, None)
