"""Whether an account says of itself that it is a machine, where a network has no mark that we could set. Pure."""

from __future__ import annotations

import re

from chimera.ports.network import Declined

_SAYS_SO = re.compile(r"\b(bot|automated|a\.?i\.?|artificial intelligence)\b", re.IGNORECASE)


def unless_said(description: str, *, where: str) -> Declined | None:
    """Nothing if the account's own words say so; else why it may not act."""
    if _SAYS_SO.search(description):
        return None
    why = f"the account's {where} does not say that it is automated: write so there, this network's API cannot"
    return Declined("bot_label_missing", why)
