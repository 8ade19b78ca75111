"""Remembers which model wrote for a task, so that another one judges it. Forgets the oldest."""

from __future__ import annotations

from collections import OrderedDict

from chimera.ports.model import ModelRequest

TASKS_MAX = 20_000
JUDGE = "judge"


class Authors:
    """The last author of each task."""

    def __init__(self) -> None:
        self._by_task: OrderedDict[str, str] = OrderedDict()

    def note(self, request: ModelRequest, identity: str) -> None:
        """This model answered. A judge is no author."""
        if request.prompt == JUDGE:
            return
        self._by_task[request.task_id] = identity
        self._by_task.move_to_end(request.task_id)
        if len(self._by_task) > TASKS_MAX:
            self._by_task.popitem(last=False)

    def of(self, request: ModelRequest) -> str:
        """Who wrote for the request's task, or nobody."""
        return self._by_task.get(request.task_id, "")
