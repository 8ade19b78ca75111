"""Verifies an exported history without Chimera: `python verify_bundle.py BUNDLE --key HEX`. No database, no network.

This file needs Python 3.11 and `cryptography`, and nothing of Chimera: an auditor can read it whole and run a copy.
It computes every hash itself. What the format is stands in docs/reference/audit-bundle.md. It may not mend anything.

Three things are compared: the events; the index (the hash of every event's bytes); and the checkpoints, in which the
vault signed where every chain stood. A chain's hash at a sequence is fixed by the index up to there, so an index that
leads to the signed hash is what was signed, and each event that differs from it can be named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "chimera.audit.bundle/1"
SIGNED = b"chimera.checkpoint.v1\x00"
GENESIS = bytes(32)
CHECKPOINTS = "checkpoints"
LINE_BYTES_MAX = 64 * 1024 * 1024
Flaw = tuple[str, int, str]


class Malformed(Exception):
    """The file is not a bundle."""


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def canonical(value: object) -> bytes:
    """The one way in which a value is written before it is hashed or signed: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Chain:
    """One writer's events in the order of the file: what they say of themselves, and what their bytes are."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.hashes: list[str] = []
        self.digests: list[str] = []
        self.index: dict[int, str] = {}

    def walked(self, digests: Iterable[str]) -> list[str]:
        """The chain's hash after each digest: sha256(previous ‖ sequence ‖ digest)."""
        found, previous = list[str](), GENESIS
        for seq, digest in enumerate(digests, 1):
            previous = sha256(previous + seq.to_bytes(8, "big") + bytes.fromhex(digest))
            found.append(previous.hex())
        return found


class Bundle:
    """Everything in the file."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.header: dict[str, Any] = {}
        self.checkpoints: list[dict[str, Any]] = []
        self.chains: dict[str, Chain] = {}
        self.ended = False
        try:
            for line in lines:
                self._take(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Malformed(f"a line cannot be read: {error}") from error
        if self.header.get("format") != FORMAT:
            raise Malformed(f"this is not a {FORMAT}")

    def _take(self, row: dict[str, Any]) -> None:
        kind = row["kind"]
        if kind == "bundle":
            self.header = row
        elif kind == "checkpoint":
            self.checkpoints.append(row)
        elif kind == "index":
            chain = self.chains.setdefault(str(row["writer"]), Chain())
            digests = [bytes.fromhex(one).hex() for one in row["digests"]]
            chain.index.update(enumerate(digests, int(row["first"])))
        elif kind == "event":
            chain = self.chains.setdefault(str(row["writer"]), Chain())
            chain.seqs.append(int(row["seq"]))
            chain.hashes.append(str(row["hash"]))
            chain.digests.append(sha256(row["body"].encode()).hex())
        elif kind == "end":
            self.ended = True
        else:
            raise Malformed(f"a line of the kind {kind!r}")


# ── checkpoints ─────────────────────────────────────────────────────────────────────────────────────────────────────


def merkle_root(leaves: Sequence[bytes]) -> str:
    """Leaves are hashed behind a 0 byte, pairs behind a 1 byte; an odd one out rises unpaired."""
    level = [sha256(b"\x00" + leaf) for leaf in leaves]
    while len(level) > 1:
        paired = [sha256(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0].hex() if level else ""


def key_name(key: str) -> str:
    """The short name of a public key."""
    return sha256(bytes.fromhex(key)).hex()[:16]


def is_signed(checkpoint: Mapping[str, Any], keys: Mapping[str, str]) -> bool:
    """Whether one of the keys has signed exactly this statement."""
    key = keys.get(str(checkpoint["key_id"]))
    if key is None:
        return False
    try:
        message = SIGNED + canonical(checkpoint["statement"])
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(checkpoint["signature"]), message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def checked_checkpoints(bundle: Bundle, keys: Mapping[str, str], flaws: list[Flaw]) -> list[dict[str, Any]]:
    """The checkpoints that are genuine; what is wrong with the others, or with their order."""
    genuine, number, previous = list[dict[str, Any]](), 0, ""
    for row in bundle.checkpoints:
        statement = row["statement"]
        found = int(statement["number"])
        if not is_signed(row, keys):
            flaws.append((CHECKPOINTS, found, "it is not signed by a trusted key, or was changed after it was"))
            continue
        if merkle_root([canonical(head) for head in row["heads"]]) != statement["root"]:
            flaws.append((CHECKPOINTS, found, "its heads are not those that were signed"))
            continue
        if found != number + 1:
            what = f"missing before checkpoint {found}" if found > number + 1 else "out of order or twice"
            flaws.append((CHECKPOINTS, min(number + 1, found), what))
        elif statement["previous"] != previous:
            flaws.append((CHECKPOINTS, found, "it follows another checkpoint than the one before it here"))
        number, previous = found, sha256(SIGNED + canonical(statement)).hex()
        genuine.append(row)
    return genuine


def signed_heads(checkpoints: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, tuple[str, int]]]:
    """For each writer, the hashes that were signed: sequence → (hash, number of the checkpoint)."""
    found: dict[str, dict[int, tuple[str, int]]] = {}
    for row in checkpoints:
        for head in row["heads"]:
            found.setdefault(str(head["writer"]), {})[int(head["seq"])] = (head["hash"], row["statement"]["number"])
    return found


# ── chains ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_chain(writer: str, chain: Chain, claimed: int, signed: Mapping[int, tuple[str, int]]) -> Iterator[Flaw]:
    """Every flaw of one chain. `claimed` is where it ends by the header, `signed` what the checkpoints say of it."""
    end = max([claimed, *signed])
    index = [chain.index[seq] for seq in range(1, end + 1) if seq in chain.index]
    by_index, by_events = chain.walked(index), chain.walked(chain.digests)
    broken = first_broken(by_index, signed)
    if broken is None and len(index) == end:
        yield from compared(writer, chain, index)
        yield from misstated(writer, chain, by_index, by_events)
    elif first_broken(by_events, signed) is None and len(chain.digests) == end:
        yield from ((writer, seq, "the index differs from the event, which is as signed")
                    for seq in differing_index(chain, end))  # fmt: skip
    else:
        yield from unlocated(writer, chain, by_events, signed, end)


def first_broken(walked: Sequence[str], signed: Mapping[int, tuple[str, int]]) -> int | None:
    """The first signed sequence to which the walk does not lead."""
    return next((seq for seq in sorted(signed) if seq > len(walked) or walked[seq - 1] != signed[seq][0]), None)


def compared(writer: str, chain: Chain, index: Sequence[str]) -> Iterator[Flaw]:
    """The events against an index that is as signed: what was changed, removed, added, reordered."""
    before, behind = alike(index, chain.digests), alike(index[::-1], chain.digests[::-1])
    behind = min(behind, len(index) - before, len(chain.digests) - before)
    middle = list(enumerate(index, 1))[before : len(index) - behind]
    stated = list(zip(chain.seqs, chain.digests, strict=True))[before : len(chain.digests) - behind]
    gone = Counter(digest for _, digest in middle) - Counter(digest for _, digest in stated)
    extra = Counter(digest for _, digest in stated) - Counter(digest for _, digest in middle)
    expected, removed = apart(middle, gone, standing=set(stated))
    found, added = apart(stated, extra, standing=set(middle))
    changed = {seq for seq, _ in removed} & {seq for seq, _ in added}
    yield from ((writer, seq, "changed: its bytes are not those that were chained") for seq in sorted(changed))
    yield from ((writer, seq, "removed") for seq, _ in removed if seq not in changed)
    yield from ((writer, seq, "added: no such event was chained") for seq, _ in added if seq not in changed)
    for (seq, digest), (_, other) in zip(expected, found, strict=True):
        if digest != other:
            yield (writer, seq, "reordered: another event stands in its place")


def alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many are the same from the beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def apart(
    rows: Sequence[tuple[int, str]], taken: Counter[str], *, standing: set[tuple[int, str]]
) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """The rows without those that are to be taken out, and those; of equal ones first what has no counterpart."""
    left, out = Counter(taken), set[int]()
    for place in sorted(range(len(rows)), key=lambda at: (rows[at] in standing, at)):
        if left[rows[place][1]] > 0:
            left[rows[place][1]] -= 1
            out.add(place)
    kept = [row for place, row in enumerate(rows) if place not in out]
    return kept, [row for place, row in enumerate(rows) if place in out]


def misstated(writer: str, chain: Chain, walked: Sequence[str], anew: Sequence[str]) -> Iterator[Flaw]:
    """Events whose bytes are right and whose stated sequence or hash is not.

    `anew` is what hashes are when somebody computes them anew behind a change; the change itself is told apart.
    """
    if len(chain.digests) != len(walked):
        return
    for place, (seq, stated) in enumerate(zip(chain.seqs, chain.hashes, strict=True), 1):
        if seq != place:
            yield (writer, place, f"its sequence is stated as {seq}")
        elif stated not in (walked[place - 1], anew[place - 1]):
            yield (writer, place, "its stated hash is not that of the chain")


def differing_index(chain: Chain, end: int) -> list[int]:
    """Where the index differs from events that are as signed."""
    return [seq for seq in range(1, end + 1) if chain.index.get(seq) != chain.digests[seq - 1]]


def unlocated(
    writer: str, chain: Chain, walked: Sequence[str], signed: Mapping[int, tuple[str, int]], end: int
) -> Iterator[Flaw]:
    """Neither events nor index are as signed. What the events' own hashes tell, else the nearest signed places."""
    missing = sorted(set(range(1, end + 1)) - set(chain.seqs))
    yield from ((writer, seq, "removed") for seq in missing)
    if not missing:
        yield from ((writer, place, "changed: its bytes are not those that were chained")
                    for place, (one, other) in enumerate(zip(chain.hashes, walked, strict=True), 1)
                    if one != other and (place == 1 or chain.hashes[place - 2] == walked[place - 2]))  # fmt: skip
    bad = first_broken(walked, signed)
    if bad is not None:
        good = max((seq for seq in signed if seq < bad), default=0)
        yield (writer, bad, f"sequences {good + 1} to {bad} are not those that checkpoint {signed[bad][1]} signed")


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


def verify(lines: Iterable[bytes], *, keys: Sequence[str] = (), at_least: int = 0) -> dict[str, Any]:
    """What was found. `keys` are the public keys that you trust; without any, those in the bundle are taken."""
    bundle, flaws = Bundle(lines), list[Flaw]()
    try:
        trusted = {key_name(key): key for key in (keys or bundle.header["keys"].values())}
        genuine = checked_checkpoints(bundle, trusted, flaws)
        signed, claimed = signed_heads(genuine), {head["writer"]: int(head["seq"]) for head in bundle.header["chains"]}
        latest = max([int(row["statement"]["number"]) for row in genuine], default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"header or checkpoint: {error!r}") from error
    if latest < at_least:
        flaws.append((CHECKPOINTS, latest + 1, f"the latest is {latest}, and you know of {at_least}"))
    if not bundle.ended:
        flaws.append(("bundle", 0, "the file is cut off: its last line is missing"))
    for writer in sorted({*bundle.chains, *signed, *claimed}):
        chain = bundle.chains.get(writer, Chain())
        flaws.extend(check_chain(writer, chain, claimed.get(writer, 0), signed.get(writer, {})))
        if writer not in claimed:
            flaws.append((writer, 0, "the header does not name this chain"))
    covered = sum(max(heads) for heads in signed.values())
    events = sum(len(chain.digests) for chain in bundle.chains.values())
    return {"verified": not flaws, "chains": len(claimed), "events": events, "checkpoints": len(genuine),
            "latest_checkpoint": latest, "events_signed": min(covered, events), "keys": sorted(trusted),
            "keys_trusted": bool(keys),
            "flaws": [{"chain": chain, "sequence": seq, "differs": what} for chain, seq, what in flaws]}  # fmt: skip


def verify_file(path: str, *, keys: Sequence[str] = (), at_least: int = 0) -> dict[str, Any]:
    """The same for a file."""
    with open(path, "rb") as file:
        return verify(_lines(file), keys=keys, at_least=at_least)


def _lines(file: Any) -> Iterator[bytes]:  # noqa: ANN401 – any open binary file.
    while line := file.readline(LINE_BYTES_MAX):
        yield line


def main() -> int:
    """0 verified, 1 not, 2 not a bundle."""
    parser = argparse.ArgumentParser(description="Verify an exported history of Chimera.")
    parser.add_argument("bundle")
    parser.add_argument("--key", action="append", default=[], help="a public key that you trust, in hex")
    parser.add_argument("--at-least", type=int, default=0, help="the latest checkpoint that you know of")
    asked = parser.parse_args()
    try:
        found = verify_file(asked.bundle, keys=asked.key, at_least=asked.at_least)
    except (OSError, Malformed, ValueError) as error:
        sys.stderr.write(f"{asked.bundle}: {error}\n")
        return 2
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0 if found["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
