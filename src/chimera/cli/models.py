"""`chimera models …`: which models there are, whom a task type asks, and whether they answer. Shows no key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chimera.adapters.models import configuration
from chimera.adapters.models.configuration import Configuration
from chimera.assembly import minds
from chimera.cli import output, stopping
from chimera.domain.errors import Invalid
from chimera.domain.money import format_micros
from chimera.settings import Settings, read_settings

app = typer.Typer(name="models", help="Language models: whom we ask, and whether they answer.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("list")
def list_command(*, as_json: Json = False) -> None:
    """Show the models and the routes of the configuration."""
    settings = read_settings()
    found = _configured(settings) if settings.models_file else None
    nothing = {"input_micros": 0, "output_micros": 0, "source": "nothing to pay"}
    models: list[dict[str, Any]] = [
        {"name": "offline", "wire": "offline", "model": "offline/1", "url": "", "has_key": False, "price": nothing}
    ]
    if found:
        prices = minds.model_prices(found)
        models = [{**_shown(settings, found, name), "price": prices[name]} for name in found.models]
    routes = found.routes if found else {configuration.DEFAULT: ["offline"]}
    if as_json:
        output.answer({"file": settings.models_file, "models": models, "routes": routes})
        return
    output.table(("name", "wire", "model", "address", "key", "a million tokens, in and out"), [
        (str(one["name"]), str(one["wire"]), str(one["model"]), str(one["url"]), "yes" if one["has_key"] else "no",
         "{} and {} ({})".format(*_price_shown(one["price"])))
        for one in models
    ])  # fmt: skip
    output.table(("task type", "asks, in order"), [(name, ", ".join(route)) for name, route in routes.items()])


@app.command()
def check(*, as_json: Json = False) -> None:
    """Ask every model one small question. Exit 1 if one of them does not answer; it may cost a fraction of a cent."""
    settings = read_settings()
    _configured(settings)
    results = stopping.run(minds.check_models(settings))
    if as_json:
        output.answer({"models": results})
    else:
        columns = ("name", "answers", "cause", "ms", "micros", "detail")
        keys = ("name", "answers", "cause", "took_ms", "cost_micros", "detail")
        output.table(columns, [tuple(str(one[key]) for key in keys) for one in results])
    if not all(one["answers"] for one in results):
        raise typer.Exit(1)


def _configured(settings: Settings) -> Configuration:
    if not settings.models_file:
        raise Invalid("models_unset", "there is no configuration of models; the offline model answers everything",
                      where="CHIMERA_MODELS_FILE", remedy="write one as in docs/reference/models.md")  # fmt: skip
    return configuration.read(Path(settings.models_file).expanduser())


def _price_shown(price: dict[str, Any]) -> tuple[str, str, str]:
    return format_micros(price["input_micros"]), format_micros(price["output_micros"]), price["source"]


def _shown(settings: Settings, found: Configuration, name: str) -> dict[str, Any]:
    part = found.models[name]
    keys = {"openai": settings.openai_api_key, "anthropic": settings.anthropic_api_key,
            "local": settings.local_model_key}  # fmt: skip
    return {"name": name, "wire": part.wire, "model": part.model,
            "url": part.url or configuration.URLS.get(part.wire, ""),
            "has_key": bool(part.key_file or keys.get(part.wire, ""))}  # fmt: skip
