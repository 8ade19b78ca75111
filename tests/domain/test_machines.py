"""Every state machine, walked totally: every state meets every command with a transition or a refusal by name."""

from __future__ import annotations

from enum import StrEnum

import pytest

from chimera.domain.access import ACCESS_MACHINE
from chimera.domain.agent import AGENT_MACHINE
from chimera.domain.badge import AGENT_KEY_MACHINE
from chimera.domain.budget import HOLD_MACHINE
from chimera.domain.campaign import CAMPAIGN_MACHINE, INPUT_MACHINE
from chimera.domain.directory import PEER_MACHINE
from chimera.domain.errors import Refused
from chimera.domain.grant import PERFORMANCE_MACHINE, SEAL_MACHINE
from chimera.domain.halt import HALT_MACHINE
from chimera.domain.machine import Machine
from chimera.domain.person import PASS_MACHINE, PERSON_MACHINE
from chimera.domain.review import REVIEW_MACHINE
from chimera.domain.stages import COURSE_MACHINE
from chimera.domain.task import TASK_MACHINE

pytestmark = pytest.mark.requirement("R-A4", "R-N1")

MACHINES: dict[str, tuple[Machine[StrEnum, StrEnum], str, set[str]]] = {
    "access": (ACCESS_MACHINE, "asked", {"refused", "revoked"}),
    "peer": (PEER_MACHINE, "seen", set()),
    "agent": (AGENT_MACHINE, "installed", {"retired"}),
    "hold": (HOLD_MACHINE, "held", {"captured", "released"}),
    "campaign": (CAMPAIGN_MACHINE, "opened", {"finished", "cancelled"}),
    "course": (COURSE_MACHINE, "brief", {"finished", "stopped"}),
    "input": (INPUT_MACHINE, "admitted", {"planned", "dropped"}),
    "seal": (SEAL_MACHINE, "ready", {"taken", "expired", "withdrawn"}),
    "performance": (PERFORMANCE_MACHINE, "started", {"finished", "failed"}),
    "agent_key": (AGENT_KEY_MACHINE, "current", set()),
    "person": (PERSON_MACHINE, "active", set()),
    "pass": (PASS_MACHINE, "open", {"closed"}),
    "halt": (HALT_MACHINE, "active paused", {"lifted", "outlived"}),
    "review": (REVIEW_MACHINE, "open owed", {"closed"}),
    "task": (TASK_MACHINE, "waiting", {"done", "refused", "failed", "dropped"}),
}  # type: ignore[dict-item]


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_meets_every_command(name: str) -> None:
    machine, _, final = MACHINES[name]
    for state in machine.states:
        for command in machine.commands:
            if machine.allows(state, command):
                assert machine.after(state, command) in machine.states
                assert state not in final
            else:
                with pytest.raises(Refused) as refusal:
                    machine.after(state, command)
                assert refusal.value.code == f"{name}_{state}_cannot_{command}"


@pytest.mark.parametrize("name", MACHINES)
def test_final_states_are_those_that_we_mean(name: str) -> None:
    machine, _, final = MACHINES[name]
    assert {str(state) for state in machine.states if machine.is_final(state)} == final


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached_and_left_for_an_end(name: str) -> None:
    machine, first, final = MACHINES[name]
    following = {
        state: {machine.after(state, command) for command in machine.commands if machine.allows(state, command)}
        for state in machine.states
    }
    assert _closure(following, {machine.states(one) for one in first.split()}) == set(machine.states)
    for state in machine.states:
        assert not final or {str(end) for end in _closure(following, {state})} & final


def _closure(following: dict[StrEnum, set[StrEnum]], reached: set[StrEnum]) -> set[StrEnum]:
    more = reached.union(*(following[state] for state in reached))
    return reached if more == reached else _closure(following, more)


def test_nothing_is_performed_but_from_a_grant() -> None:
    """A task is done by an act only through `granted`; nobody goes there but from a lease or a held review."""
    into_granted = {state for state in TASK_MACHINE.states if any(
        TASK_MACHINE.allows(state, command) and TASK_MACHINE.after(state, command) == "granted"
        for command in TASK_MACHINE.commands
    )}  # fmt: skip
    assert {str(state) for state in into_granted} == {"leased", "held"}
