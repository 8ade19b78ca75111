"""What an idle agent costs is weighed on real coroutines, a real roster and a real Valkey."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera.bench import growth
from chimera.settings import Settings


@pytest.mark.requirement("R-A7")
async def test_an_idle_agent_is_weighed(tmp_path: Path) -> None:
    weighed = await growth.idle(Settings(home=str(tmp_path / "h")), 2_000)
    assert 50 < weighed["hot_bytes"] < 1_000
    assert weighed["bytes"] == weighed["coroutine_bytes"] + weighed["hot_bytes"] < growth.IDLE_BYTES_MAX
