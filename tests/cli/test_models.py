"""`chimera models`: shows who is asked, and says of each whether it answers; never a key."""

import contextlib
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from chimera.cli import output
from chimera.cli.main import app

pytestmark = pytest.mark.requirement("R-H2")
FILE = """
[models.good]
wire = "anthropic"
url = "{good}"
model = "one"
[models.broken]
wire = "openai"
url = "{broken}"
model = "two"
[models.offline]
wire = "offline"
[routes]
default = ["good", "broken", "offline"]
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    code = output.run(app, ["models", *arguments, "--json"])
    return code, msgspec.json.decode(capsys.readouterr().out)


def test_without_a_file_the_offline_model_is_listed_and_nothing_checked(capsys, monkeypatch) -> None:
    monkeypatch.delenv("CHIMERA_MODELS_FILE", raising=False)
    assert said(capsys, "list")[1]["routes"] == {"default": ["offline"]}
    code, answer = said(capsys, "check")
    assert (code, answer["error"]["code"]) == (2, "models_unset")


@contextlib.contextmanager
def serving(*arguments: str) -> Generator[str]:
    command = [sys.executable, "-m", "chimera.testing.model_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_each_model_is_asked_and_no_key_is_shown(tmp_path: Path, capsys, monkeypatch) -> None:
    with serving() as good, serving("--fault", "401") as broken:
        file = tmp_path / "models.toml"
        file.write_text(FILE.format(good=good.removesuffix("/v1"), broken=broken))
        monkeypatch.setenv("CHIMERA_MODELS_FILE", str(file))
        monkeypatch.setenv("CHIMERA_ANTHROPIC_API_KEY", "sk-never-shown")
        code, listed = said(capsys, "list")
        assert (code, [one["has_key"] for one in listed["models"]]) == (0, [True, False, False])
        code, found = said(capsys, "check")
    assert code == 1
    assert [(one["name"], one["cause"]) for one in found["models"]] == [
        ("good", "ok"), ("broken", "rejected"), ("offline", "ok")]  # fmt: skip
    assert "sk-never-shown" not in f"{listed}{found}"
