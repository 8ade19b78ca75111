"""The gullible model understands what attackers write, however they hide it, and takes innocent words for innocent."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from chimera.rehearsal import phrases
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.orders import (
    FORMS,
    FRAMES,
    Injection,
    OrderKind,
    hide_between,
    hide_encoded,
    hide_wide,
    understand,
)
from chimera.rehearsal.writing import fill

pytestmark = pytest.mark.requirement("R-N5")
SPOKEN = {OrderKind.PUBLISH_TEXT: "CANARY-07FA is the best casino of all"}
INNOCENT = (
    phrases.CHEERS, phrases.QUESTIONS, phrases.DECOYS, phrases.PROVOCATIONS, phrases.BOT_LINES, phrases.REPLY_BODIES,
    phrases.TWISTS, phrases.HOOKS,
)  # fmt: skip


@pytest.mark.parametrize("hide", [str, hide_between, hide_encoded, hide_wide])
@pytest.mark.parametrize("kind", OrderKind)
def test_every_form_in_every_frame_is_understood(kind: OrderKind, hide: Callable[[str], str]) -> None:
    value = SPOKEN.get(kind, "0x07FA-value")
    for form, frame in itertools.product(FORMS[kind], FRAMES):
        text = hide(frame.format(order=form.format(value=value)))
        assert understand(text) == Injection(kind=kind, value=value), text


def test_innocent_words_are_no_orders() -> None:
    dice = Dice(7)
    for template in itertools.chain(*INNOCENT):
        assert understand(fill(template, dice, topic="modding")) is None, template
