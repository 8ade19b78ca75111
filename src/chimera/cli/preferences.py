"""`chimera learn compare | train | export`: pairs of texts, a reward model from them, and rulings as TRL reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from chimera.assembly import minds
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.cli.inputs import cannot_read
from chimera.domain.errors import Invalid
from chimera.learning import reward
from chimera.learning.judgements import Judgements, judgements
from chimera.learning.preferences import Preference, Rows, card_of, in_format, rows_in
from chimera.settings import read_settings

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
PAIRS_MAX = 20_000
FORMATS = ("dpo", "kto")


def compare(
    context: typer.Context,
    *,
    most: Annotated[int, typer.Option(help="About how many pairs of drafts the judge is asked at most.")] = 500,
    out: Annotated[Path, typer.Option(help="Where the pairs go.")] = Path("pairs.jsonl"),
    as_json: Json = False,
) -> None:
    """Write which drafts are better: people's edits and rulings, and a judge asked about the others in both orders."""
    if not 0 <= most <= PAIRS_MAX:
        raise Invalid("pairs_out_of_range", f"{most} pairs", where="--most", remedy=f"choose 0 to {PAIRS_MAX}")

    async def work() -> Judgements:
        async with doors_of(context).office_store() as store, minds.comparing(read_settings()) as comparer:
            return await judgements(store, comparer, pairs_max=most)

    found = stopping.run(work())
    pairs = (*found.human, *found.judged)
    out.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in pairs))
    said = {"pairs": str(out), "human": len(found.human), "judged": len(found.judged), "disagreed": found.disagreed}
    if as_json:
        output.answer(said)
    else:
        output.table(("figure", "value"), [(name, str(value)) for name, value in said.items()])
        output.tell(f"next: chimera learn train {out}")


def train(
    pairs: Annotated[Path, typer.Argument(help="Rows of prompt, chosen and rejected, as .jsonl.")],
    *,
    out: Annotated[Path, typer.Option(help="Where the model goes.")] = Path("reward.json"),
    as_json: Json = False,
) -> None:
    """Fit a reward model on pairs of texts; a fifth of them is held out and measures it."""
    model = stopping.run(reward.train(_pairs(pairs), minds.embeddings()))
    out.write_bytes(msgspec.json.encode(model))
    said = {"model": str(out), "pairs": model.pairs, "held_out": model.held_out,
            "held_out_accuracy": model.held_out_accuracy}  # fmt: skip
    if as_json:
        output.answer(said)
    else:
        output.table(("figure", "value"), [(name, str(value)) for name, value in said.items()])
        output.tell(f"next: CHIMERA_REWARD_MODEL={out.resolve()} chimera up")


def export(
    context: typer.Context,
    *,
    form: Annotated[str, typer.Option("--format", help="dpo or kto.")] = "kto",
    out: Annotated[Path, typer.Option(help="The folder for data and data card.")] = Path("export"),
    as_json: Json = False,
) -> None:
    """Write what people ruled as training rows, with a data card."""
    if form not in FORMATS:
        raise Invalid("format_unknown", f"{form[:20]!r} is no format", where="--format", remedy="choose dpo or kto")

    async def work() -> Rows:
        async with doors_of(context).office_store() as store:
            return await rows_in(store)

    rows = stopping.run(work())
    data = in_format(rows, form)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{form}.jsonl").write_bytes(data)
    (out / "README.md").write_text(card_of(rows, form), encoding="utf-8")
    said = {"data": str(out / f"{form}.jsonl"), "card": str(out / "README.md"), "rows": data.count(b"\n")}
    if as_json:
        output.answer(said)
    else:
        output.tell(f"{said['rows']} rows in {said['data']}")


def _pairs(path: Path) -> list[Preference]:
    try:
        lines = path.read_bytes().splitlines()[:PAIRS_MAX]
        return [msgspec.json.decode(line, type=Preference) for line in lines if line.strip()]
    except OSError as error:
        raise Invalid("pairs_unreadable", cannot_read(error), where=str(path), remedy="check the path") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid("pairs_unreadable", str(error)[:300], where=str(path),
                      remedy="write prompt, chosen and rejected in every line") from error  # fmt: skip
