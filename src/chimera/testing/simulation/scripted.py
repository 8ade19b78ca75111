"""The model of a simulation: plans drawn from the seed, graphs of every shape; the offline model writes the rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from chimera.ports.model import ModelAnswer, ModelRequest
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.testing.virtual_loop import Simulated

STEPS_MAX = 4
TOPICS = ("boss fights", "modding", "couch co-op", "pixel art", "speedruns")
_PLAN_COST_MICROS = 700


class ScriptedModel:
    """Implements `ports.model.Model`. One in twelve plans is unsound."""

    def __init__(self, simulated: Simulated, *, manners: Manners, name: str = "worker") -> None:
        self._offline = OfflineModel(seed=simulated.seed, manners=manners, clock=simulated.clock)
        self._dice = simulated.dice(f"plans of {name}")
        self._clock = simulated.clock

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """A plan of our own, or the offline model's answer."""
        if request.prompt != "plan":
            return await self._offline.complete(request)
        await self._clock.sleep(0.02)
        output = plan(self._dice, offered=[spec["name"] for spec in request.data["specs"]])
        text = msgspec.json.encode({"output": output, "confidence_bp": 9_500}).decode()
        return ModelAnswer(text=text, model="scripted/1", cost_micros=_PLAN_COST_MICROS)


def plan(dice: random.Random, *, offered: list[str]) -> dict[str, Any]:
    """A graph of a few steps of the types on offer, each with an input that fits."""
    names = [name for name in offered if name in _INPUTS]
    steps: list[dict[str, Any]] = []
    for number in range(dice.randint(1, STEPS_MAX) if names else 0):
        spec = dice.choice(names)
        after = sorted(step["key"] for step in steps if dice.random() < 0.4)
        steps.append({"key": f"step-{number}", "spec": spec, "input": _INPUTS[spec](dice), "after": after})
    whole = {"analysis": "drawn from the seed", "steps": steps, "safety": ["labels"], "tests": ["by spec"]}
    return dice.choice(_FLAWS)(whole) if dice.random() < 0.08 else whole


def _cyclic(whole: dict[str, Any]) -> dict[str, Any]:
    for step in whole["steps"][:1]:
        step["after"] = [whole["steps"][-1]["key"]]
    return whole


def _unknown(whole: dict[str, Any]) -> dict[str, Any]:
    return whole | {"steps": [*whole["steps"], {"key": "x", "spec": "go.viral", "input": {}}]}


def _careless(whole: dict[str, Any]) -> dict[str, Any]:
    return whole | {"safety": []}


_FLAWS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (_cyclic, _unknown, _careless)


def _post(dice: random.Random) -> dict[str, Any]:
    return {
        "platform": "sandbox",
        "topic": dice.choice(TOPICS),
        "brief": f"Say something, number {dice.getrandbits(16)}",
    }


def _note(dice: random.Random) -> dict[str, Any]:
    return {"question": f"What is new in {dice.choice(TOPICS)}?"}


def _trends(dice: random.Random) -> dict[str, Any]:
    return {"platform": "sandbox", "window_minutes": 60, "count_max": dice.randint(1, 5)}


def _line(dice: random.Random) -> dict[str, Any]:
    return {"text": f"a line about {dice.choice(TOPICS)} {dice.getrandbits(16)}"}


def payment(dice: random.Random) -> dict[str, Any]:
    """A payment that somebody asks for: small, middling, or large."""
    amount_micros = dice.choice((400_000, 4_000_000, 20_000_000, 60_000_000))
    return {
        "recipient": dice.choice(("render-farm", "stock-music", "vendor:unknown")),
        "amount_micros": amount_micros,
        "currency": "USD",
        "purpose": "rendering a clip",
        "category": "content",
    }


_INPUTS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "copy.post": _post,
    "research.note": _note,
    "trend.scan": _trends,
    "bench.note": _line,
    "commerce.pay": payment,
}
