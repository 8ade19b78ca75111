"""`chimera policy`, `learn`, `audit` as people meet them: words or one object, exit codes, nothing by mistake."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer

from chimera.adapters.documents.governance import DEFAULT_PACK
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.system.clock import SystemIds
from chimera.adapters.system.secrecy import SystemSecrecy
from chimera.assembly.people import Office
from chimera.cli import audit, learn, output, policy
from chimera.cli.doors import Doors
from chimera.domain.errors import Invalid
from chimera.domain.person import Principal
from chimera.domain.roles import Role
from chimera.governance.halts import Halts
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.reviewers import Reviewers
from chimera.governance.reviews import Reviews
from chimera.ports.store import Store
from chimera.testing.manual_clock import ManualClock
from tests.small_house import OLGA, OTTO, PACK, PERMITS, RITA

pytestmark = pytest.mark.requirement("R-F2", "R-N3")
Run = Callable[..., int]
Said = pytest.CaptureFixture[str]
ADDED = '\n@id("quiet") @says("a quiet week") @remedy("wait") forbid (principal, action == Action::"react", resource);'


class Chair:
    """Who sits at the keyboard."""

    def __init__(self) -> None:
        self.taken_by: Principal = OLGA


@pytest.fixture
def chair() -> Chair:
    return Chair()


@pytest.fixture
def run(chair: Chair) -> Run:
    database = MemoryDatabase()

    @asynccontextmanager
    async def office_store() -> AsyncGenerator[Store]:
        yield MemoryStore(database, writer="office", role=Role.OFFICE, clock=ManualClock())

    @asynccontextmanager
    async def office() -> AsyncGenerator[Office]:
        async with office_store() as store:
            desk = IdentityDesk(store=store, clock=ManualClock(), ids=SystemIds(), secrecy=SystemSecrecy(key="tests"),
                                permits=PERMITS)  # fmt: skip
            yield Office(
                store=store, desk=desk, principal=chair.taken_by,
                reviews=Reviews(store=store, permits=PERMITS, bands=PACK.bands),
                reviewers=Reviewers(store=store, ids=SystemIds(), permits=PERMITS),
                halts=Halts(store=store, ids=SystemIds(), permits=PERMITS),
            )  # fmt: skip

    app = typer.Typer()
    for part in (policy.app, learn.app, audit.app):
        app.add_typer(part)

    @app.callback()
    def begin(context: typer.Context) -> None:
        context.obj = Doors(office_store=office_store, office=office)

    def run(*arguments: object) -> int:
        return output.run(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with one rule more than the shipped one."""
    folder = tmp_path / "pack"
    shutil.copytree(DEFAULT_PACK, folder)
    with (folder / "policy.cedar").open("a") as file:
        file.write(ADDED)
    return folder


def said(capsys: Said) -> dict[str, Any]:
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    return json.loads(text)


def test_lint_and_test_of_the_shipped_pack(run: Run, capsys: Said) -> None:
    assert run("policy", "lint", "--json") == 0
    assert said(capsys)["ok"] is True
    assert run("policy", "test", "--json") == 0
    answer = said(capsys)
    assert (answer["failed"], answer["uncovered"]) == (0, [])
    assert answer["cases"] > 30
    assert run("policy", "test") == 0
    assert "0 failed" in capsys.readouterr().out


def test_a_pack_that_may_not_be_applied(run: Run, pack: Path, capsys: Said) -> None:
    path = pack / "policy.cedar"
    path.write_text(path.read_text().replace("when { context.halted };", "when { context.halted && false };"))
    assert run("policy", "lint", pack, "--json") == 1
    assert "halt-holds" in {one["rule"] for one in said(capsys)["complaints"]}
    assert run("policy", "test", pack, "--json") == 1
    assert said(capsys)["failed"] == 2
    assert run("policy", "propose", pack, "--why", "x", "--json") == 2
    assert said(capsys)["error"]["code"] == "policy_cases_fail"
    path.write_text("permit (")
    assert run("policy", "lint", pack) == 2
    assert run("policy", "lint", pack.parent / "nowhere") == 2


def test_diff_names_every_band_that_differs(run: Run, pack: Path, capsys: Said) -> None:
    """How many people are asked is no rule and no limit, and must not change unseen."""
    bands = json.loads((pack / "bands.json").read_text())
    (pack / "bands.json").write_text(json.dumps({**bands, "two_persons": [], "record_rulings_min": 5}))
    assert run("policy", "diff", pack) == 1
    words = capsys.readouterr().out
    assert 'two_persons: ["legal"] → []' in words
    assert "record_rulings_min: 20 → 5" in words
    assert "proceed_bp" not in words


def test_a_proposal_needs_a_reason(run: Run, pack: Path, capsys: Said) -> None:
    assert run("policy", "propose", pack, "--why", " ", "--json") == 2
    assert said(capsys)["error"]["code"] == "reason_missing"


def test_diff_propose_apply_and_back(run: Run, chair: Chair, pack: Path, capsys: Said) -> None:
    assert run("policy", "list") == 0
    assert run("policy", "diff", pack) == 1
    words = capsys.readouterr().out
    assert "rules added: quiet" in words
    assert "react" in words
    assert run("policy", "diff", "shipped", "--json") == 0
    assert said(capsys)["answers_changed"] == 0
    assert run("policy", "propose", pack, "--why", "a quiet week", "--json") == 0
    made = said(capsys)
    assert (made["number"], made["state"], made["why"]) == (2, "proposed", "a quiet week")
    assert run("policy", "apply", 2, "--digest", "short") == 2
    assert run("policy", "apply", 2, "--digest", "0" * 12) == 1
    capsys.readouterr()
    # Whoever is recognised counts, and no word of theirs about it.
    for chair.taken_by in (RITA, OTTO):
        for asked in (
            ("policy", "apply", 2, "--digest", made["digest"][:12]),
            ("policy", "withdraw", 2),
            ("policy", "propose", pack, "--why", "x"),
            ("learn", "calibrate", "--propose"),
        ):
            assert run(*asked, "--json") == 1
            assert said(capsys)["error"]["code"] == "not_permitted"
    chair.taken_by = OLGA
    capsys.readouterr()
    assert run("policy", "apply", 2, "--digest", made["digest"][:12], "--json") == 0
    assert said(capsys)["state"] == "in_force"
    assert run("policy", "show", "--json") == 0
    assert "quiet" in {rule["name"] for rule in said(capsys)["rules"]}
    assert run("policy", "show") == 0
    assert "a quiet week" in capsys.readouterr().out
    assert run("policy", "diff", "1", "--against", "in-force", "--json") == 1
    assert said(capsys)["rules"]["removed"] == ["quiet"]
    assert run("policy", "list", "--json") == 0
    assert [one["state"] for one in said(capsys)["versions"]] == ["replaced", "in_force"]
    assert run("policy", "withdraw", 2) == 1
    assert run("policy", "show", "77") == 2


def test_backtest_and_calibrate_on_an_empty_history(run: Run, pack: Path, capsys: Said) -> None:
    assert run("policy", "backtest", pack, "--since", "7d", "--json") == 0
    assert said(capsys)["decisions"] == 0
    assert run("policy", "backtest", pack, "--since", "yesterday") == 2
    assert run("learn", "calibrate", "--json") == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "too few" in answer["curves"][0]["why_not"]
    assert run("learn", "calibrate", "--propose") == 1
    assert run("learn", "calibrate", "--harm-weight", "0") == 2


def test_simulated_reviewers(run: Run, capsys: Said) -> None:
    assert run("learn", "simulate", "--tolerance", "0.72", "--seed", "3", "--json") == 0
    answer = said(capsys)
    assert answer["off"] <= 0.02
    assert run("learn", "simulate", "--rulings", "20") == 1
    assert run("learn", "simulate", "--tolerance", "0.2") == 2


NOW_US = 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d", 86_400), ("2h", 7_200), ("30m", 1_800), ("2023-11-14T22:13:20+00:00", 0)]
)
def test_moments(text: str, seconds: int) -> None:
    assert policy.moment(text, now_us=NOW_US, zone=ZoneInfo("UTC")) == NOW_US - seconds * 1_000_000
    with pytest.raises(Invalid):
        policy.moment("d", now_us=NOW_US, zone=ZoneInfo("UTC"))


# ── bundles ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-N4")
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"kind":"bundle"}\n', b"[" * 100_000])
def test_a_file_that_is_no_bundle(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.bundle"
    path.write_bytes(content)
    assert run("audit", "verify", "--bundle", path) == 2
    assert run("audit", "verify", "--bundle", path, "--key", "zz") == 2
    assert run("audit", "verify", "--bundle", tmp_path / "nowhere") == 2


def test_a_kind_of_event_that_is_none(run: Run) -> None:
    assert run("audit", "show", "--kind", "NOPE") == 2
