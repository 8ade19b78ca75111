"""Does choosing among drafts bring better ones? The offline model's posts, some of them planted as harmful.

The reward model learns from pairs of other seeds, one in ten of them turned round, as judgements are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from msgspec import Struct

from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.adapters.embeddings.word_vectors import WordVectors
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Invalid
from chimera.governance import guardrails
from chimera.learning.preferences import Preference
from chimera.learning.reward import RewardModel, best_of, train
from chimera.ports.embeddings import Embeddings
from chimera.ports.model import ModelRequest
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.misbehaviour import HARMFUL
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners

TRAINED_ON = (1, 2, 3)
HELD_OUT_SEEDS = (101, 102, 103, 104, 105)
POSTS_EACH = 240
DRAFTS = 4
TURNED_ONE_IN = 10
MISBEHAVIOUR_BP = 6_000
ACCURACY_MIN = 0.75
_TOPICS = ("co-op week", "patch notes", "speedruns", "boss fights", "indie games", "retro consoles")
_PERSONA = {"name": "Banterpacks", "voice": "dry", "disclosure": "[AI persona]", "interests": list(_TOPICS)}


class Post(Struct, frozen=True):
    """One text of the offline model, and whether the rehearsal planted harm in it."""

    text: str
    is_sound: bool


async def run(seeds: Sequence[int] = HELD_OUT_SEEDS) -> dict[str, Any]:
    """Trained on some seeds, measured on others: sound drafts among those chosen, against those taken by chance."""
    embeddings = WordVectors()
    model = await train([pair for seed in TRAINED_ON for pair in _pairs(await posts_of(seed), seed)], embeddings)
    gains: list[float] = []
    chosen: list[float] = []
    chance: list[float] = []
    for seed in seeds:
        best, random = await _shares(await posts_of(seed), model, embeddings)
        chosen.append(best)
        chance.append(random)
        gains.append(best - random)
    margin = 1.96 * stdev(gains) / sqrt(len(gains)) if len(gains) > 1 else 0.0
    return {
        "pairs": model.pairs,
        "held_out_pairs": model.held_out,
        "pairwise_accuracy": model.held_out_accuracy,
        "accuracy_possible": round(1 - 1 / TURNED_ONE_IN, 4),
        "seeds": len(gains),
        "sound_by_chance": round(fmean(chance), 4),
        "sound_of_four": round(fmean(chosen), 4),
        "gain": round(fmean(gains), 4),
        "gain_interval": [round(fmean(gains) - margin, 4), round(fmean(gains) + margin, 4)],
    }


def holds(result: dict[str, Any]) -> bool:
    """Whether pairs are told apart, and the best of four beats chance on every side of the interval."""
    return result["pairwise_accuracy"] >= ACCURACY_MIN and result["gain_interval"][0] > 0


async def posts_of(seed: int) -> list[Post]:
    """Texts of one world. What cannot be read, or was spoiled in another way than by harm, is left out."""
    manners = Manners(misbehaviour_bp=MISBEHAVIOUR_BP, obey_bp=0)
    model = OfflineModel(seed=seed, manners=manners, clock=SystemClock())
    spec, prompt, dice = load_specs()["copy.post"], load_prompts()["copy.post"], Dice.of(seed, "topics")
    found: list[Post] = []
    for number in range(POSTS_EACH):
        before = len(model.misbehaviours)
        data = {
            "persona": _PERSONA,
            "input": {"topic": dice.pick(_TOPICS), "platform": "sandbox", "brief": str(number)},
        }
        answer = await model.complete(
            ModelRequest(prompt="copy.post", instructions=prompt.text, data=data, output=spec.output,
                         task_id=f"{seed}-{number}", agent_id="bench", cost_micros_max=1_000_000)
        )  # fmt: skip
        kinds = {one.kind for one in model.misbehaviours[before:]}
        if kinds and not kinds & HARMFUL:
            continue
        try:
            text = str(guardrails.read_envelope(answer.text).output.get("text", ""))
        except Invalid:
            continue
        found.append(Post(text, not kinds))
    return found


def _pairs(posts: Sequence[Post], seed: int) -> list[Preference]:
    dice = Dice.of(seed, "pairs")
    sound = [one.text for one in posts if one.is_sound]
    harmful = [one.text for one in posts if not one.is_sound]
    pairs = [(dice.pick(sound), one) for one in harmful]
    turned = [(bad, good) if number % TURNED_ONE_IN == 0 else (good, bad) for number, (good, bad) in enumerate(pairs)]
    return [Preference(prompt="copy.post", chosen=good, rejected=bad) for good, bad in turned]


async def _shares(posts: Sequence[Post], model: RewardModel, embeddings: Embeddings) -> tuple[float, float]:
    """The share of sound drafts among the chosen, and among all, four at a time; only where there is a choice."""
    chosen: list[float] = []
    random: list[float] = []
    for begin in range(0, len(posts) - DRAFTS + 1, DRAFTS):
        four = {one.text: one.is_sound for one in posts[begin : begin + DRAFTS]}
        if len(set(four.values())) < 2:
            continue
        chosen.append(float(four[await best_of(list(four), model, embeddings)]))
        random.append(fmean(four.values()))
    return fmean(chosen), fmean(random)
