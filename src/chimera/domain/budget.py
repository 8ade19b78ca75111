"""Budget windows and holds. The arithmetic here is the law that the database enforces as well. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import quotas
from chimera.domain.errors import Refused
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version

FLEET_CAPS_MICROS = {"day": 1_000_000_000, "week": 5_000_000_000, "month": 20_000_000_000}
AGENT_DAY_CAP_MICROS = 10_000_000
AGENT_CAPS_MICROS = {"day": AGENT_DAY_CAP_MICROS, "week": 7 * AGENT_DAY_CAP_MICROS, "month": 31 * AGENT_DAY_CAP_MICROS}
QUOTAS = "quotas"
# What is set aside before models are asked, and captured with the result of a task. In the ledger: a category.
MODEL_CALLS = "model_calls"
_NO_PARTS: Mapping[str, int] = MappingProxyType({})
_NOTHING = (0, 0, 0)


class Window(Struct, frozen=True, kw_only=True):
    """One budget window. Invariant: held + spent <= cap. `overrun` is late cost beyond it, which closes the window.

    A window of a quota counts posts or calls, and no millionths of anything.
    """

    id: str
    cap_micros: int
    held_micros: int = 0
    spent_micros: int = 0
    overrun_micros: int = 0

    @property
    def span(self) -> str:
        """Period and start, as in `day|2026-11-21`: what the windows of all scopes share."""
        return "|".join(self.id.rsplit("|", 2)[1:])

    @property
    def gone_micros(self) -> int:
        """What does not come back."""
        return self.spent_micros + self.overrun_micros

    @property
    def unit(self) -> str:
        """What it counts: `posts` or `calls`; nothing where it is about money."""
        return quotas.unit_in(self.id)

    @property
    def is_closed_to_reads(self) -> bool:
        """Whether it counts calls and what it has left is kept for acts."""
        return self.unit == quotas.CALLS and self.room_micros <= quotas.kept_for_acts(self.cap_micros)

    @property
    def room_micros(self) -> int:
        """What a new hold may take. Overrun counts against it."""
        return max(0, self.cap_micros - self.held_micros - self.spent_micros - self.overrun_micros)


class Movement(Struct, frozen=True, kw_only=True):
    """What a change does to each of some windows: hold (refused when there is no room), release, meter.

    `metered_micros` is cost that has already happened: it goes to `spent` as far as there is room, else to `overrun`.
    """

    windows: tuple[str, ...]
    hold_micros: int = 0
    release_micros: int = 0
    metered_micros: int = 0


def moving(
    windows: tuple[str, ...], *, hold_micros: int = 0, release_micros: int = 0, metered_micros: int = 0
) -> tuple[Movement, ...]:
    """The movement of these windows, where there are any."""
    if not windows:
        return ()
    movement = Movement(
        windows=windows, hold_micros=hold_micros, release_micros=release_micros, metered_micros=metered_micros
    )
    return (movement,)


def window_id(scope: str, period: str, start: str) -> str:
    """The key of a window: `fleet|day|2026-11-21`. The database finds its cap by scope and period."""
    return f"{scope}|{period}|{start}"


def apply(window: Window, movement: Movement) -> Window:
    """One of its windows after a movement; a hold without room is refused, metered cost never is."""
    if movement.hold_micros > window.room_micros:
        raise Refused(
            "over_budget",
            f"{window.id} has room for {window.room_micros} micros, {movement.hold_micros} were asked for",
            where=window.id,
            remedy="wait for the next window, or have a person raise the cap",
        )
    held_micros = window.held_micros + movement.hold_micros - movement.release_micros
    assert held_micros >= 0, "no more is released than was held"
    taken_micros = min(movement.metered_micros, max(0, window.cap_micros - held_micros - window.spent_micros))
    return msgspec.structs.replace(
        window,
        held_micros=held_micros,
        spent_micros=window.spent_micros + taken_micros,
        overrun_micros=window.overrun_micros + movement.metered_micros - taken_micros,
    )


class HoldState(StrEnum):
    """Whether money is still set aside."""

    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"


class HoldCommand(StrEnum):
    """What can be done with a hold."""

    CAPTURE = "capture"
    RELEASE = "release"


HOLD_MACHINE = Machine(
    "hold",
    HoldState,
    HoldCommand,
    {
        (HoldState.HELD, HoldCommand.CAPTURE): HoldState.CAPTURED,
        (HoldState.HELD, HoldCommand.RELEASE): HoldState.RELEASED,
    },
)


class Hold(Record, frozen=True, kw_only=True):
    """Money set aside for one grant, in every window that it falls into; and of each of its quotas, one.

    `captured_parts` is what of the captured amount was for something else than its category, by name: the ledger books
    each on an account of its own.
    """

    task_id: str
    amount_micros: int
    windows: tuple[str, ...]
    expires_at_us: int
    captured_micros: int = 0
    captured_parts: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    category: str = ""
    quotas: tuple[str, ...] = ()
    state: HoldState = HoldState.HELD

    @property
    def scope(self) -> str:
        return self.task_id

    @property
    def due_us(self) -> int:
        return self.expires_at_us

    def opening(self) -> tuple[Movement, ...]:
        """What opening the hold does to its windows."""
        return (*moving(self.windows, hold_micros=self.amount_micros), *moving(self.quotas, hold_micros=1))

    def captured(self, spent_micros: int, *, parts: Mapping[str, int] = _NO_PARTS) -> tuple[Hold, tuple[Movement, ...]]:
        """The hold spent. What was not needed goes back; what went beyond is metered."""
        assert sum(parts.values()) <= spent_micros, "parts of something are not more than all of it"
        hold = replace(
            next_version(self),
            state=HOLD_MACHINE.after(self.state, HoldCommand.CAPTURE),
            captured_micros=spent_micros,
            captured_parts={name: micros for name, micros in parts.items() if micros},
        )
        return hold, self._closing(metered_micros=spent_micros, counts=1)

    def released(self) -> tuple[Hold, tuple[Movement, ...]]:
        """The hold given back."""
        hold = replace(next_version(self), state=HOLD_MACHINE.after(self.state, HoldCommand.RELEASE))
        return hold, self._closing(metered_micros=0, counts=0)

    def _closing(self, *, metered_micros: int, counts: int) -> tuple[Movement, ...]:
        money = moving(self.windows, release_micros=self.amount_micros, metered_micros=metered_micros)
        return (*money, *moving(self.quotas, release_micros=1, metered_micros=counts))


def metered(windows: tuple[str, ...], amount_micros: int) -> tuple[Movement, ...]:
    """Cost that has happened without a hold of its own."""
    return moving(windows, metered_micros=amount_micros) if amount_micros else ()


def settled(
    hold: Hold | None, windows: tuple[str, ...], cost_micros: int, *, parts: Mapping[str, int] = _NO_PARTS
) -> tuple[tuple[Hold, ...], tuple[Movement, ...]]:
    """What models and tools cost, out of what was set aside for them; where nothing was, it is metered."""
    if hold is None:
        return (), metered(windows, cost_micros)
    ended, movements = hold.captured(cost_micros, parts=parts) if cost_micros else hold.released()
    return (ended,), movements


def combined(movements: Sequence[Movement]) -> tuple[Movement, ...]:
    """The same, with each window named once: what an act holds, what its preparation cost, what its end gives back."""
    # What opens and what closes a hold names the very same windows: added before each of them is looked at.
    rows: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for one in movements:
        held, released, metered = rows.get(one.windows, _NOTHING)
        rows[one.windows] = (held + one.hold_micros, released + one.release_micros, metered + one.metered_micros)
    sums: dict[str, tuple[int, int, int]] = {}
    for windows, amounts in rows.items():
        for window in windows:
            known = sums.get(window)
            sums[window] = (
                amounts if known is None else (known[0] + amounts[0], known[1] + amounts[1], known[2] + amounts[2])
            )
    alike: dict[tuple[int, int, int], list[str]] = {}
    for window, amounts in sums.items():
        alike.setdefault(amounts, []).append(window)
    return tuple([
        Movement(windows=tuple(windows), hold_micros=held, release_micros=released, metered_micros=metered)
        for (held, released, metered), windows in alike.items()
    ])  # fmt: skip


class Cap(Record, frozen=True, kw_only=True):
    """What a person allows a scope per period (`day`, `week`, `month`, `total`). Windows take their cap from here.

    Of a period that counts (`posts-day`, `calls-hour`), `micros` is how many.
    """

    limited: str
    period: str
    micros: int

    @property
    def key(self) -> str:
        """The beginning of the keys of the windows that it caps."""
        return f"{self.limited}|{self.period}"

    @property
    def scope(self) -> str | None:
        """Those that count are listed apart: whoever holds has to know which there are."""
        return QUOTAS if quotas.unit_of(self.period) else None
