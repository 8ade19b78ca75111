"""An agent: a persona with an owner, permissions, accounts and a budget. Deny by default."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.action import TAKE_DOWN, TOOLS
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version
from chimera.domain.schedule import ALWAYS, Schedule
from chimera.domain.stages import Handover
from chimera.domain.variants import FIXED, Variants


class AgentState(StrEnum):
    """Where an agent is in its life."""

    INSTALLED = "installed"
    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


class AgentCommand(StrEnum):
    """What can be asked of an agent."""

    ACTIVATE = "activate"
    PAUSE = "pause"
    RETIRE = "retire"
    UPGRADE = "upgrade"


_S, _C = AgentState, AgentCommand
AGENT_MACHINE = Machine(
    "agent",
    AgentState,
    AgentCommand,
    {
        (_S.INSTALLED, _C.ACTIVATE): _S.ACTIVE,
        (_S.INSTALLED, _C.UPGRADE): _S.INSTALLED,
        (_S.INSTALLED, _C.RETIRE): _S.RETIRED,
        (_S.ACTIVE, _C.PAUSE): _S.PAUSED,
        (_S.ACTIVE, _C.UPGRADE): _S.ACTIVE,
        (_S.ACTIVE, _C.RETIRE): _S.RETIRED,
        (_S.PAUSED, _C.ACTIVATE): _S.ACTIVE,
        (_S.PAUSED, _C.UPGRADE): _S.PAUSED,
        (_S.PAUSED, _C.RETIRE): _S.RETIRED,
    },
)


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """A name on a network."""

    platform: str
    handle: str


def agent_id_of(name: str) -> str:
    """The id of the agent of this name: whenever its package is installed, it is the same agent."""
    return ids.derive(ids.ROOT, "agent", name)


def owns(accounts: tuple[Account, ...], *, platform: str, handle: str) -> bool:
    """Whether one of the accounts is this one. `sandbox.pay` is a counter of `sandbox`: it has the same accounts.

    A tool server knows no agents: it is called under the house's own access, and there is no name to take.
    """
    if platform == TOOLS:
        return True
    network = platform.partition(".")[0]
    return any(one.handle == handle and one.platform in (platform, network) for one in accounts)


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule of a constitution: its id stands in findings; what its severity is not `prefer` has to be mended."""

    id: str
    severity: str
    rule: str
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()

    @property
    def binds(self) -> bool:
        """Whether work that breaks it goes back."""
        return self.severity != "prefer"


class Persona(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the agent is in public, how it says that it is an AI, and the rules that it criticises its own work by."""

    name: str
    voice: str
    disclosure: str
    interests: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


class Agent(Record, frozen=True, kw_only=True):
    """One persona of the fleet, as installed from its package."""

    name: str
    package: str
    package_version: str
    package_digest: str
    persona: Persona
    accounts: tuple[Account, ...]
    permissions: tuple[str, ...]
    capabilities: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    confidence_floor_bp: int = 0
    rulings: int = 0
    budget_micros_day: int = 10_000_000
    schedule: Schedule = ALWAYS
    feeds: tuple[str, ...] = ()
    handovers: tuple[Handover, ...] = ()
    variants: Variants = FIXED
    state: AgentState = AgentState.INSTALLED

    def after(self, command: AgentCommand) -> Agent:
        """The agent after a command, or a named refusal."""
        return replace(next_version(self), state=AGENT_MACHINE.after(self.state, command))

    def can(self, skill: str) -> bool:
        """Whether its tasks may use a skill; what the manifest does not list it is not capable of."""
        return skill in self.capabilities

    def may(self, permission: str) -> bool:
        """Whether the manifest grants it; what is not listed is denied."""
        return permission in self.permissions

    @property
    def allowed(self) -> tuple[str, ...]:
        """What it may do now: what its manifest permits, and nothing unless it is active."""
        return self.permissions if self.state is AgentState.ACTIVE else ()

    @property
    def retractable(self) -> tuple[str, ...]:
        """What a person may have done in its name: also to take back, once it may or might have posted at all."""
        return () if self.state is AgentState.RETIRED else (*self.permissions, TAKE_DOWN)

    def account_on(self, platform: str) -> Account | None:
        """The agent's account on a network, if it has one."""
        return next((account for account in self.accounts if account.platform == platform), None)
