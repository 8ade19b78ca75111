"""What a tool does by its name, what a wish asks for by its first verb, and how well the two fit.

A hint for ranking. What a tool may do is never judged by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chimera.domain.tools import Definition
from chimera.gateway.wording import parts

OTHER_FIT = 0.5  # Of a tool whose name says nothing of what it does.
UNSAID_FIT = 0.5  # Of every tool, for a wish whose verb says nothing.


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What tools are named for.
_ACTS = {
    "create": _set(
        "create add insert new open start register publish send post write import upload generate install "
        "schedule draft append push"
    ),
    "get": _set("get read show retrieve describe fetch view check status info inspect"),
    "list": _set("list"),
    "search": _set("search find query lookup"),
    "update": _set("update edit modify set patch change rename move replace manage"),
    "delete": _set("delete remove drop cancel stop close clear erase"),
}
# How people ask for it: the common English verbs of offices, shops and machines. One may be meant in several ways.
_ORDERS = {
    "create": _set(
        "add append apply arrange attach begin bid book borrow build buy call capture claim collect commence "
        "compose connect copy create declare dial donate draft draw enlist enrol enroll enter establish file fill "
        "form generate hand hire import initiate insert install invite issue join launch leave lend link lodge "
        "log make new note offer open order organise organize pay pick pin place plan plot post prepare produce "
        "propose publish push put raise record register remember rent report request reserve save scan schedule "
        "seed sell send set setup share sign start stage store submit subscribe take tell upload write announce "
        "notify warn message remind admit"
    ),
    "get": _set(
        "calculate check compare count date describe diagnose display download examine explain fetch get give "
        "inspect look measure open preview price print pull read render result retrieve review see show summarise "
        "summarize tell verify view watch"
    ),
    "list": _set("all browse enumerate every list names overview see show view which"),
    "search": _set("discover explore find grep hunt locate look lookup query search seek spot"),
    "update": _set(
        "adjust alter amend approve assign change close contest convert correct edit exchange extend fix format "
        "freeze improve increase lower mark modify move pause postpone prolong promote put raise rate reassign "
        "reduce rename renew reorder replace reschedule resize restore resume rewrite rotate set shift sort swap "
        "switch sync turn update upgrade"
    ),
    "delete": _set(
        "abandon abort block cancel clear close delete discard disconnect drop empty end erase forbid forget kick "
        "kill leave purge quit refund reject remove revoke scrap stop strip terminate throw undo uninstall unlink "
        "unsubscribe untag wipe withdraw"
    ),
}
_ASKING = _set("what which who whom whose when where why how is are did does do was were will has have had am")
_POLITE = _set("please can could would you i we want need like to let me us help kindly just now the my lets")
ACTS = {act: number for number, act in enumerate((*_ACTS, "other"))}


def act_of(definition: Definition) -> int:
    """The number of what a tool's name says that it does."""
    return ACTS[next((act for word in named(definition) for act, verbs in _ACTS.items() if word in verbs), "other")]


def named(definition: Definition) -> Sequence[str]:
    """The words of a tool's name without its server's."""
    own = frozenset(parts(definition.server))
    return [word for word in parts(definition.name) if word not in own]


def verb_of(wish: str) -> str:
    """What a wish begins with, without its courtesies."""
    words = parts(wish)
    return next((word for word in words if word not in _POLITE), words[-1] if words else "")


def is_order(verb: str) -> bool:
    """Whether this is a verb of which we know what it asks for."""
    return any(verb in verbs for verbs in _ORDERS.values())


def fit_of(verb: str) -> Any:  # noqa: ANN401 – one number for each act.
    """How well each act fits: a question is answered by reading, an order done by changing."""
    if verb in _ASKING:
        fit = {"list": 1.0, "get": 0.9, "search": 0.9}
    else:
        fit = {act: float(verb in verbs) for act, verbs in _ORDERS.items()}
        if not any(fit.values()):
            fit = dict.fromkeys(_ORDERS, UNSAID_FIT)
    fit["other"] = OTHER_FIT
    return np.array([fit.get(act, 0.0) for act in ACTS], dtype=np.float32)
