"""The CFO's word: checks, bands, factors that are all shown, and no whenever something cannot be found out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.budget import Cap
from chimera.domain.caps import cap_id
from chimera.domain.decision import Allow, Deny, Escalate
from chimera.domain.errors import Invalid, Unavailable
from chimera.domain.money import MICROS
from chimera.domain.roles import Role
from chimera.domain.spending import Spending, Word
from chimera.governance import treasury
from chimera.governance.cfo import ApprovalDecision, CFOAgent
from chimera.governance.sealing import CFO_DOMAIN, is_attested
from chimera.governance.spending.factors import WEIGHTS_BP
from chimera.governance.treasury import Treasury
from chimera.ports.attestor import Attestation
from chimera.ports.ledger import Outcome
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples, change
from tests.small_house import REVIEWER, SmallHouse, a_payment, an_appraisal

pytestmark = pytest.mark.requirement("R-E1", "R-E3")
SAMPLES = Samples()
KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)


class Key:
    """The CFO's key, or none when the vault is away."""

    def __init__(self) -> None:
        self.away = False

    async def attest(self, statement: bytes) -> Attestation:
        if self.away:
            raise Unavailable("vault_unavailable", "the vault does not answer", where="vault")
        return Attestation(signature=KEY.sign(CFO_DOMAIN + statement).hex(), key_id="cfo")


class Known:
    """Outcomes as a test wants them."""

    def __init__(self, count: int = 30, *, cost: int = 100, revenue: int = 300) -> None:
        self.found = tuple(Outcome(campaign_id=str(n), cost_micros=cost, revenue_micros=revenue) for n in range(count))

    async def outcomes(self, category: str = "") -> Sequence[Outcome]:
        return self.found


class Office:
    """A CFO over the local store."""

    def __init__(self, outcomes: Known | None = None) -> None:
        self.clock = ManualClock()
        self.database = MemoryDatabase()
        self.manager = MemoryStore(self.database, writer="manager-0", role=Role.MANAGER, clock=self.clock)
        self.office = MemoryStore(self.database, writer="office-0", role=Role.OFFICE, clock=self.clock)
        self.key = Key()
        self.cfo = CFOAgent(
            reads=self.manager, outcomes=outcomes or Known(), attestor=self.key, treasury=Treasury(), clock=self.clock
        )

    async def ask(self, amount: str = "4.50", recipient: str = "render-farm", **more: str) -> ApprovalDecision:
        given = {"purpose": "render the trailer", "agent": "ada", "category": "compute"} | more
        return await self.cfo.review_transaction(
            Decimal(amount), recipient, given["purpose"], given["agent"], category=given["category"]
        )

    async def settled_in(self, count: int = 30) -> None:
        """A month of ordinary payments to one recipient."""
        for _ in range(count):
            self.clock.advance(86_400.0)
            assert (await self.ask()).approved


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_small_ordinary_payment_is_signed_without_waiting(office: Office) -> None:
    decision = await office.ask()
    assert decision.approved, decision
    assert 0 <= decision.risk_score <= 1
    assert decision.conditions
    word = decision.appraisal
    assert is_attested(word.statement, word.signature, KEY.public_key())
    forged = replace(word, payment=replace(word.payment, amount_micros=9 * MICROS))
    assert not is_attested(forged.statement, forged.signature, KEY.public_key())


async def test_every_factor_is_shown_with_its_weight(office: Office) -> None:
    factors = {one.name: one.weight_bp for one in (await office.ask()).appraisal.factors}
    assert factors == WEIGHTS_BP


@pytest.mark.parametrize(
    "amount",
    [
        Decimal(0),
        Decimal("-1"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("0.0000001"),
        Decimal("1e30"),
        4.5,
        4,
        "4.50",
    ],
)
async def test_what_is_no_amount_is_refused_by_name(office: Office, amount: object) -> None:
    with pytest.raises(Invalid) as caught:
        await office.cfo.review_transaction(amount, "render-farm", "render", "ada")  # type: ignore[arg-type]
    assert caught.value.code.startswith("amount_")
    assert caught.value.remedy
    assert office.cfo.history.day_micros("render-farm", office.clock.now_us()) == 0


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("", "recipient_malformed"),
        (" farm", "recipient_malformed"),
        ("x" * 300, "recipient_malformed"),
        ("render\u200bfarm", "recipient_invisible"),
        ("farm\u202egpj", "recipient_invisible"),
        ("a\nb", "recipient_invisible"),
        ("0x1234", "address_malformed"),
        ("0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "address_checksum"),
        ("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293Bc", "address_checksum"),
        ("0x3C44CdDdB6а900fa2b585dd299e03d12FA4293BC", "address_homoglyph"),
        ("0х3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "address_homoglyph"),
        ("0x0000000000000000000000000000000000000000", "address_zero"),
    ],
)
async def test_what_is_no_recipient_is_refused_by_name(office: Office, recipient: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        await office.ask(recipient=recipient)
    assert caught.value.code == code
    assert caught.value.remedy


async def test_the_limits_apply_to_the_sum_of_a_day(office: Office) -> None:
    for expected in ("under_10", "to_50"):
        word = (await office.ask("9.00", recipient="steady-host")).appraisal
        assert word.band == expected
        # Whether the CFO or a person said yes: it was paid.
        office.cfo.history.add(word.payment)
    assert (await office.ask("33.00", recipient="steady-host")).appraisal.band == "over_50"
    office.clock.advance(86_401.0)
    assert (await office.ask("9.00", recipient="steady-host", agent="a9")).appraisal.band == "under_10"


async def test_over_fifty_a_person_decides(office: Office) -> None:
    decision = await office.ask("50.01")
    assert not decision.approved
    assert decision.appraisal.word is not Word.CLEAR


async def test_splitting_is_seen(office: Office) -> None:
    await office.settled_in()
    words = [(await office.ask("9.50", recipient="fresh-shop")).appraisal for _ in range(3)]
    assert any(one.word is not Word.CLEAR for one in words), [one.reasons for one in words]
    split = {one.name: one.value_bp for one in words[-1].factors}["splitting"]
    assert split > 0


@pytest.mark.parametrize("twin", ["rеnder-farm", "render-farrn", "rend3r-farm", "render-fram", "renderr-farm"])
async def test_who_looks_like_somebody_known_is_not_paid(office: Office, twin: str) -> None:
    await office.settled_in()
    word = (await office.ask(recipient=twin)).appraisal
    assert word.word is not Word.CLEAR
    assert {one.name: one.value_bp for one in word.factors}["look_alike"] == 10_000


async def test_counted_names_are_no_disguise(office: Office) -> None:
    await office.settled_in(10)
    assert (await office.ask(recipient="render-node-1")).approved
    assert (await office.ask(recipient="render-node-2")).approved


async def test_an_amount_far_from_the_usual_is_held(office: Office) -> None:
    await office.settled_in()
    word = (await office.ask("49.00")).appraisal
    assert word.word is not Word.CLEAR
    assert {one.name: one.value_bp for one in word.factors}["amount"] > 9_000


async def test_a_burst_is_held(office: Office) -> None:
    await office.settled_in()
    words = [(await office.ask("4.50")).appraisal.word for _ in range(10)]
    assert words[0] is Word.CLEAR
    assert words[-1] is not Word.CLEAR


async def test_several_agents_beginning_to_pay_a_stranger_are_held(office: Office) -> None:
    await office.settled_in(10)
    words = [(await office.ask("3.00", recipient="brand-new", agent=f"agent{n}")).appraisal for n in range(4)]
    assert words[-1].word is not Word.CLEAR
    assert {one.name: one.value_bp for one in words[-1].factors}["collusion"] == 10_000


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [
        (Known(19), "only 19 comparable outcomes"),
        (Known(30, revenue=149), "1.5 are needed"),
    ],
)
async def test_without_a_known_return_a_person_decides_from_ten_upward(outcomes: Known, why: str) -> None:
    office = Office(outcomes)
    await office.settled_in(20)
    assert (await office.ask("4.00")).approved
    office.clock.advance(90_000.0)
    decision = await office.ask("12.00")
    assert not decision.approved
    assert why in decision.reason


async def test_a_full_window_is_a_refusal(office: Office) -> None:
    cap = Cap(id=cap_id("category:compute", "day"), limited="category:compute", period="day", micros=3 * MICROS)
    await office.office.commit(change(cap))
    assert (await office.ask("2.00")).approved
    day = Treasury().windows_for(agent_id="ada", campaign_id="", at_us=office.clock.now_us())[0].split("|")[2]
    window = f"category:compute|day|{day}"
    hold = SAMPLES.hold((window,), 2 * MICROS)
    await office.manager.commit(change(hold, movements=hold.opening()))
    office.clock.advance(1.0)
    decision = await office.ask("2.00")
    assert decision.appraisal.word is Word.REFUSE
    assert "category:compute|day" in decision.reason


async def test_an_unknown_category_is_a_refusal(office: Office) -> None:
    assert (await office.ask(category="yachts")).appraisal.word is Word.REFUSE


async def test_without_the_vault_there_is_no_word_and_nothing_is_counted(office: Office) -> None:
    office.key.away = True
    decision = await office.ask()
    assert not decision.approved
    assert "vault_unavailable" in decision.reason
    assert decision.appraisal.signature == ""
    assert office.cfo.history.day_micros("render-farm", office.clock.now_us()) == 0


async def test_a_clock_set_back_is_a_refusal(office: Office) -> None:
    await office.ask()
    office.clock.advance(-3_600.0)
    decision = await office.ask()
    assert not decision.approved
    assert "clock_set_back" in decision.reason


async def test_a_clock_set_back_while_nobody_was_running_is_a_refusal(office: Office) -> None:
    """A new CFO, after a restart: what is on record says how late it was already."""
    word = (await office.ask()).appraisal
    spending = Spending(id=word.payment.id, task_id=word.payment.id, decided="approved", appraisal=word)
    await office.manager.commit(change(spending))
    office.clock.advance(-86_400.0)
    again = CFOAgent(reads=office.manager, outcomes=Known(), attestor=office.key, treasury=Treasury(),
                     clock=office.clock)  # fmt: skip
    office.cfo = again
    decision = await office.ask()
    assert not decision.approved
    assert "clock_set_back" in decision.reason
    office.clock.advance(86_400.0)
    assert (await office.ask()).approved


async def test_what_was_not_paid_after_all_counts_no_more(office: Office) -> None:
    word = (await office.ask("9.00")).appraisal
    office.cfo.forget(word.payment)
    assert (await office.ask("9.00")).appraisal.band == "under_10"


async def test_what_another_manager_let_through_is_seen(office: Office) -> None:
    word = (await office.ask("9.00")).appraisal
    record = Spending(id=word.payment.id, appraisal=word, decided="approved")
    await office.manager.commit(change(record))
    other = CFOAgent(
        reads=office.manager, outcomes=Known(), attestor=office.key, treasury=Treasury(), clock=office.clock
    )
    second = await other.review_transaction(Decimal("9.00"), "render-farm", "render", "ada", category="compute")
    assert second.appraisal.band == "to_50"


async def test_what_another_manager_has_decided_late_is_seen_once(office: Office) -> None:
    """Its id is older than what was read already: for as long as the overlap it is looked for again."""
    late = (await office.ask("9.00")).appraisal
    other = CFOAgent(
        reads=office.manager, outcomes=Known(), attestor=office.key, treasury=Treasury(), clock=office.clock
    )
    office.clock.advance(1.0)
    await other.review_transaction(Decimal("0.50"), "somebody", "render", "bob", category="compute")
    await office.manager.commit(change(Spending(id=late.payment.id, appraisal=late, decided="approved")))
    for _ in range(3):
        office.clock.advance(0.6)
        await other.review_transaction(Decimal("0.50"), "somebody", "render", "bob", category="compute")
    assert other.history.day_micros("render-farm", office.clock.now_us()) == 9 * MICROS


async def test_what_was_refused_elsewhere_does_not_count(office: Office) -> None:
    other = CFOAgent(
        reads=office.manager, outcomes=Known(), attestor=office.key, treasury=Treasury(), clock=office.clock
    )
    await other.review_transaction(Decimal("0.50"), "somebody", "render", "bob", category="compute")
    word = (await office.ask("9.00")).appraisal
    await office.manager.commit(change(Spending(id=word.payment.id, appraisal=word, decided="refused")))
    office.clock.advance(0.6)
    await other.review_transaction(Decimal("0.50"), "somebody", "render", "bob", category="compute")
    assert other.history.day_micros("render-farm", office.clock.now_us()) == 0


# ── what the gate makes of it ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_gate_follows_the_word() -> None:
    house = await SmallHouse().open()
    task = await house.a_task(spec="commerce.pay")
    question = house.question(task, a_payment())
    assert isinstance(treasury.ruling_on(question), Allow)
    assert isinstance(treasury.ruling_on(replace(question, appraisal=None)), Deny)
    ask = replace(question, appraisal=an_appraisal(question, word=Word.ASK, band="over_50"))
    ruling = treasury.ruling_on(ask)
    assert isinstance(ruling, Escalate) and ruling.role == "operator"
    assert isinstance(treasury.ruling_on(replace(ask, approver=REVIEWER)), Allow)
    refused = replace(question, appraisal=an_appraisal(question, word=Word.REFUSE), approver=REVIEWER)
    assert isinstance(treasury.ruling_on(refused), Deny)
    unsigned = replace(question, appraisal=replace(an_appraisal(question), signature=""))
    assert isinstance(treasury.ruling_on(unsigned), Deny)
    other = replace(question, action=a_payment(recipient="somebody-else"))
    assert isinstance(treasury.ruling_on(other), Deny)


@pytest.mark.parametrize(
    ("platform", "asset", "currency", "word"),
    [
        ("polygon", "USDC", "USD", Word.CLEAR),
        ("polygon", "USDC", "USDC", Word.CLEAR),
        ("polygon", "native", "USDC", Word.REFUSE),
        ("polygon", "USDC", "EUR", Word.REFUSE),
        ("sandbox.pay", "USDC", "USDC", Word.REFUSE),
    ],
)
async def test_a_token_is_a_dollar_only_where_it_is_paid(
    office: Office, platform: str, asset: str, currency: str, word: Word
) -> None:
    recipient = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
    asked = a_payment(recipient=recipient)
    arguments = {**asked.arguments, "currency": currency, "asset": asset, "amount": "4000000"}
    action = replace(asked, platform=platform, category="api", arguments=arguments)
    said = await office.cfo.appraise_action(action, agent_id="ada", campaign_id="", labels=(), shaped=False)
    assert said is not None
    assert said.word is word, said.reasons
    assert ("[currency_not_kept]" in " ".join(said.reasons)) is (word is Word.REFUSE)
