"""What came of each account's acts, as the chains tell it: when it was used last, what failed, whether it was let in.

Counted by whoever follows the chains, from the beginning of the day; asks no network and holds no credential.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.event import Event, EventKind
from chimera.domain.recent import Recent

UNDER_WAY_MAX = 10_000
# What a connector answers when the network does not take an account's proof.
LOGIN_REFUSED = "login_refused"
Health = Literal["unused", "working", "failing", "refused"]


class Use(Struct, frozen=True, kw_only=True):
    """One account since the day began. `last_error` is of the latest act that failed or is in doubt."""

    done: int = 0
    failed: int = 0
    in_doubt: int = 0
    last_used_us: int = 0
    last_done_us: int = 0
    last_error_us: int = 0
    last_error: str = ""

    @property
    def health(self) -> Health:
        """By its latest act: a network that has taken one since has taken the proof with it."""
        if self.last_done_us >= self.last_error_us:
            return "working" if self.last_done_us else "unused"
        return "refused" if LOGIN_REFUSED in self.last_error else "failing"


NEVER = Use()


class Uses:
    """Accounts by network and handle. Events may come out of their order: whoever counts the day begins later."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Use] = {}
        self._under_way: Recent[str, tuple[str, str]] = Recent(UNDER_WAY_MAX)

    def of(self, platform: str, handle: str) -> Use:
        """What came of an account's acts."""
        return self._accounts.get((platform, handle), NEVER)

    def note(self, event: Event) -> None:
        """One more event; those that are not about acts say nothing here."""
        match event.kind:
            case EventKind.EFFECT_STARTED:
                self._begin(_grant(event), event.data, event.at_us)
            case EventKind.EFFECT_FINISHED:
                self._end(_grant(event), done=1, last_done_us=event.at_us)
            case EventKind.EFFECT_FAILED:
                self._end(_grant(event), failed=1, last_error_us=event.at_us, last_error=_why(event))
            case EventKind.EFFECT_IN_DOUBT:
                self._end(_grant(event), in_doubt=1, last_error_us=event.at_us, last_error=_why(event))
            case _:  # Most events are about something else.
                pass

    def turn(self) -> None:
        """Another day: what was counted is over, what was last stays."""
        self._accounts = {
            account: replace(use, done=0, failed=0, in_doubt=0) for account, use in self._accounts.items()
        }

    def _begin(self, grant: str, data: dict[str, Any], at_us: int) -> None:
        account = (str(data.get("platform", "")), str(data.get("account", "")))
        self._under_way[grant] = account
        known = self.of(*account)
        self._accounts[account] = replace(known, last_used_us=max(known.last_used_us, at_us))

    def _end(
        self, grant: str, *, done: int = 0, failed: int = 0, in_doubt: int = 0, last_done_us: int = 0,
        last_error_us: int = 0, last_error: str = "",
    ) -> None:  # fmt: skip
        account = self._under_way.get(grant)
        if account is None:
            return
        known = self.of(*account)
        is_later = last_error_us > known.last_error_us
        self._accounts[account] = replace(
            known,
            done=known.done + done,
            failed=known.failed + failed,
            in_doubt=known.in_doubt + in_doubt,
            last_done_us=max(known.last_done_us, last_done_us),
            last_error_us=max(known.last_error_us, last_error_us),
            last_error=last_error if is_later else known.last_error,
        )


def _grant(event: Event) -> str:
    return str(event.data.get("grant", ""))


def _why(event: Event) -> str:
    return str(event.data.get("why", ""))[:300]
