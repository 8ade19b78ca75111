"""Reads which networks this installation has accounts on: `networks.toml`. Secrets are named in it, never written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta, Struct, field

from chimera.domain.errors import Invalid, Missing

ACCOUNTS_MAX = 1_000
# Platforms with one server for everybody: none has to be named.
SERVERS = {
    "x": "https://api.x.com", "threads": "https://graph.threads.net", "instagram": "https://graph.instagram.com",
    "youtube": "https://www.googleapis.com",
}  # fmt: skip
NEVER = "not exercised live"
# Beside the tokens of a network stands until when each is good: a file of its own, in which there is no secret.
UNTIL = ".until"
# What each connector was ever tried on. The last four only on fakes of their wire: the platforms were never spoken to.
TRIED_ON = {
    "bluesky": "its own server software", "mastodon": "snac2", "nostr": "the library's relay",
    "x": NEVER, "threads": NEVER, "instagram": NEVER, "youtube": NEVER,
}  # fmt: skip
# Networks that know no key of ours.
Keyless = Literal["x", "threads", "instagram", "youtube"]
Handle = Annotated[str, Meta(pattern=r"^@[A-Za-z0-9_][A-Za-z0-9_.@-]*$", max_length=256)]
SecretName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$")]
Address = Annotated[str, Meta(pattern=r"^(https?|wss?)://[^\s]+$", max_length=500)]


class Configured(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One network: what it speaks, where it is, and our accounts on it with the names of their secrets."""

    kind: Literal["bluesky", "mastodon", "nostr"] | Keyless
    accounts: Annotated[dict[Handle, SecretName], Meta(min_length=1, max_length=ACCOUNTS_MAX)]
    server: Address | None = None
    relays: Annotated[tuple[Address, ...], Meta(max_length=20)] = ()
    characters_max: Annotated[int, Meta(ge=1, le=100_000)] = 500
    settling_seconds: Annotated[int, Meta(ge=0, le=600)] = field(default=5)

    @property
    def address(self) -> str:
        """Where its server is; "" where it has relays."""
        return self.server or SERVERS.get(self.kind, "")


def read_networks(path: Path) -> Mapping[str, Configured]:
    """Every network of a file, by the name under which agents have accounts on it; or the first fault."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Missing("networks_file_missing", str(error), where=str(path),
                      remedy="write one: docs/guides/networks.md shows it") from error  # fmt: skip
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("networks_file_malformed", str(error)[:300], where=str(path), remedy="mend the TOML") from error
    return {name: _network(name, value, path) for name, value in document.items()}


def _network(name: str, value: object, path: Path) -> Configured:
    where = f"{path}: [{name[:60]}]"
    given: object = {"kind": name, **cast("dict[str, object]", value)} if isinstance(value, dict) else value
    try:
        found = msgspec.convert(given, Configured)
    except msgspec.ValidationError as error:
        raise Invalid("networks_file_malformed", str(error)[:300], where=where,
                      remedy="docs/guides/networks.md shows one") from error  # fmt: skip
    has_server = bool(found.server) or found.kind in SERVERS
    if (found.kind == "nostr") != bool(found.relays) or (found.kind == "nostr") == has_server:
        raise Invalid("networks_file_malformed", "Nostr has relays, the others have a server", where=where,
                      remedy="docs/guides/networks.md shows one")  # fmt: skip
    return found
