"""The quick way to one command: it is the same command as in the whole command line, and loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from chimera.cli.main import app
from chimera.cli.start import COMMANDS, GROUPS, app_for

HEAVY = ("web3", "mcp", "fastapi", "pydantic", "PIL", "pyarrow", "eth_account", "aiohttp", "numpy", "wordllama")


def told(command: Any) -> Any:
    """Everything that a person can see of a command and of what is below it."""
    inner = getattr(command, "commands", {})
    options = [(one.name, tuple(one.opts), one.default, getattr(one, "help", "")) for one in command.params]
    return command.help, options, {name: told(one) for name, one in inner.items()}


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("word", [*GROUPS, *COMMANDS])
def test_the_quick_way_leads_to_the_same_command(word: str) -> None:
    whole: Any = get_command(app)
    quick: Any = get_command(app_for([word]))
    assert list(quick.commands) == [word]
    assert told(quick.commands[word]) == told(whole.commands[word])
    assert told(quick)[:2] == told(whole)[:2], "and what stands before every command is the same"


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("words", [[], ["--help"], ["nothing-like-it"], ["spec", "trace"]])
def test_whatever_is_not_known_the_whole_command_line_answers(words: list[str]) -> None:
    assert app_for(words) is app


@pytest.mark.requirement("R-M1")
def test_a_command_loads_nothing_heavy() -> None:
    look = f"""
import sys
from chimera.cli.start import app_for
app_for(["halt"])
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
