"""Commands given at once: on a home that does not exist yet all of them succeed, as one and the same person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import fleet

COMMANDS = 8


@pytest.mark.slow  # Nine processes, and the database of a new home.
@pytest.mark.timeout(300)
@pytest.mark.requirement("R-G1", "R-A4")
def test_eight_commands_at_once_on_a_new_home_all_succeed(new_home: Path) -> None:
    def halt(number: int) -> fleet.Answer:
        return fleet.chimera(new_home, "halt", f"recipient:p{number}", "--json")

    with ThreadPoolExecutor(COMMANDS) as at_once:
        answers = list(at_once.map(halt, range(COMMANDS)))
    assert [answer.code for answer in answers] == [0] * COMMANDS, answers
    assert {answer.object["scope"] for answer in answers} == {f"recipient:p{number}" for number in range(COMMANDS)}
    assert len({answer.object["by"] for answer in answers}) == 1, "of several first commands one made the owner"
    verified = fleet.chimera(new_home, "audit", "verify", "--json")
    assert (verified.code, verified.object["verified"]) == (0, True), verified
    assert fleet.processes_of(new_home) == {}
