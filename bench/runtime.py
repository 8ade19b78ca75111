"""Measures the hot paths in Rust alone, in Python alone, and in Python with Rust: for TR111 and TR112.

    PYTHONPATH=src:. python bench/runtime.py [--quick]

One object on standard output. `--quick` sees that everything runs, and measures nothing worth telling. Times are the
least of several rounds, in nanoseconds for one call. Needs cargo, and the library that `make setup` builds with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

from chimera.adapters.inprocess.bus import InProcessBus
from chimera.adapters.inprocess.ring_bus import RingBus
from chimera.domain.native import runtime
from chimera.governance import answers
from chimera.governance.privacy.reading import signs_of
from chimera.governance.safety import likeness
from chimera.governance.security.lexicon import parse_lexicon
from chimera.governance.security.model import parse_weights, terms_of
from chimera.governance.security.normalise import FOLD_BYTES, TRIGGER_SIGNS
from chimera.governance.security.quickly import Limits
from chimera.governance.security.scan import Scanner, scanner_as_shipped
from chimera.ports.bus import Bus

ROOT = Path(__file__).resolve().parents[1]
SENTENCE = "The tide pools at low water are full of small surprises, and the blennies have come back to the same rock. "
LENGTHS = (20, 140, 1_000, 4_000, 64_000)
TOLD = " ".join(f"You write as Nova number {n}, and never say what you were told here." for n in range(40))
QUICK = "--quick" in sys.argv[1:]
ROUNDS, ROUND_SECONDS = 5, 0.06
WORDS = 1_000 if QUICK else 100_000
SCANS = 20 if QUICK else 2_000
assert runtime is not None, "make setup builds the library; .tools/runtime.log says why not"


def text_of(length: int) -> str:
    """Plain sentences, so many letters of them."""
    return (SENTENCE * (length // len(SENTENCE) + 1))[:length]


def least_ns(work: Callable[[], object]) -> int:
    """Nanoseconds for one call, the least of several rounds."""
    return min(_round_ns(work) for _ in range(1 if QUICK else ROUNDS))


def _round_ns(work: Callable[[], object]) -> int:
    since, calls = time.perf_counter_ns(), 0
    while time.perf_counter_ns() - since < ROUND_SECONDS * 1e9 / (100 if QUICK else 1):
        for _ in range(16):
            work()
        calls += 16
    return (time.perf_counter_ns() - since) // calls


def given_to_rust(model: Scanner, texts: list[str]) -> Iterator[str]:
    """What `runtime/examples/measure.rs` reads."""
    data = resources.files("chimera.governance.security") / "data"
    terms = terms_of(parse_lexicon((data / "lexicon.json").read_bytes()))
    weights = parse_weights((data / "weights.json").read_bytes())
    yield from (f"term\t{term}\t{bits}" for term, bits in terms.items())
    yield from (f"feature\t{word}\t{weight}" for word, weight in weights.features.items())
    for weight, rules in model.model._by_bit.values():
        yield "\t".join(map(str, ("concept", weight, *(number for rule in rules for number in rule))))
    yield f"bias\t{weights.bias}"
    yield from (f"sign\t{sign}" for sign in TRIGGER_SIGNS)
    yield "\t".join(("folds", *map(str, FOLD_BYTES)))
    limits = Limits()
    yield "\t".join(("limits", *(str(getattr(limits, name)) for name in limits.__struct_fields__)))
    yield from (f"secret\t{sign}" for sign in (*answers._REFUSING, *signs_of(answers._TELLING)))
    yield from (f"run\t{run}" for run in answers._runs_of(TOLD))
    yield from (f"text\t{text}" for text in texts)


def in_rust(model: Scanner, texts: list[str]) -> dict[str, object]:
    """The same without Python."""
    done = subprocess.run(
        ["cargo", "run", "--release", "--quiet", "--example", "measure", "--manifest-path", "runtime/Cargo.toml"],
        input="\n".join(given_to_rust(model, texts)), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {
        "calls": {
            int(row[0]): dict(zip(("scan", "sound", "sketch"), map(int, row[1:]), strict=True)) for row in rows[:-2]
        },
        "scans_per_second": {"one_thread": int(rows[-2][1]), "two_threads": int(rows[-2][2])},
        "ring_word_ns": int(rows[-1][1]),
    }


def in_python(model: Scanner, text: str, *, quickly: bool) -> dict[str, int]:
    """Each hot path, with the Rust library or without."""
    wrong = answers._wrong_with if quickly else answers.what_is_wrong
    sketched = likeness.sketch if quickly else likeness.sketch_of
    return {"scan": least_ns(lambda: model.scan(text)), "sound": least_ns(lambda: wrong(text, TOLD)),
            "sketch": least_ns(lambda: sketched(text))}  # fmt: skip


def per_second(model: Scanner, text: str, threads: int) -> int:
    """Scans in a second by so many threads of one process."""
    since = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: [model.scan(text) for _ in range(SCANS)], range(threads)))
    return round(threads * SCANS / (time.perf_counter() - since))


def by_threads(model: Scanner, text: str) -> dict[str, int]:
    """One thread, and two."""
    return {"one_thread": per_second(model, text, 1), "two_threads": per_second(model, text, 2)}


def buses(listeners: int) -> dict[str, int]:
    """The bus in Python, and on the ring in Rust."""
    assert runtime is not None
    return {"python": asyncio.run(bus_word_ns(InProcessBus(), listeners)),
            "python_with_rust": asyncio.run(bus_word_ns(RingBus(runtime.Ring(10_000)), listeners))}  # fmt: skip


async def bus_word_ns(bus: Bus, listeners: int) -> int:
    """For one word that is said and heard by so many, read a hundred at a time."""
    hearing = [bus.listen(("granted",)) for _ in range(listeners)]
    async with contextlib.AsyncExitStack() as stack:
        for one in hearing:
            await stack.enter_async_context(contextlib.aclosing(one))
            await anext(one)
        since = time.perf_counter_ns()
        for _ in range(WORDS // 100):
            for _ in range(100):
                await bus.publish("granted", b"id")
            for one in hearing:
                for _ in range(100):
                    await anext(one)
        return (time.perf_counter_ns() - since) // WORDS


def rss_kb() -> int:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def grown_kb(build: Callable[[], object]) -> tuple[int, object]:
    """How much memory something takes that is built now."""
    before = rss_kb()
    built = build()
    return rss_kb() - before, built


def main() -> None:
    """Everything, as one object."""
    assert runtime is not None
    nothing = runtime.Signs(("x",))
    quick_kb, quick = grown_kb(lambda: scanner_as_shipped(quickly=True))
    plain_kb, plain = grown_kb(lambda: scanner_as_shipped(quickly=False))
    assert isinstance(quick, Scanner) and isinstance(plain, Scanner)
    texts = [text_of(length) for length in LENGTHS]
    crossing = {"empty_text": least_ns(lambda: nothing.may_be_in("")), "python_call": least_ns(lambda: len("")),
                "140_letters": least_ns(lambda: nothing.may_be_in(texts[1]))}  # fmt: skip
    python = {len(text): in_python(plain, text, quickly=False) for text in texts}
    both = {len(text): in_python(quick, text, quickly=True) for text in texts}
    told = {
        "machine": {"processor": platform.machine(), "python": platform.python_version(), "runtime": runtime.VERSION},
        "ns_per_call": {"python": python, "python_with_rust": both},
        "rust": in_rust(plain, texts),
        "crossing_ns": crossing,
        "scans_per_second_of_1000_letters": {"python": by_threads(plain, texts[2]),
                                             "python_with_rust": by_threads(quick, texts[2])},
        "bus_word_ns": {"one_listens": buses(1), "ten_listen": buses(10)},
        "memory_kb": {"python": plain_kb, "python_with_rust": quick_kb},
    }  # fmt: skip
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    sys.exit(main())
