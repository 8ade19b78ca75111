"""`chimera bench fraud`: the CFO among simulated spending with planted fraud, on seeds it was not tuned on."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.local import LocalVault
from chimera.adapters.vault.signer import VaultSigner
from chimera.assembly.rules import Rules, read_rules
from chimera.bench.spending_world import KINDS, Attempt, world
from chimera.domain import ids
from chimera.domain.action import Action
from chimera.domain.agent import Account
from chimera.domain.decision import Allow, Question
from chimera.domain.durations import DAY_US
from chimera.domain.roles import Role
from chimera.domain.spending import Appraisal, Word
from chimera.governance.cfo import CFOAgent
from chimera.governance.treasury import Treasury
from chimera.ports.ledger import Outcome

TUNED_SEEDS = tuple(range(1, 9))
BEGINS_US = 1_788_220_800_000_000
WARM_UP_DAYS = 14
PAYMENTS = "sandbox.pay"
GOOD_RETURNS = tuple(Outcome(campaign_id=str(n), cost_micros=100, revenue_micros=300) for n in range(30))


class Simulated:
    """Time as the payments have it."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """The time of the payment that is looked at."""
        return self._now_us

    def goes_to(self, at_us: int) -> None:
        """On to the next payment."""
        self._now_us = at_us

    async def sleep(self, seconds: float) -> None:
        """Nobody sleeps here."""
        raise NotImplementedError

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Nobody waits here."""
        raise NotImplementedError


class Returns:
    """Campaigns that paid off, so that what is measured is risk and not the young fleet's missing record."""

    async def outcomes(self, category: str = "") -> Sequence[Outcome]:
        """Thirty that brought back three times their cost."""
        return GOOD_RETURNS


async def run(*, seeds: Sequence[int], agents: int, days: int, incidents: int) -> dict[str, Any]:
    """All seeds, and their sums."""
    began = time.monotonic()
    rules = read_rules()
    counts: Counter[str] = Counter()
    caught: defaultdict[str, list[bool]] = defaultdict(list)
    for seed in seeds:
        attempts = world(seed, agents=agents, days=days, incidents=incidents, begins_us=BEGINS_US)
        await _one(attempts, rules, counts, caught)
    return {
        **_figures(counts, caught),
        "seeds": list(seeds),
        "agents": agents,
        "days": days,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _one(
    attempts: Sequence[Attempt], rules: Rules, counts: Counter[str], caught: defaultdict[str, list[bool]]
) -> None:
    clock = Simulated(attempts[0].at_us)
    cfo = _cfo(clock)
    stopped: dict[tuple[str, int], bool] = {}
    for attempt in attempts:
        clock.goes_to(attempt.at_us)
        payment = cfo.payment(
            amount_micros=attempt.amount_micros,
            recipient=attempt.recipient,
            purpose=attempt.purpose,
            agent_id=attempt.agent_id,
            campaign_id="",
            category=attempt.category,
            labels=(),
        )
        word = await cfo.appraise(payment)
        if attempt.fraud:
            key = (attempt.fraud, attempt.incident)
            stopped[key] = stopped.get(key, False) or word.word is not Word.CLEAR
            counts["fraud"] += 1
            counts["fraud_micros"] += attempt.amount_micros
            counts["fraud_paid_micros"] += attempt.amount_micros if word.word is Word.CLEAR else 0
            counts["fraud_stopped"] += word.word is not Word.CLEAR
        elif attempt.at_us >= BEGINS_US + WARM_UP_DAYS * DAY_US:
            _count_normal(word, counts)
            counts["normal_allowed"] += isinstance(rules.gate.decide(_question(word, rules)).decision, Allow)
        if attempt.fraud and word.word is not Word.CLEAR:
            counts["fraud_allowed_by_gate"] += isinstance(rules.gate.decide(_question(word, rules)).decision, Allow)
        if word.word is Word.ASK and not attempt.fraud:
            # The person says yes to what is in order; what they paid is history like everything else.
            cfo.history.add(payment)
    for (kind, _), was in stopped.items():
        caught[kind].append(was)


def _question(word: Appraisal, rules: Rules) -> Question:
    """The payment as the gate of a running fleet is asked about it: confident, and no stranger behind it."""
    said = word.payment
    action = Action(
        kind="payment.send",
        platform=PAYMENTS,
        account="treasury",
        arguments={"recipient": said.recipient, "amount_micros": said.amount_micros, "currency": "USD",
                   "purpose": said.purpose},
        category=said.category,
        cost_micros=said.amount_micros,
        recipient=said.recipient,
    )  # fmt: skip
    spec = rules.contracts.specs["commerce.pay"]
    return Question(
        action=action,
        spec=spec.ref,
        risk=str(spec.risk),
        task_id=ids.derive(said.id, "task"),
        campaign_id=said.campaign_id,
        agent_id=said.agent_id,
        disclosure="",
        labels=said.labels,
        permissions=("payment.send",),
        capabilities=(spec.skill,),
        accounts=(Account(PAYMENTS, "treasury"),),
        has_record=True,
        confidence_bp=9_500,
        threat="LOW",
        appraisal=word,
    )


def _count_normal(word: Appraisal, counts: Counter[str]) -> None:
    counts["normal"] += 1
    counts["normal_held"] += word.word is not Word.CLEAR
    # What the bands of R-E3 send to a person was not suspected by anybody.
    counts["normal_suspected"] += word.score_bp >= 4_500 or word.word is Word.REFUSE


def _figures(counts: Counter[str], caught: defaultdict[str, list[bool]]) -> dict[str, Any]:
    incidents = [was for kind in KINDS for was in caught[kind]]
    return {
        "recall": round(sum(incidents) / max(1, len(incidents)), 4),
        "false_positive_rate": round(counts["normal_suspected"] / max(1, counts["normal"]), 4),
        "without_person_rate": round(1 - counts["normal_held"] / max(1, counts["normal"]), 4),
        "allowed_by_gate_rate": round(counts["normal_allowed"] / max(1, counts["normal"]), 4),
        "held_by_cfo_and_allowed_by_gate": counts["fraud_allowed_by_gate"],
        "recall_by_kind": {kind: round(sum(caught[kind]) / max(1, len(caught[kind])), 4) for kind in KINDS},
        "recall_of_payments": round(counts["fraud_stopped"] / max(1, counts["fraud"]), 4),
        "money_stopped_rate": round(1 - counts["fraud_paid_micros"] / max(1, counts["fraud_micros"]), 4),
        "incidents": len(incidents),
        "fraud_payments": counts["fraud"],
        "normal_payments": counts["normal"],
    }


def _cfo(clock: Simulated) -> CFOAgent:
    reads = MemoryStore(MemoryDatabase(), writer="manager-0", role=Role.MANAGER, clock=clock)
    key = Ed25519PrivateKey.generate()
    core = VaultSigner(
        key=key, policy_digest="", cap_micros_day=0, spent=Spent(day=0, micros=0), keep=lambda _: None, cfo_key=key
    )
    return CFOAgent(reads=reads, outcomes=Returns(), attestor=LocalVault(core, clock), treasury=Treasury(), clock=clock)
