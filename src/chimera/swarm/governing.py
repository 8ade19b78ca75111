"""Picks up the policy that a person has put in force: for the gate of a manager, and for the vault.

Changes no policy. What cannot be read closes the gate: whoever cannot be understood has not been allowed.
"""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from chimera.domain.errors import Conflict, Invalid
from chimera.domain.policy import PackFiles, Policy
from chimera.governance.gate import Gate
from chimera.governance.policy.changes import in_force
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.ports.store import Reads
from chimera.swarm.loops import log


class PolicyKeeper(Protocol):
    """Whoever has to know beside the manager which policy is in force: the vault."""

    async def govern(self, files: PackFiles, *, digest: str) -> None: ...


class Governing:
    """Looks which version is in force, and has the gate decide by it."""

    def __init__(self, *, gate: Gate, reads: Reads) -> None:
        self._gate = gate
        self._reads = reads

    async def once(self) -> bool:
        """Look once. Never asks to be called again at once."""
        try:
            standing = await in_force(self._reads)
            if standing is not None and (standing.digest != self._gate.policy_digest or self._gate.is_shut):
                self._adopt(standing)
        except (Conflict, Invalid) as error:
            self._gate.shut(f"the policy in force cannot be read: {error.message}"[:300])
            log.error("the gate is shut", why=str(error))
        return False

    def _adopt(self, standing: Policy) -> None:
        pack = pack_of(standing.files)
        if pack.digest != standing.digest:
            raise Invalid(
                "policy_bytes_differ",
                "its digest is not that of its content",
                where=str(standing.number),
                remedy="look at it again: chimera policy show",
            )
        self._gate.adopt(PolicyEngine(pack))
        log.info("another policy is in force", number=standing.number, digest=pack.digest)


class TellingVault:
    """Tells the vault which policy is in force. Speaks for the office."""

    def __init__(self, *, vault: PolicyKeeper, reads: Reads, shipped: PackFiles) -> None:
        self._vault = vault
        self._reads = reads
        self._shipped = replace(shipped, cases=())
        self._shipped_digest = pack_of(shipped).digest

    async def once(self) -> bool:
        """Every time, not only when it changed: a vault that was started again knows what it was started with."""
        standing = await in_force(self._reads)
        if standing is None:
            await self._vault.govern(self._shipped, digest=self._shipped_digest)
        else:
            # Its cases say what it should decide; they decide nothing.
            await self._vault.govern(replace(standing.files, cases=()), digest=standing.digest)
        return False
