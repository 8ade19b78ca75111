"""The scripts of `.specify`: which test proves which requirement, and how a spec is started."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("R-K2")

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / ".specify" / "scripts"
SECONDS_MAX = 30
SECTIONS = dict(zip("ABCDEFGHIJKLMN", (7, 7, 3, 8, 7, 4, 6, 3, 2, 3, 2, 4, 3, 7), strict=True))
WORDS = (".specify/specs", "docs", "research")

A1_DONE = '{id: R-A1, status: done, title: "one"}'
B2_PLANNED = '{id: R-B2, status: planned, title: "two"}'
NAMES_A1 = '@pytest.mark.requirement("R-A1")\ndef test_one() -> None: ...\n'
HEAD = b"version: 1\nrequirements:\n  - "


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


def run(script: str, *arguments: str) -> Answer:
    """The script as make and people run it."""
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def loaded(script: Path) -> ModuleType:
    """The script as a module: a process for each of the many small trees would take most of this suite's time."""
    spec = importlib.util.spec_from_file_location("specify_trace", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


TRACE = loaded(SCRIPTS / "trace.py")


@dataclass(frozen=True)
class Tree:
    """A small repository to run on."""

    root: Path

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def require(self, *rows: str) -> None:
        body = "".join(f"  - {row}\n" for row in rows)
        self.write(".specify/requirements.yaml", f"version: 1\nrequirements:\n{body}")

    def trace(self, *arguments: str) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = TRACE.main(["--root", str(self.root), *arguments])
        return Answer(code, out.getvalue(), err.getvalue())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


class TestWhatIsProven:
    def test_a_done_requirement_with_a_test_passes(self, tree: Tree) -> None:
        tree.require(A1_DONE, B2_PLANNED)
        tree.write("tests/deep/down/test_a.py", NAMES_A1)
        answer = tree.trace("--json")
        assert answer.code == 0
        assert answer.json["ok"] is True
        assert answer.json["requirements"][0]["tests"] == ["tests/deep/down/test_a.py::test_one"]
        assert answer.json["counts"]["done"] == 1

    def test_a_done_requirement_without_a_test_fails(self, tree: Tree) -> None:
        tree.require(B2_PLANNED, A1_DONE)
        tree.write("tests/test_a.py", "def test_one() -> None: ...\n")
        answer = tree.trace("--json")
        assert answer.code == 1
        assert answer.json["unproven"] == ["R-A1"]
        assert ".specify/requirements.yaml:4: R-A1" in answer.err

    def test_no_tests_at_all_prove_nothing(self, tree: Tree) -> None:
        tree.require(A1_DONE)
        assert tree.trace().code == 1

    def test_a_planned_requirement_needs_no_test(self, tree: Tree) -> None:
        tree.require(B2_PLANNED)
        assert tree.trace().code == 0

    def test_an_unknown_id_fails_and_is_named_with_its_place(self, tree: Tree) -> None:
        tree.require(B2_PLANNED)
        tree.write("tests/test_a.py", '\n@pytest.mark.requirement("R-B2", "R-Z9")\ndef test_one() -> None: ...\n')
        answer = tree.trace("--json")
        assert answer.code == 1
        (mark,) = answer.json["unknown"]
        assert (mark["id"], mark["path"], mark["line"]) == ("R-Z9", "tests/test_a.py", 2)
        assert "tests/test_a.py:2" in answer.err

    def test_the_table_names_every_requirement_and_its_tests(self, tree: Tree) -> None:
        tree.require(A1_DONE, B2_PLANNED)
        tree.write("tests/test_a.py", NAMES_A1)
        table = tree.trace().out
        assert re.search(r"^R-A1 +done +1 +one$", table, re.MULTILINE)
        assert re.search(r"^R-B2 +planned +0 +two$", table, re.MULTILINE)
        assert "tests/test_a.py::test_one" in table


MARK = 'pytest.mark.requirement("R-A1")'
TEST = "def test_one() -> None: ...\n"
METHOD = "    async def test_one(self) -> None: ...\n"


@pytest.mark.parametrize(
    ("content", "test"),
    [
        (f"pytestmark = {MARK}\n{TEST}", "test_one"),
        (f"{TEST}pytestmark: object = [pytest.mark.slow, {MARK}]\n", "test_one"),
        (f"@{MARK}\nclass TestIt:\n{METHOD}", "TestIt::test_one"),
        (f'class TestIt:\n    pytestmark = mark.requirement("R-A1")\n{METHOD}', "TestIt::test_one"),
        (f"if True:\n    @{MARK}\n    {TEST}", "test_one"),
        (f'@pytest.mark.skipif(True, reason="")\n@{MARK}\n{TEST}', "test_one"),
    ],
    ids=["module", "module-list", "class", "class-mark", "condition", "skipif"],
)
def test_a_marker_counts_wherever_pytest_would_see_it(tree: Tree, content: str, test: str) -> None:
    tree.require(A1_DONE)
    tree.write("tests/test_a.py", content)
    answer = tree.trace("--json")
    assert answer.json["requirements"][0]["tests"] == [f"tests/test_a.py::{test}"]
    assert answer.code == 0


@pytest.mark.parametrize(
    "content",
    [
        f"# @{MARK}\n{TEST}",
        f'SAMPLE = """@{MARK}\n{TEST}"""\n',
        f"@{MARK}\ndef helper() -> None: ...\n",
        f"pytestmark = {MARK}\n",
        f'@pytest.mark.skip(reason="later")\n@{MARK}\n{TEST}',
        f"pytestmark = [pytest.mark.skip]\n@{MARK}\n{TEST}",
        f'@other.requirement("R-A1")\n{TEST}',
    ],
    ids=["comment", "text", "not-a-test", "no-test", "skipped", "module-skipped", "other-marker"],
)
def test_what_never_runs_proves_nothing(tree: Tree, content: str) -> None:
    tree.require(A1_DONE)
    tree.write("tests/test_a.py", content)
    assert tree.trace("--json").json["unproven"] == ["R-A1"]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (HEAD + b"{id: R-A1\n   ]\n", 4, "not YAML"),
        (HEAD + A1_DONE.encode() + b"\n  - " + A1_DONE.encode(), 4, "listed twice, first in line 3"),
        (HEAD + b"{id: R-A1, id: R-A2, status: done, title: x}\n", 3, "'id' is given twice"),
        (b"version: 1\nversion: 1\nrequirements: []\n", 2, "'version' is given twice"),
        (HEAD + b"{id: A1, status: done, title: x}\n", 3, "not an id"),
        (HEAD + b"{id: R-A1, status: perfect, title: x}\n", 3, "status of R-A1"),
        (HEAD + b"{id: R-A1, title: x}\n", 3, "missing: status"),
        (HEAD + b"{id: R-A1, status: done, title: x, owner: y}\n", 3, "unknown key 'owner'"),
        (HEAD + b"{id: R-A1, status: done, title: ''}\n", 3, "no title"),
        (HEAD + b"{id: [R-A1], status: done, title: x}\n", 3, "found a list"),
        (b"version: 2\nrequirements:\n  - " + A1_DONE.encode() + b"\n", 1, "version has to be 1"),
        (b"version: 1\nrequirements: []\n", 2, "at least one"),
        (b"- one\n- two\n", 1, "found a list"),
        (b"", 1, "empty"),
        (b"version: 1\n# \xff\n", 2, "not UTF-8"),
        (b"version: 1\nrequirements: \x00\n", 2, "not YAML"),
        (b"[" * 5000, 1, "not YAML"),
    ],
)
def test_a_malformed_list_is_refused_with_its_place(tree: Tree, content: bytes, line: int, words: str) -> None:
    tree.write(".specify/requirements.yaml", content)
    answer = tree.trace("--json")
    assert answer.code == 2
    assert answer.json["ok"] is False
    assert answer.json["fault"]["path"] == ".specify/requirements.yaml"
    assert answer.json["fault"]["line"] == line
    assert words in answer.json["fault"]["message"]
    assert f".specify/requirements.yaml:{line}: " in answer.err


def test_a_missing_list_is_refused(tree: Tree) -> None:
    answer = tree.trace()
    assert answer.code == 2
    assert ".specify/requirements.yaml" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("x = 1\ndef test_one(:\n", 2, "not Python"),
        ("@pytest.mark.requirement\ndef test_one() -> None: ...\n", 1, "names no id"),
        ("@pytest.mark.requirement()\ndef test_one() -> None: ...\n", 1, "takes ids"),
        ("\n@pytest.mark.requirement(ID)\ndef test_one() -> None: ...\n", 2, "cannot be traced"),
        ('@pytest.mark.requirement(id="R-A1")\ndef test_one() -> None: ...\n', 1, "takes ids"),
    ],
)
def test_a_test_file_that_cannot_be_read_is_refused(tree: Tree, content: str, line: int, words: str) -> None:
    tree.require(B2_PLANNED)
    tree.write("tests/test_a.py", content)
    answer = tree.trace("--json")
    assert answer.code == 2
    assert (answer.json["fault"]["path"], answer.json["fault"]["line"]) == ("tests/test_a.py", line)
    assert words in answer.json["fault"]["message"]


@functools.cache
def this_repository() -> Answer:
    return run("trace.py", "--json")


class TestThisRepository:
    def test_it_traces(self) -> None:
        answer = this_repository()
        assert answer.code == 0, answer.err
        tests = next(row["tests"] for row in answer.json["requirements"] if row["id"] == "R-K2")
        here = Path(__file__).relative_to(REPOSITORY).as_posix()
        assert f"{here}::test_what_never_runs_proves_nothing" in tests

    def test_every_row_of_the_requirements_is_listed(self) -> None:
        ids = [row["id"] for row in this_repository().json["requirements"]]
        assert ids == [f"R-{letter}{number}" for letter, last in SECTIONS.items() for number in range(1, last + 1)]
        assert Counter(id_[2] for id_ in ids) == SECTIONS

    def test_every_id_that_the_words_name_is_listed(self) -> None:
        known = {row["id"] for row in this_repository().json["requirements"]}
        files = [file for folder in WORDS for file in (REPOSITORY / folder).rglob("*.md")]
        assert len(files) > len(WORDS)
        named = {(file.name, id_) for file in files for id_ in re.findall(r"\bR-[A-Z]\d+\b", file.read_text("utf-8"))}
        assert {(name, id_) for name, id_ in named if id_ not in known} == set()


class TestNewSpec:
    @pytest.fixture
    def home(self, tree: Tree) -> Tree:
        for template in (REPOSITORY / ".specify" / "templates").glob("*.md"):
            tree.write(f".specify/templates/{template.name}", template.read_text("utf-8"))
        return tree

    def test_it_makes_all_four_files_and_leaves_no_blank(self, home: Tree) -> None:
        answer = run("new-spec", "review-desk", "--title", r"A \1 desk {{DATE}}", "--root", str(home.root))
        folder = home.root / ".specify" / "specs" / "001-review-desk"
        assert (answer.code, answer.out.strip()) == (0, str(folder))
        assert sorted(file.name for file in folder.iterdir()) == ["checklist.md", "plan.md", "spec.md", "tasks.md"]
        assert (folder / "spec.md").read_text("utf-8").startswith(r"# 001 A \1 desk {{DATE}}")
        assert "{{NUMBER}}" not in "".join(file.read_text("utf-8") for file in folder.iterdir())

    def test_the_next_one_gets_the_next_number(self, home: Tree) -> None:
        home.write(".specify/specs/041-older/spec.md", "")
        run("new-spec", "newer", "--root", str(home.root))
        assert (home.root / ".specify" / "specs" / "042-newer" / "plan.md").is_file()

    def test_it_overwrites_nothing(self, home: Tree) -> None:
        home.write(".specify/specs/007-desk/spec.md", "mine")
        answer = run("new-spec", "desk", "--root", str(home.root))
        assert answer.code == 1
        assert "exists already" in answer.err
        assert [path.name for path in (home.root / ".specify" / "specs").iterdir()] == ["007-desk"]

    @pytest.mark.parametrize("name", ["", "../up", "Review", "a b", "a--b", "-x", "x" * 61, "a\nb"])
    def test_a_bad_name_is_refused(self, home: Tree, name: str) -> None:
        answer = run("new-spec", "--root", str(home.root), "--", name)
        assert answer.code == 2
        assert not (home.root / ".specify" / "specs").exists()

    def test_a_missing_template_is_named(self, home: Tree) -> None:
        (home.root / ".specify" / "templates" / "plan.md").unlink()
        answer = run("new-spec", "desk", "--root", str(home.root))
        assert answer.code == 2
        assert "plan.md" in answer.err
