"""Checks around tools that act, that are removed one by one to see a test fail. Data."""

from __future__ import annotations

from chimera.testing.mutant import Mutant

_ACTS = ("tests/pipeline/test_tool_acts.py",)
TOOLS = (
    Mutant(
        check="tools that act: the gate denies what does not fit the pin",
        file="governance/gate.py",
        old="    return question.tool_faults\n",
        new="    return ()\n",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: where nobody has looked, the gate denies",
        file="governance/gate.py",
        old="    if question.tool_faults is None or not (question",
        new="    if not (question",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: effects call only what is pinned at that moment",
        file="adapters/mcp/tool_publisher.py",
        old="        if kind is None or ACTS.get(kind) != action.kind:\n",
        new="        if False:\n",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: effects call only the definition that was granted",
        file="adapters/mcp/tool_publisher.py",
        old="        if seen.digest != action.arguments.get(",
        new="        if not action.arguments.get(",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: a tool's own error is no proof that nothing happened",
        file="adapters/mcp/tool_publisher.py",
        old="            return Unknown(f\"{definition.full_name} says that it failed",
        new="            return Rejected(f\"{definition.full_name} says that it failed",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: what a tool answers is looked at for orders",
        file="adapters/mcp/tool_publisher.py",
        old="        content, worst = self._security.withhold(told.content)\n",
        new="        content, worst = told.content, ThreatLevel.LOW\n",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: every argument from a stranger's words counts",
        file="governance/taint.py",
        old="        yield from _handed_on(action, strange)\n",
        new="        pass\n",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: a call that does something is never repeated by the fleet",
        file="adapters/mcp/fleet/fleet.py",
        old="        answer = await self.call(server, tool, arguments, agent_id=caller, repeatable=False)\n",
        new="        answer = await self.call(server, tool, arguments, agent_id=caller, repeatable=True)\n",
        tests=_ACTS,
    ),
    Mutant(
        check="tools that act: who was let in to read proposes nothing",
        file="gateway/server.py",
        old="            calling.require(AccessScope.ACT if action else AccessScope.READ, tool=name)\n",
        new="            calling.require(AccessScope.READ, tool=name)\n",
        tests=("tests/gateway/test_calls_that_act.py",),
    ),
)  # fmt: skip
