"""What people's roles may do in the console and the API: one table. What is not listed is denied. Pure."""

from __future__ import annotations

from collections.abc import Mapping

RESOURCES = (
    "fleet", "agent", "campaign", "task", "review", "halt", "event", "audit", "money", "policy", "tool", "connection",
    "person", "token", "kpi", "conversation", "trend", "webhook", "session",
)  # fmt: skip
ROLES = ("owner", "operator", "reviewer", "finance", "auditor", "viewer")
VERBS = ("read", "write", "rule", "begin", "end")

_SEEN_BY_ALL = ("fleet", "agent", "campaign", "task", "halt", "kpi", "trend", "session")
_WATCHED = (*_SEEN_BY_ALL, "event", "conversation")
_READ: Mapping[str, tuple[str, ...]] = {
    "owner": RESOURCES,
    "operator": tuple(name for name in RESOURCES if name not in ("person", "audit")),
    "reviewer": (*_WATCHED, "review", "policy"),
    "finance": (*_SEEN_BY_ALL, "event", "money", "audit"),
    "auditor": RESOURCES,
    "viewer": _WATCHED,
}
_DO: Mapping[str, tuple[tuple[str, str], ...]] = {
    "owner": tuple((verb, resource) for verb in VERBS[1:] for resource in RESOURCES),
    "operator": (
        ("write", "agent"), ("write", "campaign"), ("write", "connection"), ("write", "webhook"), ("write", "token"),
        ("write", "session"), ("rule", "review"), ("begin", "halt"), ("end", "halt"),
    ),
    "reviewer": (("rule", "review"), ("begin", "halt"), ("write", "session")),
    "finance": (("write", "money"), ("begin", "halt"), ("write", "session")),
    "auditor": (("write", "session"),),
    "viewer": (("write", "session"),),
}  # fmt: skip


def permits(role: str, verb: str, resource: str) -> bool:
    """Whether a role may do this to that."""
    if verb == "read":
        return resource in _READ.get(role, ())
    return (verb, resource) in _DO.get(role, ())
