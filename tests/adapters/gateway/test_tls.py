"""The line to the gateway cannot be read or answered by others: encrypted under one certificate, or on this machine."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chimera.adapters.gateway.client import GatewayLine, GatewayModel
from chimera.adapters.gateway.tls import door_context, line_context
from chimera.domain.errors import ChimeraError, Invalid, Refused, Unavailable
from tests.adapters.gateway.test_workers_gateway import House

pytestmark = pytest.mark.requirement("R-A7")
HOST = "localhost"


def certified(folder: Path, name: str, *, host: str = HOST) -> tuple[str, str]:
    """A certificate for a host that vouches for itself, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now, public = datetime.now(UTC), key.public_key()
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False,
                          data_encipherment=False, key_agreement=False, crl_sign=False, encipher_only=False,
                          decipher_only=False)  # fmt: skip
    made = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=public, serial_number=7)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_named(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, secret = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))  # fmt: skip
    return str(certificate), str(secret)


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


async def asked(house: House, port: int, certificate: str) -> str:
    """What the model says over a line that trusts one certificate; "" is a line in clear."""
    line = GatewayLine(HOST, port, context=line_context(HOST, certificate))
    try:
        return (await GatewayModel(line, lambda _: house.token).complete(house.request())).text
    finally:
        await line.close()


async def test_who_trusts_the_gateways_certificate_is_answered_and_nobody_else(tmp_path: Path) -> None:
    house, mine, other = House(), certified(tmp_path, "mine"), certified(tmp_path, "other")
    async with house.gateway.listening(HOST, 0, context=door_context("0.0.0.0", *mine)) as (_, port):
        assert await asked(house, port, mine[0]) == "worker 1"
        for distrusting in (other[0], ""):
            with pytest.raises(Unavailable, match="gateway_unreachable"):
                await asked(house, port, distrusting)


async def test_a_certificate_of_another_host_is_not_believed(tmp_path: Path) -> None:
    house, elsewhere = House(), certified(tmp_path, "elsewhere", host="gateway.elsewhere")
    async with house.gateway.listening(HOST, 0, context=door_context(HOST, *elsewhere)) as (_, port):
        with pytest.raises(Unavailable, match="gateway_unreachable"):
            await asked(house, port, elsewhere[0])


async def test_tokens_do_not_go_over_the_line_in_clear(tmp_path: Path) -> None:
    house, mine = House(), certified(tmp_path, "mine")
    seen = bytearray()

    async def overheard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(HOST, port)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                seen.extend(data)
                sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, outer), carry(inner, writer))

    async with house.gateway.listening(HOST, 0, context=door_context(HOST, *mine)) as (_, port):
        wire = await asyncio.start_server(overheard, "127.0.0.1", 0)
        async with wire:
            assert await asked(house, wire.sockets[0].getsockname()[1], mine[0]) == "worker 1"
    assert len(seen) > 500
    assert house.token.encode() not in seen
    assert b"worker 1" not in seen


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "gateway.internal", "", "localhost.evil.example"])
def test_in_clear_it_does_not_leave_this_machine(host: str) -> None:
    for context in (lambda: line_context(host, ""), lambda: door_context(host, "", "")):
        with pytest.raises(Refused, match="gateway_unencrypted"):
            context()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost"])
def test_on_this_machine_it_may_be_in_clear(host: str) -> None:
    assert line_context(host, "") is None
    assert door_context(host, "", "") is None


def test_what_is_no_certificate_is_said_to_be_none(tmp_path: Path) -> None:
    mine, other = certified(tmp_path, "mine"), certified(tmp_path, "other")
    absent = str(tmp_path / "absent.pem")
    for broken in (
        lambda: line_context(HOST, absent), lambda: door_context(HOST, absent, mine[1]),
        lambda: door_context(HOST, mine[0], other[1]), lambda: line_context(HOST, mine[1]),
    ):  # fmt: skip
        with pytest.raises(ChimeraError) as caught:
            broken()
        assert isinstance(caught.value, Invalid)
        assert caught.value.code == "gateway_certificate_unusable"
