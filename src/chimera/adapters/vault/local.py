"""The vault in this very process: for simulation and tests. Guards against bugs, not against compromise."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.adapters.vault.signer import VaultSigner
from chimera.domain.grant import Terms
from chimera.domain.policy import PackFiles
from chimera.ports.attestor import Attestation
from chimera.ports.clock import Clock
from chimera.ports.sealer import SignedRoot


class LocalVault:
    """Implements `ports.sealer.Sealer`."""

    def __init__(self, core: VaultSigner, clock: Clock) -> None:
        self._core = core
        self._clock = clock

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        """Asks the core."""
        return self._core.seal(leaves, now_us=self._clock.now_us())

    async def govern(self, files: PackFiles, *, digest: str) -> None:
        """Tells the core."""
        self._core.govern(files, digest=digest)

    async def attest(self, statement: bytes) -> Attestation:
        """Asks the core."""
        return self._core.attest((statement,))[0]

    async def halt(self, halted: frozenset[str]) -> None:
        """Tells the core."""
        self._core.halt(halted)
