"""A constitution at work: what breaks a binding rule goes back with the rule's id, and both texts are kept."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from chimera.adapters.documents.packages import read_package
from chimera.bootstrap import packages_folder
from chimera.domain.agent import Rule
from chimera.domain.draft import Draft
from chimera.domain.manifest import to_agent
from chimera.pipeline.judge import Judge
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from tests.small_house import CONTRACTS, DISCLOSURE, PROMPTS, SPECS, SmallHouse, a_post
from tests.small_work import SayingModel, assign

pytestmark = pytest.mark.requirement("R-I1")
PACKAGE = read_package(packages_folder() / "gaming.banterpacks", specs=SPECS)
ADDED = ("Rook says hello.", "Old Gus nods.", "Juno has counted it.", "Pix presses on.", "More tomorrow.")


def rules() -> tuple[Rule, ...]:
    agent = to_agent(PACKAGE.manifest, identifier="x", digest="0" * 64, constitution=PACKAGE.constitution)
    return agent.persona.rules


def breaches() -> Iterator[tuple[str, str]]:
    """Every bad example of a binding rule, each in several texts."""
    for rule in rules():
        for bad in rule.bad if rule.binds else ():
            yield from ((rule.id, f"{bad} {more} {DISCLOSURE}") for more in ADDED)


def draft_of(text: str) -> Draft:
    return Draft(output={"text": text, "sources": []}, confidence_bp=9_500, labels=("operator",), action=a_post(text))


def judge_of(house: SmallHouse, seed: int) -> Judge:
    """One of several judges: what the rehearsal's judge overlooks is decided by its seed."""
    model = OfflineModel(seed=seed, manners=Manners(misbehaviour_bp=0, obey_bp=0), clock=house.clock)
    return Judge(model=model, contracts=CONTRACTS, prompt=PROMPTS["judge"])


async def judged(house: SmallHouse, judge: Judge, text: str) -> tuple[bool, tuple[str, ...]]:
    task = await house.a_task()
    assignment = assign(task, house.agent)
    persona = msgspec.structs.replace(assignment.persona, rules=rules())
    judgement = await judge.assess(msgspec.structs.replace(assignment, persona=persona), draft_of(text))
    return judgement.verdict.accepted, judgement.verdict.findings


async def test_planted_breaches_are_sent_back_by_their_rule_and_good_texts_are_not() -> None:
    house = await SmallHouse().open()
    judges = [judge_of(house, seed) for seed in range(1, 6)]
    planted = [(judge, *breach) for judge in judges for breach in breaches()]
    caught = 0
    for judge, rule, text in planted:
        accepted, findings = await judged(house, judge, text)
        # A check of the task's type may see it first: then it goes back all the same.
        caught += not accepted and (any(one.startswith(f"{rule}:") for one in findings) or "[" in findings[0])
    assert len(planted) >= 150
    assert caught >= 0.95 * len(planted), f"{caught} of {len(planted)}"
    for rule in rules():
        for good in rule.good:
            _, findings = await judged(house, judges[0], f"{good} {DISCLOSURE}")
            assert not any(one.startswith(f"{rule.id}:") for one in findings), good


@pytest.mark.parametrize(("rule", "accepted"), [("end-quarrels", False), ("recognisable-voices", True)])
async def test_a_binding_rule_outweighs_what_else_the_judge_says(rule: str, accepted: bool) -> None:
    house = await SmallHouse().open()
    says = msgspec.json.encode({"accepted": True, "confidence_bp": 9_500, "findings": [f"{rule}: hm"]}).decode()
    judge = Judge(model=SayingModel(says), contracts=CONTRACTS, prompt=PROMPTS["judge"])
    assert (await judged(house, judge, f"Boss fights are better with friends. {DISCLOSURE}"))[0] is accepted
