"""`python -m chimera.connectors.sandbox`: the simulated network for any MCP client, by stdio unless a port is named."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

import msgspec

from chimera.connectors.sandbox.clock import MachineClock
from chimera.connectors.sandbox.serving import serve_http, serve_stdio
from chimera.rehearsal.scenario import Scenario


def main() -> None:
    """Parse the command line and serve."""
    options = _parser().parse_args()
    scenario, accounts = _scenario(options), tuple(options.account)
    if options.port:
        serving = serve_http(scenario, MachineClock(), host=options.host, port=options.port, accounts=accounts)
    else:
        serving = serve_stdio(scenario, MachineClock(), accounts=accounts)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serving)


def _scenario(options: argparse.Namespace) -> Scenario:
    if options.scenario:
        return msgspec.json.decode(options.scenario.read_bytes(), type=Scenario)
    return Scenario(seed=options.seed, people=options.people)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera.connectors.sandbox", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which world")
    parser.add_argument("--people", type=int, default=300, help="how many people live in it")
    parser.add_argument("--account", action="append", default=[], help="an account of yours, with its @; repeatable")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=0, help="serve streamable HTTP here instead of stdio")
    parser.add_argument("--scenario", type=Path, help="a file with the whole scenario as JSON, instead of the above")
    return parser


if __name__ == "__main__":
    main()
