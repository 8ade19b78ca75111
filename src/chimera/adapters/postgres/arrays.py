"""Array literals, as PostgreSQL reads them. The driver looks at every element of an array by itself, and slowly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

# No text that is stored holds a NUL.
_NONE, _NONE_QUOTED = "\x00", '"\x00"'


def numbers(values: Sequence[int | None]) -> str:
    """Python writes a list of numbers as PostgreSQL reads one, but for brackets and nothing."""
    return f"{{{str(list(values))[1:-1].replace('None', 'NULL')}}}"


# The same again and again: a manager's shards.
standing_numbers = lru_cache(maxsize=64)(numbers)


def words(values: Sequence[str]) -> str:
    """Ids and our own words: nothing in them needs quotes."""
    return f"{{{','.join(values)}}}"


def texts(values: Sequence[str | None]) -> str:
    """Any texts. Nearly always nothing in them needs an escape, which is seen by one look at all of them."""
    together = '","'.join([_NONE if value is None else value for value in values])
    if "\\" in together or together.count('"') != 2 * (len(values) - 1):
        return f"{{{','.join(['NULL' if value is None else _quote(value) for value in values])}}}"
    return f'{{"{together}"}}'.replace(_NONE_QUOTED, "NULL")


def _quote(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
