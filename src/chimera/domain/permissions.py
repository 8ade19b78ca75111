"""Everything that an agent can be permitted, in plain words. What is not listed cannot be permitted at all. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct


class Permission(Struct, frozen=True, kw_only=True):
    """One permission: what it lets an agent do; the kinds of action and the read tools that need it."""

    name: str
    meaning: str
    actions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


_ALL = (
    Permission(name="trends.read", meaning="read what the public of a network is talking about",
               tools=("trends", "timeline")),
    Permission(name="mentions.read", meaning="read what people write to it or about it", tools=("mentions", "thread")),
    Permission(name="web.read", meaning="read pages and feeds on the web, where the fleet's list allows the address",
               tools=("web", "feed")),
    Permission(name="repository.read", meaning="read the commits and files of a code repository that it was given",
               tools=("repository",)),
    Permission(name="tools.read", meaning="ask the pinned read tools of the fleet's tool servers",
               tools=("server/tool",)),
    Permission(name="media.make", meaning="have pictures and films made by the house's studio, signed as made by AI",
               tools=("card", "chart", "collage", "painting", "film")),
    Permission(name="note.keep", meaning="keep notes in the house, which nobody outside sees",
               actions=("note.keep",)),
    Permission(name="post.publish", meaning="publish posts under its own account",
               actions=("post.publish",), tools=("preferred",)),
    Permission(name="post.reply", meaning="answer posts of other people under its own account",
               actions=("post.reply",)),
    Permission(name="post.like", meaning="like posts of other people under its own account",
               actions=("post.like",)),
    Permission(name="post.take_down", meaning="have posts of its own taken down, each time a person agrees",
               actions=("post.take_down",)),
    Permission(name="account.block", meaning="block accounts that abused it, under its own account",
               actions=("account.block",)),
    Permission(name="calendar.read", meaning="see when people are busy, and not with what", tools=("freebusy",)),
    Permission(name="calendar.meet", meaning="put meetings into people's calendars, and move them",
               actions=("meeting.set", "meeting.move")),
    Permission(name="calendar.task", meaning="keep tasks in its own calendar", actions=("task.keep",)),
    Permission(name="tools.write", meaning="have tools of the fleet's tool servers called that change something",
               actions=("tool.write",)),
    Permission(name="tools.publish", meaning="have tools of the fleet's tool servers called that publish something",
               actions=("tool.publish",)),
    Permission(name="tools.message", meaning="have tools of the fleet's tool servers called that write to somebody",
               actions=("tool.message",)),
    Permission(name="tools.spend", meaning="have tools of the fleet's tool servers called that spend; the CFO decides",
               actions=("tool.spend",)),
    Permission(name="tools.admin", meaning="have tools of the fleet's tool servers called that administer; an operator "
               "decides", actions=("tool.admin",)),
    Permission(name="payment.send", meaning="ask for a payment; the CFO, the caps and, above a limit, a person decide",
               actions=("payment.send",)),
)  # fmt: skip
PERMISSIONS: dict[str, Permission] = {permission.name: permission for permission in _ALL}
ACTIONS: dict[str, str] = {action: permission.name for permission in _ALL for action in permission.actions}
TOOLS: dict[str, str] = {tool: permission.name for permission in _ALL for tool in permission.tools}


def needed_for(action: str) -> str | None:
    """The permission that a kind of action needs; None for a kind that does not exist."""
    return ACTIONS.get(action)


def permits(permissions: Collection[str], action: str) -> bool:
    """Whether one of these permissions is the one that a kind of action needs."""
    return needed_for(action) in permissions


def needed_for_tool(tool: str) -> str | None:
    """The permission that a read tool needs; None for a tool that does not exist. `server/tool` is of a tool server."""
    return TOOLS.get("server/tool" if "/" in tool else tool)


def widened(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    """What would be permitted that was not before."""
    return tuple(sorted(set(after) - set(before)))
