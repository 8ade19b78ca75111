"""A reward model learns which texts are better, and a judge that changes its mind has no opinion."""

from __future__ import annotations

import random

import msgspec
import pytest

from chimera.adapters.embeddings.word_vectors import WordVectors
from chimera.domain.errors import Invalid
from chimera.domain.prompt import Prompt
from chimera.learning.preferences import Comparer, Opinion, Preference, Rows, card_of, in_format
from chimera.learning.reward import best_of, train
from chimera.ports.model import ModelAnswer, ModelRequest

pytestmark = [pytest.mark.requirement("R-I2"), pytest.mark.timeout(180)]
TOPICS = ("co-op week", "patch notes", "the raid", "speedruns", "boss fights", "modding", "the new map", "ranked mode")
KIND = ("thanks for playing with us", "we had a lovely evening", "well played everyone", "your ideas made us smile")
RUDE = ("you are all worthless", "only idiots lose here", "nobody wants your opinion", "stop whining, losers")
FILL = ("tonight", "as every Friday", "with the whole cast", "after the update", "on the stream", "before midnight")


def text(dice: random.Random, manners: tuple[str, ...]) -> str:
    return f"{dice.choice(TOPICS)} {dice.choice(FILL)}: {dice.choice(manners)}, {dice.choice(FILL)}"


def pairs(seed: int, many: int) -> list[Preference]:
    """One in ten is the wrong way round, as judgements are."""
    dice = random.Random(seed)
    made = [(text(dice, KIND), text(dice, RUDE)) for _ in range(many)]
    turned = [(bad, good) if dice.random() < 0.1 else (good, bad) for good, bad in made]
    return [Preference(prompt="copy.post", chosen=one, rejected=other) for one, other in turned]


@pytest.mark.slow  # Pairs by the hundred, of one kind.
async def test_pairs_that_were_held_out_are_told_apart_and_best_of_four_beats_chance() -> None:
    embeddings = WordVectors()
    model = await train(pairs(1, 150), embeddings)
    assert model.held_out >= 15
    assert model.held_out_accuracy >= 0.75
    chosen_kind = by_chance = 0
    for seed in range(100, 130):
        dice = random.Random(seed)
        texts = [text(dice, KIND if dice.random() < 0.4 else RUDE) for _ in range(4)]
        is_kind = {one: any(words in one for words in KIND) for one in texts}
        if any(is_kind.values()):
            chosen_kind += is_kind[await best_of(texts, model, embeddings)]
            by_chance += sum(is_kind.values()) / 4
    assert chosen_kind > by_chance * 1.3


async def test_too_few_pairs_teach_nothing() -> None:
    with pytest.raises(Invalid, match="pairs_too_few"):
        await train(pairs(1, 5), WordVectors())


class Judge:
    """Prefers the longer text, or whatever stands first."""

    def __init__(self, *, always: str = "") -> None:
        self._always = always

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        longer = "first" if len(request.data["first"]) > len(request.data["second"]) else "second"
        answer = {"output": {"better": self._always or longer}, "confidence_bp": 9_000}
        return ModelAnswer(text=msgspec.json.encode(answer).decode(), model="judge", cost_micros=1)


async def test_a_judge_is_asked_in_both_orders_and_dropped_when_it_disagrees_with_itself() -> None:
    prompt = Prompt("compare", "Compare.")
    found = await Comparer(model=Judge(), prompt=prompt).compare("post", "short", "much longer")
    assert found is not None
    assert (found.chosen, found.rejected, found.source) == ("much longer", "short", f"ai:{prompt.ref}")
    assert await Comparer(model=Judge(always="first"), prompt=prompt).compare("post", "short", "much longer") is None


def test_rows_are_in_trls_formats() -> None:
    rows = Rows(preferences=(Preference(prompt="p", chosen="a", rejected="b"),),
                opinions=(Opinion(prompt="p", completion="a", label=True),))  # fmt: skip
    assert msgspec.json.decode(in_format(rows, "dpo")) == {"prompt": "p", "chosen": "a", "rejected": "b"}
    assert msgspec.json.decode(in_format(rows, "kto")) == {"prompt": "p", "completion": "a", "label": True}
    assert "Rows: 1" in card_of(rows, "kto")
