"""What the commands can open. `main` puts it together; a command takes what it needs and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import typer
from msgspec import Struct

from chimera.assembly.people import Office
from chimera.ports.store import Store

OpenStore: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]
OpenOffice: TypeAlias = Callable[[], AbstractAsyncContextManager[Office]]


class Doors(Struct, frozen=True, kw_only=True):
    """The ways from a command into the house."""

    office_store: OpenStore
    office: OpenOffice


def doors_of(context: typer.Context) -> Doors:
    """The doors that `main` gave to this run."""
    found = context.find_root().obj
    assert isinstance(found, Doors), "main gives every run its doors"
    return found
