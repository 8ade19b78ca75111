"""The vault's own count of a day: on disk before anything is signed, ahead of it, and never beyond the cap."""

from __future__ import annotations

import pytest

from chimera.adapters.vault.count import AHEAD_SHARE, Count, Spent
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Refused

CAP = 1_000_000
AHEAD = CAP // AHEAD_SHARE
NOW_US = 20_000 * DAY_US
NOTHING = Spent(day=0, micros=0)


class Disk:
    """What was made durable, in order; refuses when it is full."""

    def __init__(self, kept: Spent = NOTHING) -> None:
        self.kept = [kept]
        self.is_full = False

    def keep(self, spent: Spent) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        self.kept.append(spent)

    def count(self) -> Count:
        """A vault that begins with what is written down."""
        return Count(self.kept[-1], cap_micros_day=CAP, keep=self.keep)


def test_what_is_on_disk_is_never_less_than_what_was_counted() -> None:
    disk = Disk()
    count = disk.count()
    for micros in (1, AHEAD, 7, 5 * AHEAD, 1, 1, AHEAD // 2, AHEAD):
        count.add(micros, now_us=NOW_US)
        assert disk.kept[-1].micros >= count.spent.micros
        assert disk.kept[-1].day == count.spent.day == 20_000


def test_many_seals_cost_one_write() -> None:
    disk = Disk()
    count = disk.count()
    for _ in range(AHEAD):
        count.add(1, now_us=NOW_US)
    assert len(disk.kept) == 2, "nothing, and the first with what was written ahead"
    assert count.spent.micros == AHEAD


def test_a_crash_costs_what_was_written_ahead_and_no_more() -> None:
    disk = Disk()
    disk.count().add(100, now_us=NOW_US)
    again = disk.count()
    assert 100 <= again.spent.micros <= 100 + AHEAD
    # Whatever was lost, everything that was ever counted and what is left are the cap.
    again.add(CAP - again.spent.micros, now_us=NOW_US)
    with pytest.raises(Refused) as refusal:
        again.add(1, now_us=NOW_US)
    assert refusal.value.code == "vault_over_cap"
    assert disk.kept[-1].micros == CAP


def test_who_ends_in_order_loses_nothing() -> None:
    disk = Disk()
    count = disk.count()
    count.add(100, now_us=NOW_US)
    count.close()
    assert disk.kept[-1].micros == 100
    count.close()
    assert len(disk.kept) == 3, "what is written down already is not written again"
    assert disk.count().spent == Spent(day=20_000, micros=100)


def test_what_is_written_ahead_is_never_beyond_the_cap() -> None:
    disk = Disk()
    count = disk.count()
    count.add(CAP - 1, now_us=NOW_US)
    assert disk.kept[-1].micros == CAP
    count.add(1, now_us=NOW_US)
    assert len(disk.kept) == 2


def test_another_day_is_written_before_anything_of_it_is_signed() -> None:
    disk = Disk()
    count = disk.count()
    count.add(1, now_us=NOW_US)
    count.add(1, now_us=NOW_US + DAY_US)
    assert disk.kept[-1] == Spent(day=20_001, micros=1 + AHEAD)
    assert count.spent == Spent(day=20_001, micros=1)
    # The clock is set back: it is still the later day.
    count.add(1, now_us=NOW_US)
    assert count.spent == Spent(day=20_001, micros=2)


def test_what_cannot_be_written_down_is_not_counted() -> None:
    disk = Disk()
    count = disk.count()
    disk.is_full = True
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            count.add(1, now_us=NOW_US)
    assert count.spent == NOTHING
    disk.is_full = False
    count.add(1, now_us=NOW_US)
    assert disk.kept[-1].micros >= 1


def test_what_costs_nothing_is_neither_counted_nor_written() -> None:
    disk = Disk()
    disk.count().add(0, now_us=NOW_US)
    assert disk.kept == [NOTHING]
