"""`chimera campaign`: what waits is listed with its note, let on or refused, and everything else is a named refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera import bootstrap
from chimera.adapters.system.clock import SystemIds
from chimera.cli import output, stopping
from chimera.cli.main import app
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.stages import Handover, Stage
from tests.small_house import SmallHouse

# Every command starts the home's PostgreSQL for itself, as it does for whoever sits there.
pytestmark = [pytest.mark.requirement("R-B7"), pytest.mark.timeout(240), pytest.mark.slow]
MARK = Handover(stage=Stage.BRIEF, note="Is this ours?", seconds=43_200)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = output.run(app, ["campaign", *arguments, "--json"])
    return code, msgspec.json.decode(capsys.readouterr().out)


async def two_that_wait() -> tuple[str, str]:
    """Two campaigns of one agent that wait behind their briefs."""
    small = SmallHouse()
    async with bootstrap.office() as office:
        now_us = await office.store.now_us()
        told = Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=now_us)
        agent = msgspec.structs.replace(small.agent, handovers=(MARK,))
        await office.store.commit(Change(records=(agent,), events=(told,)))
        made: list[str] = []
        for _ in range(2):
            campaign = Campaign(id=SystemIds().new(), agent_id=agent.id, goal=small.campaign.goal)
            await office.store.commit(Change(records=(campaign,), events=(told,)))
            waits = campaign.hand_over(MARK, at_us=now_us)
            await office.store.commit(Change(records=(waits,), events=(told,)))
            made.append(campaign.id)
        return made[0], made[1]


def test_what_waits_is_listed_let_on_and_refused(hosted_home: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(hosted_home))
    one, other = stopping.run(two_that_wait())
    _, listed = said(capsys, "list", "--waiting")
    assert {row["campaign"] for row in listed["campaigns"]} == {one, other}
    assert listed["campaigns"][0]["waiting"]["note"] == MARK.note
    code, resumed = said(capsys, "resume", one, "--note", "looks right")
    assert (code, resumed["stage"], resumed["waiting"]) == (0, "research", None)
    code, again = said(capsys, "resume", one)
    assert (code, again["error"]["code"]) == (1, "course_research_cannot_resume")
    code, refused = said(capsys, "refuse", other, "--note", "not this week")
    assert (code, refused["state"], refused["stage"]) == (0, "cancelled", "stopped")
    code, early = said(capsys, "finish", one)
    assert (code, early["error"]["code"]) == (1, "course_research_cannot_finish")
    assert output.run(app, ["campaign", "show", one]) == 0
    assert f"{one} is opened, at research" in capsys.readouterr().out
    assert said(capsys, "show", SystemIds().new())[0] == 2
