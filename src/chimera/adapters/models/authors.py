"""Remembers which model wrote for a task, so that another one judges it. Forgets the oldest."""

from __future__ import annotations

from chimera.domain.recent import Recent
from chimera.ports.model import ModelRequest

TASKS_MAX = 20_000
JUDGE = "judge"


class Authors:
    """The last author of each task."""

    def __init__(self) -> None:
        self._by_task: Recent[str, str] = Recent(TASKS_MAX)

    def note(self, request: ModelRequest, identity: str) -> None:
        """This model answered. A judge is no author."""
        if request.prompt == JUDGE:
            return
        self._by_task[request.task_id] = identity

    def of(self, request: ModelRequest) -> str:
        """Who wrote for the request's task, or nobody."""
        return self._by_task.get(request.task_id, "")
