"""`chimera`: puts the commands together and gives them their doors. Knows the assembly, and no command's inside."""

from __future__ import annotations

import sys

import typer

from chimera import bootstrap
from chimera.cli import (
    agent,
    api,
    audit,
    bench,
    demo,
    gateway,
    guard,
    learn,
    memory,
    models,
    money,
    operate,
    output,
    people,
    policy,
    preferences,
    privacy,
    processes,
    review,
    spec,
    tools,
    trends,
    vault,
    wallet,
)
from chimera.cli.doors import Doors
from chimera.settings import read_settings

app = typer.Typer(
    name="chimera",
    help="A governed fleet of autonomous AI personas.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(agent.app)
app.add_typer(api.app)
app.add_typer(spec.app)
app.add_typer(bench.app)
app.add_typer(audit.app)
app.add_typer(review.app)
app.add_typer(guard.app)
app.add_typer(privacy.app)
app.add_typer(policy.app)
app.add_typer(learn.app)
app.add_typer(models.app)
app.add_typer(memory.app)
app.add_typer(tools.app)
app.add_typer(gateway.app)
app.add_typer(people.app)
app.add_typer(vault.app)
app.add_typer(wallet.app)
for room in (money.budget, money.spend, money.ledger):
    app.add_typer(room)
spec.app.command("trace")(audit.trace)
gateway.app.command("workers")(processes.gateway_workers)
vault.app.command("serve")(processes.vault_serve)
learn.app.command("train")(preferences.train)
learn.app.command("export")(preferences.export)
for command in (
    operate.up,
    demo.demo,
    operate.feed,
    operate.halt,
    operate.resume,
    operate.doctor,
    processes.office,
    processes.manager,
    processes.worker,
    processes.effects,
    audit.replay,
    trends.trends,
):
    app.command()(command)
for command in (people.login, people.logout, people.whoami):
    app.command()(command)


@app.callback()
def begin(context: typer.Context) -> None:
    """A governed fleet of autonomous AI personas."""
    output.log_to_stderr(read_settings().log_level)
    context.obj = Doors(office_store=bootstrap.office_store, office=bootstrap.office)


def main() -> None:
    """The `chimera` command."""
    sys.exit(output.run(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
