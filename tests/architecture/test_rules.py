"""A rule that cannot fail is a defect: each one sees a bad sample and lets a good one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.architecture import rules
from tests.architecture.rules import Fault, Source

POSTGRES = "src/chimera/adapters/postgres/store.py"
DOCUMENTED = '"""Keeps things. Has no hands."""\n'

BAD = [
    (rules.long_functions, "a.py", "def f():\n" + "    x = 1\n" * 60),
    (rules.long_functions, "a.py", "class A:\n    async def f(self):\n" + "        x = 1\n" * 60),
    (rules.long_module, "a.py", "x = 1\n" * 501),
    (rules.undocumented_module, "a.py", "x = 1\n"),
    (rules.undocumented_module, "a.py", '"""  """\n'),
    (rules.inhabited_package_file, "a/__init__.py", "from a.b import c\n"),
    (rules.inhabited_package_file, "a/__init__.py", DOCUMENTED),
    (rules.vague_name, "src/chimera/domain/utils.py", ""),
    (rules.vague_name, "src/chimera/core/task.py", ""),
    (rules.type_checking_escapes, "a.py", "from typing import TYPE_CHECKING\n"),
    (rules.type_checking_escapes, "a.py", "import typing\nif typing.TYPE_CHECKING:\n    import b\n"),
    (rules.late_imports, "a.py", "def f():\n    import os\n"),
    (rules.late_imports, "a.py", "def f():\n    return importlib.import_module('os')\n"),
    (rules.mocks, "a.py", "from unittest.mock import Mock\n"),
    (rules.mocks, "a.py", "from unittest import mock\n"),
    (rules.mocks, "a.py", "import mock\n"),
    (rules.loose_signatures, "a.py", "def f(**options): ...\n"),
    (rules.loose_signatures, "a.py", "def f(quick: bool): ...\n"),
    (rules.loose_signatures, "a.py", "class A:\n    async def f(self, quick: bool | None = None): ...\n"),
    (rules.silent_errors, "a.py", "raise Missing('record_missing', 'there is no review 1', where='review')\n"),
    (rules.silent_errors, "a.py", "x = Invalid('a', 'b', remedy='')\n"),
    (rules.home_made_durations, "a.py", "DAY_US = 24 * 60\n"),
    (rules.home_made_durations, "a.py", "_HOUR_US = SECONDS * 60\n"),
    (rules.home_made_durations, "a.py", "x = 7 * 86_400_000_000\n"),
    (rules.sql_in_python, POSTGRES, "x = 'SELECT 1'\n"),
    (rules.sql_in_python, POSTGRES, "await c.execute(f'insert into {table} values (1)')\n"),
    (rules.sql_in_python, POSTGRES, "x = 'with a as (select 1) select * from a'\n"),
    (rules.sql_in_python, POSTGRES, "x = 'CREATE UNIQUE INDEX i ON t (a)'\n"),
]
GOOD = [
    (rules.long_functions, "a.py", "def f():\n" + "    x = 1\n" * 59),
    (rules.long_module, "a.py", "x = 1\n" * 500),
    (rules.home_made_durations, "src/chimera/domain/durations.py", "DAY_US = 86_400_000_000\n"),
    (rules.home_made_durations, "a.py", "OLD_US = DAY_US\nx = 1_000_000\n"),
    (rules.undocumented_module, "a.py", DOCUMENTED),
    (rules.undocumented_module, "a/__init__.py", ""),
    (rules.inhabited_package_file, "a/__init__.py", ""),
    (rules.vague_name, "src/chimera/domain/ids.py", ""),
    (rules.type_checking_escapes, "a.py", "from typing import Protocol\n"),
    (rules.late_imports, rules.LATE_IMPORTERS[0], "def load():\n    import os\n"),
    (rules.silent_errors, "a.py", "raise Missing('record_missing', 'there is none', remedy='look at the id')\n"),
    (rules.late_imports, "a.py", "import os\ndef f():\n    return os\n"),
    (rules.mocks, "a.py", "import unittest\nfrom pytest import MonkeyPatch\n"),
    (rules.loose_signatures, "a.py", "def f(x: int, *, quick: bool): ...\ndef _g(**rest): ...\n"),
    (rules.sql_in_python, POSTGRES, '"""SELECT is said here."""\nx = "select a folder"\ny = "updated"\n'),
    (rules.sql_in_python, "src/chimera/cli/main.py", "x = 'SELECT 1'\n"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_a_bad_sample_is_named(rule: Callable[[Source], Iterator[Fault]], path: str, text: str) -> None:
    faults = list(rule(rules.parse(path, text)))
    assert faults
    assert str(faults[0]).startswith(f"{path}:")


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_a_good_sample_passes(rule: Callable[[Source], Iterator[Fault]], path: str, text: str) -> None:
    assert not list(rule(rules.parse(path, text)))


def test_every_rule_has_a_bad_and_a_good_sample() -> None:
    assert {rule for rule, _, _ in BAD} == {rule for rule, _, _ in GOOD}


@pytest.mark.parametrize("host", rules.REGISTRY_HOSTS)
def test_a_registry_host_is_named(host: str) -> None:
    assert [fault.line for fault in rules.registry_hosts("a.txt", f"x\n--index-url https://{host}/simple\n")] == [2]


@pytest.mark.parametrize(
    "line", ["now := replace(pg_get_functiondef(one.oid), a, b);", "SELECT p.prosrc FROM pg_proc p"]
)
def test_an_edit_of_a_live_function_is_seen(line: str) -> None:
    found = rules.edited_functions("src/chimera/adapters/postgres/migrations/pre/0999_x.sql", f"DO $do$\n{line}\n")
    assert [fault.line for fault in found] == [2]
    whole = "CREATE OR REPLACE FUNCTION chimera.claim() RETURNS void LANGUAGE sql AS 'SELECT';\n"
    assert not list(rules.edited_functions("src/chimera/adapters/postgres/migrations/pre/0999_x.sql", whole))


def test_makefile_is_read_as_make_help_reads_it() -> None:
    makefile = "##@ Run\nup: setup ## Start it\nhidden:\n\techo '## no'\n"
    assert rules.documented_targets(makefile) == {"up": "Start it"}
    assert rules.groups(makefile) == ["Run"]


def test_commands_are_found_in_code_only() -> None:
    text = "We make plans. Say `make run`.\n```\nmake setup && make test SEEDS=3\n```\n"
    assert rules.make_commands(text) == {"run", "setup", "test"}
