"""The memory bench names the settings that its times depend on, and measures again what it has filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import chimera


@pytest.mark.requirement("R-G3")
def test_a_filled_folder_is_measured_again_and_the_settings_are_named(tmp_path: Path) -> None:
    told = ("bench", "memory", "--memories", "200", "--queries", "10", "--folder", tmp_path / "kept", "--json")
    filled = chimera(tmp_path / "home", *told, "--fill-only")
    assert filled.code == 0
    assert "search_ms" not in filled.object
    again = chimera(tmp_path / "home", *told)
    assert "embed_seconds" not in again.object, "what is there is not filled twice"
    assert again.object["recall_at_10"] >= 0.95
    named = again.object["settings"]
    assert "ef_search" in named["search"]
    assert "m=" in named["hnsw"]
    assert named["shared_buffers"].endswith("MB")
