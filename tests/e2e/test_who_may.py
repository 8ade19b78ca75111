"""What a command on this machine may do is what its person may do, whoever owns the files: told by a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera.domain import ids
from tests import fleet

NOBODYS = "01930000-0000-7000-8000-000000000000"
REFUSED = (
    ("budget", "set", "fleet", "1"),
    ("privacy", "erase", "@somebody"),
    ("privacy", "opt-out", "@somebody"),
    ("memory", "keep", "words"),
    ("audit", "export", "history.bundle"),
    ("audit", "show", "--kind", "DECOY_PLANTED"),
    ("audit", "retain"),
    ("budget", "show"),
    ("spend", "list"),
    ("spend", "costs"),
    ("spend", "task", NOBODYS),
    ("spend", "tasks", NOBODYS),
    ("spend", "explain", NOBODYS),
    ("ledger", "verify"),
    ("ledger", "balances"),
    ("ledger", "entries"),
    ("wallet", "list"),
)


@pytest.mark.slow  # Each command is a process with a database.
@pytest.mark.timeout(300)
@pytest.mark.requirement("R-D4", "R-E2", "R-D5")
def test_a_token_that_only_looks_changes_nothing(hosted_home: Path) -> None:
    issued = fleet.chimera(hosted_home, "people", "token", "issue", "looking", "--scope", "fleet.look", "--json")
    assert issued.code == 0, issued
    for command in REFUSED:
        answer = fleet.chimera(hosted_home, *command, "--json", CHIMERA_TOKEN=issued.object["secret"])
        assert (answer.code, answer.object["error"]["code"]) == (1, "not_permitted"), (command, answer)
    spending = fleet.chimera(hosted_home, "people", "token", "issue", "spending", "--scope", "money.look", "--json")
    for command in (("memory", "search", "words"), ("memory", "show", ids.ROOT)):
        answer = fleet.chimera(hosted_home, *command, "--json", CHIMERA_TOKEN=spending.object["secret"])
        assert (answer.code, answer.object["error"]["code"]) == (1, "not_permitted"), (command, answer)
    seen = fleet.chimera(hosted_home, "ledger", "verify", "--json", CHIMERA_TOKEN=spending.object["secret"])
    assert (seen.code, seen.object["verified"]) == (0, True), seen
    looked = fleet.chimera(hosted_home, "audit", "show", "--kind", "DATA_READ", "--json")
    assert "cli/money/ledger" in str(looked.object), "what they read is on record"
    lowered = fleet.chimera(hosted_home, "budget", "set", "fleet", "1", "--json")
    assert (lowered.code, lowered.object["micros"]) == (0, 1_000_000), lowered
