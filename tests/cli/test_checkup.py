"""What `chimera doctor` and the start say of agents installed before capabilities counted, and of the policy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_files
from chimera.assembly.rules import read_rules
from chimera.cli.checkup import database_found, idleness, policy_found, unable_agents
from chimera.domain.agent import AgentState
from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.policy import PackFiles, Policy, PolicyState, policy_id
from chimera.domain.task import TaskState
from chimera.governance.policy.pack import pack_of
from chimera.settings import Settings
from tests.small_house import SmallHouse


@pytest.mark.requirement("R-C1")
async def test_an_agent_that_can_do_nothing_is_named_until_it_is_installed_again_or_retired() -> None:
    house = await SmallHouse().open()
    assert await unable_agents(house.office) == []
    await house.change_agent(capabilities=())
    assert await unable_agents(house.office) == [house.agent.name]
    await house.change_agent(state=AgentState.RETIRED)
    assert await unable_agents(house.office) == []


async def in_force(house: SmallHouse, files: PackFiles, number: int, digest: str) -> None:
    """A version that olga applied, in place of whichever stood."""
    stood = await house.office.list(Policy, states=(PolicyState.IN_FORCE,))
    gone = [replace(one, version=one.version + 1, state=PolicyState.REPLACED) for one in stood]
    made = Policy(id=policy_id(number), number=number, digest=digest, files=files, why="a quiet week",
                  proposed_by="otto", proposed_at_us=1, state=PolicyState.PROPOSED)  # fmt: skip
    await house.put(*gone, made)
    await house.put(replace(made, version=2, state=PolicyState.IN_FORCE, applied_by="olga", applied_at_us=2))


@pytest.mark.requirement("R-C1")
async def test_the_policy_that_is_named_is_the_one_in_force() -> None:
    house = await SmallHouse().open()
    shipped = read_rules().pack.digest[:16]
    assert (await policy_found(house.office)).found == f"{shipped}, as shipped"
    files = replace(load_files(), text=load_files().text + "\n// a quiet week\n")
    digest = pack_of(files).digest
    await in_force(house, files, 2, digest)
    assert (await policy_found(house.office)).found == f"{digest[:16]}, version 2, applied by olga"
    assert digest[:16] != shipped
    await in_force(house, replace(files, text="permit (nothing"), 3, "0" * 64)
    unread = await policy_found(house.office)
    assert not unread.ok
    assert unread.remedy


@pytest.mark.requirement("R-L2")
async def test_a_house_in_which_nothing_goes_on_says_why_and_one_that_works_says_nothing() -> None:
    house = await SmallHouse().open()

    async def campaign_is(state: CampaignState) -> str:
        known = await house.office.get(Campaign, house.campaign.id)
        await house.put(replace(known, state=state, version=known.version + 1))
        return await idleness(house.office)

    assert await idleness(house.office) == ""
    assert "wait to be resumed" in await campaign_is(CampaignState.PAUSED)
    assert "has done what it was asked for" in await campaign_is(CampaignState.FINISHED)
    await house.a_task(state=TaskState.HELD)
    assert await idleness(house.office) == ""


@pytest.mark.requirement("R-G2")
@pytest.mark.parametrize(
    ("url", "undurable", "ok", "found"),
    [
        ("", (), True, "embedded, what it has is on its disk"),
        ("postgresql://db/chimera", (), True, "the server of CHIMERA_DATABASE_URL, what it has is on its disk"),
        ("", ("fsync", "full_page_writes"), False, "embedded, with fsync and full_page_writes off"),
    ],
)
def test_whose_server_it_is_and_whether_it_keeps_what_it_has(
    url: str, undurable: tuple[str, ...], ok: bool, found: str
) -> None:
    said = database_found(Settings(database_url=url), undurable)
    assert (said.ok, said.found) == (ok, found)
