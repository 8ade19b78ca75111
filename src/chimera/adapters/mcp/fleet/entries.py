"""Reads which tool servers there are: the `mcpServers` JSON that other clients use, or `tools.toml`. Starts none.

Secrets are named, not written: `${secret:NAME}` in an environment, a header or an injected argument is filled in when
the server is reached, and stands in no record.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec
from msgspec import Struct

from chimera.domain.errors import Invalid, Missing, Refused

SERVERS_MAX = 5_000
FILE_BYTES_MAX = 4 * 1024 * 1024
SECRET_BYTES_MAX = 4_096
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SECRET = re.compile(r"\$\{secret:([A-Za-z0-9_-][A-Za-z0-9_.-]{0,63})\}")


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one server may cost us. Each has a default that a well-behaved server never meets."""

    calls_per_second: float = 50.0
    agent_calls_per_second: float = 20.0
    calls_at_once: int = 16
    connect_seconds_max: float = 10.0
    call_seconds_max: float = 20.0
    answer_bytes_max: int = 262_144
    message_bytes_max: int = 4 * 1024 * 1024
    messages_per_second: int = 500
    tools_max: int = 1_000
    tries_max: int = 3
    failures_max: int = 5
    rest_seconds: float = 5.0
    idle_seconds: float = 900.0


class Entry(Struct, frozen=True, kw_only=True):
    """One server: a command to start, or a URL to reach."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str = ""
    url: str = ""
    headers: Mapping[str, str] = {}
    inject: Mapping[str, str] = {}
    private_hosts: bool = False
    limits: Limits = Limits()


class _Written(Struct, kw_only=True):
    """An entry as files write it. Other clients put keys of their own beside these: they are not ours to refuse."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    disabled: bool = False
    inject: dict[str, str] = {}
    private_hosts: bool = False
    limits: Limits = Limits()


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Every server of a file that is not switched off, by name; or the first fault, with its place."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Missing("tools_file_missing", str(error), where=str(path),
                      remedy="write one: docs/guides/tools.md shows it") from error  # fmt: skip
    if len(data) > FILE_BYTES_MAX:
        raise Invalid("tools_file_malformed", f"{len(data)} bytes are too many", where=str(path),
                      remedy=f"{FILE_BYTES_MAX} at most")  # fmt: skip
    servers = _servers_of(_decoded(path, data), path)
    found = tuple(_entry(name, value, path) for name, value in sorted(servers.items()))
    return tuple(entry for entry in found if entry is not None)


def _decoded(path: Path, data: bytes) -> object:
    try:
        return tomllib.loads(data.decode()) if path.suffix == ".toml" else msgspec.json.decode(data)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise Invalid("tools_file_malformed", str(error)[:300], where=str(path), remedy="mend it") from error


def _servers_of(document: object, path: Path) -> dict[str, object]:
    inside = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    for key in ("mcpServers", "servers"):
        held = inside.get(key)
        if isinstance(held, dict):
            servers = cast("dict[str, object]", held)
            if len(servers) > SERVERS_MAX:
                raise Invalid("tools_file_malformed", f"{len(servers)} servers", where=str(path),
                              remedy=f"{SERVERS_MAX} at most")  # fmt: skip
            return servers
    raise Invalid("tools_file_malformed", "it names no servers", where=str(path),
                  remedy='write {"mcpServers": {"name": {"command": "…"}}} or [servers.name]')  # fmt: skip


def _entry(name: str, value: object, path: Path) -> Entry | None:
    where = f"{path}: {name[:70]}"
    if not NAME.fullmatch(name):
        raise Invalid("tool_server_malformed", "the name is not one", where=where,
                      remedy="letters, digits, dot, dash, underscore; 64 at most")  # fmt: skip
    try:
        written = msgspec.convert(value, _Written)
    except msgspec.ValidationError as error:
        raise Invalid("tool_server_malformed", str(error), where=where, remedy="mend the entry") from error
    if written.disabled:
        return None
    if bool(written.command) == bool(written.url):
        raise Invalid("tool_server_malformed", "a server has a command or a URL, and not both", where=where,
                      remedy="keep one of them")  # fmt: skip
    if written.url and not written.url.startswith(("http://", "https://")):
        raise Invalid("tool_server_malformed", "only http and https are spoken", where=where, remedy="mend the URL")
    kept = {field: getattr(written, field) for field in written.__struct_fields__ if field != "disabled"}
    return Entry(name=name, **kept)


class Secrets:
    """Secrets by name, each a file of its own in one folder that nobody else may read. Read when they are needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, text: str) -> str:
        """The text with its secrets in it. For a server, and for nobody else."""
        return SECRET.sub(lambda found: self._read(found[1]), text)

    def filled(self, many: Mapping[str, str]) -> dict[str, str]:
        """Every value with its secrets in it."""
        return {key: self.fill(value) for key, value in many.items()}

    def named_in(self, entry: Entry) -> tuple[str, ...]:
        """The values of every secret that a server is given: they may not come back in what it says."""
        texts = (*entry.env.values(), *entry.headers.values(), *entry.inject.values(), *entry.args)
        return tuple({self._read(found) for text in texts for found in SECRET.findall(text)})

    def _read(self, name: str) -> str:
        path = self._folder / name
        try:
            if path.stat().st_mode & 0o077:
                raise Refused("secret_open_to_others", "others may read this file", where=str(path),
                              remedy=f"chmod 600 {path}")  # fmt: skip
            return path.read_bytes()[:SECRET_BYTES_MAX].decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Missing("secret_missing", f"there is no secret {name!r}", where=str(path),
                          remedy="write it into this file, readable for you alone") from error  # fmt: skip
