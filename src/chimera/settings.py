"""How this installation is set up: one frozen class, read once from CHIMERA_* and a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from chimera.domain.errors import Invalid
from chimera.domain.faults import Fault, Faults
from chimera.domain.retention import cut_us

PREFIX = "CHIMERA_"
AGENT_TOKEN = "CHIMERA_AGENT_TOKEN"  # noqa: S105 – the name of a variable: `chimera gateway serve --stdio` reads it itself
CONFIG = "CHIMERA_CONFIG"
WORKERS_MAX = 20_000
CHECKPOINT_SECONDS_MAX = 86_400
SLOTS_MAX = 256


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting. Each is a heading in docs/reference/settings.md."""

    home: str = "~/.chimera"
    database_url: str = ""
    timezone: str = "UTC"
    workers: int = 256
    worker_name: str = "worker-1"
    valkey_url: str = ""
    gateway_address: str = "127.0.0.1:8422"
    gateway_certificate: str = ""
    gateway_key: str = ""
    gateway_url: str = ""
    manager_slots: int = 8
    metrics_address: str = ""
    vault_cap_micros_day: int = 1_000_000_000
    vault_passphrase: str = ""
    vault_kms_key: str = ""
    vault_kms_endpoint: str = ""
    wallets: str = ""
    second_vault_passphrase: str = ""
    log_level: str = "warning"
    api_host: str = "127.0.0.1"
    api_port: int = 8420
    api_hosts: str = "localhost"
    console_url: str = ""
    writes_anew: bool = True
    read_hosts: str = ""
    secret_tools: str = ""
    web_private_hosts: str = ""
    feed_seconds: int = 300
    tool_prices: str = ""
    platform_fees: str = ""
    storage_price: str = ""
    calendar_url: str = ""
    calendar_name: str = ""
    calendar_password: str = ""
    webhook_hosts: str = ""
    checkpoint_seconds: int = 60
    retention_days: int = 90
    networks_file: str = ""
    tools_file: str = ""
    store_index: str = ""
    token: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_redirect: str = ""
    notice_urls: str = ""
    rates_url_first: str = "https://api.frankfurter.dev"
    rates_url_second: str = "https://open.er-api.com"
    media_store: str = ""
    media_store_key: str = ""
    media_store_secret: str = ""
    media_url: str = ""
    models_file: str = ""
    reward_model: str = ""
    openai_api_key: str = ""
    anthropic_api_key: str = ""
    local_model_key: str = ""

    @property
    def calls_cost(self) -> bool:
        """Whether models or tools are paid for: then money is set aside before they are asked."""
        return bool(self.models_file or self.tool_prices or self.storage_price)

    @property
    def folder(self) -> Path:
        """The home as a path."""
        return Path(self.home).expanduser()

    @property
    def wallets_file(self) -> Path | None:
        """Where the wallets' file lies, if there is one."""
        return Path(self.wallets).expanduser() if self.wallets else None

    @property
    def zone(self) -> ZoneInfo:
        """The fleet's civil time zone."""
        return ZoneInfo(self.timezone)


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of the file that CHIMERA_CONFIG names, overruled by CHIMERA_*; or every fault at once."""
    environ = os.environ if environ is None else environ
    file = environ.get(CONFIG, "")
    values = _from_file(Path(file)) if file else {}
    values.update(_from_environment(environ))
    settings = msgspec.convert(values, Settings)
    _require_sensible(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid("config_unreadable", str(error), where=str(path), remedy="check CHIMERA_CONFIG") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("config_malformed", str(error), where=str(path), remedy="mend the TOML") from error
    return _checked({name: (value, _line_of(path, name)) for name, value in values.items()}, file=str(path))


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    given = {name[len(PREFIX) :].lower(): value for name, value in environ.items()
             if name.startswith(PREFIX) and name not in (CONFIG, AGENT_TOKEN)}  # fmt: skip
    return _checked({name: (value, 0) for name, value in given.items()}, file="environment")


def _checked(given: Mapping[str, tuple[Any, int]], *, file: str) -> dict[str, Any]:
    """The values in their types; a fault for each that is unknown or of the wrong type."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for name, (value, line) in given.items():
        if name not in kinds:
            faults.append(_fault(file, line, name, "is not a setting", f"use one of {', '.join(sorted(kinds))}"))
            continue
        try:
            values[name] = msgspec.convert(value, kinds[name], strict=False)
        except msgspec.ValidationError as error:
            faults.append(_fault(file, line, name, str(error), "mend the value"))
    if faults:
        raise Faults(faults, code="settings_invalid")
    return values


def _fault(file: str, line: int, name: str, reason: str, remedy: str) -> Fault:
    shown = name if file != "environment" else PREFIX + name.upper()
    return Fault(file=file, line=line, path=(shown,), reason=reason, remedy=remedy)


def _line_of(path: Path, name: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.lstrip().startswith(name)), 0)


def _require_sensible(settings: Settings) -> None:
    if not 1 <= settings.workers <= WORKERS_MAX:
        raise Invalid("workers_out_of_range", f"workers is {settings.workers}", where="CHIMERA_WORKERS",
                      remedy=f"choose 1 to {WORKERS_MAX}")  # fmt: skip
    if not 1 <= settings.checkpoint_seconds <= CHECKPOINT_SECONDS_MAX:
        raise Invalid("checkpoints_out_of_range", f"a checkpoint every {settings.checkpoint_seconds} seconds",
                      where="CHIMERA_CHECKPOINT_SECONDS", remedy=f"choose 1 to {CHECKPOINT_SECONDS_MAX}")  # fmt: skip
    cut_us(now_us=0, days=settings.retention_days)
    if not 1 <= settings.manager_slots <= SLOTS_MAX:
        raise Invalid("slots_out_of_range", f"{settings.manager_slots} slots", where="CHIMERA_MANAGER_SLOTS",
                      remedy=f"choose 1 to {SLOTS_MAX}")  # fmt: skip
    if settings.vault_cap_micros_day < 0:
        raise Invalid("cap_negative", "the vault's cap is negative", where="CHIMERA_VAULT_CAP_MICROS_DAY",
                      remedy="choose zero or more")  # fmt: skip
    if not 0 <= settings.api_port < 65_536:
        raise Invalid("port_out_of_range", f"api_port is {settings.api_port}", where="CHIMERA_API_PORT",
                      remedy="choose 1 to 65535, or 0 for any free one")  # fmt: skip
    try:
        _ = settings.zone
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid("timezone_unknown", f"{settings.timezone[:60]!r} is not a time zone", where="CHIMERA_TIMEZONE",
                      remedy="write one such as Europe/Berlin") from error  # fmt: skip
