"""`spend explain`: why a payment was allowed, with every factor, its windows, and whose signature stands under it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chimera.adapters.vault import keys
from chimera.cli.spend import _explained, _spendings, carriage_in_words, carriage_of
from chimera.domain.errors import Missing
from chimera.domain.grant import Performance
from chimera.domain.spending import Spending
from chimera.settings import Settings
from chimera.testing.store_samples import change
from tests.governance.test_cfo import KEY, WEIGHTS_BP, Office

pytestmark = pytest.mark.requirement("R-E1", "R-E7")


@pytest.fixture
async def office() -> Office:
    return Office()


async def recorded(office: Office, **changes: object) -> Spending:
    word = (await office.ask()).appraisal
    record = Spending(id=word.payment.id, appraisal=replace(word, **changes), decided="approved")
    await office.manager.commit(change(record))
    return record


async def test_every_factor_window_and_signature_is_shown(office: Office, tmp_path: Path) -> None:
    record, settings = await recorded(office), Settings(home=str(tmp_path))
    told = await _explained(office.manager, settings, record.id)
    assert {one["name"]: one["weight_bp"] for one in told["factors"]} == WEIGHTS_BP
    assert all(one["says"] for one in told["factors"] if one["value_bp"])
    assert told["windows"] and told["conditions"] and told["amount_micros"] == 4_500_000
    assert told["cfo_signature"] == "not verified: the vault's folder is not here"
    keys.publish(tmp_path / "vault" / "cfo.pub", KEY)
    assert (await _explained(office.manager, settings, record.id))["cfo_signature"] == "verified"
    assert await _spendings(office.manager, "approved") == [record]
    assert await _spendings(office.manager, "refused") == []


async def test_a_word_that_was_changed_is_not_genuine(office: Office, tmp_path: Path) -> None:
    record, settings = await recorded(office, day_micros=1), Settings(home=str(tmp_path))
    keys.publish(tmp_path / "vault" / "cfo.pub", KEY)
    assert (await _explained(office.manager, settings, record.id))["cfo_signature"] == "NOT GENUINE"


RECEIPT = {"network": "polygon", "hash": "0xab", "nonce": 7, "block": 9, "place": 2, "places": 8, "fee_wei": "40",
           "saved_wei": "60", "consents": ["cfo:a", "second:b"]}  # fmt: skip


def test_carriage_is_told_with_its_share_and_what_was_saved() -> None:
    made = Performance(id="g", task_id="t", campaign_id="c", platform="polygon", started_at_us=1, deadline_us=2)
    assert carriage_of(None) == carriage_of(made) == {}
    assert carriage_of(replace(made, receipt={"id": "a post"})) == {}
    shared = carriage_of(replace(made, receipt=RECEIPT))
    assert shared == {name: value for name, value in RECEIPT.items() if name != "consents"}
    assert "as one of 8 in one transaction: its fee was 40 wei, 60 less" in carriage_in_words(shared)
    assert "as one of" not in carriage_in_words({**shared, "places": 1})


async def test_what_was_never_asked_for_is_named(office: Office, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no payment, task or grant"):
        await _explained(office.manager, Settings(home=str(tmp_path)), "01930000-0000-7000-8000-000000000000")
