"""The types of what stands in addresses and bodies, with their limits and examples. Parses; decides nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import Field

from chimera.api import paging
from chimera.domain import ids

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_EXAMPLE = "0193f3a8-7c00-7a11-8b22-0123456789ab"

Id = Annotated[str, Path(description="the record's id", pattern=_UUID, examples=[_EXAMPLE])]
IdFilter = Annotated[str, Query(description="only this one's", pattern=f"^$|{_UUID}", examples=[_EXAMPLE])]
Cursor = Annotated[str, Query(description="where the list goes on, as `next` said", max_length=2_000)]
Limit = Annotated[int, Query(description="how many at most", ge=1, le=paging.PAGE_MAX)]
Word = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")]
Search = Annotated[str, Query(description="a part of the name", max_length=100)]
Micros = Annotated[int, Field(description="millionths of the currency's unit", ge=1, le=10**15)]
Note = Annotated[str, Field(min_length=1, max_length=2_000)]


def _no_nul(q: Search = "") -> str:
    return q.replace("\x00", "")


SearchText = Annotated[str, Depends(_no_nul)]


def require_id(text: str, *, where: str) -> str:
    """An id from a body."""
    return ids.parse(text, where=where)
