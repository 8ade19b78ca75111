"""Keeps the line between workers and the gateway from being read: encrypted, or it does not leave this machine.

Decides nothing about who may ask what: that is in the tokens, which is why nobody may read them.
"""

from __future__ import annotations

import ipaddress
import ssl

from chimera.domain.errors import Invalid, Refused


def line_context(host: str, certificate: str) -> ssl.SSLContext | None:
    """How workers and managers ask: they know the gateway by this certificate alone. In clear on this machine only."""
    if not certificate:
        return _in_clear(host)
    try:
        return _modern(ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=certificate))
    except OSError as error:
        raise _unreadable(error, certificate) from error


def door_context(host: str, certificate: str, key: str) -> ssl.SSLContext | None:
    """How the gateway listens: under its certificate, with its key. In clear on this machine only."""
    if not certificate:
        return _in_clear(host)
    context = _modern(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    try:
        context.load_cert_chain(certificate, key or None)
    except OSError as error:
        raise _unreadable(error, certificate) from error
    return context


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _in_clear(host: str) -> None:
    if not _is_here(host):
        raise Refused(
            "gateway_unencrypted", f"{host[:100]} is not this machine, and the line would be read by others",
            where="CHIMERA_GATEWAY_ADDRESS", remedy="set CHIMERA_GATEWAY_CERTIFICATE, or listen on 127.0.0.1",
        )  # fmt: skip


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _unreadable(error: OSError, certificate: str) -> Invalid:
    return Invalid("gateway_certificate_unusable", f"{certificate[:200]}: {error}"[:300],
                   where="CHIMERA_GATEWAY_CERTIFICATE", remedy="give a certificate and its key as PEM")  # fmt: skip
