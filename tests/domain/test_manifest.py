"""The manifest becomes an agent without gaining anything on the way; its schema is a strict one."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec
import pytest

from chimera.domain.agent import Account, AgentState
from chimera.domain.capabilities import SKILLS
from chimera.domain.manifest import Manifest, manifest_schema, to_agent
from chimera.domain.permissions import ACTIONS, PERMISSIONS, TOOLS, needed_for, needed_for_tool, widened

PLAIN: dict[str, Any] = {
    "identity": {"name": "studio.persona", "version": "1.2.3", "title": "t", "owner": "o"},
    "persona": {"name": "P", "voice": "v", "disclosure": "[AI]", "cast": [{"name": "Pix", "voice": "loud"}]},
    "goals": ["g"],
    "capabilities": ["copy"],
    "permissions": ["trends.read", "post.publish"],
    "accounts": [{"platform": "sandbox", "handle": "@p"}],
    "budget": {"day": "12.34"},
}


def manifest(**parts: Any) -> Manifest:
    return msgspec.convert({**PLAIN, **parts}, Manifest)


@pytest.mark.requirement("R-C1")
def test_an_agent_has_what_its_manifest_lists_and_no_more():
    agent = to_agent(manifest(), identifier="id", digest="d" * 64)
    assert (agent.name, agent.package_version, agent.package_digest) == ("studio.persona", "1.2.3", "d" * 64)
    assert agent.permissions == ("post.publish", "trends.read")
    assert [name for name in PERMISSIONS if agent.may(name)] == ["trends.read", "post.publish"]
    assert agent.accounts == (Account("sandbox", "@p"),)
    assert (agent.budget_micros_day, agent.state) == (12_340_000, AgentState.INSTALLED)
    assert agent.persona.cast == ("Pix: loud",)
    assert (agent.rulings, agent.confidence_floor_bp) == (0, 0), "a package cannot bring a record along"


@pytest.mark.requirement("R-C1")
def test_without_permissions_nothing_is_permitted():
    agent = to_agent(manifest(permissions=[]), identifier="id", digest="d")
    assert not any(agent.may(name) for name in PERMISSIONS)


@pytest.mark.requirement("R-C1")
def test_without_capabilities_it_is_capable_of_nothing():
    agent = to_agent(manifest(), identifier="id", digest="d")
    assert [name for name in SKILLS if agent.can(name)] == ["copy"]
    assert not any(to_agent(manifest(capabilities=[]), identifier="id", digest="d").can(name) for name in SKILLS)


@pytest.mark.parametrize(
    ("day", "exceeds"), [("10.00", False), ("10.000001", True), ("0.01", False), ("999999999", True)]
)
def test_what_a_person_has_to_raise(day: str, exceeds: bool):
    assert manifest(budget={"day": day}).exceeds_default_budget is exceeds


@pytest.mark.requirement("R-C3")
def test_the_schema_is_a_schema_and_closed_everywhere():
    jsonschema_rs.Draft202012Validator(manifest_schema())
    for name, part in manifest_schema()["$defs"].items():
        if part.get("type") == "object":
            assert part["additionalProperties"] is False, name
    described = manifest_schema()["$defs"]["Manifest"]["properties"]
    assert all("description" in part or "$ref" in str(part) for part in described.values())


def test_every_text_of_the_schema_is_bounded():
    def unbounded(part: Any, path: str) -> list[str]:
        if not isinstance(part, dict):
            return []
        here = [path] if part.get("type") == "string" and not {"maxLength", "enum"} & part.keys() else []
        here += [path] if part.get("type") == "array" and "maxItems" not in part else []
        return here + [found for key, inner in part.items() for found in unbounded(inner, f"{path}.{key}")]

    assert unbounded(manifest_schema(), "") == []


@pytest.mark.requirement("R-C1")
def test_permissions_actions_and_tools_belong_together():
    assert all(needed_for(action) in PERMISSIONS for action in ACTIONS)
    assert all(needed_for_tool(tool) in PERMISSIONS for tool in TOOLS)
    assert needed_for("post.delete") is None
    assert needed_for_tool("shell") is None
    assert all(len(permission.meaning.split()) >= 4 for permission in PERMISSIONS.values()), "plain words"
    assert widened(("a", "b"), ("b", "c", "d")) == ("c", "d")
