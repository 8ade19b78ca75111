"""What TR111 and TR112 were measured with runs, and tells what their figures are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chimera.domain import native

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "reports" / "TR112-2026-11-23.json"

pytestmark = [
    pytest.mark.requirement("R-J2"),
    pytest.mark.skipif(native.runtime is None or shutil.which("cargo") is None, reason="no Rust compiler here"),
]


def test_the_measurement_runs_and_tells_what_the_reports_tell() -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, str(ROOT / "bench" / "runtime.py"), "--quick"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert shape_of(json.loads(done.stdout)) == shape_of(json.loads(FIGURES.read_text()))


def shape_of(told: Any) -> Any:
    """The names alone."""
    return {name: shape_of(inner) for name, inner in told.items()} if isinstance(told, dict) else None
