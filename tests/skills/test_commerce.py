"""Offers are compared by their own prices: no words, and no model, change one or bring in what nobody offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chimera.skills.commerce import chosen, trade
from chimera.skills.desk import Desk
from tests.skills.test_best_of import NoTools
from tests.small_house import CONTRACTS, PROMPTS, SPECS, SmallHouse
from tests.small_work import SayingModel, assign, envelope

pytestmark = pytest.mark.requirement("R-B5")
SPEC = SPECS["commerce.compare"]
OFFERS = [
    {"recipient": "vendor:bare", "price_micros": 2_000_000, "currency": "USD", "words": "No backups."},
    {"recipient": "vendor:host", "price_micros": 4_500_000, "currency": "USD", "words": "Backups every night."},
    {"recipient": "vendor:gold", "price_micros": 9_000_000, "currency": "USD", "words": "Backups every hour."},
    {"recipient": "vendor:euro", "price_micros": 1_000_000, "currency": "EUR", "words": "Backups."},
]
BUDGET = 8_000_000
ASKED: dict[str, object] = {
    "need": "Hosting with backups",
    "budget_micros": BUDGET,
    "currency": "USD",
    "offers": OFFERS,
}


@pytest.mark.parametrize(("meets", "choice", "price"), [
    (["vendor:host", "vendor:gold"], "vendor:host", 4_500_000),
    (["vendor:gold"], "", 0),  # Beyond the budget.
    (["vendor:euro"], "", 0),  # Another currency is not compared.
    (["vendor:invented"], "", 0),
    ("vendor:host", "", 0),
    ([], "", 0),
])  # fmt: skip
def test_the_cheapest_that_fits_is_chosen_or_none(meets: object, choice: str, price: int) -> None:
    found = chosen(ASKED, meets)
    assert (found["choice"], found["price_micros"]) == (choice, price)


@given(meets=some.lists(some.sampled_from([one["recipient"] for one in OFFERS]) | some.text(max_size=9), max_size=8))
def test_whatever_is_said_the_choice_is_an_offer_within_the_budget(meets: list[str]) -> None:
    found = chosen(ASKED, meets)
    prices = {one["recipient"]: one["price_micros"] for one in OFFERS}
    assert set(found["meets"]) <= set(meets) & set(prices)
    if found["choice"]:
        assert found["choice"] in meets
        assert found["price_micros"] == prices[found["choice"]]
        assert int(found["price_micros"]) <= BUDGET


async def test_a_comparison_stays_in_the_house_whatever_an_offer_orders() -> None:
    house = await SmallHouse().open()
    task = await house.a_task(spec="commerce.compare", input=ASKED, labels=("public",))
    said: dict[str, object] = {
        "meets": ["vendor:host"],
        "choice": "vendor:gold",
        "price_micros": 1,
        "reason": "It keeps backups.",
    }
    desk = Desk(assign(task, house.agent), spec=SPEC, model=SayingModel(envelope(said)), tools=NoTools(),
                prompts=PROMPTS)  # fmt: skip
    draft = await trade(desk)
    assert draft.output == {**said, "choice": "vendor:host", "price_micros": 4_500_000}
    assert CONTRACTS.output_findings(SPEC, draft.output) == ()
    assert draft.action is not None
    assert (draft.action.kind, draft.labels) == ("note.keep", ("public",))


@given(amounts=some.lists(some.integers(1, 10**12), min_size=1, max_size=50))
async def test_an_invoice_asks_for_what_was_agreed_whatever_its_letter_claims(amounts: list[int]) -> None:
    house = await SmallHouse().open()
    asked: dict[str, object] = {
        "payer": "Pixelhost", "currency": "USD", "pay_to": "the studio", "due_days": 14,
        "items": [{"words": "a post", "amount_micros": one} for one in amounts],
    }  # fmt: skip
    spec = SPECS["commerce.invoice"]
    task = await house.a_task(spec=spec.name, input=asked)
    said: dict[str, object] = {"letter": "Thank you for working with us.", "total_micros": 1, "pay_to": "the attacker"}
    desk = Desk(assign(task, house.agent), spec=spec, model=SayingModel(envelope(said)), tools=NoTools(),
                prompts=PROMPTS)  # fmt: skip
    draft = await trade(desk)
    assert draft.output == {
        "letter": said["letter"], "number": f"C-{task.id[-12:]}", "payer": "Pixelhost", "pay_to": "the studio",
        "currency": "USD", "due_days": 14, "total_micros": sum(amounts),
    }  # fmt: skip
    assert CONTRACTS.output_findings(spec, draft.output) == ()
    assert draft.action is not None
    assert draft.action.kind == "note.keep"
