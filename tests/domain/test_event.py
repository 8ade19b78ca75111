"""History: whatever is done to a chain — changed, removed, put elsewhere, slipped in, cut off — is found and named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.domain.event import GENESIS, Event, EventKind, Link, link_hash, verify

pytestmark = pytest.mark.requirement("R-N1", "R-E7")

BODIES = st.lists(st.binary(max_size=20), min_size=1, max_size=12)


def chain(bodies: list[bytes]) -> list[Link]:
    links: list[Link] = []
    for seq, body in enumerate(bodies, start=1):
        previous = links[-1].hash if links else GENESIS
        links.append(Link(writer="w", seq=seq, body=body, hash=link_hash(previous, seq, body)))
    return links


def flaws(links: list[Link], *, sound: list[Link]) -> list[str]:
    head = sound[-1] if sound else None
    found = verify("w", links, head_seq=head.seq if head else 0, head_hash=head.hash if head else GENESIS)
    return [str(flaw) for flaw in found]


@given(BODIES)
def test_a_sound_chain_has_no_flaws(bodies: list[bytes]) -> None:
    links = chain(bodies)
    assert flaws(links, sound=links) == []


@given(BODIES, st.data())
def test_a_changed_body_is_named(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(st.binary(max_size=20).filter(lambda body: body != bodies[at]))
    changed = [*links[:at], replace(links[at], body=other), *links[at + 1 :]]
    assert flaws(changed, sound=links) == [
        f"chain w, sequence {at + 1}: the body or its place in the chain differs from its hash"
    ]


@given(BODIES, st.data())
def test_a_changed_body_with_its_hash_mended_is_named(bodies: list[bytes], data: st.DataObject) -> None:
    """The forger recomputes the hash of his event: the next one, or the head, gives him away."""
    links = chain(bodies)
    at = data.draw(st.integers(0, len(links) - 1))
    previous = links[at - 1].hash if at else GENESIS
    forged = replace(links[at], body=b"forged" * 4, hash=link_hash(previous, at + 1, b"forged" * 4))
    found = flaws([*links[:at], forged, *links[at + 1 :]], sound=links)
    assert len(found) == 1
    assert f"sequence {min(at + 2, len(links))}" in found[0]


@given(BODIES, st.data())
def test_a_removed_event_is_named(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    at = data.draw(st.integers(0, len(links) - 1))
    found = flaws([*links[:at], *links[at + 1 :]], sound=links)
    assert f"chain w, sequence {at + 1}: sequence {at + 1} missing" in found


@given(BODIES, st.data())
def test_a_chain_that_was_cut_off_is_named(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    kept = data.draw(st.integers(0, len(links) - 1))
    assert any("missing" in flaw for flaw in flaws(links[:kept], sound=links))


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=12), st.data())
def test_reordered_events_are_named(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    at = data.draw(st.integers(0, len(links) - 2))
    swapped = [*links[:at], links[at + 1], links[at], *links[at + 2 :]]
    assert any(f"sequence {at + 1}:" in flaw for flaw in flaws(swapped, sound=links))


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=12), st.data())
def test_swapped_bodies_are_named(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    at = data.draw(st.integers(0, len(links) - 2))
    if bodies[at] == bodies[at + 1]:
        return
    first, second = replace(links[at], body=bodies[at + 1]), replace(links[at + 1], body=bodies[at])
    found = flaws([*links[:at], first, second, *links[at + 2 :]], sound=links)
    assert [f"sequence {at + 1}" in found[0], f"sequence {at + 2}" in found[1]] == [True, True]


@given(BODIES, st.data())
def test_an_event_slipped_in_is_named(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    at = data.draw(st.integers(0, len(links)))
    previous = links[at - 1].hash if at else GENESIS
    slipped = Link(writer="w", seq=at + 1, body=b"slipped in", hash=link_hash(previous, at + 1, b"slipped in"))
    assert flaws([*links[:at], slipped, *links[at:]], sound=links)


def test_events_beyond_the_head_are_named() -> None:
    links = chain([b"a", b"b", b"c"])
    assert "beyond the chain's head" in flaws(links, sound=links[:2])[-1]


def test_an_event_says_what_it_says_in_one_way() -> None:
    event = Event(kind=EventKind.HALTED, subject="s", at_us=1, data={"b": 1, "a": "ä"})
    assert event.content == '{"at_us":1,"data":{"a":"ä","b":1},"kind":"HALTED","subject":"s"}'.encode()
