"""Both ways to the simulated network keep the same promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from chimera.adapters.mcp.publisher import McpPublisher, Route
from chimera.adapters.mcp.session import McpSession
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.connectors.sandbox import server
from chimera.ports.publisher import Traits
from chimera.rehearsal import world
from chimera.rehearsal.scenario import PLATFORMS, Scenario
from chimera.testing.manual_clock import ManualClock
from chimera.testing.publisher_conformance import Bench, PublisherConformance

pytestmark = pytest.mark.requirement("R-A4", "R-N5")


class TestRehearsalPublisher(PublisherConformance):
    @asynccontextmanager
    async def open(self, scenario: Scenario, clock: ManualClock) -> AsyncGenerator[Bench]:
        built = world.build(scenario, clock)
        yield Bench(publisher=RehearsalPublisher(built.line, clock), world=built, clock=clock)


@pytest.mark.requirement("R-H1")
class TestMcpPublisher(PublisherConformance):
    @asynccontextmanager
    async def open(self, scenario: Scenario, clock: ManualClock) -> AsyncGenerator[Bench]:
        built = world.build(scenario, clock)
        rules = scenario.rules
        traits = Traits(
            deduplicates=rules.deduplicates, looks_up=rules.looks_up, settling_seconds=rules.settling_seconds
        )
        async with McpSession(server.build(built.line), clock) as session:
            routes = {platform: Route(session=session, traits=traits) for platform in PLATFORMS}
            yield Bench(publisher=McpPublisher(routes, clock), world=built, clock=clock)
