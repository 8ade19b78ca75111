"""What one task may spend on models: set aside before a call, settled after it. The ledger is not here."""

from __future__ import annotations

from chimera.domain.recent import Recent
from chimera.ports.model import ModelRequest

TASKS_MAX = 20_000


class Purse:
    """Holds and spendings of the tasks under way. Never lets a task's sum pass its limit by a call that it admits."""

    def __init__(self) -> None:
        self._used: Recent[str, int] = Recent(TASKS_MAX)

    def room_micros(self, request: ModelRequest) -> int:
        """What the task may still set aside."""
        return max(0, request.cost_micros_max - self._used.get(_key(request), 0))

    def hold(self, request: ModelRequest, cost_micros: int) -> bool:
        """Set the most that a call can cost aside, or say that there is no room."""
        if cost_micros > self.room_micros(request):
            return False
        self._add(request, cost_micros)
        return True

    def settle(self, request: ModelRequest, *, held_micros: int, cost_micros: int) -> None:
        """What the call did cost takes the place of what was set aside."""
        self._add(request, cost_micros - held_micros)

    def _add(self, request: ModelRequest, micros: int) -> None:
        key = _key(request)
        self._used[key] = self._used.get(key, 0) + micros


def _key(request: ModelRequest) -> str:
    return f"{request.task_id}/{request.prompt}"
