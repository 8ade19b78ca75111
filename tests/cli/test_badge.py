"""`chimera agent key|badge|recognise`: signed by the vault's process, recognised by the key on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera import bootstrap
from chimera.adapters.system.clock import SystemIds
from chimera.cli import output, stopping
from chimera.cli.main import app
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.settings import read_settings
from chimera.testing.store_samples import change
from tests.cli.test_task import failed
from tests.small_house import SPECS, SmallHouse

pytestmark = [pytest.mark.requirement("R-D3", "R-D4"), pytest.mark.timeout(240), pytest.mark.slow]
NAME = "ada"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = output.run(app, ["agent", *arguments, "--json"])
    return code, msgspec.json.decode(capsys.readouterr().out)


async def task_of_another() -> str:
    agent = SmallHouse().an_agent("bob")
    async with bootstrap.running_or_own_database(read_settings()) as found:
        office, manager = await found.free_store("cli"), await found.store(Role.MANAGER, writer="manager-0")
        task = Task(id=SystemIds().new(), campaign_id=agent.id, agent_id=agent.id, key="step", input={},
                    spec=SPECS["copy.post"].ref, labels=("operator",), state=TaskState.WAITING)  # fmt: skip
        try:
            await office.commit(change(agent))
            await manager.commit(change(task))
        finally:
            await manager.close()
            await office.close()
    return task.id


def test_a_badge_counts_for_its_service_and_tasks_until_its_key_is_another(
    hosted_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(hosted_home))
    task, other = stopping.run(failed(2))
    code, key = said(capsys, "key", NAME)
    assert (code, key["state"], len(key["public_key"])) == (0, "current", 64)
    code, problem = said(capsys, "badge", NAME, "--audience", "shop.example", "--task", stopping.run(task_of_another()))
    assert (code, problem["error"]["code"]) == (2, "task_of_another")
    code, made = said(capsys, "badge", NAME, "--audience", "shop.example", "--task", task)
    assert code == 0
    shown = ["recognise", made["badge"], "--audience"]
    code, found = said(capsys, *shown, "shop.example", "--task", task)
    assert (code, found["name"], found["tasks"]) == (0, NAME, [task])
    for audience, wanted in (("bank.example", task), ("shop.example", other)):
        code, problem = said(capsys, *shown, audience, "--task", wanted)
        assert (code, problem["error"]["code"]) == (1, "badge_refused")

    code, another = said(capsys, "key", NAME)
    assert (code, another["public_key"] != key["public_key"]) == (0, True)
    assert said(capsys, *shown, "shop.example")[0] == 1, "what the key before has signed counts no more"
    _, made = said(capsys, "badge", NAME, "--audience", "shop.example", "--task", task)
    assert said(capsys, "recognise", made["badge"], "--audience", "shop.example")[0] == 0
    assert said(capsys, "key", NAME, "--revoke")[1]["state"] == "revoked"
    assert said(capsys, "recognise", made["badge"], "--audience", "shop.example")[0] == 1
