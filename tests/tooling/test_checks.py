"""Our own checks can fail: each sees a fault that it is there for."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import check_deploy, check_links
from scripts.check_imports import without_unbuilt

ROOT = Path(__file__).resolve().parents[2]

# One fault per contract and more, all in one house: what is written where, and what is said about it.
FORBIDDEN = (
    ("domain/task.py", "import chimera.swarm.pool", "chimera.domain is not allowed to import chimera.swarm"),
    ("adapters/models.py", "import chimera.adapters.postgres", "chimera.adapters.models is not allowed to import"),
    ("skills/copy.py", "import chimera.skills.media", "chimera.skills.copy is not allowed to import"),
    ("pipeline/judge.py", "import chimera.pipeline.effects", "chimera.pipeline.judge is not allowed to import"),
    ("pipeline/settle.py", "import chimera.ports.publisher", "chimera.pipeline.settle -> chimera.ports.publisher"),
    ("skills/chronicle.py", "from chimera.ports import wallet", "chimera.skills.chronicle -> chimera.ports.wallet"),
    ("governance/gate.py", "import time", "chimera.governance.gate -> time"),
    ("pipeline/worker.py", "import asyncpg", "chimera.pipeline.worker -> asyncpg"),
    ("domain/money.py", "import asyncio", "chimera.domain.money -> asyncio"),
    ("annex/room.py", "", "chimera.annex"),
)
ROOMS = (
    "adapters/models.py adapters/postgres.py bootstrap.py domain/task.py governance/gate.py pipeline/effects.py "
    "pipeline/judge.py ports/publisher.py ports/tools_write.py ports/wallet.py skills/copy.py skills/media.py "
    "swarm/pool.py testing/simulate.py"
)


def check_imports(house: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "check_imports.py"
    # Coverage follows our child processes, but this one reads a house that is gone when the report is written.
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run([sys.executable, script], cwd=house, env=quiet, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A house with every room that a contract names, where everything is allowed so far."""
    for room in ROOMS.split():
        add(tmp_path, room, "")
    add(tmp_path, "pipeline/effects.py", "import chimera.ports.publisher\nimport chimera.domain.task\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(house: Path, room: str, text: str) -> None:
    path = house / "src" / "chimera" / room
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "__init__.py").touch()
    (house / "src" / "chimera" / "__init__.py").touch()
    path.write_text(text)


def test_what_is_allowed_passes(house: Path) -> None:
    done = check_imports(house)
    assert done.returncode == 0, done.stdout + done.stderr
    # All of them spoke: none was left out for want of a room.
    assert "7 kept, 0 broken" in done.stdout


def test_each_forbidden_import_is_named(house: Path) -> None:
    for room, text, _ in FORBIDDEN:
        add(house, room, text)
    done = check_imports(house)
    assert done.returncode == 1
    assert "0 kept, 7 broken" in done.stdout
    said = " ".join(done.stdout.split())
    assert [fault for _, _, fault in FORBIDDEN if fault not in said] == []


def test_contracts_speak_of_rooms_that_are_built() -> None:
    contract = {
        "type": "protected",
        "protected_modules": ["chimera.nowhere.at_all", "chimera"],
        "modules": ["chimera.*"],
    }
    assert without_unbuilt(contract) == {
        "type": "protected",
        "protected_modules": ["chimera"],
        "modules": ["chimera.*"],
    }


def test_the_chart_gives_the_worker_nothing() -> None:
    values = check_deploy.load(check_deploy.CHART / "values.yaml")
    assert not list(check_deploy.chart_faults(values))
    spoilt = copy.deepcopy(values)
    spoilt["roles"]["worker"] |= {"database": "manager", "secret": "platforms", "world": True}
    assert len(list(check_deploy.chart_faults(spoilt))) == 4


def spoil_role(services: dict[str, Any]) -> None:
    del services["effects"]


def spoil_network(services: dict[str, Any]) -> None:
    services["worker"]["networks"].append("data")


@pytest.mark.parametrize("spoil", [spoil_role, spoil_network])
def test_compose_keeps_the_roles_apart(spoil: Callable[[dict[str, Any]], None]) -> None:
    services = check_deploy.load(check_deploy.ROOT / "deploy" / "compose.yaml")["services"]
    assert not list(check_deploy.compose_faults(services))
    spoil(services)
    assert list(check_deploy.compose_faults(services))


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_stage_has_a_pod_for_every_node(stage: str) -> None:
    values = check_deploy.load(check_deploy.CHART / "values.yaml")
    of_stage = check_deploy.load(check_deploy.CHART / f"values-{stage}.yaml")
    assert not list(check_deploy.stage_faults(stage, values, of_stage))
    spoilt = copy.deepcopy(of_stage)
    spoilt["roles"]["manager"]["replicas"] = 1
    assert len(list(check_deploy.stage_faults(stage, values, spoilt))) == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        {"roles": {"effects": {"replicas": 3}}},
        {"roles": {"api": {"replicas": 1, "autoscale": {"min": 1, "max": 2}}}},
        {"vault": {"replicas": 2}},
    ],
)
def test_nothing_stands_twice_that_would_fence_itself(spoilt: dict[str, Any]) -> None:
    values = check_deploy.load(check_deploy.CHART / "values.yaml")
    of_stage = check_deploy.load(check_deploy.CHART / "values-production.yaml")
    for part, ours in spoilt.items():
        of_stage[part] |= ours
    assert len(list(check_deploy.stage_faults("production", values, of_stage))) == 1


def test_what_stands_once_is_replaced_and_not_rolled() -> None:
    values = check_deploy.load(check_deploy.CHART / "values.yaml")
    del values["roles"]["effects"]["single"]
    assert list(check_deploy.chart_faults(values)) == [
        "values.yaml: ['api', 'effects'] are single, and nothing else is"
    ]


@pytest.mark.parametrize("target", ["docker-build", "docker-up", "docker-logs", "deploy-staging"])
def test_a_missing_tool_is_named(target: str, tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "sed", "make"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    done = subprocess.run(
        ["make", target], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "which is not on this machine" in done.stderr


def test_production_is_changed_on_purpose_only() -> None:
    done = subprocess.run(
        ["bash", "scripts/deploy.sh", "release", "production", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "CONFIRM=production" in done.stderr


def test_a_dead_link_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_links, "ROOT", tmp_path)
    (tmp_path / "there.md").write_text("# Why it `works`\n")
    (tmp_path / "a.md").write_text(
        "[a](there.md) [b](there.md#why-it-works) [c](gone.md) [d](there.md#nowhere) `[e](code.md)` [f](https://example.org)"
    )
    assert [fault.split(": ")[1] for fault in check_links.dead_links(tmp_path / "a.md")] == [
        "gone.md leads nowhere",
        "there.md#nowhere",
    ]
