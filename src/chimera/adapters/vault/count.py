"""What a vault has sealed today: its own count, on disk ahead of what is signed. A crash costs room, never the cap."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from chimera.domain.durations import DAY_US
from chimera.domain.errors import Refused

# Of the cap, so much is written down before it is needed: one write for many seals, and so much is what a crash costs.
AHEAD_SHARE = 1_000


class Spent(Struct, frozen=True, kw_only=True):
    """What the vault has sealed on one UTC day. Its own count, kept by itself."""

    day: int
    micros: int


class Count:
    """Counts up to the cap of a day. `keep` makes what it is given durable before anything is signed."""

    def __init__(self, spent: Spent, *, cap_micros_day: int, keep: Callable[[Spent], None]) -> None:
        self._spent = self._kept = spent
        self._cap_micros_day = cap_micros_day
        self._keep = keep

    @property
    def spent(self) -> Spent:
        """What was sealed, or after a crash what may have been."""
        return self._spent

    def add(self, micros: int, *, now_us: int) -> None:
        """So much more is about to be sealed, or `Refused`."""
        if micros == 0:
            return
        # A clock that was set back would open a day's cap again: the day never goes back.
        day = max(now_us // DAY_US, self._spent.day)
        before = self._spent.micros if self._spent.day == day else 0
        if before + micros > self._cap_micros_day:
            raise Refused(
                "vault_over_cap",
                f"{before} micros sealed today, {micros} more are beyond the vault's own cap",
                where="vault",
                remedy="wait for tomorrow, or raise CHIMERA_VAULT_CAP_MICROS_DAY",
            )
        spent = Spent(day=day, micros=before + micros)
        if spent.day != self._kept.day or spent.micros > self._kept.micros:
            ahead = self._cap_micros_day // AHEAD_SHARE
            self._write(Spent(day=day, micros=min(spent.micros + ahead, self._cap_micros_day)))
        self._spent = spent

    def close(self) -> None:
        """What was written ahead and not sealed is given back: a vault that ends in order costs nothing."""
        if self._kept != self._spent:
            self._write(self._spent)

    def _write(self, spent: Spent) -> None:
        self._keep(spent)
        self._kept = spent
