"""What the vault has signed for wallets, kept by itself: one line per payment, on disk before the signature is given.

One grant has one nonce and one nonce has one grant, for ever: nobody who asks can have a payment made twice. Where a
transaction carries several payments, the nonce has as many places, and the same is true of each place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.adapters.vault.writing import write_all
from chimera.domain.durations import DAY_US
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
    place: int = 0
    places: int = 1

    @property
    def slot(self) -> tuple[str, str, int, int, int]:
        """What of a wallet's order it takes."""
        return self.chain, self.wallet, self.nonce, self.place, self.places


class Journal:
    """Reads its file once and appends to it. A line that a crash cut off was never answered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grants: dict[str, Entry] = {}
        self._places: dict[tuple[str, str, int], int] = {}
        self._taken: set[tuple[str, str, int, int, int]] = set()
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

    def admit(self, *entries: Entry) -> None:
        """Write them down together, or refuse: another nonce for a grant, or another grant for a place at a nonce.

        Power may fail between two lines of one transaction: the same grants at the same places complete it.
        """
        fresh = [entry for entry in entries if not self._is_known(entry)]
        for entry in fresh:
            self._require_free(entry)
        if fresh:
            self._append(fresh)
            for entry in fresh:
                self._remember(entry)

    def _is_known(self, entry: Entry) -> bool:
        before = self._grants.get(entry.grant)
        if before is not None and before.slot != entry.slot:
            raise Refused(
                "vault_grant_has_nonce",
                f"this grant has the nonce {before.nonce}",
                where=entry.grant,
                remedy="look at the wallet's nonces: the runbook on stuck transactions",
            )
        return before is not None

    def _require_free(self, entry: Entry) -> None:
        if entry.nonce == AUTHORIZATION:
            return
        key = (entry.chain, entry.wallet, entry.nonce)
        if entry.slot in self._taken or self._places.get(key, entry.places) != entry.places:
            raise Refused(
                "vault_nonce_taken",
                f"the nonce {entry.nonce} has another grant",
                where=entry.grant,
                remedy="look at the wallet's nonces: the runbook on stuck transactions",
            )

    def _remember(self, entry: Entry) -> None:
        day = max(entry.at_us // DAY_US, self._last_day)
        self._last_day = day
        self._grants[entry.grant] = entry
        self._places[entry.chain, entry.wallet, entry.nonce] = entry.places
        self._taken.add(entry.slot)
        self._days[entry.chain, day] = self._days.get((entry.chain, day), 0) + entry.micros

    def _append(self, entries: Sequence[Entry]) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(handle).st_size
            try:
                write_all(handle, b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
                os.fsync(handle)
            except OSError:
                # Nothing of it was signed; and the next line must not begin behind half of this one.
                os.ftruncate(handle, before)
                raise
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
