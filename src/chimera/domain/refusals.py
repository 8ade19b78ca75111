"""What a store answers when it refuses a change: one wording for every store. Pure."""

from __future__ import annotations

from chimera.domain import quotas
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused

# Where people find the ids of what they can ask for by id.
LISTED_BY = {
    "agent": "chimera agent list", "campaign": "chimera campaign list", "memory": "chimera memory search",
    "person": "chimera people list", "review": "chimera review list", "task": "chimera feed --all",
    "token": "chimera people token list",
}  # fmt: skip


def unknown(kind: str, identifier: str) -> Missing:
    """There is no such record."""
    listed = f": {LISTED_BY[kind]} shows those that there are" if kind in LISTED_BY else ""
    return Missing("record_missing", f"there is no {kind} {identifier}", where=kind,
                   remedy=f"look at the id again{listed}")  # fmt: skip


def stale(what: str) -> Conflict:
    """A record is not at the version that it was changed from. `what` is its kind and id."""
    return Conflict(
        "record_stale",
        f"{what} was written by somebody else meanwhile",
        where=what,
        remedy="read it again, then decide again",
    )


def fenced(writer: str) -> Conflict:
    """Another instance has opened the writer."""
    return Conflict(
        "writer_fenced", f"{writer} was opened anew elsewhere", where=writer, remedy="stop: somebody else owns it now"
    )


def over_budget(what: str) -> Refused:
    """A window has no room. `what` is its id, its room and what was asked for."""
    window, room, asked = what.rsplit(" ", 2)
    if unit := quotas.unit_in(window):
        return over_quota(window, left=f"{quotas.in_words(int(room), unit)} left")
    return Refused(
        "over_budget",
        f"{window} has room for {room} micros, {asked} were asked for",
        where=window,
        remedy="wait for the next window, or have a person raise the cap",
    )


def over_quota(window: str, *, left: str) -> Refused:
    """So many posts or calls there were already."""
    return Refused(
        "over_quota",
        f"{window} has {left}",
        where=window,
        remedy="it is tried again in the next window; or have a person raise the quota: chimera budget set",
    )


def no_cap(window: str) -> Refused:
    """Nobody has said what may be spent there."""
    return Refused("over_budget", f"no cap is set for {window}", where=window, remedy="have a person set a cap")


def halted(scope: str) -> Refused:
    """Nothing begins in a halted scope."""
    return Refused("halted", f"{scope} is halted", where=scope, remedy="a person lifts the halt: chimera resume")


def grant_not_valid(identifier: str) -> Refused:
    """A performance has no sealed, unexpired, untaken grant."""
    return Refused(
        "grant_not_valid",
        f"grant {identifier} is not sealed, has expired or was taken",
        where=identifier,
        remedy="ask the gate again",
    )


def not_permitted(what: str) -> Refused:
    """The role may not write this. `what` names kind, verb and state."""
    return Refused(
        "write_not_permitted",
        f"this role may not write {what}",
        where=what,
        remedy="nothing to do: it guards one part against another",
    )


def tool_not_permitted(tool: str) -> Refused:
    """The agent's manifest does not name the tool."""
    return Refused(
        "tool_not_permitted",
        f"the agent may not use {tool}",
        where=tool[:200],
        remedy="add the permission to its manifest",
    )


def not_readable(what: str) -> Refused:
    """The role may not read this."""
    return Refused(
        "read_not_permitted", f"this role may not read {what}", where=what, remedy="use the login that is meant for it"
    )


def not_held(window: str) -> Invalid:
    """More is released than was ever held."""
    return Invalid(
        "release_not_held",
        f"more is released from {window} than is held in it",
        where=window,
        remedy="nothing to do: this is a fault of ours",
    )


def cap_taken(key: str) -> Conflict:
    """Two cap records would stand for one scope and period."""
    return Conflict(
        "record_stale",
        f"another cap stands for {key}",
        where=key,
        remedy="change that one; its id derives from scope and period (domain.caps)",
    )


def not_storable(why: str) -> Invalid:
    """The database cannot hold it."""
    return Invalid(
        "not_storable", f"the change cannot be stored: {why[:300]}", remedy="send well-formed text and numbers"
    )


BY_CODE = {
    "record_stale": stale,
    "writer_fenced": fenced,
    "over_budget": over_budget,
    "no_cap": no_cap,
    "halted": halted,
    "grant_not_valid": grant_not_valid,
    "write_not_permitted": not_permitted,
    "release_not_held": not_held,
    "cap_taken": cap_taken,
    "not_storable": not_storable,
}


def refusal(code: str, what: str) -> ChimeraError:
    """The error for a code and its subject, as a database reports them."""
    return BY_CODE[code](what)
