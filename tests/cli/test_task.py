"""`chimera task redrive`: one by its id, several, or all of a type; what is refused stops no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera import bootstrap
from chimera.adapters.system.clock import SystemIds
from chimera.cli import output, stopping
from chimera.cli.main import app
from chimera.domain.campaign import CampaignState
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.settings import read_settings
from tests.small_house import SPECS, SmallHouse

pytestmark = [pytest.mark.requirement("R-A4", "R-G2"), pytest.mark.timeout(240), pytest.mark.slow]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = output.run(app, ["task", *arguments, "--json"])
    return code, msgspec.json.decode(capsys.readouterr().out)


async def failed(many: int) -> list[str]:
    """Tasks of one campaign that were given up, as a manager leaves them."""
    small = SmallHouse()
    async with bootstrap.running_or_own_database(read_settings()) as found:
        office = await found.free_store("cli")
        manager = await found.store(Role.MANAGER, writer="manager-0")
        try:
            told = Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=await office.now_us())
            campaign = msgspec.structs.replace(small.campaign, state=CampaignState.RUNNING)
            await office.commit(Change(records=(small.agent, campaign), events=(told,)))
            made = [
                Task(id=SystemIds().new(), campaign_id=campaign.id, agent_id=small.agent.id, key="step",
                     spec=SPECS["copy.post"].ref, input={}, labels=("operator",), state=TaskState.FAILED,
                     reason="the model was away")
                for _ in range(many)
            ]  # fmt: skip
            await manager.commit(Change(records=tuple(made), events=(told,)))
        finally:
            await manager.close()
            await office.close()
    # As they are listed: ids of one millisecond are in no order.
    return sorted(one.id for one in made)


def test_one_several_and_all_of_a_type(hosted_home: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(hosted_home))
    first, second, third, fourth = stopping.run(failed(4))
    code, one = said(capsys, "redrive", first)
    assert (code, one["from"]) == (0, first)
    code, several = said(capsys, "redrive", first, second)
    assert (code, [row["from"] for row in several["redriven"]]) == (1, [second])
    assert [(row["task"], row["code"]) for row in several["refused"]] == [(first, "task_redriven")]
    code, limited = said(capsys, "redrive", "--all", "--type", "copy.post", "--limit", "1")
    assert (code, [row["from"] for row in limited["redriven"]], limited["left"]) == (0, [third], 1)
    assert output.run(app, ["task", "redrive", "--all", "--type", "copy.post"]) == 0
    words = capsys.readouterr().out
    assert fourth in words
    assert "1 tried anew, 0 refused, 0 left" in words
    assert said(capsys, "dead") == (0, {"tasks": []})


@pytest.mark.parametrize(
    "words", [(), ("--all",), ("--type", "copy.post"), ("--all", "--type", "copy.post", SystemIds().new())]
)
def test_nothing_is_tried_by_a_slip(tmp_path: Path, capsys, monkeypatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(tmp_path / "home"))
    code, refused = said(capsys, "redrive", *words)
    assert (code, refused["error"]["code"]) == (2, "redrive_of_what")
    assert not (tmp_path / "home").exists(), "nothing is started"
