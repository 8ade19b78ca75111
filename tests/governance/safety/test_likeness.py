"""What a fleet said is found again when it is nearly repeated, by whomever; what is merely similar is not."""

import random

import pytest

from chimera.governance.safety.likeness import HOLDERS_MAX, Said, similarity, sketch, words_of

DISCLOSURE = "(written by an AI persona)"


def post(dice: random.Random) -> str:
    return " ".join(f"word{dice.randrange(3_000)}" for _ in range(24)) + f" {DISCLOSURE}"


@pytest.mark.requirement("R-D2")
def test_near_duplicates_are_found_among_thousands() -> None:
    dice = random.Random(7)
    said, posts = Said(known_max=2_000), [post(dice) for _ in range(2_000)]
    for one in posts:
        said.add(one)
    found = 0
    for one in posts[:200]:
        changed = one.split()
        changed[dice.randrange(20)] = "other"
        assert similarity(words_of(one), words_of(" ".join(changed))) > 0.8
        found += one in said.alike(" ".join(changed))
    assert found == 200
    assert not any(said.alike(post(dice)) for _ in range(200))


@pytest.mark.requirement("R-D2")
def test_the_oldest_is_forgotten_and_nothing_of_it_stays() -> None:
    dice = random.Random(8)
    first, said = post(dice), Said(known_max=3)
    said.add(first)
    assert said.alike(first) == (first,)
    for _ in range(3):
        said.add(post(dice))
    assert said.alike(first) == ()
    said.add(first)
    said.add(first)
    assert said.alike(first) == (first,)


@pytest.mark.requirement("R-D2")
def test_a_phrase_of_the_house_finds_nothing() -> None:
    dice = random.Random(9)
    said = Said()
    for _ in range(HOLDERS_MAX + 5):
        said.add(post(dice))
    assert said.alike(f"something else entirely {DISCLOSURE}") == ()


def test_a_sketch_is_the_same_everywhere() -> None:
    assert sketch("The quick  brown FOX") == (1742829042, 3486096580, 3717182151)
