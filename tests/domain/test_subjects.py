"""A person's parts are taken out of a record and put back; what is left without them is still a record."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera.domain import subjects
from chimera.domain.campaign import Input
from chimera.domain.kinds import KINDS
from chimera.domain.record import Record
from chimera.domain.rows import row_of
from tests.small_house import SmallHouse, a_post

pytestmark = pytest.mark.requirement("R-D5")
CANARY = "@canary_7f3a.example"
SAID = 'Wolfram-Canary-91 \\ "lives" at the mill'
NAME = "ab" * 32
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8,
)  # fmt: skip


async def records() -> list[Record]:
    """What one mention leaves behind in a house."""
    house = await SmallHouse().open()
    payload = {"author": CANARY, "text": SAID, "post_id": "p-1", "platform": "sandbox"}
    heard = Input(id=house.ids.new(), campaign_id=house.campaign.id, kind="mention", payload=payload,
                  labels=("public",), threat="LOW", admitted_at_us=1)  # fmt: skip
    task = await house.a_task(spec="copy.reply", input=payload, feedback=(f"{CANARY} said {SAID}",))
    action = a_post(f"{CANARY} wrote {SAID}", target_account=CANARY)
    granted = await house.grant(action, seal=False, task=task)
    review = await house.escalate(action)
    attempts = await house.manager.list(KINDS["attempt"])
    return [heard, task, granted.grant, review, *attempts]


async def test_without_its_parts_a_record_says_nothing_of_the_person_and_can_still_be_read() -> None:
    found = await records()
    assert {type(record) for record in found} == {KINDS[kind] for kind in subjects.PARTS}
    for record in found:
        assert subjects.subject_of(record) == CANARY
        row = row_of(record)
        clear, parts = subjects.split(row.kind, row.body)
        assert b"canary" not in clear.lower(), row.kind
        left = msgspec.json.decode(clear, type=type(record))
        assert (left.id, left.version, left.scope, left.shard, left.due_us) == (
            record.id, record.version, record.scope, record.shard, record.due_us)  # fmt: skip
        assert left.state_name == record.state_name
        assert msgspec.json.decode(subjects.joined(clear, parts), type=type(record)) == record


async def test_what_is_about_nobody_has_no_subject() -> None:
    house = await SmallHouse().open()
    granted = await house.grant(a_post("nobody is answered"))
    found = [house.agent, house.campaign, granted.grant, await house.a_task()]
    assert {subjects.subject_of(record) for record in found} == {""}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(payload=st.dictionaries(st.text(max_size=8), values, max_size=4), sealed=st.binary(max_size=60))
def test_taking_apart_undoes_assembling(payload: dict[str, object], sealed: bytes) -> None:
    body = msgspec.json.encode({"id": "an-id", "payload": payload})
    clear, parts = subjects.split("input", body)
    whole = subjects.assembled(clear, name=NAME, parts=sealed)
    assert subjects.is_sealed(whole)
    assert not subjects.is_sealed(body)
    assert subjects.taken_apart(whole) == subjects.Sealed(NAME, "an-id", sealed, clear)
    assert subjects.joined(clear, parts) == body
    assert set(msgspec.json.decode(whole)) == {"sealed", "id", "payload"}
