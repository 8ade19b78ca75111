"""Whoever has stolen a worker's password in Valkey stands before the database, and no login takes it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest

from chimera import bootstrap
from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.valkey import valkey_url
from chimera.bootstrap import LOGINS
from chimera.processes.channels import servers
from chimera.settings import Settings

THIEF = "worker-1"
OWNERS = ("chimera_owner", "postgres")


# A server of the installation's own is started and made ready.
@pytest.mark.slow
@pytest.mark.requirement("R-A7", "R-A3")
async def test_no_login_of_the_database_takes_a_workers_password(made_home: Path) -> None:
    settings = Settings(home=str(made_home))
    async with (
        servers(settings, workers=[THIEF]),
        bootstrap.database(settings) as found,
    ):
        stolen = {unquote(urlsplit(valkey_url(prepare_home(settings.folder), THIEF)).password or ""), "", THIEF}
        assert max(map(len, stolen)) > 20
        for login in (*(f"chimera_{role.value}" for role in LOGINS), *OWNERS, THIEF):
            for password in sorted(stolen):
                with pytest.raises((asyncpg.PostgresError, OSError)):
                    await asyncpg.connect(found.dsn, user=login, password=password, timeout=10)
