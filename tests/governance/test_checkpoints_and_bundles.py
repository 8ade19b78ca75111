"""History that somebody tampers with, in every way: in the database, in a bundle, and with the vault's help."""

from __future__ import annotations

import ast
import copy
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.vault.keys import name_of
from chimera.adapters.vault.notary import Notary, Standing
from chimera.domain.checkpoint import ChainHead, Checkpoint
from chimera.domain.errors import ChimeraError
from chimera.domain.event import link_hash
from chimera.domain.kinds import NAMES
from chimera.domain.record import Record
from chimera.domain.roles import Role
from chimera.governance import verify_bundle
from chimera.governance.audit import verify_history
from chimera.governance.bundles import bundle_lines
from chimera.governance.checkpoints import Checkpoints, latest
from chimera.ports.notary import SignedStatement
from tests.examples import examples
from tests.small_house import SmallHouse

pytestmark = [pytest.mark.requirement("R-N4", "R-E7"), pytest.mark.attack]
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (9, 8))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
KEYS = {name_of(KEY.public_key()): PUBLIC}
VERIFIER = Path(verify_bundle.__file__)


class InProcess:
    """Implements `ports.notary`: the notary without its process."""

    def __init__(self, house: SmallHouse, key: Ed25519PrivateKey = KEY) -> None:
        self.kept: list[Standing] = []
        self.notary = Notary(key=key, standing=Standing(), keep=self.kept.append)
        self._clock = house.clock

    async def checkpoint(self, heads: Sequence[ChainHead], *, after: int, previous: str) -> SignedStatement:
        return self.notary.sign(heads, after=after, previous=previous, now_us=self._clock.now_us())


@pytest.fixture
async def house() -> SmallHouse:
    """Ten and more events in two chains, under three checkpoints, and two events after the last."""
    made = await SmallHouse().open()
    signing = Checkpoints(store=made.office, notary=InProcess(made))
    for _ in range(3):
        for _ in range(3):
            made.clock.advance(1)
            await made.a_task()
        await made.change_agent(rulings=1)
        assert await signing.take() is not None
    await made.a_task()
    return made


async def exported(house: SmallHouse) -> list[dict[str, Any]]:
    return [json.loads(line) async for line in bundle_lines(house.office, keys=KEYS)]


def verified(rows: Sequence[Any], *, keys: Sequence[str] = (PUBLIC,), at_least: int = 0) -> dict[str, Any]:
    return verify_bundle.verify([json.dumps(row).encode() for row in rows], keys=keys, at_least=at_least)


def flaws(rows: Sequence[Any]) -> list[tuple[str, int, str]]:
    return [
        (one["chain"], one["sequence"], one["differs"].split(":")[0].split(" ")[0]) for one in verified(rows)["flaws"]
    ]


# ── taking checkpoints ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_checkpoints_follow_one_another_and_verify(house: SmallHouse) -> None:
    report = await verify_history(house.office, keys=KEYS, signed_last=3)
    assert (report.verified, report.checkpoints) == (True, 3)
    assert 0 < report.events_signed < report.events
    newest = await latest(house.office)
    assert newest is not None
    assert newest.statement.number == 3


async def test_nothing_is_signed_when_nothing_happened(house: SmallHouse) -> None:
    signing = Checkpoints(store=house.office, notary=_going_on(house, await latest(house.office)))
    assert await signing.take() is not None
    assert await signing.take() is None


def _going_on(house: SmallHouse, last: Checkpoint | None) -> InProcess:
    """A vault that has signed what stands."""
    assert last is not None
    made = InProcess(house)
    heads = {head.writer: (head.seq, head.hash) for head in last.heads}
    standing = Standing(
        number=last.statement.number, digest=last.statement.digest, before=last.statement.previous, heads=heads
    )
    made.notary = Notary(key=KEY, standing=standing, keep=made.kept.append)
    return made


async def test_the_last_one_is_looked_for_once_however_many_there_are(house: SmallHouse) -> None:
    counted: list[type[Record]] = []

    class Counting(MemoryStore):
        async def count(self, kind: type[Record]) -> dict[str, int]:
            counted.append(kind)
            return await super().count(kind)

    store = Counting(house.database, writer="office-0", role=Role.OFFICE, clock=house.clock)
    signing = Checkpoints(store=store, notary=_going_on(house, await latest(house.office)))
    for number in range(4, 9):
        await house.a_task()
        made = await signing.take()
        assert made is not None and made.statement.number == number
        assert await signing.take() is None
    assert counted == [Checkpoint]


async def test_a_signature_that_was_lost_before_its_commit_is_given_again(house: SmallHouse) -> None:
    vault, last = _going_on(house, await latest(house.office)), await latest(house.office)
    assert last is not None
    await house.a_task()
    heads = tuple(
        ChainHead(writer=one.writer, seq=one.seq, hash=one.hash.hex()) for one in await house.office.heads() if one.seq
    )
    lost = await vault.checkpoint(heads, after=3, previous=last.statement.digest)
    assert lost.statement.number == 4
    assert await Checkpoints(store=house.office, notary=vault).take() is not None
    assert (await verify_history(house.office, keys=KEYS, signed_last=4)).verified


HEAD = ChainHead(writer="a", seq=5, hash="aa" * 32)
REWOUND: dict[str, tuple[tuple[ChainHead, ...], int]] = {
    "shorter": ((replace(HEAD, seq=4),), 1),
    "the same place, another hash": ((replace(HEAD, hash="bb" * 32),), 1),
    "a chain gone": ((replace(HEAD, writer="b"),), 1),
    "back to the beginning": ((replace(HEAD, seq=9),), -1),
    "ahead of us": ((replace(HEAD, seq=9),), 7),
    "none": ((), 1),
    "twice": ((HEAD, HEAD), 1),
}


@pytest.mark.parametrize("how", sorted(REWOUND))
def test_the_vault_signs_no_history_that_goes_back(how: str) -> None:
    notary = Notary(key=KEY, standing=Standing(), keep=lambda _: None)
    first = notary.sign((HEAD,), after=0, previous="", now_us=1)
    heads, after = REWOUND[how]
    with pytest.raises(ChimeraError) as refused:
        notary.sign(heads, after=after, previous=first.statement.digest, now_us=2)
    assert refused.value.code in ("vault_history_rewound", "vault_heads_malformed")


def test_the_vault_follows_only_what_it_signed() -> None:
    notary = Notary(key=KEY, standing=Standing(), keep=lambda _: None)
    notary.sign((HEAD,), after=0, previous="", now_us=1)
    with pytest.raises(ChimeraError):
        notary.sign((replace(HEAD, seq=6),), after=1, previous="00" * 32, now_us=2)


# ── in the database ─────────────────────────────────────────────────────────────────────────────────────────────────


def rechained(house: SmallHouse, writer: str, *, start: int) -> None:
    """Whoever owns the database computes every hash from here on anew."""
    links = house.database.chains[writer].links
    for place in range(start, len(links)):
        previous = links[place - 1].hash if place else bytes(32)
        links[place] = replace(links[place], seq=place + 1, hash=link_hash(previous, place + 1, links[place].body))


async def test_a_chain_that_was_computed_anew_is_found(house: SmallHouse) -> None:
    links = house.database.chains["manager-0"].links
    links[4] = replace(links[4], body=links[4].body.replace(b"test", b"tost"))
    rechained(house, "manager-0", start=4)
    assert (await verify_history(house.office)).flaws[0].what.startswith("checkpoint 2 signed another history")


async def test_a_tail_that_was_cut_off_is_found(house: SmallHouse) -> None:
    del house.database.chains["manager-0"].links[-3:]
    (flaw,) = (await verify_history(house.office)).flaws
    assert (flaw.writer, flaw.seq) == ("manager-0", 7)
    assert "up to sequence 9" in flaw.what


async def test_a_whole_chain_that_is_gone_is_found(house: SmallHouse) -> None:
    del house.database.chains["manager-0"]
    assert [flaw.writer for flaw in (await verify_history(house.office)).flaws] == ["manager-0"]


async def test_a_checkpoint_that_is_gone_with_the_tail_is_known_to_the_vault(house: SmallHouse) -> None:
    table, last = house.database.tables[NAMES[Checkpoint]], await latest(house.office)
    assert last is not None
    del table.rows[last.id]
    table._order.remove(last.id)
    assert "missing: the vault has signed 4" in str((await verify_history(house.office, signed_last=4)).flaws)


async def test_a_checkpoint_that_was_changed_or_signed_by_another_is_found(house: SmallHouse) -> None:
    last = await latest(house.office)
    assert last is not None
    for wrong in (
        replace(last, signature=OTHER.sign(last.statement.signed_bytes).hex()),
        replace(last, key_id="0" * 16),
        replace(last, statement=replace(last.statement, at_us=1)),
        replace(last, heads=(replace(last.heads[0], seq=1), *last.heads[1:])),
        replace(last, statement=replace(last.statement, previous="00" * 32)),
    ):
        house.rewrite(wrong)
        found = (await verify_history(house.office, keys=KEYS)).flaws
        assert "checkpoints" in {flaw.writer for flaw in found}
    house.rewrite(last)
    assert (await verify_history(house.office, keys=KEYS)).verified


# ── in a bundle ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_bundle_verifies_and_says_what_is_signed(house: SmallHouse) -> None:
    found = verified(await exported(house))
    assert found["flaws"] == []
    assert found["verified"]
    assert (found["chains"], found["checkpoints"], found["keys_trusted"]) == (3, 3, True)
    assert found["events"] - found["events_signed"] == 2
    assert not verified(await exported(house), keys=())["keys_trusted"]


def events(rows: list[dict[str, Any]], writer: str = "manager-0") -> list[int]:
    """The places of a chain's events in the file."""
    return [place for place, row in enumerate(rows) if row["kind"] == "event" and row["writer"] == writer]


def change(rows: list[dict[str, Any]], at: int) -> None:
    rows[at]["body"] = rows[at]["body"].replace("test", "tost")


def rehash(rows: list[dict[str, Any]], writer: str = "manager-0") -> None:
    """A clever hand computes every hash anew after it has changed something."""
    previous = bytes(32)
    for seq, place in enumerate(events(rows, writer), 1):
        row = rows[place]
        row["seq"] = seq
        previous = link_hash(previous, seq, row["body"].encode())
        row["hash"] = previous.hex()


def reindex(rows: list[dict[str, Any]], writer: str = "manager-0") -> None:
    """And writes the index anew as well."""
    digests = [hashlib.sha256(rows[place]["body"].encode()).hexdigest() for place in events(rows, writer)]
    for row in rows:
        if row["kind"] == "index" and row["writer"] == writer:
            row["first"], row["digests"] = 1, digests


Rows = list[dict[str, Any]]
Hand = Callable[[Rows], object]


def swap(rows: Rows, one: int, other: int) -> None:
    places = events(rows)
    rows[places[one]], rows[places[other]] = rows[places[other]], rows[places[one]]


def swap_bodies(rows: Rows, one: int, other: int) -> None:
    places = events(rows)
    rows[places[one]]["body"], rows[places[other]]["body"] = rows[places[other]]["body"], rows[places[one]]["body"]


def add(rows: Rows, at: int) -> None:
    place = events(rows)[at]
    rows.insert(place, {**copy.deepcopy(rows[place]), "body": rows[place]["body"].replace("test", "more")})


TAMPERED: dict[str, tuple[Hand, list[tuple[str, int, str]]]] = {
    "changed": (lambda rows: change(rows, events(rows)[4]), [("manager-0", 5, "changed")]),
    "two changed": (lambda rows: [change(rows, events(rows)[n]) for n in (2, 7)] and None,
                    [("manager-0", 3, "changed"), ("manager-0", 8, "changed")]),
    "removed": (lambda rows: rows.pop(events(rows)[4]) and None, [("manager-0", 5, "removed")]),
    "the first removed": (lambda rows: rows.pop(events(rows)[0]) and None, [("manager-0", 1, "removed")]),
    "the last removed": (lambda rows: rows.pop(events(rows)[9]) and None, [("manager-0", 10, "removed")]),
    "added": (lambda rows: add(rows, 4), [("manager-0", 5, "added")]),
    "reordered": (lambda rows: swap(rows, 3, 6), [("manager-0", 4, "reordered"), ("manager-0", 7, "reordered")]),
    "bodies exchanged": (lambda rows: swap_bodies(rows, 3, 6),
                         [("manager-0", 4, "reordered"), ("manager-0", 7, "reordered")]),
    "hash restated": (lambda rows: rows[events(rows)[4]].update(hash="00" * 32), [("manager-0", 5, "its")]),
    "sequence restated": (lambda rows: rows[events(rows)[4]].update(seq=50), [("manager-0", 5, "its")]),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(TAMPERED))
@pytest.mark.parametrize("clever", [False, True], ids=["plainly", "with every hash computed anew"])
async def test_the_exact_event_is_named(house: SmallHouse, how: str, clever: bool) -> None:
    rows, (hand, expected) = await exported(house), TAMPERED[how]
    hand(rows)
    if clever:
        rehash(rows)
        if how.endswith("restated"):
            assert verified(rows)["verified"], "the hand has put its own change right again"
            return
    found = flaws(rows)
    assert [one for one in found if one in expected] == expected
    assert {seq for _, seq, _ in found} == {seq for _, seq, _ in expected}


@pytest.mark.parametrize("how", ["changed", "removed", "added", "reordered"])
async def test_whoever_writes_the_index_anew_too_is_found_between_two_checkpoints(house: SmallHouse, how: str) -> None:
    rows = await exported(house)
    TAMPERED[how][0](rows)
    rehash(rows)
    reindex(rows)
    found = verified(rows)
    assert not found["verified"]
    assert any("sequences 4 to 6" in one["differs"] and "checkpoint 2" in one["differs"] for one in found["flaws"])


async def test_an_index_that_was_changed_is_named(house: SmallHouse) -> None:
    rows = await exported(house)
    index = next(row for row in rows if row["kind"] == "index" and row["writer"] == "manager-0")
    index["digests"][4] = "00" * 32
    assert flaws(rows) == [("manager-0", 5, "the")]


@pytest.mark.parametrize("clever", [False, True])
async def test_a_truncated_tail_is_noticed(house: SmallHouse, clever: bool) -> None:
    rows = await exported(house)
    for place in reversed(events(rows)[6:]):
        del rows[place]
    if clever:
        reindex(rows)
        header = rows[0]["chains"]
        for head in header:
            if head["writer"] == "manager-0":
                head.update(seq=6, hash=rows[events(rows)[-1]]["hash"])
    found = verified(rows)
    assert {7, 8, 9} <= {one["sequence"] for one in found["flaws"] if one["chain"] == "manager-0"}


async def test_cut_off_files_and_checkpoints_that_are_gone(house: SmallHouse) -> None:
    rows = await exported(house)
    assert "cut off" in verified(rows[:-1])["flaws"][0]["differs"]
    places = [place for place, row in enumerate(rows) if row["kind"] == "checkpoint"]
    without = [row for place, row in enumerate(rows) if place != places[1]]
    assert ("checkpoints", 2) in {(one["chain"], one["sequence"]) for one in verified(without)["flaws"]}
    last_gone = [row for place, row in enumerate(rows) if place != places[2]]
    assert not verified(last_gone, at_least=3)["verified"]


async def test_another_key_convinces_nobody_who_knows_the_right_one(house: SmallHouse) -> None:
    rows, other = await exported(house), OTHER.public_key().public_bytes_raw().hex()
    for row in rows:
        if row["kind"] == "checkpoint":
            row["key_id"] = verify_bundle.key_name(other)
            message = verify_bundle.SIGNED + verify_bundle.canonical(row["statement"])
            row["signature"] = OTHER.sign(message).hex()
    rows[0]["keys"] = {verify_bundle.key_name(other): other}
    assert verified(rows, keys=())["verified"]
    assert not verified(rows)["verified"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60), deadline=None)
@given(st.data())
async def test_no_byte_of_an_event_can_be_changed(data: st.DataObject) -> None:
    house = await SmallHouse().open()
    await Checkpoints(store=house.office, notary=InProcess(house)).take()
    rows = await exported(house)
    row = rows[data.draw(st.sampled_from(events(rows, "office-0")))]
    at = data.draw(st.integers(0, len(row["body"]) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda one: one != row["body"][at]))
    row["body"] = row["body"][:at] + letter + row["body"][at + 1 :]
    assert ("office-0", row["seq"], "changed") in flaws(rows)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_whatever_the_file_holds_it_is_refused_by_name(lines: list[bytes]) -> None:
    with pytest.raises(verify_bundle.Malformed):
        verify_bundle.verify(lines, keys=[PUBLIC])


@pytest.mark.parametrize(
    "header", [{"chains": 7}, {"keys": []}, {"chains": [{}]}, {"format": "x"}, {"keys": {"a": "zz"}}]
)
async def test_a_header_that_is_none(house: SmallHouse, header: dict[str, Any]) -> None:
    rows = await exported(house)
    rows[0].update(header)
    with pytest.raises(verify_bundle.Malformed):
        verified(rows, keys=())


# ── standing alone ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_verifier_is_one_small_file_that_needs_nothing_of_ours() -> None:
    text = VERIFIER.read_text("utf-8")
    imported = {
        str(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)
    }  # fmt: skip
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert len(text.splitlines()) < 350


async def test_it_runs_alone_on_a_copy(house: SmallHouse, tmp_path: Path) -> None:
    copied, bundle = tmp_path / "verify.py", tmp_path / "history.bundle"
    copied.write_text(VERIFIER.read_text("utf-8"))
    rows = await exported(house)
    for wrong in (False, True):
        if wrong:
            change(rows, events(rows)[4])
        bundle.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run = subprocess.run(
            [sys.executable, "-I", str(copied), str(bundle), "--key", PUBLIC],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == wrong, run.stderr
        assert json.loads(run.stdout)["verified"] is not wrong
    bundle.write_text("{}")
    assert (
        subprocess.run([sys.executable, "-I", str(copied), str(bundle)], capture_output=True, check=False).returncode
        == 2
    )
