"""Measures the detector: per corpus, never only the average, and how it does on a corpus that it was not trained on.

An attack counts as found when its level is HIGH or worse. Times are of whole scans, without any cache: the corpus is
gone through `PASSES` times and each text counts with its best time, so that what else the machine does is left out and
no text is scanned twice in a row. Reads corpora; writes nothing.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from chimera.bench.guard_training import LEXICON, SEED, SEEDS, Row, fit, read_rows, read_seeds
from chimera.governance.security.lexicon import parse_lexicon
from chimera.governance.security.scan import ATTACK_LEVELS, Scanner, shipped_scanner, version_of

PASSES = 5


class CorpusResult(msgspec.Struct, frozen=True):
    """One corpus: how many of each, and the share called an attack; None where there is nothing to take a share of."""

    attacks: int
    benign: int
    recall: float | None
    false_positive_rate: float | None


def evaluate(path: Path) -> dict[str, object]:
    """`{corpora {NAME: {attacks, benign, recall, false_positive_rate}}, macro_recall, p50_us, p95_us, …, version}`.

    The times are of the rows as they are; those by characters are of rows cut to exactly that length.
    """
    scanner, rows = shipped_scanner(), read_rows(path)
    times = _times(scanner, [row.text for row in rows])
    return {
        **_report(_measure(scanner, rows)),
        "p50_us": _percentile(times, 50),
        "p95_us": _percentile(times, 95),
        "p50_us_280_characters": _percentile(_times(scanner, _cut(rows, characters=280)), 50),
        "p95_us_2000_characters": _percentile(_times(scanner, _cut(rows, characters=2_000)), 95),
        "version": scanner.version,
    }


def evaluate_left_out(path: Path, *, lexicon: Path = LEXICON, seeds: Path = SEEDS) -> dict[str, object]:
    """The same report, each corpus judged by a model that saw neither its attacks nor its benign rows."""
    rows, own, data = read_rows(path), read_seeds(seeds.read_bytes()), lexicon.read_bytes()
    results: dict[str, CorpusResult] = {}
    for corpus in sorted({row.corpus for row in rows}):
        weights = fit([*(row for row in rows if row.corpus != corpus), *own], lexicon=data, seed=SEED)
        version = version_of(data, msgspec.json.encode(weights, order="sorted"))
        scanner = Scanner(lexicon=parse_lexicon(data), weights=weights, version=version)
        results |= _measure(scanner, [row for row in rows if row.corpus == corpus])
    return _report(results)


def _measure(scanner: Scanner, rows: Iterable[Row]) -> dict[str, CorpusResult]:
    called: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in rows:
        called[row.corpus, row.label].append(scanner.scan(row.text).level in ATTACK_LEVELS)
    names = sorted({corpus for corpus, _ in called})
    return {name: _result(called[name, "attack"], called[name, "benign"]) for name in names}


def _cut(rows: Iterable[Row], *, characters: int) -> list[str]:
    return [row.text[:characters] for row in rows if len(row.text) >= characters]


def _times(scanner: Scanner, texts: Sequence[str]) -> list[float]:
    passes = [[_time(scanner, text) for text in texts] for _ in range(PASSES)]
    return list(map(min, *passes)) if texts else []


def _time(scanner: Scanner, text: str) -> float:
    before = time.perf_counter()
    scanner.scan(text)
    return (time.perf_counter() - before) * 1e6


def _result(attacks: Sequence[bool], benign: Sequence[bool]) -> CorpusResult:
    return CorpusResult(
        attacks=len(attacks), benign=len(benign), recall=_share(attacks), false_positive_rate=_share(benign)
    )


def _share(called: Sequence[bool]) -> float | None:
    return round(sum(called) / len(called), 4) if called else None


def _report(results: dict[str, CorpusResult]) -> dict[str, object]:
    recalls = [result.recall for result in results.values() if result.recall is not None]
    macro = round(sum(recalls) / len(recalls), 4) if recalls else None
    return {
        "corpora": {name: msgspec.structs.asdict(result) for name, result in results.items()},
        "macro_recall": macro,
    }


def _percentile(values: Sequence[float], percent: int) -> float | None:
    """None where nothing was measured: no time is not the best time."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)], 1) if ordered else None
