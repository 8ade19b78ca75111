#!/usr/bin/env python3
"""Says which test proves which requirement. Reads two kinds of file and prints a table; changes nothing.

    python .specify/scripts/trace.py [--root DIR] [--json]

Reads `.specify/requirements.yaml` and, by `ast` and without importing them, all of `tests/**/*.py`. A test names what
it proves by `@pytest.mark.requirement("R-A1", ...)` on a function or class, or by `pytestmark = ...` in a module or
class.

Exit 0: every requirement marked done has a test, and every id named exists. Exit 1: not so. Exit 2: a file cannot be
understood; file and line are named. A test that is skipped whatever happens proves nothing and is not counted.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS_FILE = Path(".specify") / "requirements.yaml"
TESTS_FOLDER = Path("tests")
ID_PATTERN = re.compile(r"R-[A-Z][1-9][0-9]*\Z")
STATUSES = ("planned", "building", "done")
KEYS = ("id", "status", "title")
FILE_BYTES_MAX = 5_000_000
TESTS_SHOWN_MAX = 3

TestNode = ast.FunctionDef | ast.AsyncFunctionDef
YAML_KINDS = {yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a plain value"}


@dataclass(frozen=True)
class Requirement:
    id: str
    title: str
    status: str
    line: int


@dataclass(frozen=True)
class Mark:
    """One test naming one requirement."""

    id: str
    test: str
    path: str
    line: int


@dataclass(frozen=True)
class Fault:
    path: str
    line: int
    message: str


@dataclass(frozen=True)
class Markers:
    """What a decorator list or a `pytestmark` says."""

    ids: tuple[tuple[str, int], ...] = ()
    skipped: bool = False

    def joined(self, other: Markers) -> Markers:
        return Markers(self.ids + other.ids, self.skipped or other.skipped)


@dataclass(frozen=True)
class Trace:
    requirements: tuple[Requirement, ...]
    marks: tuple[Mark, ...]

    @property
    def unknown(self) -> tuple[Mark, ...]:
        known = {requirement.id for requirement in self.requirements}
        return tuple(mark for mark in self.marks if mark.id not in known)

    @property
    def unproven(self) -> tuple[Requirement, ...]:
        named = {mark.id for mark in self.marks}
        return tuple(r for r in self.requirements if r.status == "done" and r.id not in named)

    def tests_of(self, requirement: Requirement) -> list[str]:
        return sorted({mark.test for mark in self.marks if mark.id == requirement.id})


class NotUnderstood(Exception):
    """A file that says nothing we could rely on. Carries the place."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.fault = Fault(path, line, message)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="trace.py", description="Says which test proves which requirement.")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the repository's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        trace = read_trace(options.root)
    except NotUnderstood as error:
        sys.stderr.write(f"trace: {error}\n")
        if options.json:
            sys.stdout.write(json.dumps({"ok": False, "fault": asdict(error.fault)}) + "\n")
        return 2
    sys.stdout.write(as_json(trace) if options.json else as_table(trace))
    complaints = list(complaints_of(trace))
    sys.stderr.writelines(f"trace: {complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


def read_trace(root: Path) -> Trace:
    requirements = read_requirements(root)
    folder = root / TESTS_FOLDER
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else []
    return Trace(requirements, tuple(mark for file in files for mark in read_marks(root, file)))


# --- the list of requirements -----------------------------------------------------------------------------------------


def read_requirements(root: Path) -> tuple[Requirement, ...]:
    path = str(REQUIREMENTS_FILE)
    document = compose(path, read_text(root / REQUIREMENTS_FILE, path))
    fields = mapping_of(path, document, allowed=("requirements", "version"))
    if scalar_of(path, fields["version"]) != "1":
        raise NotUnderstood(path, line_of(fields["version"]), "version has to be 1")
    rows = fields["requirements"]
    if not isinstance(rows, yaml.SequenceNode) or not rows.value:
        raise NotUnderstood(path, line_of(rows), "requirements has to be a list with at least one entry")
    requirements = tuple(read_requirement(path, row) for row in rows.value)
    first: dict[str, int] = {}
    for requirement in requirements:
        if requirement.id in first:
            message = f"{requirement.id} is listed twice, first in line {first[requirement.id]}"
            raise NotUnderstood(path, requirement.line, message)
        first[requirement.id] = requirement.line
    return requirements


def read_requirement(path: str, node: yaml.Node) -> Requirement:
    fields = {key: scalar_of(path, value) for key, value in mapping_of(path, node, allowed=KEYS).items()}
    line = line_of(node)
    if not ID_PATTERN.match(fields["id"]):
        raise NotUnderstood(path, line, f"{fields['id']!r} is not an id like R-A1")
    if fields["status"] not in STATUSES:
        raise NotUnderstood(path, line, f"status of {fields['id']} has to be one of {', '.join(STATUSES)}")
    if not fields["title"].strip():
        raise NotUnderstood(path, line, f"{fields['id']} has no title")
    return Requirement(fields["id"], fields["title"], fields["status"], line)


def compose(path: str, text: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotUnderstood(path, mark.line + 1 if mark else 1, f"not YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotUnderstood(path, line, f"not YAML: {error.reason}") from error
    except (RecursionError, ValueError) as error:
        raise NotUnderstood(path, 1, f"not YAML that can be read: {type(error).__name__}") from error
    if node is None:
        raise NotUnderstood(path, 1, "the file is empty")
    return node


def mapping_of(path: str, node: yaml.Node, *, allowed: tuple[str, ...]) -> dict[str, yaml.Node]:
    """All of the allowed keys, each once, and no other. Plain `yaml.load` would keep the last of two in silence."""
    if not isinstance(node, yaml.MappingNode):
        raise NotUnderstood(path, line_of(node), f"a mapping belongs here, found {kind_of(node)}")
    fields: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        key = scalar_of(path, key_node)
        if key in fields:
            raise NotUnderstood(path, line_of(key_node), f"the key {key!r} is given twice")
        if key not in allowed:
            raise NotUnderstood(path, line_of(key_node), f"unknown key {key!r}; known are {', '.join(allowed)}")
        fields[key] = value
    missing = [key for key in allowed if key not in fields]
    if missing:
        raise NotUnderstood(path, line_of(node), f"missing: {', '.join(missing)}")
    return fields


def scalar_of(path: str, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise NotUnderstood(path, line_of(node), f"plain text belongs here, found {kind_of(node)}")
    return str(node.value)


def kind_of(node: yaml.Node) -> str:
    return YAML_KINDS.get(type(node), "something else")


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


# --- the tests --------------------------------------------------------------------------------------------------------


def read_marks(root: Path, file: Path) -> tuple[Mark, ...]:
    path = file.relative_to(root).as_posix()
    try:
        module = ast.parse(read_text(file, path), filename=path)
    except SyntaxError as error:
        raise NotUnderstood(path, error.lineno or 1, f"not Python: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise NotUnderstood(path, 1, f"not Python that can be read: {error}") from error
    return tuple(marks_in(path, module.body, prefix=path, around=Markers()))


def marks_in(path: str, body: list[ast.stmt], *, prefix: str, around: Markers) -> Iterator[Mark]:
    """The marks of every test in a module's or class's body; `around` is what the enclosing ones said."""
    here = around
    statements = list(flattened(body))
    for statement in statements:
        here = here.joined(pytestmark_of(path, statement))
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            own = here.joined(markers_of(path, statement.decorator_list))
            yield from marks_in(path, statement.body, prefix=f"{prefix}::{statement.name}", around=own)
        elif isinstance(statement, TestNode):
            own = here.joined(markers_of(path, statement.decorator_list))
            if statement.name.startswith("test") and not own.skipped:
                name = f"{prefix}::{statement.name}"
                yield from (Mark(id_, name, path, line) for id_, line in own.ids)


def flattened(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of the `if`, `try` and `with` blocks in it: a test may stand under a condition."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for block in ("body", "orelse", "finalbody"):
                yield from flattened(getattr(statement, block, []))
            for handler in getattr(statement, "handlers", []):
                yield from flattened(handler.body)


def pytestmark_of(path: str, statement: ast.stmt) -> Markers:
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return Markers()
    if not any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets):
        return Markers()
    return markers_of(path, value.elts if isinstance(value, ast.List | ast.Tuple) else [value])


def markers_of(path: str, expressions: list[ast.expr]) -> Markers:
    found = Markers()
    for expression in expressions:
        called = isinstance(expression, ast.Call)
        name = marker_name(expression.func if isinstance(expression, ast.Call) else expression)
        if name == "skip":
            found = found.joined(Markers(skipped=True))
        elif name == "requirement" and not called:
            raise NotUnderstood(path, expression.lineno, "the marker requirement names no id")
        elif name == "requirement" and isinstance(expression, ast.Call):
            found = found.joined(Markers(ids=tuple(ids_of(path, expression))))
    return found


def marker_name(node: ast.expr) -> str:
    """`requirement` for `pytest.mark.requirement` and for `mark.requirement`; nothing for anything else."""
    match node:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"), attr=name):
            return name
        case ast.Attribute(value=ast.Name(id="mark"), attr=name):
            return name
        case _:
            return ""


def ids_of(path: str, call: ast.Call) -> Iterator[tuple[str, int]]:
    if not call.args or call.keywords:
        raise NotUnderstood(path, call.lineno, 'the marker requirement takes ids and nothing else: requirement("R-A1")')
    for argument in call.args:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            message = "the marker requirement takes ids written out as text; what is computed cannot be traced"
            raise NotUnderstood(path, argument.lineno, message)
        yield argument.value, argument.lineno


# --- what is printed --------------------------------------------------------------------------------------------------


def complaints_of(trace: Trace) -> Iterator[str]:
    for requirement in trace.unproven:
        yield f"{REQUIREMENTS_FILE}:{requirement.line}: {requirement.id} is marked done and no test names it"
    for mark in trace.unknown:
        yield f"{mark.path}:{mark.line}: {mark.test} names {mark.id}, which {REQUIREMENTS_FILE} does not list"


@dataclass(frozen=True)
class Counts:
    requirements: int
    planned: int
    building: int
    done: int
    with_tests: int
    tests: int = field(default=0)


def counts_of(trace: Trace) -> Counts:
    statuses = [requirement.status for requirement in trace.requirements]
    return Counts(
        requirements=len(statuses),
        planned=statuses.count("planned"),
        building=statuses.count("building"),
        done=statuses.count("done"),
        with_tests=sum(1 for requirement in trace.requirements if trace.tests_of(requirement)),
        tests=len({mark.test for mark in trace.marks}),
    )


def as_json(trace: Trace) -> str:
    answer = {
        "ok": not trace.unknown and not trace.unproven,
        "counts": asdict(counts_of(trace)),
        "unproven": [requirement.id for requirement in trace.unproven],
        "unknown": [asdict(mark) for mark in trace.unknown],
        "requirements": [
            {"id": r.id, "status": r.status, "title": r.title, "tests": trace.tests_of(r)} for r in trace.requirements
        ],
    }
    return json.dumps(answer, ensure_ascii=False) + "\n"


def as_table(trace: Trace) -> str:
    lines = [f"{'id':<6} {'status':<9} {'tests':>5}  title"]
    for requirement in trace.requirements:
        tests = trace.tests_of(requirement)
        lines.append(f"{requirement.id:<6} {requirement.status:<9} {len(tests):>5}  {requirement.title}")
        lines.extend(f"{'':<24}{test}" for test in tests[:TESTS_SHOWN_MAX])
        if len(tests) > TESTS_SHOWN_MAX:
            lines.append(f"{'':<24}and {len(tests) - TESTS_SHOWN_MAX} more")
    n = counts_of(trace)
    lines.append(
        f"{n.requirements} requirements: {n.done} done, {n.building} building, {n.planned} planned; "
        f"{n.with_tests} are named by {n.tests} tests"
    )
    return "\n".join(lines) + "\n"


# --- files ------------------------------------------------------------------------------------------------------------


def read_text(file: Path, path: str) -> str:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise NotUnderstood(path, 1, f"longer than {FILE_BYTES_MAX} bytes")
        content = file.read_bytes()
    except OSError as error:
        raise NotUnderstood(path, 1, f"cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUnderstood(path, content.count(b"\n", 0, error.start) + 1, "not UTF-8") from error


if __name__ == "__main__":
    sys.exit(main())
