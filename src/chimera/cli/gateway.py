"""`chimera gateway …`: the door for outside agents, and their tokens. Parses and renders; holds no rule."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from chimera import bootstrap
from chimera.assembly import gateway as assembly
from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.access import Access
from chimera.domain.agent import Agent
from chimera.domain.errors import Invalid
from chimera.domain.verbs import Resource
from chimera.governance.agents import agent_called
from chimera.governance.identity.accesses import VERB, Accesses
from chimera.ports.store import Store
from chimera.settings import Settings, read_settings

app = typer.Typer(name="gateway", help="The door for outside agents that speak MCP.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Name = Annotated[str, typer.Argument(help="The agent's name, as `chimera agent list` shows it.")]
Identifier = Annotated[str, typer.Argument(help="Which question, as its page and `chimera gateway asks` show it.")]
Result = TypeVar("Result")


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Which port; 0 for a free one.")] = 8421,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak on standard input and output instead.")] = False,
    token: Annotated[str, typer.Option(help="Whose calls these are, on --stdio.", envvar="CHIMERA_AGENT_TOKEN")] = "",
) -> None:
    """Serve outside agents until stopped. What they do goes through judge, gate, review and effects as all else."""
    if stdio and not token:
        raise Invalid("agent_token_missing", "on standard input nobody else says who calls", where="--token",
                      remedy="chimera gateway token makes one")  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):
        stopping.run(_stdio(token) if stdio else _http(host, port))
    output.note("stopped")


async def _http(host: str, port: int) -> None:
    settings = read_settings()
    async with (
        _own_store(settings) as store,
        assembly.over_http(settings, store, host=host, port=port) as url,
    ):
        output.tell(f"the gateway: {url}")
        await asyncio.Event().wait()


async def _stdio(token: str) -> None:
    settings = read_settings()
    async with _own_store(settings) as store:
        await assembly.over_stdio(settings, store, token=token)


@contextlib.asynccontextmanager
async def _own_store(settings: Settings) -> AsyncGenerator[Store]:
    """The store under a writer of the gateway's own: another command that opens `cli` does not fence it."""
    async with bootstrap.running_or_own_database(settings, lasting=True) as found:
        store = await found.free_store("gateway")
        try:
            yield store
        finally:
            await store.close()


@app.command()
def token(context: typer.Context, agent: Name, *, as_json: Json = False) -> None:
    """Make a token for an agent. It is shown this once."""
    known = stopping.run(_agent(context, agent))
    made = assembly.tokens_of(read_settings()).issue(known.id)
    if as_json:
        output.answer({"agent": known.id, "name": known.name, "disclosure": known.persona.disclosure, "token": made})
    else:
        output.tell(made)


@app.command("take-back")
def take_back(context: typer.Context, agent: Name, *, as_json: Json = False) -> None:
    """Take every token of an agent back. Exit 1 if it had none."""
    known = stopping.run(_agent(context, agent))
    count = assembly.tokens_of(read_settings()).take_back(known.id)
    if as_json:
        output.answer({"agent": known.id, "taken_back": count})
    else:
        output.tell(f"{count} tokens are no longer good")
    if not count:
        raise typer.Exit(1)


# ── programs that ask by OAuth ──────────────────────────────────────────────────────────────────────────────────────


@app.command()
def asks(context: typer.Context, *, as_json: Json = False) -> None:
    """Programs that ask to call as one of the agents."""
    found = stopping.run(_with_accesses(context, lambda accesses, _: accesses.asked()))
    _show(found, as_json=as_json, nothing="no program asks")


@app.command()
def programs(context: typer.Context, *, as_json: Json = False) -> None:
    """Programs that may call, as which agent, until when."""
    found = stopping.run(_with_accesses(context, lambda accesses, _: accesses.admitted()))
    _show(found, as_json=as_json, nothing="no program was admitted")


@app.command()
def admit(
    context: typer.Context,
    identifier: Identifier,
    *,
    agent: Annotated[str, typer.Option(help="As which agent it may call.")],
    scope: Annotated[list[str] | None, typer.Option(help="Only this of what it asked for; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Let a program call as an agent. Only if it was you who started it."""

    async def work(accesses: Accesses, office: Office) -> tuple[Access, ...]:
        known = await agent_called(office.store, agent)
        return (await accesses.admit(identifier, agent=known, scopes=scope or (), by=office.principal),)

    _show(stopping.run(_with_accesses(context, work)), as_json=as_json, nothing="")


@app.command()
def refuse(context: typer.Context, identifier: Identifier, *, as_json: Json = False) -> None:
    """Say no to a program that asks."""

    async def work(accesses: Accesses, office: Office) -> tuple[Access, ...]:
        return (await accesses.refuse(identifier, by=office.principal),)

    _show(stopping.run(_with_accesses(context, work)), as_json=as_json, nothing="")


@app.command()
def revoke(context: typer.Context, identifier: Identifier, *, as_json: Json = False) -> None:
    """Take back what a program was given. Its next call is refused."""

    async def work(accesses: Accesses, office: Office) -> tuple[Access, ...]:
        return (await accesses.revoke(identifier, by=office.principal),)

    _show(stopping.run(_with_accesses(context, work)), as_json=as_json, nothing="")


async def _with_accesses(context: typer.Context, work: Callable[[Accesses, Office], Awaitable[Result]]) -> Result:
    async with doors_of(context).office() as office:
        return await work(assembly.accesses_of(read_settings(), office.store), office)


def _show(found: Sequence[Access], *, as_json: bool, nothing: str) -> None:
    if as_json:
        output.answer({"programs": [_as_json(one) for one in found]})
    elif found:
        rows = [(one.id, one.number, one.program, urlsplit(one.redirect).netloc, one.state, " ".join(one.scopes))
                for one in found]  # fmt: skip
        output.table(("id", "number", "calls itself", "answers go to", "state", "scopes"), rows)
    else:
        output.tell(nothing)


def _as_json(access: Access) -> dict[str, Any]:
    return {"id": access.id, "number": access.number, "program": access.program,
            "redirect": access.redirect, "state": access.state, "scopes": access.scopes,
            "agent": access.agent_id, "by": access.by, "ends_at_us": access.ends_at_us}  # fmt: skip


async def _agent(context: typer.Context, name: str) -> Agent:
    """The agent, for somebody who may say who calls in its name."""
    async with doors_of(context).office() as office:
        known = await agent_called(office.store, name)
        office.desk.require(office.principal, VERB, Resource(kind="agent", id=known.id))
        return known
