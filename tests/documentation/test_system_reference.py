"""Settings, error codes, event kinds and commands: what exists is in the reference, and what is there exists."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.main import get_command

from chimera.cli.main import app
from chimera.domain import errors
from chimera.domain.event import EventKind
from chimera.settings import Settings
from tests import fleet

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "chimera"
KINDS = {
    "ChimeraError",
    *(kind.__name__ for kind in errors.ChimeraError.__subclasses__() if kind.__module__ == errors.__name__),
}
# A state machine makes its codes from its own words.
MADE_BY_MACHINES = "<noun>_<state>_cannot_<command>"


def sections(page: str) -> dict[str, str]:
    """The text below each heading."""
    parts = re.split(r"^## (.+)$", (REFERENCE / page).read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-L4")
def test_every_setting_is_a_heading_with_its_default() -> None:
    found = sections("settings.md")
    assert list(found) == [field.name for field in msgspec.structs.fields(Settings)]
    for field in msgspec.structs.fields(Settings):
        shown = f"`{field.default}`" if field.default != "" else "empty"
        assert f"Default: {shown}" in found[field.name], field.name
        assert f"`CHIMERA_{field.name.upper()}`" in found[field.name], field.name


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each code that a module makes an error with, and the kind of that error."""
    tree = ast.parse(path.read_text("utf-8"))
    named = {
        target.id: node.value.value
        for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in KINDS and node.args:
                yield from ((code, node.func.id) for code in _code_of(node.args[0], named))
            if node.func.id == "Faults":
                yield _code_of_faults(node), "Invalid"


def _code_of(node: ast.expr, named: dict[str, Any]) -> Iterator[str]:
    match node:
        case ast.Constant(str(code)):
            yield code
        case ast.Name(name):
            yield named[name]
        case ast.JoinedStr():
            yield MADE_BY_MACHINES
        case ast.Attribute(attr="code"):
            return  # An error of another process, under the code that it has there.
        case _:
            raise AssertionError(f"the code {ast.unparse(node)!r} cannot be read from the source")


def _code_of_faults(node: ast.Call) -> str:
    given = [word.value for word in node.keywords if word.arg == "code"]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else "document_invalid"


@pytest.mark.requirement("R-L4")
def test_every_error_code_is_a_row_with_its_kinds() -> None:
    used: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        # What the simulator invents, no user meets.
        if "testing" not in path.relative_to(SOURCE).parts:
            for code, kind in codes_in(path):
                used[code].add(kind)
    page = (REFERENCE / "errors.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    listed = {code: set(re.findall(r"`(\w+)`", kinds)) for code, kinds, _, _ in rows if code not in KINDS}
    assert listed == dict(used)
    assert len(rows) == len({code for code, _, _, _ in rows}), "a code has one row"


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-L4")
def test_every_kind_of_event_is_a_heading() -> None:
    found = sections("events.md")
    assert list(found) == [str(kind) for kind in EventKind]
    assert all("| Field | Holds |" in text or "It has no data." in text for text in found.values())


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def commands(command: Any, words: tuple[str, ...] = ("chimera",)) -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(words), command
        return
    for name, child in children.items():
        yield from commands(child, (*words, name))


@pytest.mark.requirement("R-L4")
def test_every_command_is_a_heading_with_its_options_and_exit_codes() -> None:
    found, existing = sections("cli.md"), dict(commands(get_command(app)))
    assert sorted(found) == sorted(existing)
    for words, command in existing.items():
        options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
        assert set(re.findall(r"^\| `(--[a-z-]+)`", found[words], re.MULTILINE)) == options - {"--help"}, words
        assert re.search(r"^Exit codes: \d", found[words], re.MULTILINE), words


def named_in_readme() -> set[str]:
    """The commands that the README's table names: `chimera spec lint` / `show` are two."""
    rows = re.findall(r"^\| (`chimera .+?) \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    named: set[str] = set()
    for row in rows:
        first, *others = [words.split() for words in re.findall(r"`([^`]+)`", row)]
        plain = [[word for word in words if word.islower()] for words in (first, *others)]
        named |= {" ".join(words if words[0] == "chimera" else [*plain[0][:-1], *words]) for words in plain}
    return named


@pytest.mark.requirement("R-L4", "R-M1")
def test_the_commands_of_the_readme_exist() -> None:
    named = named_in_readme()
    assert len(named) > 10
    assert named <= set(dict(commands(get_command(app))))


RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))


def printed(page: str) -> set[str]:
    """The commands that a page prints, in lines or in its text, up to what a shell makes of the rest."""
    lines = re.findall(r"(?:`|^ *(?:\$ )?)(chimera [a-z][^`\n]*)", page, re.MULTILINE)
    return {re.split(r" (?:[|>#]|&&) ", line)[0].rstrip(".,;: ") for line in lines}


def wrong_in(command: str, existing: dict[str, Any]) -> str:
    """What a person who types it at three in the morning would be told is wrong; nothing where all is well.

    A group by its name alone, such as `chimera task`, is a word about it. What alternatives there are is read as one.
    """
    words = command.replace("…", "").split()
    plain = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    known = [" ".join(plain[:length]) for length in range(len(plain), 1, -1)]
    found = next((one for one in known if one in existing), None)
    if found is None:
        return "" if any(one.startswith(f"{known[0]} ") for one in existing) else "there is no such command"
    options = {name for parameter in existing[found].params for name in parameter.opts if name.startswith("-")}
    given = {word.partition("=")[0].strip("[]") for word in words if word.strip("[]").startswith("-")}
    return f"it takes no {', '.join(sorted(given - options - {'--help'}))}" if given - options - {"--help"} else ""


@pytest.mark.requirement("R-L4")
@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_command_that_a_runbook_prints_is_one_with_these_options(runbook: Path) -> None:
    existing = dict(commands(get_command(app)))
    wrong = {one: why for one in printed(runbook.read_text("utf-8")) if (why := wrong_in(one, existing))}
    assert wrong == {}


def test_a_command_that_would_not_work_as_printed_is_found() -> None:
    existing = dict(commands(get_command(app)))
    assert wrong_in("chimera task redrive ID --why …", existing) == "it takes no --why"
    assert wrong_in("chimera task revive ID", existing) == "there is no such command"
    assert not wrong_in("chimera task redrive --all --type NAME --reason …", existing)
    assert printed("`chimera feed` and\n   chimera task dead --json | jq .\n") == {
        "chimera feed",
        "chimera task dead --json",
    }


@pytest.mark.requirement("R-L4", "R-M1")
@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_the_targets_that_documents_name_exist(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", (ROOT / document).read_text("utf-8"), re.MULTILINE)) <= targets


@pytest.mark.requirement("R-M1")
def test_make_help_lists_what_there_is() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert {"run", "test", "setup", "check", "simulate", "mutants", "test-faults"} <= set(re.findall(r"[a-z-]+", plain))


@pytest.mark.requirement("R-L1")
def test_help_names_every_command(tmp_path: Path) -> None:
    shown = fleet.chimera(tmp_path / "home", "--help")
    assert shown.code == 0
    assert all(f" {name} " in shown.out for name in ("up", "demo", "feed", "halt", "resume", "doctor", "replay"))
    assert list(tmp_path.iterdir()) == [], "looking writes nothing"
