"""Puts a call of an outside agent before the SecurityGateway: four layers, before anything is done for it.

What only asks about a call of its own asks for nothing, and is not put before it. Does nothing of what is asked for.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from chimera.domain.canonical import INTEGER_MAX
from chimera.domain.errors import Refused
from chimera.gateway.offered import ASKS_FOR_NOTHING, require_arguments
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.requests import cleaned

Arguments: TypeAlias = dict[str, Any]


class Asking:
    """Says whether an agent may ask for something, in these words; has it put on record, and hands on clean words."""

    def __init__(self, security: SecurityGateway) -> None:
        self._security = security

    async def allowed(self, agent_id: str, name: str, arguments: Arguments, *, action: str = "") -> Arguments:
        """The arguments to go on with, or `Refused`. `action` is what it would propose, where it does."""
        require_arguments(name, arguments)
        if name in ASKS_FOR_NOTHING:
            return arguments
        found = await self._security.validate_request(agent_id, _request(arguments, action=action))
        if not found.approved:
            raise Refused("request_refused", found.reason[:500], where=name,
                          remedy="say it otherwise, or have a person look at manifest and halts")  # fmt: skip
        handed_on = cast("Arguments", cleaned(arguments))
        require_arguments(name, handed_on)
        return handed_on


def _request(arguments: Arguments, *, action: str) -> Arguments:
    """What is asked for, with the action or the tool where the permission is looked up."""
    said = {"arguments": _spelled(arguments)}
    if action:
        return {"action": action, **said}
    return {"tool": arguments["tool"], **said} if "tool" in arguments else said


def _spelled(value: object) -> object:
    """The same with every number that has no single spelling as a text: a tool may well be asked for 0.5."""
    match value:
        case float():
            return str(value)
        case int() if abs(value) > INTEGER_MAX:
            return str(value)
        case dict():
            return {key: _spelled(item) for key, item in cast("dict[str, Any]", value).items()}
        case list():
            return [_spelled(item) for item in cast("list[Any]", value)]
        case _:
            return value
