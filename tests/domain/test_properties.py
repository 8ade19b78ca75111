"""Laws of encoding, money, ids and trees, on whatever hypothesis comes up with."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain import canonical, ids, labels, merkle, money, scopes
from chimera.domain.budget import Hold, HoldState, Movement, Window, apply, combined, metered
from chimera.domain.confidence import Band, Bands
from chimera.domain.errors import Invalid, Refused
from chimera.domain.record import SHARDS, shard_of

pytestmark = pytest.mark.requirement("R-K1", "R-E2")

# ── one spelling ────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
KEYS = st.text(st.characters(max_codepoint=127, exclude_characters="\x00"), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def rfc8785(value: object) -> str:
    """RFC 8785 from its text, for what we accept: whole numbers, sorted keys, the shortest escapes."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + "".join(_SHORT.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 0x20 else c) for c in value) + '"'
        case list():
            return "[" + ",".join(map(rfc8785, value)) + "]"
        case dict():
            ordered = sorted(value.items(), key=lambda entry: entry[0].encode("utf-16-be"))
            return "{" + ",".join(f"{rfc8785(key)}:{rfc8785(item)}" for key, item in ordered) + "}"
        case _:
            raise AssertionError(value)


@given(PLAIN)
def test_canonical_is_rfc_8785(value: object) -> None:
    canonical.require_plain(value)
    assert canonical.encode(value) == rfc8785(value).encode()
    assert json.loads(canonical.encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), 2**53, -(2**53), "a\x00b", "\ud800", {"ä": 1}, {1: 2}, {"a\x00": 1}, b"bytes", {1},
     {"deep": [{"x": [1.5]}]}],
    ids=repr,
)  # fmt: skip
def test_what_has_no_single_spelling_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        canonical.require_plain(value)


def test_depth_is_bounded() -> None:
    value: object = 1
    for _ in range(canonical.DEPTH_MAX + 1):
        value = [value]
    with pytest.raises(Invalid, match="deeper"):
        canonical.require_plain(value)


# ── trees ───────────────────────────────────────────────────────────────────────────────────────────────────────────

LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=33).map(
    lambda data: [merkle.leaf_of(one) for one in data]
)


@given(LEAVES)
def test_every_path_leads_to_the_root(leaves: list[str]) -> None:
    levels = merkle.levels_of(leaves)
    for index, leaf in enumerate(leaves):
        assert merkle.climb(leaf, merkle.paths_of(levels)[index]) == merkle.root_of(leaves)


@given(LEAVES, st.binary(max_size=9))
def test_no_other_leaf_climbs_to_it(leaves: list[str], other: bytes) -> None:
    stranger = merkle.leaf_of(b"stranger" + other)
    levels = merkle.levels_of(leaves)
    for index in range(len(leaves)):
        assert merkle.climb(stranger, merkle.paths_of(levels)[index]) != merkle.root_of(leaves)


def test_a_node_cannot_pose_as_a_leaf() -> None:
    left, right = merkle.leaf_of(b"a"), merkle.leaf_of(b"b")
    assert merkle.leaf_of(bytes.fromhex(left) + bytes.fromhex(right)) != merkle.root_of([left, right])


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(1, money.AMOUNT_MICROS_MAX))
def test_an_amount_is_read_as_it_is_written(micros: int) -> None:
    assert money.parse_amount(money.format_micros(micros).removesuffix(" USD")) == micros
    assert money.parse_amount(f"{Decimal(micros) / money.MICROS:f}") == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "1e999999",
        "1e9",
        "1_000",
        "\N{ARABIC-INDIC DIGIT THREE}",
        " 1",
        "NaN",
        "Infinity",
        "1,50",
        "0.0000001",
        "1000000000.000001",
        "12.5 USD",
        "١e99",
    ],
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Invalid):
        money.parse_amount(text)


@given(st.lists(st.tuples(st.sampled_from(["hold", "close", "meter"]), st.integers(0, 2_000)), max_size=40),
       st.integers(0, 5_000))  # fmt: skip
def test_nothing_is_held_beyond_the_cap_and_nothing_is_lost(steps: list[tuple[str, int]], cap: int) -> None:
    """What was metered is spent or overrun; what is held is what open holds hold; never beyond the cap."""
    window, open_holds, cost = Window(id="w", cap_micros=cap), [], 0
    for what, amount in steps:
        match what:
            case "hold":
                try:
                    window = apply(window, Movement(windows=("w",), hold_micros=amount))
                    open_holds.append(amount)
                except Refused:
                    assert amount > window.room_micros
            case "close" if open_holds:
                held = open_holds.pop()
                window = apply(window, Movement(windows=("w",), release_micros=held, metered_micros=amount))
                cost += amount
            case _:
                window = apply(window, Movement(windows=("w",), metered_micros=amount))
                cost += amount
        assert window.held_micros + window.spent_micros <= window.cap_micros
        assert window.held_micros == sum(open_holds)
        assert window.spent_micros + window.overrun_micros == cost
        if window.overrun_micros:
            assert window.room_micros <= max(0, cap - window.held_micros - cost)


@given(st.integers(1, 10_000), st.integers(0, 20_000))
def test_a_hold_closes_once(amount: int, spent: int) -> None:
    hold = Hold(id="h", task_id="t", amount_micros=amount, windows=("a", "b"), expires_at_us=0)
    captured, movements = hold.captured(spent)
    assert captured.state is HoldState.CAPTURED
    assert [(one.release_micros, one.metered_micros) for one in movements] == [(amount, spent)]
    for closed in (captured, hold.released()[0]):
        for again in (closed.released, lambda closed=closed: closed.captured(1)):
            with pytest.raises(Refused):
                again()


MOVED = st.builds(lambda windows, hold, release, spent: Movement(windows=tuple(sorted(windows)), hold_micros=hold,
                  release_micros=release, metered_micros=spent),
                  st.sets(st.sampled_from("abc"), min_size=1), st.integers(0, 9), st.integers(0, 9),
                  st.integers(0, 9))  # fmt: skip


@given(st.lists(st.lists(MOVED, max_size=6), max_size=4), st.booleans())
def test_movements_together_are_their_sum(causes: list[list[Movement]], twice: bool) -> None:
    if twice:
        causes = [*causes, *causes]
    every = [movement for cause in causes for movement in cause]
    together = combined(every)
    named = [window for one in together for window in one.windows]
    assert sorted(named) == sorted({window for one in every for window in one.windows})
    for name in ("hold_micros", "release_micros", "metered_micros"):
        for one in together:
            for window in one.windows:
                assert getattr(one, name) == sum(getattr(part, name) for part in every if window in part.windows)


def test_no_cost_moves_nothing() -> None:
    assert metered(("a",), 0) == ()


# ── ids, shards, scopes, bands ──────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1), st.lists(TEXTS, max_size=3))
def test_ids_carry_their_time_and_children_their_parents(at_ms: int, entropy: int, names: list[str]) -> None:
    root = ids.build(at_us=at_ms * 1000, entropy=entropy)
    child = ids.derive(root, *names)
    assert ids.parse(root) == root
    assert ids.parse(child) == child
    assert ids.at_us(root) == ids.at_us(child) == at_ms * 1000
    assert child == ids.derive(root, *names)
    assert 0 <= shard_of(root) < SHARDS


@given(st.text(max_size=40))
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(Invalid):
        ids.parse(text + "x")


@given(st.lists(st.lists(TEXTS, max_size=4), max_size=4))
def test_a_union_keeps_every_label(many: list[list[str]]) -> None:
    assert set(labels.union(*many)) == {label for one in many for label in one}
    assert labels.union(*many) == labels.union(*reversed(many))


@pytest.mark.parametrize("text", ["", "fleet ", "campaign:", "city:x", "campaign", ":", "agent"])
def test_what_is_no_scope(text: str) -> None:
    with pytest.raises(Invalid):
        scopes.parse(text)


@given(st.integers(-5, 10_005), st.integers(-5, 10_005))
def test_less_confidence_is_never_a_better_band(first: int, second: int) -> None:
    order, bands = list(Band), Bands()
    low, high = sorted((first, second))
    if low >= 0 and high <= 10_000:
        assert order.index(bands.band_of(low, has_record=True)) >= order.index(bands.band_of(high, has_record=True))
    known, unknown = (order.index(bands.band_of(high, has_record=record)) for record in (True, False))
    assert unknown >= known
