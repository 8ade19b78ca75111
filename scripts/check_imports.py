"""Runs the import contracts of pyproject.toml. Leaves out rooms that are not built yet; changes no rule.

import-linter refuses to speak about a module that does not exist, so a contract could only be written after the room it
guards. Here it stands from the first commit, and each room is guarded from its own first commit on.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from importlinter import api
from importlinter.application import rendering, use_cases
from importlinter.application.user_options import UserOptions

# Fields that name modules, in every type of contract that we use.
MODULE_FIELDS = ("allowed_importers", "forbidden_modules", "modules", "protected_modules", "source_modules")


def is_built(module: str) -> bool:
    """Wildcards match what there is, and foreign modules need not exist to be forbidden."""
    if "*" in module or not module.startswith("chimera."):
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def without_unbuilt(contract: dict[str, Any]) -> dict[str, Any]:
    built = {
        key: [module for module in value if is_built(module)] if key in MODULE_FIELDS else value
        for key, value in contract.items()
    }
    # An exception may speak of a room to come, too; one that has outlived its room is told of, not fatal.
    return {"unmatched_ignore_imports_alerting": "warn", **built} if "ignore_imports" in built else built


def guards_something(contract: dict[str, Any]) -> bool:
    return all(contract[key] for key in ("protected_modules", "source_modules", "forbidden_modules") if key in contract)


def built_options(config: str) -> UserOptions:
    options = use_cases.read_user_options(config_filename=config)
    contracts = [without_unbuilt(contract) for contract in options.contracts_options]
    return UserOptions(options.session_options, [contract for contract in contracts if guards_something(contract)])


def main(config: str = "pyproject.toml") -> int:
    # The graph is read from the source; nothing of Chimera is imported.
    sys.path.insert(0, "src")
    api.configuration.configure()
    options = built_options(config)
    use_cases._register_contract_types(options)
    report = use_cases.create_report(options, cache_dir=".import_linter_cache")
    rendering.render_report(report)
    return 1 if report.contains_failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
