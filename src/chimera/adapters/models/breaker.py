"""Leaves a provider alone that keeps failing, for longer each time, and then tries it with one call."""

from __future__ import annotations

from collections.abc import Callable

from chimera.domain.durations import SECOND_US

FAILURES_MAX = 3
REST_SECONDS = 15.0
REST_SECONDS_MAX = 300.0


class Breaker:
    """Closed until three failures in a row; then open for a while; then one call may try."""

    def __init__(self, *, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._failures = 0
        self._until_us = 0
        self._is_tried = False

    @property
    def failures(self) -> int:
        """How many calls failed in a row."""
        return self._failures

    def admits(self, now_us: int) -> bool:
        """Whether a call may go out now. After a rest only one may, until it is known how it went."""
        if not self._until_us:
            return True
        if now_us < self._until_us or self._is_tried:
            return False
        self._is_tried = True
        return True

    def worked(self) -> None:
        """The provider answered."""
        self._failures, self._until_us, self._is_tried = 0, 0, False

    def failed(self, now_us: int, *, wait_seconds: float = 0) -> None:
        """It did not. Whoever says how long to wait is taken at its word."""
        self._failures += 1
        self._is_tried = False
        if wait_seconds or self._failures >= FAILURES_MAX:
            doubled = REST_SECONDS * 2 ** min(self._failures - FAILURES_MAX, 10)
            rest = wait_seconds or min(doubled, REST_SECONDS_MAX) * (0.5 + self._draw() / 2)
            self._until_us = now_us + int(rest * SECOND_US)

    def let_go(self) -> None:
        """The call ended without a word about the provider."""
        self._is_tried = False
