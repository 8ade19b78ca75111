"""What outlives every process of a simulation: database, network, vault, model and time; and the witness."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.documents.governance import DEFAULT_PACK, load_lexicon
from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.keys import name_of
from chimera.adapters.vault.local import LocalVault
from chimera.adapters.vault.signer import VaultSigner
from chimera.domain.grant import Terms
from chimera.domain.policy import PackFiles
from chimera.domain.prompt import Prompt
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.governance.safety.gateway import SafetyGateway
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.ports.attestor import Attestation
from chimera.ports.sealer import SignedRoot
from chimera.rehearsal.line import Line
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.network import Network
from chimera.testing.simulation.faults import Fate
from chimera.testing.simulation.odds import Draw
from chimera.testing.simulation.scripted import ScriptedModel
from chimera.testing.simulation.witness import Violation, Witness
from chimera.testing.virtual_loop import Simulated

VAULT_CAP_MICROS_DAY = 400_000_000


class House(Struct, frozen=True, kw_only=True):
    """What is the same in every run and expensive to read: contracts, prompts, two policies that differ in a band."""

    contracts: Contracts
    prompts: dict[str, Prompt]
    packs: tuple[PackFiles, PackFiles]
    gates: tuple[Gate, Gate]
    security: SecurityGateway


def build_house() -> House:
    """Read it once per process."""
    specs, lexicon = load_specs(), load_lexicon()
    safety = SafetyGateway(lexicon)
    packs = (_pack(monitored_bp=7_000), _pack(monitored_bp=7_200))
    ordinary, stricter = (Gate(policy=PolicyEngine(pack_of(pack)), safety=safety, specs=specs) for pack in packs)
    return House(
        contracts=Contracts(specs),
        prompts=dict(load_prompts()),
        packs=packs,
        gates=(ordinary, stricter),
        security=SecurityGateway(shipped_scanner()),
    )


def _pack(*, monitored_bp: int) -> PackFiles:
    bands = {"human_bp": 5_000, "monitored_bp": monitored_bp, "proceed_bp": 9_000, "record_rulings_min": 20}
    return PackFiles(
        name="unnamed",
        release="0",
        text=(DEFAULT_PACK / "policy.cedar").read_text("utf-8"),
        schema=(DEFAULT_PACK / "schema.cedarschema").read_text("utf-8"),
        bands=msgspec.json.encode(bands).decode(),
    )


class StandingVault:
    """The vault, its key and what it has sealed today; its process may be started anew under another policy."""

    def __init__(self, simulated: Simulated, *, policy_digest: str) -> None:
        self._clock = simulated.clock
        self._key = Ed25519PrivateKey.from_private_bytes(simulated.dice("key").randbytes(32))
        self._spent = Spent(day=0, micros=0)
        self._halted: frozenset[str] = frozenset()
        self._vault = self._started(policy_digest)
        self.keys: dict[str, Ed25519PublicKey] = {name_of(self._key.public_key()): self._key.public_key()}

    def restart(self, policy_digest: str) -> None:
        """A new process with the same key, the same count and the same halts."""
        self._vault = self._started(policy_digest)

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        """`ports.sealer.Sealer`."""
        return await self._vault.seal(leaves)

    async def attest(self, statement: bytes) -> Attestation:
        """`ports.attestor.Attestor`."""
        return await self._vault.attest(statement)

    async def halt(self, halted: frozenset[str]) -> None:
        """What is halted, as the office says."""
        self._halted = halted
        await self._vault.halt(halted)

    async def govern(self, files: PackFiles, *, digest: str) -> None:
        """Which policy is in force, as the office says."""
        await self._vault.govern(files, digest=digest)

    def _started(self, policy_digest: str) -> LocalVault:
        core = VaultSigner(
            key=self._key,
            policy_digest=policy_digest,
            cap_micros_day=VAULT_CAP_MICROS_DAY,
            spent=self._spent,
            keep=self._keep,
            cfo_key=self._key,
        )
        core.halt(self._halted)
        return LocalVault(core, self._clock)

    def _keep(self, spent: Spent) -> None:
        self._spent = spent


class World:
    """Survives every crash. `stopped` is set by the first violation."""

    def __init__(self, simulated: Simulated, house: House, draw: Draw) -> None:
        self.simulated = simulated
        self.clock = simulated.clock
        self.ids = simulated.ids
        self.house = house
        self.draw = draw
        self.policy = 0
        self.violation: Violation | None = None
        self.stopped = asyncio.Event()
        self.database = MemoryDatabase()
        self.network = Network(draw.scenario)
        self.publisher = RehearsalPublisher(Line(self.network, self.clock), self.clock)
        self.fates: list[Fate] = []
        self.vault = StandingVault(simulated, policy_digest=self.gate.policy_digest)
        self.model = ScriptedModel(simulated, manners=draw.scenario.manners)
        self.judge_model = OfflineModel(seed=simulated.seed + 1, manners=draw.scenario.manners, clock=self.clock)
        self.witness = Witness(self.database, clock=self.clock, keys=self.vault.keys, found=self.found)

    @property
    def pack(self) -> PackFiles:
        """The policy that is in force, as files."""
        return self.house.packs[self.policy]

    @property
    def gate(self) -> Gate:
        """The gate under the policy in force."""
        return self.house.gates[self.policy]

    def change_policy(self, *, tell_vault: bool) -> None:
        """Another policy is in force from a manager's next start on; the vault hears it now, or from the office."""
        self.policy = 1 - self.policy
        if tell_vault:
            self.vault.restart(self.gate.policy_digest)

    def fate(self, name: str) -> Fate:
        """Dice for one concern, which come to rest with the world."""
        fate = Fate(self.simulated.dice(name), self.draw.odds)
        self.fates.append(fate)
        return fate

    def found(self, violation: Violation) -> None:
        """The first violation ends the run."""
        if self.violation is None:
            self.violation = violation
            self.stopped.set()
