"""How commands speak, apart from any command."""

from __future__ import annotations

import io

import pytest
import structlog

from chimera.cli import output


def test_a_logger_that_is_kept_speaks_to_whatever_is_standard_error_then(monkeypatch: pytest.MonkeyPatch) -> None:
    before = structlog.get_config()
    first, second = io.StringIO(), io.StringIO()
    try:
        monkeypatch.setattr("sys.stderr", first)
        output.log_to_stderr("info")
        kept = structlog.get_logger().bind()
        kept.warning("the first word")
        first.close()
        monkeypatch.setattr("sys.stderr", second)
        kept.warning("the second word")
    finally:
        structlog.configure(**before)
    assert "the second word" in second.getvalue()
