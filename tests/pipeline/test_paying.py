"""A payment from its task to its grant: as asked, denied without a wallet, asked of a person where it has to be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.agent import Account
from chimera.domain.decision import Allow, Approver, Deny, Escalate
from chimera.domain.errors import Invalid
from chimera.domain.spending import Word
from chimera.domain.wallets import chain_of, payment_of
from chimera.ports.model import ModelAnswer
from chimera.skills import commerce
from chimera.skills.desk import Desk
from chimera.swarm.claiming import _account_for
from tests.small_house import GATE, INPUTS, PROMPTS, SPECS, SmallHouse, a_payment, an_appraisal
from tests.small_work import assign

pytestmark = pytest.mark.requirement("R-E4", "R-E6", "R-F2")
VENDOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
ASKED = {**INPUTS["commerce.pay"], "recipient": f"polygon:{VENDOR}"}


class Told:
    """A model that says what it was given to say."""

    def __init__(self, output: dict[str, Any]) -> None:
        self._output = output

    async def complete(self, request: Any) -> Any:
        text = msgspec.json.encode({"output": self._output, "confidence_bp": 9_500}).decode()
        return ModelAnswer(text=text, model="told", cost_micros=0)


async def proposal(house: SmallHouse, asked: dict[str, Any], **said: object):
    """What the skill proposes for a task, with the wallet that its agent has."""
    task = await house.a_task(spec="commerce.pay", input=asked)
    account = _account_for(task, house.agent)
    assignment = replace(assign(task, house.agent), account=account.handle if account else "")
    shown = {name: value for name, value in asked.items() if name != "urgent"}
    output = {**shown, "reason": "The cheapest of three offers that meet the need.", **said}
    desk = Desk(assignment, spec=SPECS["commerce.pay"], model=Told(output), tools=None, prompts=PROMPTS)  # pyright: ignore[reportArgumentType] – it pays, and reads nothing.
    return task, (await commerce.pay(desk)).action


@pytest.fixture
async def house() -> SmallHouse:
    made = SmallHouse()
    made.agent = replace(made.agent, accounts=(*made.agent.accounts, Account("polygon", "@treasury")))
    return await made.open()


async def test_what_was_asked_is_what_is_granted_and_signed(house: SmallHouse) -> None:
    task, action = await proposal(house, ASKED)
    assert action is not None
    payment = payment_of(action)
    assert (payment.chain, payment.wallet, payment.recipient) == ("polygon", "treasury", VENDOR)
    assert (payment.units, payment.asset) == (ASKED["amount_micros"], "USDC")
    question = house.question(task, action)
    question = msgspec.structs.replace(question, accounts=house.agent.accounts)
    assert isinstance(GATE.decide(question).decision, Allow)
    assert isinstance(GATE.decide(replace(question, confidence_bp=6_000)).decision, Escalate)
    asked = msgspec.structs.replace(question, confidence_bp=6_000, approver=Approver("otto", "operator"))
    assert isinstance(GATE.decide(asked).decision, Allow)


async def test_what_is_urgent_is_so_in_the_granted_bytes(house: SmallHouse) -> None:
    _, plain = await proposal(house, ASKED)
    _, hurried = await proposal(house, {**ASKED, "urgent": True})
    _, calm = await proposal(house, {**ASKED, "urgent": False})
    assert plain is not None and hurried is not None and calm is not None
    assert payment_of(hurried).is_urgent
    assert not payment_of(plain).is_urgent
    assert calm.digest == plain.digest, "what is not urgent has the bytes that it always had"


# R-E3: whoever pays little and is not suspected asks nobody; the CFO's no and the bands hold whatever policy allows.
WORDS: tuple[tuple[int, Word, str, bool, type], ...] = (
    (9_999_999, Word.CLEAR, "under_10", True, Allow),
    (10_000_000, Word.CLEAR, "to_50", True, Allow),
    (50_000_000, Word.CLEAR, "to_50", True, Allow),
    (50_000_001, Word.CLEAR, "over_50", True, Escalate),
    (4_000_000, Word.ASK, "over_50", True, Escalate),
    (4_000_000, Word.ASK, "under_10", True, Escalate),
    (4_000_000, Word.REFUSE, "under_10", True, Deny),
    (4_000_000, Word.CLEAR, "under_10", False, Deny),
)


@pytest.mark.requirement("R-E3", "R-F2")
@pytest.mark.parametrize(("amount", "word", "band", "signed", "expected"), WORDS)
async def test_the_bands_decide_who_is_asked(
    house: SmallHouse, amount: int, word: Word, band: str, signed: object, expected: type
) -> None:
    task = await house.a_task(spec="commerce.pay")
    question = house.question(task, a_payment(amount))
    appraisal = replace(an_appraisal(question, word=word, band=band), signature="s" if signed else "")
    assert isinstance(GATE.decide(replace(question, appraisal=appraisal)).decision, expected)


@pytest.mark.requirement("R-E3")
@pytest.mark.parametrize(
    "what", [{"shaped": ("a stranger named the recipient",)}, {"threat": "HIGH"}, {"appraisal": None}]
)
async def test_a_clear_word_is_not_enough(house: SmallHouse, what: dict[str, Any]) -> None:
    task = await house.a_task(spec="commerce.pay")
    question = replace(house.question(task, a_payment()), **what)
    assert not isinstance(GATE.decide(question).decision, Allow)


async def test_an_agent_without_a_wallet_there_pays_nothing(house: SmallHouse) -> None:
    task, action = await proposal(house, {**ASKED, "recipient": f"ethereum:{VENDOR}"})
    decision = GATE.decide(house.question(task, action, accounts=house.agent.accounts)).decision
    assert isinstance(decision, Deny)
    assert "account-not-own" in {reason.rule for reason in decision.reasons}


@pytest.mark.parametrize("said", [{"recipient": f"ethereum:{VENDOR}"}, {"amount_micros": 1}])
async def test_a_model_changes_neither_whom_nor_how_much(house: SmallHouse, said: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        await proposal(house, ASKED, **said)
    assert refusal.value.code == "payment_differs"


async def test_a_currency_that_no_token_stands_for(house: SmallHouse) -> None:
    with pytest.raises(Invalid) as refusal:
        await proposal(house, {**ASKED, "currency": "EUR"})
    assert refusal.value.code == "currency_not_on_chain"


@pytest.mark.parametrize("recipient", ["render-farm", "vendor:pixelhost", f"dogecoin:{VENDOR}", "polygon", 7, None])
def test_who_is_paid_elsewhere(recipient: object) -> None:
    assert chain_of(recipient) == ""
