"""Where a rule, a halt or a budget applies: the fleet, a campaign, an agent, a platform, a tool. Pure."""

from __future__ import annotations

from chimera.domain.errors import Invalid

FLEET = "fleet"
LENGTH_MAX = 500
RECIPIENT_LETTERS_MAX = 256
KINDS = ("campaign", "agent", "account", "platform", "tool", "category", "recipient")


def campaign(identifier: str) -> str:
    """The scope of one campaign."""
    return f"campaign:{identifier}"


def agent(identifier: str) -> str:
    """The scope of one agent."""
    return f"agent:{identifier}"


def platform(name: str) -> str:
    """The scope of one network."""
    return f"platform:{name}"


def account(platform_name: str, handle: str) -> str:
    """The scope of one account on a network."""
    return f"account:{platform_name}/{handle}"


def tool(name: str) -> str:
    """The scope of one read tool."""
    return f"tool:{name}"


def category(name: str) -> str:
    """The scope of one kind of spending."""
    return f"category:{name}"


def recipient(name: str) -> str:
    """The scope of whoever is paid."""
    return f"recipient:{name[:RECIPIENT_LETTERS_MAX]}"


def parse(text: str) -> str:
    """A scope from outside, checked."""
    kind, _, name = text.partition(":")
    if text == FLEET or (kind in KINDS and name and len(text) <= LENGTH_MAX and text.isprintable()):
        return text
    raise Invalid(
        "scope_unknown",
        f"{text[:60]!r} is not a scope",
        where="scope",
        remedy=f"write fleet, or one of {', '.join(KINDS)} with a colon and its name",
    )
