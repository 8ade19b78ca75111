"""Compares a document with a schema, and gives every difference its file, line and remedy."""

from __future__ import annotations

from collections.abc import Iterator

from chimera.adapters.documents.document import Document
from chimera.domain.faults import Fault, Path
from chimera.governance.schemas import Schema


def differences(document: Document, schema: Schema, *, value: object = None, path: Path = ()) -> Iterator[Fault]:
    """What the schema objects to in the document, or in one part of it."""
    for problem in schema.problems(value if path else document.value):
        yield document.fault((*path, *problem.path), problem.reason, problem.remedy)
