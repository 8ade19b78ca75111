"""Installing an agent: on record with its event, upgraded only upwards, never widened unasked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.assembly.guarding import security
from chimera.domain import scopes
from chimera.domain.agent import Agent, AgentCommand, AgentState, agent_id_of
from chimera.domain.budget import AGENT_DAY_CAP_MICROS, Cap, window_id
from chimera.domain.errors import Conflict, Missing, Refused
from chimera.domain.event import Event, EventKind, verify
from chimera.domain.manifest import Manifest
from chimera.domain.roles import Role
from chimera.pipeline.installer import Installer, Offer, changes_of
from chimera.testing.manual_clock import ManualClock
from tests.domain.test_manifest import PLAIN

NAME = "studio.persona"
SECURITY = security()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(MemoryDatabase(), writer="office", role=Role.OFFICE, clock=ManualClock())


def offer(version: str = "1.0.0", digest: str = "a" * 64, **parts: Any) -> Offer:
    accepted = {name: parts.pop(name) for name in ("accept_permissions", "accept_budget") if name in parts}
    identity = {**PLAIN["identity"], "version": version}
    manifest = msgspec.convert({**PLAIN, "budget": {}, "identity": identity, **parts}, Manifest)
    return Offer(manifest=manifest, digest=digest, by="tester", **accepted)


async def events(store: MemoryStore) -> list[Event]:
    links = await store.links("office")
    [head] = await store.heads()
    assert list(verify("office", links, head_seq=head.seq, head_hash=head.hash)) == []
    decoded = [msgspec.json.decode(link.body, type=Event) for link in links]
    return [event for event in decoded if event.kind is not EventKind.WRITER_OPENED]


@pytest.mark.requirement("R-C1")
async def test_a_first_installation(store: MemoryStore):
    done = await Installer(store, security=SECURITY).install(offer())
    agent = await store.get(Agent, agent_id_of(NAME))
    assert agent == done.agent
    assert (agent.state, agent.version, agent.permissions) == (AgentState.INSTALLED, 1, ("post.publish", "trends.read"))
    [event] = await events(store)
    assert event.kind is EventKind.AGENT_INSTALLED
    assert event.data["digest"] == "a" * 64
    assert (event.data["by"], event.data["gained"]) == ("tester", ["post.publish", "trends.read"])
    assert await store.find(Cap, agent.id) is None


async def test_installing_the_same_again_changes_nothing(store: MemoryStore):
    await Installer(store, security=SECURITY).install(offer())
    again = await Installer(store, security=SECURITY).install(offer())
    assert (again.changed, again.agent.version) == (False, 1)
    assert len(await events(store)) == 1


@pytest.mark.requirement("R-C1")
async def test_an_upgrade_keeps_what_the_agent_has_earned(store: MemoryStore):
    installer = Installer(store, security=SECURITY)
    first = (await installer.install(offer())).agent
    await installer.change(NAME, AgentCommand.ACTIVATE, by="tester")
    done = await installer.install(offer("1.0.1", "b" * 64, permissions=["post.publish"], goals=["new"]))
    assert (done.agent.id, done.agent.version, done.agent.state) == (first.id, 3, AgentState.ACTIVE)
    assert (done.previous, done.lost, done.gained) == ("1.0.0", ("trends.read",), ())
    assert done.agent.goals == ("new",)
    assert list(changes_of(done)) == [("-", "trends.read", "read what the public of a network is talking about")]
    assert [event.kind for event in await events(store)] == [
        EventKind.AGENT_INSTALLED,
        EventKind.AGENT_CHANGED,
        EventKind.AGENT_INSTALLED,
    ]


@pytest.mark.requirement("R-C1", "R-F2")
async def test_more_permissions_need_a_persons_word(store: MemoryStore):
    installer = Installer(store, security=SECURITY)
    await installer.install(offer())
    wider = ["trends.read", "post.publish", "payment.send"]
    with pytest.raises(Refused) as caught:
        await installer.install(offer("1.1.0", "b" * 64, permissions=wider))
    assert caught.value.code == "permissions_widened"
    assert "payment.send: ask for a payment" in caught.value.message
    assert "--accept-permissions" in caught.value.remedy
    assert (await store.get(Agent, agent_id_of(NAME))).package_version == "1.0.0"
    assert len(await events(store)) == 1
    done = await installer.install(offer("1.1.0", "b" * 64, permissions=wider, accept_permissions=True))
    assert (done.gained, done.agent.may("payment.send")) == (("payment.send",), True)


@pytest.mark.parametrize(
    ("version", "code"), [("1.0.0", "package_version_reused"), ("0.9.9", "package_older"), ("0.10.0", "package_older")]
)
async def test_versions_only_rise(store: MemoryStore, version: str, code: str):
    await Installer(store, security=SECURITY).install(offer())
    with pytest.raises(Refused) as caught:
        await Installer(store, security=SECURITY).install(offer(version, "b" * 64))
    assert caught.value.code == code


async def test_ten_is_more_than_nine(store: MemoryStore):
    await Installer(store, security=SECURITY).install(offer("1.9.0"))
    assert (await Installer(store, security=SECURITY).install(offer("1.10.0", "b" * 64))).previous == "1.9.0"


@pytest.mark.requirement("R-E2")
async def test_a_budget_above_the_default_needs_a_persons_word(store: MemoryStore):
    installer = Installer(store, security=SECURITY)
    with pytest.raises(Refused) as caught:
        await installer.install(offer(budget={"day": "10.01"}))
    assert caught.value.code == "budget_raised"
    assert "10.01 USD a day" in caught.value.message
    done = await installer.install(offer(budget={"day": "25.00"}, accept_budget=True))
    assert await cap_of(store, done.agent) == 25_000_000
    await installer.install(offer("1.0.1", "b" * 64, budget={"day": "20.00"}))
    assert await cap_of(store, done.agent) == 20_000_000
    await installer.install(offer("1.0.2", "c" * 64, budget={"day": "20.00"}, goals=["other"]))
    assert await cap_of(store, done.agent) == 20_000_000


@pytest.mark.requirement("R-E2")
async def test_a_smaller_budget_is_the_agents_cap(store: MemoryStore):
    done = await Installer(store, security=SECURITY).install(offer(budget={"day": "2.50"}))
    assert await cap_of(store, done.agent) == 2_500_000
    other = offer(identity={**PLAIN["identity"], "name": "studio.other"})
    default = await Installer(store, security=SECURITY).install(other)
    assert await cap_of(store, default.agent) == AGENT_DAY_CAP_MICROS


async def cap_of(store: MemoryStore, agent: Agent) -> int:
    """The cap as the database would apply it to a window of today."""
    caps = [cap for cap in await store.list(Cap) if cap.limited == scopes.agent(agent.id)]
    assert len(caps) <= 1
    assert window_id(scopes.agent(agent.id), "day", "2026-11-21").startswith(caps[0].key if caps else "agent:")
    return caps[0].micros if caps else AGENT_DAY_CAP_MICROS


async def test_a_retired_agent_is_not_upgraded(store: MemoryStore):
    installer = Installer(store, security=SECURITY)
    await installer.install(offer())
    await installer.change(NAME, AgentCommand.RETIRE, by="tester")
    with pytest.raises(Refused) as caught:
        await installer.install(offer("2.0.0", "b" * 64))
    assert caught.value.code == "agent_retired_cannot_upgrade"


async def test_two_people_install_at_once(store: MemoryStore):
    class Late(MemoryStore):
        async def find(self, kind: Any, identifier: str) -> Any:
            return None

    await Installer(store, security=SECURITY).install(offer())
    late = Late(store._database, writer="office2", role=Role.OFFICE, clock=ManualClock())
    with pytest.raises(Conflict):
        await Installer(late, security=SECURITY).install(offer(digest="b" * 64))


async def test_changes_and_lists(store: MemoryStore):
    installer = Installer(store, security=SECURITY)
    with pytest.raises(Missing):
        await installer.change(NAME, AgentCommand.ACTIVATE, by="tester")
    await installer.install(offer())
    await installer.install(offer(identity={**PLAIN["identity"], "name": "a.first"}))
    assert [agent.name for agent in await installer.agents()] == ["a.first", NAME]
    paused = await installer.change(NAME, AgentCommand.ACTIVATE, by="tester")
    assert paused.state is AgentState.ACTIVE
    with pytest.raises(Refused):
        await installer.change(NAME, AgentCommand.ACTIVATE, by="tester")


async def test_whoever_reads_alone_installs_nothing(store: MemoryStore) -> None:
    """Without somebody who looks at its words, no package gets in."""
    with pytest.raises(AssertionError, match="looks at"):
        await Installer(store).install(offer())
    assert await store.list(Agent) == ()
