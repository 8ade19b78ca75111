"""The quick way to one command: it is the same command as in the whole command line, and loads nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from chimera.cli import output
from chimera.cli.main import app
from chimera.cli.rooms import COMMANDS, GROUPS, app_for

HEAVY = ("web3", "mcp", "fastapi", "pydantic", "PIL", "pyarrow", "eth_account", "aiohttp", "numpy", "wordllama")


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command by its words."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield words
    for name, one in inner.items():
        yield from leaves(one, (*words, name))


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
def test_the_quick_way_knows_every_command_of_its_group() -> None:
    """In a process of its own: where the whole command line was loaded before, its groups are complete anyway."""
    look = f"""
import json
from typer.main import get_command
from chimera.cli.rooms import app_for
print(json.dumps({{word: sorted(get_command(app_for([word])).commands[word].commands) for word in {[*GROUPS]}}}))
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=120)
    whole: Any = get_command(app)
    assert json.loads(done.stdout) == {word: sorted(whole.commands[word].commands) for word in GROUPS}


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("words", [[], ["--help"], ["nothing-like-it"], ["chronicle"]])
def test_whatever_is_not_known_the_whole_command_line_answers(words: list[str]) -> None:
    assert app_for(words) is app


@pytest.mark.requirement("R-M1")
def test_a_command_loads_nothing_heavy() -> None:
    look = f"""
import sys
from chimera.cli.rooms import app_for
app_for(["halt"])
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("module, words", [("cli.start", ["halt"]), ("connectors.sandbox.standing", [])])
def test_nothing_is_collected_while_a_process_is_loaded(module: str, words: list[str]) -> None:
    """A fifth or more of its start; and what is loaded by then is never looked at again."""
    look = f"""
import atexit, gc, sys
from chimera.{module} import main
early = []
gc.callbacks.append(lambda phase, told: early.append(phase) if not gc.get_freeze_count() else None)
atexit.register(lambda: print([len(early), gc.isenabled(), gc.get_freeze_count() > 50_000]))
sys.argv = ["chimera", *{words}, "--help"]
main()
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[0, True, True]"


HOSTILE = {
    "text_has_nul": "a\x00b",
    "text_lone_surrogate": os.fsdecode(b"\xff") + " is no text",
    "argument_too_long": "x" * 10_000_000,
}


@pytest.mark.requirement("R-M2", "R-D1")
@pytest.mark.parametrize("code", HOSTILE)
def test_no_command_takes_what_is_no_text_or_ten_megabytes(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(tmp_path / "home"))
    every = list(leaves(get_command(app)))
    assert len(every) > 60
    for words in every:
        assert output.run(app, [*words, HOSTILE[code], "--json"]) == 2
        said = capsys.readouterr()
        assert json.loads(said.out)["error"]["code"] == code, words
        assert len(said.out) < 500
    assert list(tmp_path.iterdir()) == []
