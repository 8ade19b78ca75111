"""`chimera connector …`: the networks that this installation has accounts on, for any MCP client. Holds no rule."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from chimera.assembly import networks
from chimera.assembly.networks import Connecting
from chimera.cli import output, stopping
from chimera.connectors.social.configured import TRIED_ON
from chimera.settings import read_settings

app = typer.Typer(name="connector", help="Social networks as MCP servers.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command(name="list")
def list_networks(*, as_json: Json = False) -> None:
    """Show the networks of `networks.toml` and the accounts on them. No secret is shown."""
    rows = [
        {
            "name": name,
            "kind": one.kind,
            "where": one.address or ", ".join(one.relays),
            "accounts": sorted(one.accounts),
            "tried_on": TRIED_ON[one.kind],
        }
        for name, one in sorted(networks.configured(read_settings()).items())
    ]
    if as_json:
        output.answer({"networks": rows})
    else:
        fields = ("name", "kind", "where", "accounts", "tried_on")
        shown = [
            tuple(", ".join(row[name]) if name == "accounts" else str(row[name]) for name in fields) for row in rows
        ]
        output.table(("network", "speaks", "where", "accounts", "tried on"), shown)


@app.command()
def serve(
    name: Annotated[str, typer.Argument(help="Of `networks.toml`; or `feeds`, `pages`, `images`, `calendar`.")],
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Listen here instead of speaking by stdio.")] = 0,
) -> None:
    """Serve one network, the open web, the studio or the calendar as an MCP server until stopped.

    Whoever reaches a connector can act as its accounts: no gate is here. `feeds` and `pages` only read, `images` makes.
    """
    connecting = networks.named(read_settings(), name)
    with contextlib.suppress(KeyboardInterrupt):
        stopping.run(_http(connecting, host, port) if port else networks.over_stdio(connecting))


async def _http(connecting: Connecting, host: str, port: int) -> None:
    async with networks.over_http(connecting, host=host, port=port) as server:
        output.note(f"the connector: http://{host}:{port}/mcp")
        await server.serve()
