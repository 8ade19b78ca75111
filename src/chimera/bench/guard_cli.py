"""`python -m chimera.bench.guard_cli`: train, evaluate, loco, scan, until `chimera guard` adopts them. Prints JSON."""

import argparse
import sys
from pathlib import Path

import msgspec

from chimera.bench.guard_evaluation import evaluate, evaluate_left_out
from chimera.bench.guard_training import train
from chimera.governance.security import normalise as _security
from chimera.governance.security.scan import shipped_scanner

_DATA = Path(_security.__file__).parent / "data"
LEXICON = _DATA / "lexicon.json"
WEIGHTS = _DATA / "weights.json"
SEEDS = Path(__file__).parent / "data" / "guard_seeds.json"


def main(arguments: list[str]) -> int:
    """Runs one of the four commands."""
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("command", choices=("train", "evaluate", "loco", "scan"))
    parser.add_argument("subject", help="a corpus (.jsonl), or for `scan` the text")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    asked = parser.parse_args(arguments)
    answer = msgspec.json.encode(_answer(asked.command, asked.subject, out=asked.out))
    sys.stdout.buffer.write(msgspec.json.format(answer) + b"\n")
    return 0


def _answer(command: str, subject: str, *, out: Path) -> object:
    if command == "train":
        return {"weights": str(out), "sha256": train(Path(subject), out, lexicon=LEXICON, seeds=SEEDS)}
    if command == "evaluate":
        return evaluate(Path(subject))
    if command == "loco":
        return evaluate_left_out(Path(subject), lexicon=LEXICON, seeds=SEEDS)
    return shipped_scanner().scan(subject)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
