"""What a skill may use: one model and the read tools that its agent is permitted. Records every answer.

A desk has nothing that writes to the world.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from chimera.domain import canonical, labels
from chimera.domain.action import Action
from chimera.domain.draft import Call, Draft
from chimera.domain.errors import Invalid, Refused, Unavailable
from chimera.domain.labels import Labels
from chimera.domain.permissions import needed_for_tool
from chimera.domain.prompt import Prompt
from chimera.domain.spec import Spec
from chimera.domain.work import Assignment
from chimera.governance import answers, calls, guardrails
from chimera.governance.answers import Tally
from chimera.governance.guardrails import Envelope
from chimera.governance.safety.networks import network_of
from chimera.ports.model import Model, ModelRequest, ModelsFailed
from chimera.ports.tools_read import ToolAnswer, ToolsRead

CALLS_MAX = 16
GRAPHEMES_MAX = 300
CARD_CHARS_MAX = 280
SCENES_MAX = 4
PICTURES = "media.make"

# What goes with a text: of each, its digest and alt text, and of a film its kind.
Media: TypeAlias = tuple[dict[str, Any], ...]


class Desk:
    """One assignment's desk. Everything asked here is recorded, so that the task can be replayed."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        spec: Spec,
        model: Model,
        tools: ToolsRead,
        prompts: Mapping[str, Prompt],
        tally: Tally | None = None,
        chooses: bool = False,
    ) -> None:
        self._chooses = chooses
        self.assignment = assignment
        self.spec = spec
        self._model = model
        self._tools = tools
        self._prompts = prompts
        self._tally = tally or Tally()
        self.calls: list[Call] = []
        self._read_labels: Labels = ()

    @property
    def labels(self) -> Labels:
        """Where everything that could be read here came from."""
        materials = [material.labels for material in self.assignment.readable]
        return labels.union(self.assignment.task.labels, self.assignment.recent_labels, *materials, self._read_labels)

    @property
    def platform(self) -> str:
        """The network that the task is for."""
        return str(self.assignment.task.input.get("platform", self.assignment.platform))

    @property
    def limit_graphemes(self) -> int:
        """How long a text may be: as its task type and its network say."""
        told = (check.parameters["graphemes_max"] for check in self.spec.checks
                if check.name == "max_graphemes" and "field" not in check.parameters)  # fmt: skip
        return min(next(told, GRAPHEMES_MAX), network_of(self.platform).graphemes_max or GRAPHEMES_MAX)

    def brief(self) -> dict[str, Any]:
        """What a model usually needs to know, all of it data."""
        assignment = self.assignment
        return {
            "persona": msgspec.to_builtins(assignment.persona),
            "input": assignment.task.input,
            "platform": self.platform,
            "limit_graphemes": self.limit_graphemes,
            "limit_hashtags": network_of(self.platform).hashtags_max,
            "recent": list(assignment.recent),
            "recent_labels": list(assignment.recent_labels),
            "feedback": list(assignment.task.feedback),
            "materials": [msgspec.to_builtins(material) for material in assignment.materials],
            **({"memories": [msgspec.to_builtins(one) for one in assignment.memories]} if assignment.memories else {}),
        }

    async def ask_best(self, data: dict[str, Any], *, text: str) -> Envelope:
        """The best of as many answers as the spec says, by the reward model of the house; without one, the only.

        None is chosen that is less sure of itself than the first: reward is never traded for safety.
        """
        if not self._chooses or self.spec.limits.drafts == 1:
            return await self.ask(data)
        drafts = await self._drafts(data)
        able = [one for one in drafts if one.confidence_bp >= drafts[0].confidence_bp]
        told = await self.read("preferred", {"texts": [str(one.output.get(text, "")) for one in able]})
        return able[int(told.content["index"])]

    async def _drafts(self, data: dict[str, Any]) -> list[Envelope]:
        """Those that could be understood; where none could, why not. A model that fails is not asked on and on."""
        many, found = self.spec.limits.drafts, list[Envelope]()
        wrong: Invalid | None = None
        for number in range(1, many + 1):
            try:
                found.append(await self.ask(data | {"draft": number}, share=many))
            except Invalid as error:
                wrong = error
            except Unavailable:
                if not found:
                    raise
                break
        if not found:
            assert wrong is not None, "at least one draft was asked for"
            raise wrong
        return found

    async def ask(self, data: dict[str, Any], *, share: int = 1) -> Envelope:
        """One structured answer from the model to the spec's prompt, parsed strictly or refused.

        It may cost its share of what the spec allows.
        """
        self._require_calls_left()
        prompt = self._prompts[self.spec.prompt]
        request = ModelRequest(
            prompt=self.spec.prompt,
            instructions=prompt.text,
            data=data,
            output=self.spec.output,
            task_id=self.assignment.task.id,
            agent_id=self.assignment.task.agent_id,
            cost_micros_max=self.spec.limits.cost_micros_max // share,
            labels=self.labels,
            seconds_max=self.spec.limits.seconds_max,
            repairs_max=self.spec.limits.repairs_max,
            may_cache=self.spec.limits.may_cache,
        )
        try:
            answer = await self._model.complete(request)
        except ModelsFailed as failed:
            self.calls.extend(calls.of_tries(failed.tries, digest=request.digest))
            raise
        self.calls.extend(calls.of_answer(answer, digest=request.digest, prompt=prompt.ref))
        try:
            answers.require_sound(answer.text, instructions=prompt.text)
            envelope = guardrails.read_envelope(answer.text)
        except Invalid as error:
            self._tally.note(answer.model, answers.wrong_of(error))
            raise
        self._tally.note(answer.model)
        return envelope

    async def read(self, tool: str, arguments: dict[str, Any], *, prompt: str = "") -> ToolAnswer:
        """One answer from a read tool that the agent is permitted; `prompt` names the words that it was asked with."""
        self._require_calls_left()
        needed = needed_for_tool(tool)
        if needed not in self.assignment.permissions:
            raise Refused(
                "tool_not_permitted",
                f"the agent may not use {tool}",
                where=tool,
                remedy=f"add {needed or 'a permission'} to its manifest",
            )
        answer = await self._tools.call(tool, arguments, agent_id=self.assignment.task.agent_id)
        self._read_labels = labels.union(self._read_labels, answer.labels)
        self.calls.append(
            Call(
                kind="tool",
                name=tool,
                request_digest=calls.digest_of_tool(tool, arguments),
                answer=canonical.encode(answer).decode(),
                cost_micros=answer.cost_micros,
                prompt=prompt,
            )
        )
        return answer

    def note(self, envelope: Envelope, *, more: Mapping[str, Any] | None = None) -> Draft:
        """What stays in the house. To keep it is an action like any, except that nobody outside sees it."""
        keep = Action(kind="note.keep", platform="house", account=self.assignment.account,
                      arguments={"task": self.assignment.task.id}, category="notes")  # fmt: skip
        output = {**envelope.output, **(more or {})}
        return Draft(output=output, confidence_bp=envelope.confidence_bp, labels=self.labels, action=keep)

    async def card(self, title: str, text: str) -> Media:
        """The card that goes with a post, where the agent may have one made."""
        return await self.made("card", {"title": title[:CARD_CHARS_MAX], "body": self._undisclosed(text)})

    async def painting(self, prompt: str, title: str, text: str) -> Media:
        """A painter's picture for what is left of the task's money, or a card where nobody paints."""
        told, body = self._prompts[prompt], self._undisclosed(text)
        spent_micros = sum(call.cost_micros for call in self.calls)
        return await self.made("painting", {
            "title": title[:CARD_CHARS_MAX], "body": body, "words": f"{told.text}\n{title}\n{body}",
            "cost_micros_max": max(0, self.spec.limits.cost_micros_max - spent_micros),
            "seconds_max": self.spec.limits.seconds_max // 2,
        }, prompt=told.ref)  # fmt: skip

    async def film(self, title: str, text: str) -> Media:
        """The film that goes with a post, sentence by sentence, where the agent may have one made."""
        said = self._undisclosed(text).replace("! ", ". ").replace("? ", ". ")
        scenes = [{"title": title[:CARD_CHARS_MAX], "words": one.strip()} for one in said.split(". ") if one.strip()]
        return await self.made("film", {"scenes": scenes[:SCENES_MAX]})

    async def made(self, tool: str, arguments: dict[str, Any], *, prompt: str = "") -> Media:
        """What the studio makes in the persona's name: digest and alt text; nothing where the agent may have none."""
        if PICTURES not in self.assignment.permissions:
            return ()
        medium = (await self.read(tool, {**arguments, **self._by}, prompt=prompt)).content
        named = ("digest", "alt", "mime") if tool == "film" else ("digest", "alt")
        return ({name: medium[name] for name in named},)

    @property
    def _by(self) -> dict[str, str]:
        persona = self.assignment.persona
        return {"name": persona.name, "disclosure": persona.disclosure}

    def _undisclosed(self, text: str) -> str:
        """The words without the disclosure, which stands in every picture by itself."""
        disclosure = self.assignment.persona.disclosure
        return (text.replace(disclosure, "") if disclosure else text).strip()[:CARD_CHARS_MAX]

    def _require_calls_left(self) -> None:
        if sum(call.kind != calls.TRY for call in self.calls) >= CALLS_MAX:
            raise Invalid(
                "calls_too_many",
                f"one attempt makes at most {CALLS_MAX} calls",
                where=self.spec.name,
                remedy="split the task",
            )


Skill: TypeAlias = Callable[[Desk], Awaitable[Draft]]
