"""What we need from chance: fresh ids. All other ids are derived."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """Where ids come from."""

    def new(self) -> str: ...
