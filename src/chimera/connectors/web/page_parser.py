"""`python -m chimera.connectors.web.page_parser`: what a page says to a reader, without what stands around it.

Reads strangers' bytes; follows nothing, and runs nothing that stands in them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import trafilatura

from chimera.connectors.web import cell
from chimera.connectors.web.cell import link_of
from chimera.connectors.web.trees import html_tree

TITLE_CHARS_MAX = 300
TEXT_CHARS_MAX = 20_000


def page_of(data: bytes, url: str) -> dict[str, Any] | None:
    """What a page says to a reader, without what stands around it; nothing for what says nothing."""
    found: Any = trafilatura.bare_extraction(
        data, url=url, include_comments=False, include_tables=True, deduplicate=False, with_metadata=True
    )
    if found is None or not found.text:
        return None
    text = str(found.text)
    return {
        "title": str(found.title or "")[:TITLE_CHARS_MAX], "author": str(found.author or "")[:TITLE_CHARS_MAX],
        "published": str(found.date or "")[:40], "site": str(found.sitename or "")[:TITLE_CHARS_MAX],
        "canonical": _canonical(data, url), "text": text[:TEXT_CHARS_MAX], "characters": len(text),
    }  # fmt: skip


def _canonical(data: bytes, url: str) -> str:
    """The address that the page gives itself, if it is on its own site: anything else would be somebody else's."""
    tree: Any = html_tree(data)
    said = tree.xpath("//link[translate(@rel, 'CANOIL', 'canoil')='canonical']/@href")
    link = link_of(url, str(said[0])) if said else ""
    return link if link and _site(link) == _site(url) else url


def _site(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


if __name__ == "__main__":
    cell.run(page_of)
