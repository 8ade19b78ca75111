"""The commands as people and scripts meet them: words or one object, exit codes, and nothing written by a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from structlog.testing import capture_logs

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.system.clock import SystemIds
from chimera.adapters.system.secrecy import SystemSecrecy
from chimera.assembly.people import Office
from chimera.cli import agent, output, spec
from chimera.cli.doors import Doors
from chimera.domain.errors import Unavailable
from chimera.domain.manifest import manifest_schema
from chimera.domain.roles import Role
from chimera.governance.halts import Halts
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.reviewers import Reviewers
from chimera.governance.reviews import Reviews
from chimera.ports.store import Store
from chimera.testing.manual_clock import ManualClock
from tests.governance.security.test_ways_in import ATTACK
from tests.small_house import OLGA, PACK, PERMITS

AGENTS = Path(__file__).resolve().parents[2] / "agents"
Run = Callable[..., int]
Said = pytest.CaptureFixture[str]


def house(
    office_store: Callable[[], AbstractAsyncContextManager[Store]], *, more: Callable[[typer.Typer], None] | None = None
) -> Run:
    @asynccontextmanager
    async def office() -> AsyncGenerator[Office]:
        async with office_store() as store:
            desk = IdentityDesk(store=store, clock=ManualClock(), ids=SystemIds(), secrecy=SystemSecrecy(key="tests"),
                                permits=PERMITS)  # fmt: skip
            yield Office(
                store=store, desk=desk, principal=OLGA, reviews=Reviews(store=store, permits=PERMITS, bands=PACK.bands),
                reviewers=Reviewers(store=store, ids=SystemIds(), permits=PERMITS),
                halts=Halts(store=store, ids=SystemIds(), permits=PERMITS),
            )  # fmt: skip

    app = typer.Typer()
    app.add_typer(agent.app)
    app.add_typer(spec.app)
    if more is not None:
        more(app)

    @app.command()
    def broken() -> None:
        raise RuntimeError("inside")

    @app.command()
    def long() -> None:
        for _ in range(100_000):
            output.answer({"line": "x" * 100})

    @app.callback()
    def begin(context: typer.Context) -> None:
        context.obj = Doors(office_store=office_store, office=office)

    def run(*arguments: object) -> int:
        return output.run(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def run() -> Run:
    database = MemoryDatabase()

    @asynccontextmanager
    async def office_store() -> AsyncGenerator[Store]:
        yield MemoryStore(database, writer="office", role=Role.OFFICE, clock=ManualClock())

    return house(office_store)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def one_object(said: Said) -> dict[str, Any]:
    text = said.readouterr().out
    assert text.count("\n") == 1
    return json.loads(text)


# ── agent ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-C3")
def test_schema(run: Run, capsys: Said):
    assert run("agent", "schema") == 0
    assert json.loads(capsys.readouterr().out) == manifest_schema()
    assert run("agent", "schema", "--json") == 0
    assert one_object(capsys) == manifest_schema()


@pytest.mark.requirement("R-C1")
def test_a_new_package_is_valid_and_nothing_is_overwritten(run: Run, here: Path, capsys: Said):
    assert run("agent", "new", "my.persona") == 0
    before = {path: path.read_bytes() for path in (here / "my.persona").iterdir()}
    assert run("agent", "validate", "my.persona") == 0
    assert run("agent", "new", "my.persona", "--voice", "other") == 1
    assert {path: path.read_bytes() for path in (here / "my.persona").iterdir()} == before
    said = capsys.readouterr()
    assert "post.publish: publish posts under its own account" in said.out
    assert "choose another name" in said.err


@pytest.mark.parametrize("name", ["Persona", "../up.there", "/etc/my.persona", "a.b\n", "x", ".a", "a." + "b" * 80, ""])
def test_a_name_that_is_none_writes_nothing(run: Run, here: Path, name: str):
    assert run("agent", "new", name) == 2
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("said", ['quote " : {x}\n- y', "${name} $x", "'", "\\", "ünï ☃", "#", "*a &b !c", "[x", "yes"])
def test_what_a_person_types_stays_text(run: Run, here: Path, capsys: Said, said: str):
    assert run("agent", "new", "my.persona", "--goal", said, "--interests", said, "--json") == 0
    assert one_object(capsys)["path"] == "my.persona"
    assert run("agent", "validate", "my.persona") == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--handle", "no at"), ("--voice", "a\u202eb"), ("--persona", "x" * 101)]
)
def test_an_answer_that_will_not_do_leaves_nothing_behind(run: Run, here: Path, capsys: Said, option: str, value: str):
    assert run("agent", "new", "my.persona", option, value) == 2
    assert list(here.iterdir()) == []
    assert "my.persona/manifest.yaml:" in capsys.readouterr().err


def test_questions_on_a_terminal(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said):
    answers = iter(["The Name", "Its goal", "Its voice", "tea, cake", "@its_handle", "[an AI]", "Its owner"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "prompt", lambda question, default, err: next(answers))
    assert run("agent", "new", "my.persona") == 0
    text = (here / "my.persona" / "manifest.yaml").read_text()
    for answer in ("The Name", "Its goal", "Its voice", '["tea", "cake"]', "@its_handle", "[an AI]", "Its owner"):
        assert answer in text


@pytest.mark.requirement("R-C3")
def test_validate_tells_every_fault(run: Run, here: Path, capsys: Said):
    run("agent", "new", "my.persona")
    manifest = here / "my.persona" / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("voice:", "vioce:").replace("trends.read", "trend.read"))
    capsys.readouterr()
    assert run("agent", "validate", "my.persona") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 3
    assert run("agent", "validate", "my.persona", "--json") == 2
    answer = one_object(capsys)
    assert answer["ok"] is False
    assert {fault["message"] for fault in answer["faults"]} >= {"'vioce' is not known here"}
    assert all(fault["line"] and fault["file"] and "remedy" in fault for fault in answer["faults"])


@pytest.mark.requirement("R-C1")
def test_install_upgrade_and_list(run: Run, here: Path, capsys: Said):
    assert run("agent", "list") == 0
    assert "no agent is installed" in capsys.readouterr().out
    assert run("agent", "install", AGENTS / "gaming.banterpacks", "--json") == 0
    assert one_object(capsys)["name"] == "gaming.banterpacks"
    run("agent", "new", "my.persona")
    assert run("agent", "install", "my.persona") == 0
    manifest = here / "my.persona" / "manifest.yaml"
    manifest.write_text(
        manifest.read_text()
        .replace('"1.0.0"', '"1.1.0"')
        .replace("[trends.read, mentions.read, post.publish]", "[mentions.read, post.publish, note.keep]")
    )
    capsys.readouterr()
    assert run("agent", "install", "my.persona") == 1
    assert "note.keep: keep notes in the house" in capsys.readouterr().err
    assert run("agent", "install", "my.persona", "--accept-permissions") == 0
    said = capsys.readouterr().out
    assert "in place of 1.0.0" in said
    assert "+ note.keep: keep notes" in said
    assert "- trends.read: read what" in said
    assert run("agent", "install", "my.persona") == 0
    assert "is installed already" in capsys.readouterr().out
    assert run("agent", "activate", "my.persona", "--json") == 0
    assert one_object(capsys)["state"] == "active"
    assert run("agent", "list", "--json") == 0
    answer = one_object(capsys)
    assert [(one["name"], one["version"], one["state"]) for one in answer["agents"]] == [
        ("gaming.banterpacks", "1.4.0", "installed"),
        ("my.persona", "1.1.0", "active"),
    ]
    assert run("agent", "list") == 0
    assert "gaming.banterpacks" in capsys.readouterr().out


def test_states(run: Run, here: Path, capsys: Said):
    run("agent", "new", "my.persona")
    run("agent", "install", "my.persona")
    assert [run("agent", command, "my.persona") for command in ("activate", "pause", "activate", "retire")] == [
        0,
        0,
        0,
        0,
    ]
    assert run("agent", "activate", "my.persona") == 1
    assert run("agent", "pause", "no.body", "--json") == 2
    assert "agent_unknown" in capsys.readouterr().out


def test_a_faulty_package_is_not_installed(run: Run, here: Path, capsys: Said):
    run("agent", "new", "my.persona")
    (here / "my.persona" / "link").symlink_to("/etc/passwd")
    capsys.readouterr()
    assert run("agent", "install", "my.persona", "--json") == 2
    assert one_object(capsys)["errors"][0]["message"] == "is a link"
    assert run("agent", "list", "--json") == 0
    assert one_object(capsys) == {"agents": []}


@pytest.mark.requirement("R-D1")
def test_a_package_that_gives_orders_to_its_reader_is_not_installed(run: Run, here: Path, capsys: Said):
    run("agent", "new", "my.persona")
    manifest = here / "my.persona" / "manifest.yaml"
    text = manifest.read_text()
    voice = next(line for line in text.splitlines() if line.strip().startswith("voice:"))
    manifest.write_text(text.replace(voice, f"{voice.partition('voice:')[0]}voice: {json.dumps(ATTACK)}"))
    capsys.readouterr()
    assert run("agent", "install", "my.persona", "--json") == 1
    assert one_object(capsys)["error"]["code"] == "description_is_attack"
    assert run("agent", "list", "--json") == 0
    assert one_object(capsys) == {"agents": []}


# ── spec ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-K1")
def test_spec_lint(run: Run, here: Path, capsys: Said):
    assert run("spec", "lint") == 0
    assert run("spec", "lint", "--json") == 0
    capsys.readouterr()
    (here / "a.b.yaml").write_text("name: a.b\nversion: x\n")
    assert run("spec", "lint", "a.b.yaml", "--json") == 2
    answer = one_object(capsys)
    assert (answer["ok"], answer["specs"]) == (False, 1)
    assert run("spec", "lint", "a.b.yaml", "none") == 2
    said = capsys.readouterr()
    assert "a.b.yaml:2 version: the text 'x' where a whole number belongs" in said.err
    assert "none:1: there is no task type here" in said.err


@pytest.mark.requirement("R-K1")
def test_spec_show(run: Run, capsys: Said):
    assert run("spec", "show", "copy.post", "--json") == 0
    answer = one_object(capsys)
    assert {"name", "version", "hash", "input", "output", "acceptance", "actions", "risk", "limits"} <= answer.keys()
    assert run("spec", "show", "copy.post") == 0
    assert f"copy.post version {answer['version']}: " in capsys.readouterr().out
    assert run("spec", "show", "copy.pots", "--json") == 2
    assert one_object(capsys)["error"]["remedy"] == "did you mean 'copy.post'?"


# ── how it ends ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_wrong_usage(run: Run, capsys: Said):
    assert run("agent", "nothing") == 2
    assert "No such command 'nothing'" in capsys.readouterr().err
    assert run("agent", "install", "--json") == 2
    assert one_object(capsys)["error"]["code"] == "usage"
    assert run("agent", "--help") == 0


def test_what_was_not_expected_is_said_in_a_sentence(run: Run, capsys: Said):
    with capture_logs() as logs:
        assert run("broken") == 3
    assert "RuntimeError: inside (this is a fault of ours" in capsys.readouterr().err
    assert logs[0]["event"] == "unexpected"


def test_no_store(capsys: Said):
    def none() -> AbstractAsyncContextManager[Store]:
        raise Unavailable("store_gone", "the store does not answer")

    assert house(none)("agent", "list", "--json") == 3
    assert one_object(capsys)["error"]["code"] == "store_gone"


def test_a_terminal_obeys_no_markup_in_names(run: Run, capsys: Said):
    output.tell("[red]not red[/red] [/nothing]")
    output.table(("a",), [("[bold]x",)])
    said = capsys.readouterr().out
    assert "[red]not red[/red] [/nothing]" in said
    assert "[bold]x" in said


def test_whoever_reads_may_stop_reading():
    script = "import sys\nfrom tests.cli.test_commands import house\nsys.exit(house(lambda: None)('long'))\n"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=30), complaint) == (1, b"")
