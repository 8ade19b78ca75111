"""How many examples a property gets: all in `make test-properties`, a third of them in every run of the tests."""

from __future__ import annotations

from hypothesis import settings

THOROUGH, QUICK = "thorough", "quick"
SHARE = 3


def examples(whole: int) -> int:
    """The number for this run; never so few that a property could as well be a single case."""
    return whole if settings.get_current_profile_name() == THOROUGH else max(8, whole // SHARE)
