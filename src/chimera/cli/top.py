"""`chimera top`: reviews and the fleet in a terminal, or once as JSON. Comes in through the API; holds no rule."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
import typer

from chimera.assembly import people
from chimera.assembly.client import house_at, in_terminal
from chimera.cli import output, stopping
from chimera.client.door import let_in
from chimera.client.house import House
from chimera.domain.errors import Invalid, Refused
from chimera.processes.api import api_process
from chimera.settings import Settings, read_settings

ONCE = "/#once="


def top(
    *,
    url: Annotated[str, typer.Option(help="Another house's API, with CHIMERA_TOKEN; without it, this home's.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="The fleet now as one JSON object on stdout, then leave.")
    ] = False,
) -> None:
    """Rule on reviews and watch the fleet, live in this terminal. `?` shows the keys, `ctrl+q` leaves."""
    settings = read_settings()
    if not as_json and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Invalid("terminal_needed", "this is a screen for people, and there is no terminal here", where="top",
                      remedy="chimera top --json, chimera review list --json, or chimera feed")  # fmt: skip
    if url and not settings.token:
        raise Refused("token_missing", "another house lets nobody in without a token", where="CHIMERA_TOKEN",
                      remedy="its console makes one, under People")  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):
        stopping.run(_shown(settings, url, is_once=as_json))


async def _shown(settings: Settings, url: str, *, is_once: bool) -> None:
    if not is_once:
        # It takes some seconds, more where the database has to be started for it: an empty terminal looks broken.
        output.note(f"looking at {url or settings.folder} …")
    async with house_at(url, settings.token) if url else _own(settings) as house:
        if is_once:
            output.answer(msgspec.to_builtins(await house.fleet()))
        else:
            await in_terminal(house)


@contextlib.asynccontextmanager
async def _own(settings: Settings) -> AsyncGenerator[House]:
    """This home's house by an API of our own, on a port that nobody else needs to know."""
    private = msgspec.structs.replace(settings, api_host="127.0.0.1", api_port=0)
    async with api_process(private) as api:
        _, _, code = api.entrance.partition(ONCE)
        if not code:
            raise people.nobody_here()
        async with let_in(api.url, code) as secret, house_at(api.url, secret) as house:
            yield house
