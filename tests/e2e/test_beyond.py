"""Agents and skills beyond this installation, by the commands, as their user meets them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests import fleet

# Each command is a process, and most open a database: two homes, sixteen commands.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CARD = "https://agents.example/.well-known/agent-card.json"
SKILL = """---
name: weather
description: Tells the weather.
metadata: {"openclaw": {"requires": {"bins": ["curl"]}}}
---
Ask the service for the place.
"""


def code(answer: fleet.Answer) -> tuple[int, str]:
    return answer.code, json.loads(answer.out)["error"]["code"]


@pytest.mark.requirement("R-H3")
def test_who_is_announced_is_found_and_a_person_decides_about_it(made_home: Path) -> None:
    with fleet.running(made_home, "discover", "serve", "--port", "0") as served:
        fleet.until(lambda: "key " in served.out, seconds_max=150, what=f"a node listens: {served.err}")
        where, _, key = served.out.partition("node: ")[2].strip().partition(", key ")

        def discover(*words: object) -> fleet.Answer:
            return fleet.chimera(made_home, "discover", *words, "--json")

        announced = discover("announce", "--join", where, "--address", CARD, "--skill", "chimera_post")
        assert [one["nodes"] for one in announced.object["pointers"]] == [1, 1], announced
        assert code(discover("announce", "--join", where, "--address", "ftp://x")) == (2, "pointer_malformed")
        assert code(discover("look-up", "weather", "--join", where)) == (2, "pointer_malformed")
        assert code(discover("look-up", "skill:weather")) == (3, "directory_unreachable")
        found = discover("look-up", "skill:chimera_post", "--join", where)
        assert [(one["key"], one["address"]) for one in found.object["pointers"]] == [(key, CARD)]
        assert [one["state"] for one in discover("peers").object["peers"]] == ["seen"]
        assert code(discover("card", key)) == (1, "peer_not_allowed")
        assert discover("allow", key).object["state"] == "allowed"
        assert discover("block", key).object["state"] == "blocked"
        ended, _seconds = served.stop(60)
        assert ended.code == 0, ended


@pytest.mark.requirement("R-C1", "R-H3")
def test_a_skill_is_signed_trusted_and_imported(hosted_home: Path, tmp_path: Path) -> None:
    folder, packed = tmp_path / "weather", tmp_path / "weather.tar.gz"
    folder.mkdir()
    (folder / "SKILL.md").write_text(SKILL)

    def skill(*words: object) -> fleet.Answer:
        return fleet.chimera(hosted_home, "skill", *words, "--json")

    signed = skill("sign", folder, "--as", "studio", "--into", packed).object
    assert signed["sha256"] == hashlib.sha256(packed.read_bytes()).hexdigest()
    pinned = ("import", packed, "--name", "weather", "--pin", signed["sha256"])
    assert code(skill(*pinned)) == (2, "skill_unsigned")
    assert fleet.chimera(hosted_home, "store", "trust", "studio", signed["key"]).code == 0
    assert skill(*pinned).object["wants"] == ["bins: curl"]
    assert [one["name"] for one in skill("list").object["skills"]] == ["weather"]
