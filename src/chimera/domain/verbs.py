"""What people can do here, and to what. Who may is the people pack's to say. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

VERBS: Mapping[str, str] = {
    "fleet.look": "see what the fleet does: agents, campaigns, posts, the live feed",
    "fleet.run": "start the fleet on this machine",
    "goal.give": "open a campaign, or give one an input",
    "agent.change": "install, pause, activate or retire an agent, or change what it may do",
    "review.look": "see what waits for a ruling, with its bytes",
    "review.rule": "approve, edit, reject, ask, answer, claim, release",
    "review.assign": "give a review to somebody",
    "review.plant": "plant a decoy among the reviews",
    "halt.set": "stop a scope",
    "halt.lift": "let a scope go on",
    "policy.look": "read the policy in force",
    "policy.apply": "put another policy in force",
    "money.look": "see budgets, spending and transfers",
    "cap.set": "set or change a cap",
    "audit.look": "read and export history",
    "data.look": "read stored personal data",
    "data.erase": "export or erase a person's data",
    "people.look": "see who may log in",
    "people.change": "add people, change their roles, disable them",
    "token.issue": "issue a token of one's own",
    "token.revoke": "revoke a token",
    "system.change": "settings, webhooks, keys",
}


class Resource(Struct, frozen=True, kw_only=True):
    """What a verb is about. `person` is whose it is, where it is somebody's."""

    kind: str
    id: str = ""
    agent: str = ""
    campaign: str = ""
    person: str = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """Everything that a person's `within` may name to include it."""
        named = ((self.kind, self.id), ("agent", self.agent), ("campaign", self.campaign))
        return tuple(sorted({f"{kind}:{name}" for kind, name in named if name}))


FLEET = Resource(kind="fleet", id="fleet")
