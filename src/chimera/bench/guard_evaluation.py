"""Measures the detector: per corpus, never only the average, and how it does on a corpus that it was not trained on.

An attack counts as found when its level is HIGH or worse. Times are of whole scans, without any cache. Reads corpora;
writes nothing.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from chimera.bench.guard_training import LEXICON, SEED, SEEDS, Row, fit, read_rows, read_seeds
from chimera.governance.security.lexicon import parse_lexicon
from chimera.governance.security.scan import ATTACK_LEVELS, Scanner, shipped_scanner, version_of


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
    results, times = _measure(scanner, rows)
    return {
        **_report(results),
        "p50_us": _percentile(times, 50),
        "p95_us": _percentile(times, 95),
        "p50_us_280_characters": _percentile(_cut_times(scanner, rows, characters=280), 50),
        "p95_us_2000_characters": _percentile(_cut_times(scanner, rows, characters=2_000), 95),
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
        held_out, _ = _measure(scanner, [row for row in rows if row.corpus == corpus])
        results |= held_out
    return _report(results)


def _measure(scanner: Scanner, rows: Iterable[Row]) -> tuple[dict[str, CorpusResult], list[float]]:
    called: dict[tuple[str, str], list[bool]] = defaultdict(list)
    times: list[float] = []
    for row in rows:
        before = time.perf_counter()
        scan = scanner.scan(row.text)
        times.append((time.perf_counter() - before) * 1e6)
        called[row.corpus, row.label].append(scan.level in ATTACK_LEVELS)
    names = sorted({corpus for corpus, _ in called})
    return {name: _result(called[name, "attack"], called[name, "benign"]) for name in names}, times


def _cut_times(scanner: Scanner, rows: Iterable[Row], *, characters: int) -> list[float]:
    return [_time(scanner, row.text[:characters]) for row in rows if len(row.text) >= characters]


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


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)], 1) if ordered else 0.0
