"""The room of the one command that was asked for. All of them together take a second to build.

Knows where commands are, and nothing of what they do. Whatever it does not know, the whole command line answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import typer

from chimera import bootstrap
from chimera.cli import output
from chimera.cli.doors import Doors
from chimera.settings import read_settings

# The first words of commands that have a module of their name, each with its `app`.
GROUPS = (
    "agent",
    "api",
    "audit",
    "bench",
    "budget",
    "campaign",
    "connector",
    "discover",
    "gateway",
    "guard",
    "learn",
    "ledger",
    "memory",
    "models",
    "people",
    "policy",
    "privacy",
    "review",
    "skill",
    "spec",
    "spend",
    "store",
    "task",
    "tools",
    "vault",
    "wallet",
)
# Commands of these groups that stand in another module, as cli/main adds them.
LODGERS = {
    "agent": (("key", "badge", "key"), ("badge", "badge", "badge"), ("recognise", "badge", "recognise")),
    "gateway": (("workers", "processes", "gateway_workers"),),
    "learn": (
        ("compare", "preferences", "compare"),
        ("train", "preferences", "train"),
        ("export", "preferences", "export"),
    ),
    "spec": (("trace", "retelling", "trace"),),
    "spend": (("task", "spent", "task"), ("tasks", "spent", "tasks"), ("costs", "returns", "costs")),
    "vault": (("serve", "processes", "vault_serve"),),
}
COMMANDS = {
    **dict.fromkeys(("up", "feed", "halt", "pause", "resume", "doctor"), "operate"),
    **dict.fromkeys(("office", "manager", "worker", "effects"), "processes"),
    **dict.fromkeys(("login", "logout", "whoami"), "people"),
    "demo": "demo",
    "rehearse": "rehearse",
    "replay": "retelling",
    "top": "top",
    "trends": "trends",
}


def new_app() -> typer.Typer:
    """The command line without a command: what is done before each, and the doors that commands get."""
    app = typer.Typer(
        name="chimera",
        help="A governed fleet of autonomous AI personas.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def begin(context: typer.Context) -> None:
        """A governed fleet of autonomous AI personas."""
        output.log_to_stderr(read_settings().log_level)
        context.obj = Doors(office_store=bootstrap.office_store, office=bootstrap.office)

    return app


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The command line that knows this command: that one alone where its place is known, otherwise all."""
    word = arguments[0] if arguments else ""
    if word in GROUPS:
        app, group = new_app(), import_module(f"chimera.cli.{word}").app
        known = {command.name for command in group.registered_commands}
        for command, other, function in LODGERS.get(word, ()):
            if command not in known:
                group.command(command)(getattr(import_module(f"chimera.cli.{other}"), function))
        app.add_typer(group)
        return app
    if word in COMMANDS:
        app = new_app()
        app.command()(getattr(import_module(f"chimera.cli.{COMMANDS[word]}"), word))
        return app
    whole: typer.Typer = import_module("chimera.cli.main").app
    return whole
