"""What the vault has signed for wallets, kept by itself: one line per payment, on disk before the signature is given.

One grant has one nonce and one nonce has one grant, for ever: nobody who asks can have a payment made twice.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.adapters.vault.signer import DAY_US
from chimera.domain.errors import Refused, Unavailable

AUTHORIZATION = -1
# No payment: what a restore puts down so that the rest of the day is closed.
CLOSED = -2


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment that was agreed to. An authorization has no nonce of the wallet."""

    grant: str
    chain: str
    wallet: str
    nonce: int
    micros: int
    at_us: int


class Journal:
    """Reads its file once and appends to it. A line that a crash cut off was never answered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grants: dict[str, Entry] = {}
        self._nonces: dict[tuple[str, str, int], str] = {}
        self._days: dict[tuple[str, int], int] = {}
        self._last_day = 0
        for entry in _read(path):
            self._remember(entry)

    def of(self, grant_id: str) -> Entry | None:
        """What was agreed to for a grant."""
        return self._grants.get(grant_id)

    def spent_micros(self, chain: str, *, at_us: int) -> int:
        """What was agreed to on this day. A clock that was set back stays on the day that it has seen."""
        return self._days.get((chain, max(at_us // DAY_US, self._last_day)), 0)

    def admit(self, entry: Entry) -> None:
        """Write it down, or refuse: another nonce for this grant, or another grant for this nonce."""
        before = self._grants.get(entry.grant)
        if before is not None:
            if (before.chain, before.wallet, before.nonce) != (entry.chain, entry.wallet, entry.nonce):
                raise Refused(
                    "vault_grant_has_nonce",
                    f"this grant has the nonce {before.nonce}",
                    where=entry.grant,
                    remedy="look at the wallet's nonces: the runbook on stuck transactions",
                )
            return
        key = (entry.chain, entry.wallet, entry.nonce)
        if entry.nonce != AUTHORIZATION and key in self._nonces:
            raise Refused(
                "vault_nonce_taken",
                f"the nonce {entry.nonce} has another grant",
                where=entry.grant,
                remedy="look at the wallet's nonces: the runbook on stuck transactions",
            )
        self._append(entry)
        self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        day = max(entry.at_us // DAY_US, self._last_day)
        self._last_day = day
        self._grants[entry.grant] = entry
        self._nonces[entry.chain, entry.wallet, entry.nonce] = entry.grant
        self._days[entry.chain, day] = self._days.get((entry.chain, day), 0) + entry.micros

    def _append(self, entry: Entry) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, msgspec.json.encode(entry) + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: Path) -> list[Entry]:
    if not path.exists():
        return []
    content = path.read_bytes()
    whole, _, cut = content.rpartition(b"\n")
    if cut:
        # The end of a line that was being written when the power failed: its payment was never signed.
        path.write_bytes(whole + b"\n" if whole else b"")
    try:
        return [msgspec.json.decode(line, type=Entry) for line in whole.split(b"\n") if line]
    except msgspec.DecodeError as error:
        raise Unavailable("vault_journal_unreadable", f"the vault's journal is damaged: {error}", where=str(path),
                          remedy="restore the vault from its backup") from error  # fmt: skip
