"""Puts the community's parts together: the journal of those who want no answer. Decides nothing."""

from __future__ import annotations

from chimera.adapters.local.home import keep_secret, prepare_home
from chimera.adapters.local.opt_outs import OptOutJournal
from chimera.settings import Settings


def opt_outs(settings: Settings) -> OptOutJournal:
    """The journal of this home, under the key that names persons in journals."""
    home = prepare_home(settings.folder)
    return OptOutJournal(home, keep_secret(home, "persons").encode())
