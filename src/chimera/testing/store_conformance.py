"""Every rule of `ports.store` as a test. A store is one when its subclass of `StoreConformance` passes.

A subclass brings the fixture `world`; nothing here knows which store it tests.

    class TestPostgresStore(StoreConformance):
        @pytest.fixture
        async def world(self): ...
"""

from __future__ import annotations

import pytest

from chimera.testing.store_rules_chains import ChainRules
from chimera.testing.store_rules_claims import ClaimRules
from chimera.testing.store_rules_gates import GateRules
from chimera.testing.store_rules_money import MoneyRules
from chimera.testing.store_rules_quotas import QuotaRules
from chimera.testing.store_rules_records import RecordRules
from chimera.testing.store_world import Bench, World, open_bench


class StoreConformance(RecordRules, MoneyRules, QuotaRules, GateRules, ClaimRules, ChainRules):
    """All the rules, on the world of the subclass."""

    @pytest.fixture
    async def bench(self, world: World) -> Bench:
        """The three writers that most tests need."""
        return await open_bench(world)
