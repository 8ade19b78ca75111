"""The simulated network beside us: what it says fills no disk, however long it runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from chimera.adapters.local import keeping
from chimera.adapters.local.processes import LOG_BYTES_MAX
from chimera.cli.network_process import LOG, network_of
from chimera.cli.rehearsing import handle_of
from chimera.rehearsal.scenario import DEMO


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_its_log_is_kept_short_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOG_SECONDS", 0.05)
    log, before = tmp_path / LOG, tmp_path / f"{LOG}.1"
    async with network_of(tmp_path, DEMO, (handle_of(0),)) as network:
        os.truncate(log, LOG_BYTES_MAX + 5)
        async with asyncio.timeout(20):
            while not before.exists() or log.stat().st_size > LOG_BYTES_MAX:
                await asyncio.sleep(0.01)
        assert before.stat().st_size <= LOG_BYTES_MAX
        report = await network.end()
    assert report.records == ()
    assert "network.json" not in {one.name for one in tmp_path.iterdir()}
