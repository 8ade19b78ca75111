"""Sealing with a vault that refuses, lies, is away or is halted; and the vault's own judgement."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.vault.signer import LEAVES_MAX
from chimera.domain import scopes
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.grant import Seal, SealState, Terms
from chimera.pipeline.sealing import Sealing
from chimera.ports.sealer import SignedRoot
from tests.small_house import PACK, SmallHouse, a_note, a_payment

pytestmark = pytest.mark.requirement("R-N1", "R-E4")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


class SayingVault:
    """Implements `ports.sealer.Sealer`: says what a test wants."""

    def __init__(self, answer: SignedRoot | ChimeraError) -> None:
        self._answer = answer

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        if isinstance(self._answer, ChimeraError):
            raise self._answer
        return self._answer


def sealing(house: SmallHouse, answer: SignedRoot | ChimeraError) -> Sealing:
    return Sealing(sealer=SayingVault(answer), store=house.manager, clock=house.clock, ids=house.ids)


async def test_many_grants_have_one_signature_and_each_its_path(house: SmallHouse) -> None:
    granted = [await house.grant(seal=False) for _ in range(7)]
    seals = await house.sealing.seal([one.grant for one in granted])
    assert len({seal.batch_id for seal in seals}) == 1
    for one in granted:
        await house.effects().perform(one.grant.id)
    assert house.deeds() == 7


async def test_what_stays_in_the_house_is_taken_at_once(house: SmallHouse) -> None:
    granted = await house.grant(a_note(), task=await house.a_task(spec="bench.note"))
    assert (await house.manager.get(Seal, granted.grant.id)).state is SealState.TAKEN


@pytest.mark.parametrize("error", [Refused("vault_no", "no"), Unavailable("vault_unavailable", "away")])
async def test_a_vault_that_says_no_leaves_nothing(house: SmallHouse, error: ChimeraError) -> None:
    granted = await house.grant(seal=False)
    with pytest.raises(type(error)):
        await sealing(house, error).seal([granted.grant])
    assert await house.manager.find(Seal, granted.grant.id) is None


async def test_a_vault_that_signed_something_else(house: SmallHouse) -> None:
    granted = await house.grant(seal=False)
    lie = SignedRoot(root="ab" * 32, signature="00" * 64, key_id=house.core.key_id)
    with pytest.raises(Refused, match="another root"):
        await sealing(house, lie).seal([granted.grant])
    assert await house.manager.find(Seal, granted.grant.id) is None


async def test_a_grant_is_sealed_once(house: SmallHouse) -> None:
    granted = await house.grant()
    with pytest.raises(ChimeraError):
        await house.sealing.seal([granted.grant])


# ── the vault judges for itself ─────────────────────────────────────────────────────────────────────────────────────


def refused(house: SmallHouse, leaves: Sequence[Terms], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        house.core.seal(leaves, now_us=house.clock.now_us())
    assert refusal.value.code == code


async def test_another_policy(house: SmallHouse) -> None:
    terms = (await house.grant(seal=False)).grant.terms
    refused(house, [terms, replace(terms, policy_digest="0" * 64)], "vault_policy_differs")
    assert PACK.digest == terms.policy_digest


async def test_an_end_that_is_too_far_or_past(house: SmallHouse) -> None:
    terms = (await house.grant(seal=False)).grant.terms
    now_us = house.clock.now_us()
    for expires_at_us in (now_us, now_us - 1, now_us + 931_000_000, 2**60):
        refused(house, [replace(terms, expires_at_us=expires_at_us)], "vault_expiry")


async def test_nothing_and_too_much_at_once(house: SmallHouse) -> None:
    terms = (await house.grant(seal=False)).grant.terms
    refused(house, [], "vault_batch_size")
    refused(house, [terms] * (LEAVES_MAX + 1), "vault_batch_size")


async def test_a_negative_cost_does_not_make_room(house: SmallHouse) -> None:
    terms = (await house.grant(seal=False)).grant.terms
    refused(house, [replace(terms, cost_micros=-1)], "vault_amount")


async def test_its_own_cap_counts_by_itself() -> None:
    house = await SmallHouse().open()
    house.core.__init__(
        key=house.key, policy_digest=PACK.digest, cap_micros_day=9_000_000, spent=house.core.standing.spent,
        keep=lambda spent: None,
    )  # fmt: skip
    terms = (await house.grant(a_payment(4_000_000), seal=False)).grant.terms
    now_us = house.clock.now_us()
    house.core.seal([terms], now_us=now_us)
    house.core.seal([terms], now_us=now_us)
    refused(house, [terms], "vault_over_cap")
    tomorrow_us = now_us + DAY_US
    house.core.seal([replace(terms, expires_at_us=tomorrow_us + 1)], now_us=tomorrow_us)


@pytest.mark.parametrize("place", ["fleet", "campaign", "agent", "platform"])
async def test_its_own_halt(house: SmallHouse, place: str) -> None:
    terms = (await house.grant(seal=False)).grant.terms
    scope = {
        "fleet": scopes.FLEET, "campaign": scopes.campaign(terms.campaign_id),
        "agent": scopes.agent(terms.agent_id), "platform": scopes.platform("sandbox"),
    }[place]  # fmt: skip
    house.core.halt([scope])
    refused(house, [terms], "halted")
    house.core.halt([])
    house.core.seal([terms], now_us=house.clock.now_us())


async def test_the_signature_is_over_the_leaves_that_it_saw(house: SmallHouse) -> None:
    granted = [await house.grant(seal=False) for _ in range(3)]
    signed = house.core.seal([one.grant.terms for one in granted], now_us=house.clock.now_us())
    other = Ed25519PrivateKey.generate()
    assert signed.key_id != house.vault_core(other).key_id
    assert house.core.seal([granted[0].grant.terms], now_us=house.clock.now_us()).root != signed.root
