"""Holds inputs and outputs to the schemas of their task types. Compiled once; decides nothing beyond match or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Invalid, Missing
from chimera.domain.faults import dotted
from chimera.domain.spec import Spec
from chimera.governance.schemas import Problem, Schema


class Pair(Struct, frozen=True):
    """The compiled schemas of one task type."""

    input: Schema
    output: Schema


class Contracts:
    """The contracts of all task types in force. Knows only the specs that it was built from."""

    def __init__(self, specs: Mapping[str, Spec]) -> None:
        self.specs = dict(specs)
        self._pairs = {
            (spec.name, spec.digest): Pair(Schema(spec.input), Schema(spec.output)) for spec in specs.values()
        }

    def input_findings(self, spec: Spec, value: object) -> tuple[str, ...]:
        """Where an input differs from its schema, in words."""
        return _in_words(self._pair(spec).input.problems(value))

    def require_input(self, spec: Spec, value: dict[str, Any], *, where: str = "") -> None:
        """Refuse an input that does not match, by the first place where it differs."""
        where = where or f"input of {spec.name}"
        canonical.require_plain(value, where=where)
        schema = self._pair(spec).input
        if schema.accepts(value):
            return
        problem = schema.problems(value)[0]
        place = f"{where}.{dotted(problem.path)}" if problem.path else where
        raise Invalid("input_not_by_spec", problem.reason, where=place, remedy=problem.remedy)

    def output_problems(self, spec: Spec, value: object) -> tuple[Problem, ...]:
        """Every place where an output differs from its schema or cannot be recorded. None: look further."""
        schema = self._pair(spec).output
        if not schema.accepts(value):
            return schema.problems(value)
        try:
            # A schema takes 1.0 for an integer and half a character for text; a record must not.
            canonical.require_plain(value, where="output")
        except Invalid as error:
            return (Problem((), f"{error.where}: {error.message}", error.remedy),)
        return ()

    def output_findings(self, spec: Spec, value: object) -> tuple[str, ...]:
        """As `output_problems`, in words for whoever has to mend it."""
        return _in_words(self.output_problems(spec, value))

    def _pair(self, spec: Spec) -> Pair:
        pair = self._pairs.get((spec.name, spec.digest))
        if pair is None:
            raise Missing("spec_unknown", f"no contract for {spec.ref}", where="spec", remedy="load it first")
        return pair


def _in_words(problems: Iterable[Problem]) -> tuple[str, ...]:
    return tuple([f"{problem} [schema]" for problem in problems])
