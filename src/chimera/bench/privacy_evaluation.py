"""Measures the recognisers on labelled text: per type, checksums and patterns apart from context, names and places.

A finding counts when it overlaps a labelled span of the type it is mapped to; what overlaps none is a false alarm.
Reads a corpus; writes nothing.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from chimera.governance.privacy.found import Found, Proof
from chimera.governance.privacy.recognise import BY_NAME, find

# A corpus's label → our types. What is not here is not looked for: see docs/reference/privacy.md.
LABELS: dict[str, tuple[str, ...]] = {
    "CREDIT_CARD": ("card",),
    "IBAN_CODE": ("iban",),
    "EMAIL_ADDRESS": ("email",),
    "PHONE_NUMBER": ("phone",),
    "IP_ADDRESS": ("ip-address",),
    "US_SSN": ("us-ssn",),
    "DOMAIN_NAME": ("web-address",),
    "URL": ("web-address",),
    "CRYPTO": ("bitcoin-address", "ethereum-address"),
    "UK_NINO": ("uk-nino",),
    "ES_NIF": ("es-dni",),
    "IT_FISCAL_CODE": ("it-codice-fiscale",),
    "PL_PESEL": ("pl-pesel",),
    "ZIP_CODE": ("postal-code",),
    "US_DRIVER_LICENSE": ("driving-licence",),
    "US_PASSPORT": ("passport",),
    "PERSON": ("person",),
    "GPE": ("place",),
    "LOCATION": ("place",),
}


class Labelled(msgspec.Struct, frozen=True):
    """One labelled stretch."""

    type: str
    start: int
    end: int


class Row(msgspec.Struct, frozen=True):
    """One line of a corpus file."""

    text: str
    spans: tuple[Labelled, ...]


class TypeResult(msgspec.Struct, frozen=True):
    """How well one label is found; None where there is nothing to take a share of."""

    labelled: int
    found: int
    precision: float | None
    recall: float | None
    f1: float | None


def evaluate(path: Path) -> dict[str, object]:
    """`{types, context, names, macro_f1, not_looked_for, found_elsewhere, p50_us, p95_us}`."""
    decoder = msgspec.json.Decoder(Row)
    rows = [decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
    times: list[float] = []
    found = [_timed(row.text, times) for row in rows]
    labels = sorted({span.type for row in rows for span in row.spans})
    groups: dict[str, dict[str, TypeResult]] = {"types": {}, "context": {}, "names": {}}
    for label in labels:
        if label in LABELS:
            groups[_group(label)][label] = _result(label, rows, found)
    scores = [result.f1 or 0.0 for result in groups["types"].values()]
    return {
        **{group: {label: msgspec.structs.asdict(one) for label, one in of.items()} for group, of in groups.items()},
        "macro_f1": round(sum(scores) / len(scores), 4) if scores else None,
        "not_looked_for": [label for label in labels if label not in LABELS],
        "found_elsewhere": _elsewhere(labels, found),
        "p50_us": _percentile(times, 50),
        "p95_us": _percentile(times, 95),
    }


def _timed(text: str, times: list[float]) -> tuple[Found, ...]:
    before = time.perf_counter()
    found = find(text)
    times.append((time.perf_counter() - before) * 1e6)
    return found


def _group(label: str) -> str:
    match BY_NAME[LABELS[label][0]].proof:
        case Proof.CHECKSUM | Proof.PATTERN:
            return "types"
        case Proof.CONTEXT:
            return "context"
        case Proof.NAME:
            return "names"


def _result(label: str, rows: Sequence[Row], found: Sequence[tuple[Found, ...]]) -> TypeResult:
    labelled = right = recalled = total = 0
    for row, ones in zip(rows, found, strict=True):
        gold = [span for span in row.spans if span.type == label]
        ours = [one for one in ones if one.type in LABELS[label]]
        labelled, total = labelled + len(gold), total + len(ours)
        recalled += sum(_touches(span, ours) for span in gold)
        right += sum(_touches(one, gold) for one in ours)
    precision = right / total if total else None
    recall = recalled / labelled if labelled else None
    f1 = 2 * precision * recall / (precision + recall) if precision and recall else 0.0
    return TypeResult(labelled, total, _rounded(precision), _rounded(recall), round(f1, 4))


def _touches(one: Labelled | Found, others: Iterable[Labelled | Found]) -> bool:
    return any(one.start < other.end and other.start < one.end for other in others)


def _elsewhere(labels: Iterable[str], found: Iterable[tuple[Found, ...]]) -> dict[str, int]:
    """Findings of types for which the corpus has no label: neither right nor wrong, and not hidden."""
    judged = {kind for label in labels for kind in LABELS.get(label, ())}
    counts: dict[str, int] = defaultdict(int)
    for ones in found:
        for one in ones:
            if one.type not in judged:
                counts[one.type] += 1
    return dict(sorted(counts.items()))


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)], 1) if ordered else 0.0
