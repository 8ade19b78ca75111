"""The way of workers and managers to the gateway, and the key by which managers speak there and to the vault."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.gateway.client import GatewayLine
from chimera.adapters.gateway.tls import line_context
from chimera.adapters.local.home import prepare_home
from chimera.adapters.vault import keys
from chimera.domain.errors import Invalid
from chimera.settings import Settings


def manager_key(settings: Settings) -> Ed25519PrivateKey:
    """The key by which managers sign tokens for slices, and speak to the vault."""
    folder = prepare_home(settings.folder) / "clients"
    return keys.load_or_make(folder / "manager.key", keys.passphrase(folder, ""))


def line_of(settings: Settings) -> GatewayLine:
    """The way of workers and managers to the gateway."""
    host, port = address_of(settings)
    return GatewayLine(host, port, context=line_context(host, settings.gateway_certificate))


def address_of(settings: Settings) -> tuple[str, int]:
    """Host and port of the gateway for workers."""
    host, _, port = settings.gateway_address.rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65_536:
        raise Invalid("gateway_address_malformed", f"{settings.gateway_address[:80]!r} is no host:port",
                      where="CHIMERA_GATEWAY_ADDRESS", remedy="write one such as 127.0.0.1:8422")  # fmt: skip
    return host, int(port)
