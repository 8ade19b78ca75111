"""`chimera api`: the API and the console beside a fleet, or without one; and the API's description of itself."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import typer

from chimera.assembly.serving import api_document
from chimera.cli import output, stopping
from chimera.processes.api import api_process
from chimera.settings import Settings, read_settings

app = typer.Typer(name="api", help="The API and the console.", no_args_is_help=False, invoke_without_command=True)


@app.callback()
def serve(context: typer.Context) -> None:
    """Serve the API and the console of this home until stopped. `chimera up` does it by itself."""
    if context.invoked_subcommand is None:
        with contextlib.suppress(KeyboardInterrupt):
            stopping.run(_serve(read_settings()))
        output.note("stopped")


async def _serve(settings: Settings) -> None:
    async with api_process(settings) as running:
        output.tell(f"the API and the console: {running.entrance}")
        await asyncio.Event().wait()


@app.command()
def schema() -> None:
    """The API's OpenAPI document, as it stands in console/openapi.json."""
    sys.stdout.write(api_document().decode())
