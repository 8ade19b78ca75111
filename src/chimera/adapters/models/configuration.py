"""Reads which models there are and which task types ask which of them, from a TOML file. Asks none of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from chimera.domain.errors import Invalid

MODELS_MAX = 50
ROUTE_MAX = 8
DEFAULT = "default"
PICTURE = "picture"
OFFLINE = "offline"
_Price = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
_Seconds = Annotated[float, Meta(ge=0.05, le=600)]


class ModelPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model, by the name that we give it."""

    wire: Literal["openai", "anthropic", "local", "offline"]
    model: str = ""
    url: str = ""
    key_file: str = ""
    input_micros_per_million_tokens: _Price | None = None
    output_micros_per_million_tokens: _Price | None = None
    tokens_max: Annotated[int, Meta(ge=64, le=200_000)] = 2_048
    first_seconds_max: _Seconds = 20.0
    idle_seconds_max: _Seconds = 10.0


class PainterPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model that paints, by the name that we give it. `edits`: it takes pictures of a face to keep."""

    wire: Literal["openai", "local"]
    model: str
    url: str = ""
    key_file: str = ""
    micros_per_picture: _Price | None = None
    size: Annotated[str, Meta(pattern=r"^(auto|[0-9]{2,4}x[0-9]{2,4})$")] = "1536x1024"
    seconds_max: _Seconds = 40.0
    edits: bool = True


class Configuration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: models by name, and for each task type (or `default`) whom to ask; `picture` asks painters."""

    models: dict[str, ModelPart]
    routes: dict[str, list[str]]
    painters: dict[str, PainterPart] = {}


URLS: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "local": "http://127.0.0.1:11434/v1",
}


def read(file: str | Path) -> Configuration:
    """The file as it is meant, or `Invalid` with the first thing that is wrong in it."""
    path = Path(file).expanduser()
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Configuration)
    except OSError as error:
        raise _invalid(path, str(error), "check CHIMERA_MODELS_FILE") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise _invalid(path, str(error), "see docs/reference/models.md") from error
    _require_sensible(found, path)
    return found


def key_of(name: str, part: ModelPart | PainterPart, *, keys: Mapping[str, str]) -> str:
    """The key for a model or painter: from its own file, or the one of its provider."""
    if not part.key_file:
        return keys.get(part.wire, "")
    try:
        return Path(part.key_file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("models_invalid", f"its key cannot be read: {type(error).__name__}",
                      where=f"{name}.key_file", remedy="check path and rights") from error  # fmt: skip


def _require_sensible(found: Configuration, path: Path) -> None:
    if not 1 <= len(found.models) <= MODELS_MAX:
        raise _invalid(path, f"{len(found.models)} models", f"write 1 to {MODELS_MAX}")
    if not found.routes.get(DEFAULT):
        raise _invalid(path, "there is no default route", 'write default = ["…"] under [routes]')
    for name, part in found.models.items():
        if part.wire != OFFLINE and not part.model:
            raise _invalid(path, f"models.{name} does not say which model", 'write model = "…"')
        if not (part.url or URLS.get(part.wire, "http://")).startswith(("https://", "http://")):
            raise _invalid(path, f"models.{name}.url is no address", "write https://… or http://…")
    _require_painters(found, path)
    for name, route in found.routes.items():
        _require_route(name, route, found, path)


def _require_painters(found: Configuration, path: Path) -> None:
    for name, painter in found.painters.items():
        if painter.wire == "openai" and not painter.url and painter.micros_per_picture is None:
            raise _invalid(path, f"nobody knows what a picture of painters.{name} costs", "write micros_per_picture")
    if found.painters and not found.routes.get(PICTURE):
        raise _invalid(path, "there are painters and no route to them", 'write picture = ["…"] under [routes]')


def _require_route(name: str, route: list[str], found: Configuration, path: Path) -> None:
    there, noun = (found.painters, "painter") if name == PICTURE else (found.models, "model")
    unknown = [one for one in route if one not in there]
    if unknown:
        raise _invalid(path, f"routes.{name} names {unknown[0]!r}, which is no {noun} here", f"add it under [{noun}s]")
    if not 1 <= len(route) <= ROUTE_MAX or len(set(route)) < len(route):
        raise _invalid(path, f"routes.{name} has {len(route)} models", f"write 1 to {ROUTE_MAX}, each once")


def _invalid(path: Path, what: str, remedy: str) -> Invalid:
    return Invalid("models_invalid", what[:300], where=str(path), remedy=remedy)
