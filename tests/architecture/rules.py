"""The house's rules that no linter knows. Each reads one parsed module and names what breaks it; none imports it."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 500
FUNCTION_LINES_MEDIAN_MAX = 9
VAGUE_NAMES = frozenset({"base", "common", "core", "helpers", "misc", "shared", "utils"})
# Loads adapters when they are used: importing everything costs 9 s and 201 MB (DESIGN §3).
LATE_IMPORTERS = (
    "src/chimera/bootstrap.py",
    "src/chimera/assembly/",
    "src/chimera/cli/rooms.py",
    "src/chimera/cli/start.py",
    "src/chimera/connectors/sandbox/standing.py",
)
ERRORS = frozenset({"ChimeraError", "Conflict", "Invalid", "Missing", "Refused", "Unavailable"})
MOCK = re.compile(r"(mock|pytest_mock|unittest\.mock)\b")
DURATIONS = frozenset({"SECOND_US", "MINUTE_US", "HOUR_US", "DAY_US"})
# An hour and a day; a million is many things.
LONG_US = frozenset({3_600_000_000, 86_400_000_000})
SQL_ROOM = "src/chimera/adapters/postgres/"
# The text of a function as the database has it; and the one migration that edited some, before that was ruled out.
FUNCTION_TEXT = re.compile(r"pg_get_functiondef|\bprosrc\b", re.I)
EDITS_LIVE_FUNCTIONS = "/pre/0500_however_many_there_are.sql"

# Hosts of package registries, in two halves each so that this file does not contain one.
REGISTRY_HOSTS = tuple(
    left + right
    for left, right in (
        ("pypi.", "org"),
        ("files.python", "hosted.org"),
        ("crates", ".io"),
        ("registry.npm", "js.org"),
        ("registry.yarn", "pkg.com"),
        ("proxy.go", "lang.org"),
        ("sum.go", "lang.org"),
        ("repo1.mav", "en.org"),
        ("repo.maven.", "apache.org"),
        ("deb.", "debian.org"),
        ("security.", "debian.org"),
    )
)

# Case counts where the word alone is also English ("select a folder"); elsewhere two words make a statement.
SQL_PATTERNS = (
    re.compile(r"^\s*(SELECT|CALL|COPY|LOCK|LISTEN|NOTIFY|TRUNCATE|VACUUM)\s"),
    re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b"),
    re.compile(r"^\s*(insert\s+into|delete\s+from|merge\s+into|update\s+\S+\s+set|select\s.+\sfrom)\s", re.I | re.S),
    re.compile(r"^\s*(create|alter|drop)\s+(or\s+replace\s+)?(unique\s+)?"
               r"(table|index|function|schema|role|database|type|trigger|view|extension|sequence|policy)\s", re.I),
    re.compile(r"^\s*(grant|revoke)\s+\S.*\s(on|to|from)\s", re.I | re.S),
    re.compile(r"^\s*with\s+\w+(\s*\([^)]*\))?\s+as\s*\(", re.I),
)  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    path: str
    text: str
    tree: ast.Module


@dataclass(frozen=True)
class Fault:
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def parse(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text, path))


@functools.cache
def tracked_files() -> list[Path]:
    """What git would commit: tracked, and untracked but not ignored. Without git, everything but hidden folders."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    names = listing.stdout.decode().split("\0") if listing.returncode == 0 else _visible(".")
    return sorted(path for path in (ROOT / name for name in names if name) if path.is_file())


def _visible(folder: str) -> Iterator[str]:
    for entry in sorted((ROOT / folder).iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in {"node_modules", "target"}:
            yield from _visible(str(entry.relative_to(ROOT)))
        elif entry.is_file():
            yield str(entry.relative_to(ROOT))


@functools.cache
def sources(*folders: str) -> list[Source]:
    """Every Python file under the folders, parsed."""
    roots = [ROOT / folder for folder in folders]
    files = [path for path in tracked_files() if path.suffix == ".py" and any(root in path.parents for root in roots)]
    return [parse(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in files]


# ── sizes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def functions(source: Source) -> Iterator[Function]:
    return (node for node in ast.walk(source.tree) if isinstance(node, Function))


def lines_of(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_functions(source: Source) -> Iterator[Fault]:
    for node in functions(source):
        if lines_of(node) > FUNCTION_LINES_MAX:
            message = f"{node.name} has {lines_of(node)} lines, {FUNCTION_LINES_MAX} at most: split it"
            yield Fault(source.path, node.lineno, message)


def long_module(source: Source) -> Iterator[Fault]:
    count = len(source.text.splitlines())
    if count > MODULE_LINES_MAX:
        yield Fault(source.path, count, f"{count} lines, {MODULE_LINES_MAX} at most: what are its two subjects?")


# ── names and prose ─────────────────────────────────────────────────────────────────────────────────────────────────


def undocumented_module(source: Source) -> Iterator[Fault]:
    if source.path.endswith("__init__.py"):
        return
    if not (ast.get_docstring(source.tree) or "").strip():
        yield Fault(source.path, 1, "a module says what it is for and what it may not do")


def inhabited_package_file(source: Source) -> Iterator[Fault]:
    if source.path.endswith("__init__.py") and source.text.strip():
        yield Fault(source.path, 1, "an __init__.py is empty: import from the defining module")


def vague_name(source: Source) -> Iterator[Fault]:
    words = {part.removesuffix(".py").strip("_") for part in source.path.split("/")}
    for word in sorted(words & VAGUE_NAMES):
        yield Fault(source.path, 1, f"{word!r} says nothing: name it for what it knows")


# ── imports ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def type_checking_escapes(source: Source) -> Iterator[Fault]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                yield Fault(source.path, node.lineno, "TYPE_CHECKING hides a cycle: imports point down")
            case ast.ImportFrom() if "typing.TYPE_CHECKING" in imported(node):
                yield Fault(source.path, node.lineno, "TYPE_CHECKING hides a cycle: imports point down")
            case _:
                pass


def late_imports(source: Source) -> Iterator[Fault]:
    if source.path.startswith(LATE_IMPORTERS):
        return
    for function in functions(source):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom) or (isinstance(node, ast.Call) and _imports(node)):
                yield Fault(source.path, node.lineno, f"{function.name} imports when called; only bootstrap does that")


def _imports(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] in {"import_module", "__import__"}


def mocks(source: Source) -> Iterator[Fault]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and any(MOCK.match(name) for name in imported(node)):
            yield Fault(source.path, node.lineno, "no mocks: use the port's local adapter, which runs the same suite")


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [prefix + alias.name for alias in node.names]


# ── signatures ──────────────────────────────────────────────────────────────────────────────────────────────────────


def loose_signatures(source: Source) -> Iterator[Fault]:
    for function in public_functions(source.tree.body):
        if function.args.kwarg:
            message = f"{function.name} takes **{function.args.kwarg.arg}: name what it takes"
            yield Fault(source.path, function.lineno, message)
        for argument in function.args.posonlyargs + function.args.args:
            if argument.annotation and re.search(r"\bbool\b", ast.unparse(argument.annotation)):
                message = f"{function.name}: the boolean {argument.arg!r} is keyword-only, or an enum"
                yield Fault(source.path, argument.lineno, message)


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    for node in body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from public_functions(node.body)


# ── contents ────────────────────────────────────────────────────────────────────────────────────────────────────────


def silent_errors(source: Source) -> Iterator[Fault]:
    """An error says what to do about it, even where that is nothing."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            given = [word.value for word in node.keywords if word.arg == "remedy"]
            if not given or (isinstance(given[0], ast.Constant) and not str(given[0].value).strip()):
                yield Fault(source.path, node.lineno, f"{node.func.id} without a remedy")


def home_made_durations(source: Source) -> Iterator[Fault]:
    """How long an hour and a day are is said in `domain/durations` alone: it stood in seventeen modules."""
    if source.path.endswith("domain/durations.py"):
        return
    for node in ast.walk(source.tree):
        named = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.lstrip("_") in DURATIONS
        spelt = isinstance(node, ast.Constant) and type(node.value) is int and node.value in LONG_US
        if isinstance(node, ast.expr) and (named or spelt):
            yield Fault(source.path, node.lineno, "take it from chimera.domain.durations")


def sql_in_python(source: Source) -> Iterator[Fault]:
    """A heuristic: a string that begins like a statement. Docstrings are prose."""
    if not source.path.startswith(SQL_ROOM):
        return
    prose = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in prose:
            continue
        if any(pattern.match(node.value) for pattern in SQL_PATTERNS):
            yield Fault(source.path, node.lineno, "a statement belongs in a .sql file")


def edited_functions(path: str, text: str) -> Iterator[Fault]:
    """Whoever reads the last migration that names a function reads what runs (ADR-223)."""
    if "/migrations/" not in path or path.endswith(EDITS_LIVE_FUNCTIONS):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if FUNCTION_TEXT.search(line):
            yield Fault(path, number, "reads the text of a function: say all of it anew, CREATE OR REPLACE FUNCTION")


def registry_hosts(path: str, text: str) -> Iterator[Fault]:
    for number, line in enumerate(text.splitlines(), start=1):
        for host in REGISTRY_HOSTS:
            if host in line:
                yield Fault(path, number, "names a package registry's host: the plain clients know theirs")


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────────


def documented_targets(makefile: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z][a-z0-9-]*):[^\n#]*## (.+)$", makefile, re.MULTILINE))


def groups(makefile: str) -> list[str]:
    return re.findall(r"^##@ (.+)$", makefile, re.MULTILINE)


def make_commands(markdown: str) -> set[str]:
    """Targets that a text tells its reader to run: `make x` in code, inline or in a block."""
    code = re.findall(r"```.*?```|`[^`\n]+`", markdown, re.DOTALL)
    return {target for piece in code for target in re.findall(r"(?:^|[\s`;&])make ([a-z][a-z0-9-]*)", piece)}
