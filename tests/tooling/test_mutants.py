"""A mutant whose check stands somewhere else by now is found at once, and not when `make mutants` is run some day."""

from __future__ import annotations

import pytest

from chimera.testing.mutant import Mutant
from chimera.testing.mutants import MUTANTS, SOURCE


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.check)
def test_each_check_stands_once_where_its_mutant_looks(mutant: Mutant) -> None:
    edits = ((mutant.file, mutant.old, mutant.new), *mutant.also)
    for file, old, new in edits:
        assert (SOURCE / "chimera" / file).read_text("utf-8").count(old) == 1, f"{old!r} in {file}"
        assert old != new
    assert mutant.tests or mutant.seeds
    for test in mutant.tests:
        assert (SOURCE.parent / test.partition("::")[0]).exists(), test
