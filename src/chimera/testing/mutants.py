"""`python -m chimera.testing.mutants`: removes one named check at a time, and sees which test notices.

Works on a copy of the source; the source itself is never touched. Exit 1 when a mutant survives, or cannot be made.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from chimera.testing.mutant import Mutant
from chimera.testing.mutant_table import MUTANTS
from chimera.testing.simulation.run import Outcome

SOURCE = Path(__file__).parents[2]
REPOSITORY = SOURCE.parent
SECONDS_MAX = 240
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class _Failed(Struct):
    """What the simulator says with --json, as far as it matters here."""

    failed: tuple[Outcome, ...]


class Finding(Struct, frozen=True, kw_only=True):
    """What became of one mutant. `noticed_by` is empty when nobody did."""

    check: str
    noticed_by: str = ""
    fault: str = ""
    seconds: float = 0.0

    @property
    def survived(self) -> bool:
        """Whether the check could be gone and nobody would know."""
        return not self.noticed_by


def main(arguments: list[str] | None = None) -> int:
    """Run every mutant, after the tests have passed without any."""
    asked = _parser().parse_args(arguments)
    chosen = [mutant for mutant in MUTANTS if asked.only in mutant.check]
    console = Console()
    with tempfile.TemporaryDirectory(prefix="chimera-mutants-") as folder:
        broken = _broken_before(chosen, Path(folder) / "sound")
        if broken:
            console.print(f"the tests fail already, without any mutant: {broken}", style="bold red", markup=False)
            return 1
        findings = list(_findings(chosen, Path(folder), processes=asked.processes))
    if asked.json:
        sys.stdout.write(msgspec.json.encode(findings).decode() + "\n")
    else:
        _show(console, findings)
    return 1 if any(finding.survived for finding in findings) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera.testing.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="the mutants whose name contains this")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    return parser


def _broken_before(mutants: list[Mutant], folder: Path) -> str:
    """What fails on sound source: then no failure would say anything about a mutant."""
    shutil.copytree(SOURCE / "chimera", folder / "chimera", ignore=shutil.ignore_patterns("__pycache__"))
    where = _run(folder, ["-c", "import chimera.domain; print(chimera.domain.__file__)"]).stdout
    assert where.startswith(str(folder)), f"the tests would run against {where}, not against the copy"
    tests = tuple(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    return _tested(folder, tests) or _simulated(folder, max((mutant.seeds for mutant in mutants), default=0))


def _findings(mutants: list[Mutant], folder: Path, *, processes: int) -> Iterator[Finding]:
    watching = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with watching as progress, concurrent.futures.ThreadPoolExecutor(processes) as pool:
        task = progress.add_task("mutants", total=len(mutants))
        runs = [pool.submit(_judge, mutant, folder / str(number)) for number, mutant in enumerate(mutants)]
        for run in runs:
            yield run.result()
            progress.advance(task)


def _judge(mutant: Mutant, folder: Path) -> Finding:
    """Make one mutant, and see who notices."""
    began = time.monotonic()
    shutil.copytree(SOURCE / "chimera", folder / "chimera", ignore=shutil.ignore_patterns("__pycache__"))
    edits = ((mutant.file, mutant.old, mutant.new), *mutant.also)
    faults = [fault for file, old, new in edits if (fault := _edit(folder / "chimera" / file, old, new))]
    if faults:
        return Finding(check=mutant.check, fault="; ".join(faults))
    noticed = _tested(folder, mutant.tests) or _simulated(folder, mutant.seeds)
    shutil.rmtree(folder)
    return Finding(check=mutant.check, noticed_by=noticed, seconds=round(time.monotonic() - began, 1))


def _edit(path: Path, old: str, new: str) -> str:
    """Replace the text; what is wrong if it is not there exactly once."""
    text = path.read_text("utf-8")
    found = text.count(old)
    if found != 1:
        return f"its text stands {found} times in {path.name}: bring mutant_table.py up to date"
    path.write_text(text.replace(old, new), "utf-8")
    return ""


def _tested(folder: Path, tests: tuple[str, ...]) -> str:
    """The first test that fails against the copy."""
    if not tests:
        return ""
    run = _run(folder, ["-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests])
    if run.returncode == 0:
        return ""
    failed = _FAILED.search(run.stdout)
    return failed.group(1) if failed else f"pytest ended with {run.returncode}: {(run.stdout + run.stderr)[-400:]}"


def _simulated(folder: Path, seeds: int) -> str:
    """The first seed that fails against the copy."""
    if not seeds:
        return ""
    run = _run(folder, ["-m", "chimera.testing.simulation", "--seeds", str(seeds), "--processes", "1", "--json"])
    if run.returncode == 0:
        return ""
    failed = msgspec.json.decode(run.stdout, type=_Failed).failed if run.stdout else ()
    return f"seed {failed[0].seed}: {failed[0].violation[:60]}" if failed else f"seeds: {run.stderr[-300:]}"


def _run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Python on the copy: its path goes before the installed package's."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        timeout=SECONDS_MAX,
    )  # fmt: skip


def _show(console: Console, findings: list[Finding]) -> None:
    table = Table("check", "noticed by", "s", title="one check removed at a time")
    for finding in findings:
        said = finding.noticed_by or finding.fault or "nobody"
        table.add_row(finding.check, said, f"{finding.seconds}", style="bold red" if finding.survived else None)
    console.print(table)
    survived = sum(finding.survived for finding in findings)
    console.print(f"{len(findings)} mutants, {survived} survived")


if __name__ == "__main__":
    sys.exit(main())
