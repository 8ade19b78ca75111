"""The generated TypeScript client, built as others would install it, against the real API on a port."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from chimera.api import serving
from tests.api.conftest import World
from tests.console.conftest import built

__all__ = ["built"]
pytestmark = [pytest.mark.requirement("R-L1"), pytest.mark.usefixtures("built"), pytest.mark.timeout(600)]
REPOSITORY = Path(__file__).parents[2]
PACKAGES = REPOSITORY / "console/node_modules"
NODE_OF_OURS = REPOSITORY / ".venv/console-node/bin"
RUN_SECONDS_MAX = 60


def _node() -> str:
    """The Node that the console was built with: the machine's, or the wheel's."""
    found = shutil.which("node", path=f"{os.environ['PATH']}{os.pathsep}{NODE_OF_OURS}")
    assert found is not None, "no Node: make console"
    return found


def _programme(folder: Path) -> Path:
    """The example, in a folder that has the client."""
    assert (PACKAGES / "chimera-client/dist/index.js").is_file(), "the client is not built: make console"
    (folder / "node_modules").symlink_to(PACKAGES)
    return Path(shutil.copy(REPOSITORY / "examples/desk.mjs", folder))


async def _run(programme: Path, url: str, token: str) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        _node(), "--preserve-symlinks", str(programme), env={"API_URL": url, "API_TOKEN": token},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        said, complained = await asyncio.wait_for(process.communicate(), RUN_SECONDS_MAX)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complained.decode()
    return json.loads(said)


async def test_a_programme_reads_the_desk_takes_a_review_and_is_told_of_a_conflict(world: World, tmp_path: Path):
    token = await world.secret_of("operator", "operator", by_token=True)
    async with serving.listening(world.app(), host="127.0.0.1", port=0) as where:
        done = await _run(_programme(tmp_path), where.url, token)
    assert sorted(done["waiting"]) == sorted(review.id for review in world.samples.reviews)  # pyright: ignore
    assert done["claimed"] == "operator" and done["late"] == "version_stale", done


async def test_a_programme_without_a_session_is_told_so_in_the_apis_words(world: World, tmp_path: Path):
    async with serving.listening(world.app(), host="127.0.0.1", port=0) as where:
        with pytest.raises(AssertionError, match="session_missing"):
            await _run(_programme(tmp_path), where.url, "")
