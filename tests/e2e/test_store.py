"""Agent packages from a catalogue, by the commands: published, verified, installed, widened, refused by exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import fleet
from tests.adapters.documents.test_packages import GOOD, RULES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.requirement("R-C1")]
Run = Callable[..., fleet.Answer]


def write(folder: Path, *, version: str, permissions: str = "trends.read, post.publish") -> Path:
    made = folder / "studio.persona"
    made.mkdir(exist_ok=True)
    text = GOOD.replace('"1.0.0"', f'"{version}"').replace("trends.read, post.publish", permissions)
    (made / "manifest.yaml").write_text(text)
    (made / "constitution.yaml").write_text(RULES)
    return made


def code(answer: fleet.Answer) -> tuple[int, str]:
    return answer.code, json.loads(answer.out)["error"]["code"]


def test_a_package_from_a_catalogue(hosted_home: Path, tmp_path: Path) -> None:
    index = tmp_path / "catalogue"

    def store(*words: object) -> fleet.Answer:
        return fleet.chimera(hosted_home, "store", *words, "--json", CHIMERA_STORE_INDEX=str(index))

    first = store("publish", write(tmp_path, version="1.0.0"), "--index", index, "--as", "studio")
    assert first.code == 0, first
    assert [one["trusted"] for one in store("search", "persona").object["packages"]] == [False]
    assert code(store("install", "studio.persona")) == (1, "publisher_unknown")
    assert store("trust", "studio", first.object["key"]).code == 0
    shown = store("verify", "studio.persona").object
    assert (shown["verified"], shown["installed"], shown["gained"]) == (True, "", ["post.publish", "trends.read"])
    refused = store("install", "studio.persona")
    assert code(refused) == (1, "permissions_widened")
    assert "+ post.publish" in refused.out
    assert store("install", "studio.persona", "--accept-permissions").object["changed"]
    wider = write(tmp_path, version="1.1.0", permissions="trends.read, post.publish, post.like")
    assert store("publish", wider, "--index", index, "--as", "studio").code == 0
    assert store("verify", "studio.persona").object["gained"] == ["post.like"]
    assert code(store("install", "studio.persona")) == (1, "permissions_widened")
    assert store("install", "studio.persona", "--accept-permissions").object["gained"] == ["post.like"]
    assert code(store("install", "studio.persona@1.0.0")) == (1, "package_older")
    archive = index / "studio.persona-1.1.0.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    assert code(store("verify", "studio.persona")) == (1, "archive_changed")
    assert code(store("install", "studio.other")) == (2, "package_not_listed")
    assert store("distrust", "studio").code == 0
    assert store("distrust", "studio").code == 1
