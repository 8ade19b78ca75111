"""Holds the house to its rules: sizes, names, imports, signatures, commands. Reads the source; runs none of it."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator

import pytest

from tests.architecture import rules
from tests.architecture.rules import ROOT, Fault, Source

EXACT_TARGETS = frozenset(
    {"install-dev", "test", "lint", "format", "sync", "check-sync"}
    | {"docker-build", "docker-up", "docker-logs", "deploy-staging", "deploy-prod"}
)
TARGETS_MIN = 30
# A median over a handful of functions says nothing.
FUNCTIONS_FOR_MEDIAN_MIN = 20

IN_SOURCE = [
    rules.long_functions,
    rules.long_module,
    rules.undocumented_module,
    rules.inhabited_package_file,
    rules.vague_name,
    rules.type_checking_escapes,
    rules.late_imports,
    rules.mocks,
    rules.loose_signatures,
    rules.home_made_durations,
    rules.sql_in_python,
    rules.silent_errors,
]
IN_TESTS = [rules.long_functions, rules.long_module, rules.inhabited_package_file, rules.vague_name, rules.mocks]
IN_SCRIPTS = [rules.long_functions, rules.long_module, rules.undocumented_module, rules.late_imports, rules.mocks]


def report(faults: list[Fault]) -> str:
    return "\n" + "\n".join(map(str, faults))


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("rule", IN_SOURCE, ids=lambda rule: rule.__name__)
def test_source(rule: Callable[[Source], Iterator[Fault]]) -> None:
    faults = [fault for source in rules.sources("src") for fault in rule(source)]
    assert not faults, report(faults)


@pytest.mark.parametrize("rule", IN_TESTS, ids=lambda rule: rule.__name__)
def test_tests(rule: Callable[[Source], Iterator[Fault]]) -> None:
    faults = [fault for source in rules.sources("tests") for fault in rule(source)]
    assert not faults, report(faults)


@pytest.mark.parametrize("rule", IN_SCRIPTS, ids=lambda rule: rule.__name__)
def test_scripts(rule: Callable[[Source], Iterator[Fault]]) -> None:
    faults = [fault for source in rules.sources("scripts", ".specify") for fault in rule(source)]
    assert not faults, report(faults)


def test_the_median_function_is_short() -> None:
    sizes = [rules.lines_of(node) for source in rules.sources("src") for node in rules.functions(source)]
    if len(sizes) >= FUNCTIONS_FOR_MEDIAN_MIN:
        assert statistics.median(sizes) <= rules.FUNCTION_LINES_MEDIAN_MAX


def test_the_rules_see_the_source() -> None:
    # Otherwise a renamed folder would make every rule above pass.
    assert any(source.path.startswith("src/chimera/") for source in rules.sources("src"))


def test_no_file_names_a_package_registry() -> None:
    faults = [
        fault
        for path in rules.tracked_files()
        for fault in rules.registry_hosts(
            path.relative_to(ROOT).as_posix(), path.read_bytes().decode("utf-8", "replace")
        )
    ]
    assert not faults, report(faults)


def test_migrations_replace_functions_whole() -> None:
    migrations = [path for path in rules.tracked_files() if "/migrations/" in path.as_posix() and path.suffix == ".sql"]
    faults = [
        fault
        for path in migrations
        for fault in rules.edited_functions(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert len(migrations) > 50
    assert not faults, report(faults)


def test_there_is_no_uv_lock() -> None:
    # It would name the registry's host in every line; requirements/*.lock do not.
    assert not (ROOT / "uv.lock").exists()


@pytest.mark.requirement("R-M1")
def test_makefile_has_the_exact_names_documented_in_groups() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = rules.documented_targets(makefile)
    assert targets.keys() >= EXACT_TARGETS
    assert len(targets) >= TARGETS_MIN
    assert len(rules.groups(makefile)) >= 4


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "AGENTS.md"])
def test_commands_in_the_documents_exist(name: str) -> None:
    document = ROOT / name
    told = rules.make_commands(document.read_text("utf-8")) if document.exists() else set()
    assert told <= rules.documented_targets((ROOT / "Makefile").read_text("utf-8")).keys()


def test_the_collector_does_not_look_at_what_was_gathered_again() -> None:
    """It was a twentieth of a run (ADR-211). What tests leave behind themselves is collected as ever."""
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
