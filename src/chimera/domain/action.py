"""What a draft proposes to do to the world, as exact bytes. May not do it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from chimera.domain import canonical, scopes

ARGUMENT_BYTES_MAX = 256 * 1024
TAKE_DOWN = "post.take_down"
# Where acts by tools of tool servers happen: under the house's own access, so no agent has an account there.
TOOLS = "tools"


class Action(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One side effect: its kind (`post.publish`), where, as whom, with which arguments."""

    kind: str
    platform: str
    account: str
    arguments: dict[str, Any]
    category: str = "publishing"
    cost_micros: int = 0
    recipient: str = ""

    @cached_property
    def content(self) -> bytes:
        """The exact bytes that a grant is bound to."""
        return canonical.encode(self)

    @cached_property
    def digest(self) -> str:
        """The hash of the exact bytes."""
        return canonical.sha256_hex(self.content)

    def scopes(self, *, agent_id: str, campaign_id: str) -> tuple[str, ...]:
        """Every scope whose halt stops this action; of a payment, its recipient and what it is for besides."""
        places = (scopes.FLEET, scopes.campaign(campaign_id), scopes.agent(agent_id), scopes.platform(self.platform))
        if self.is_tool_act:
            places = (*places, scopes.tool(str(self.arguments.get("tool", ""))))
        if not self.recipient:
            return places
        return (*places, scopes.recipient(self.recipient), scopes.category(self.category))

    @property
    def payment(self) -> dict[str, Any]:
        """What the arguments of a payment have to say, to whom and how much; nothing for other acts."""
        return {"recipient": self.recipient, "amount_micros": self.cost_micros} if self.kind == "payment.send" else {}

    @property
    def pays_otherwise(self) -> bool:
        """Whether its arguments name another recipient or amount than the one that is granted and held."""
        return any(self.arguments.get(name, value) != value for name, value in self.payment.items())

    @property
    def is_internal(self) -> bool:
        """Whether it stays in the house: the commit that settles it is all that it does."""
        return self.platform == "house"

    @property
    def is_tool_act(self) -> bool:
        """Whether a tool of a tool server is called for it."""
        return self.platform == TOOLS


def take_down_of(action: Action, receipt: Mapping[str, Any] | None) -> Action:
    """The act that takes back what another has posted."""
    post_id = str((receipt or {}).get("id", ""))
    return Action(kind=TAKE_DOWN, platform=action.platform, account=action.account, arguments={"post_id": post_id})
