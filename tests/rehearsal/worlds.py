"""Small worlds for tests, and a fleet of one that posts."""

from __future__ import annotations

from msgspec import structs

from chimera.ports.network import Accepted, Act
from chimera.rehearsal import world
from chimera.rehearsal.happenings import Happening
from chimera.rehearsal.scenario import CALM, Scenario
from chimera.rehearsal.world import World
from chimera.testing.manual_clock import ManualClock

US = "@us.rehearsal"
QUIET = structs.replace(CALM, people=2)


def quiet() -> tuple[World, ManualClock]:
    clock = ManualClock()
    return world.build(QUIET, clock, accounts=(US,)), clock


def do(
    built: World,
    clock: ManualClock,
    key: str,
    kind: str = "post.publish",
    *,
    platform: str = "sandbox",
    account: str = US,
    **arguments: object,
) -> Accepted:
    reply = built.network.perform(
        Act(kind=kind, platform=platform, account=account, key=key, arguments=dict(arguments)), now_us=clock.now_us()
    )
    assert isinstance(reply, Accepted), reply
    return reply


def live(scenario: Scenario, *, seconds: int, agents: int = 5, every: int = 4) -> tuple[World, list[Happening]]:
    """Let a fleet post into a world for a while, ten steps a second; what reached it."""
    clock = ManualClock()
    accounts = tuple(f"@agent{number}.rehearsal" for number in range(agents))
    built = world.build(scenario, clock, accounts=accounts)
    happened: list[Happening] = []
    for step in range(seconds * 10):
        clock.advance(0.1)
        if step % every == 0:
            topic = scenario.topics[step % len(scenario.topics)]
            do(built, clock, f"key-{step}", account=accounts[step % agents], text=f"{topic}, take {step}")
        happened += built.audience.step(clock.now_us())
    return built, happened
