"""PostgreSQL keeps every rule of the port."""

from __future__ import annotations

import pytest

from chimera.testing.store_conformance import StoreConformance
from tests.adapters.postgres.conftest import Database


class TestPostgresStore(StoreConformance):
    @pytest.fixture
    async def world(self, database: Database) -> Database:
        return database
