"""`python -m chimera.connectors.web.feed_parser`: RSS, Atom, RDF and JSON Feed as one shape. Reads strangers' bytes.

No entity is resolved, no DTD is loaded, no markup is handed on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import msgspec

from chimera.connectors.web import cell
from chimera.connectors.web.cell import LINK_CHARS_MAX, link_of
from chimera.connectors.web.trees import html_part, xml_tree

ITEMS_MAX = 100
TITLE_CHARS_MAX = 300
ITEM_CHARS_MAX = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
# Several formats say the same by several names; the first that is there counts.
_IDS, _TITLES = ("guid", "id"), ("title",)
_TEXTS = ("encoded", "content", "description", "summary")
_BLOCKS = ("p", "br", "div", "li", "tr", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6")
_TIMES = ("pubDate", "published", "date", "issued", "updated", "modified")


def feed_of(data: bytes, url: str) -> dict[str, Any] | None:
    """RSS, Atom, RDF or JSON Feed as one shape; nothing for what is none of them."""
    if data.lstrip()[:1] == b"{":
        return _json_feed(data, url)
    root = xml_tree(data)
    if root is None or _local(root) not in ("rss", "feed", "RDF"):
        return None
    entries = [one for one in root.iter() if _local(one) in ("item", "entry")][:ITEMS_MAX]
    heads = (one for one in root.iter() if _local(one) == "title")
    head = next((one for one in heads if _local(one.getparent()) in ("channel", "feed")), None)
    title = "" if head is None else _words(head.text or "", TITLE_CHARS_MAX)
    return {"title": title, "items": [item for entry in entries if (item := _entry(entry, url))]}


def _entry(entry: Any, url: str) -> dict[str, Any] | None:  # noqa: ANN401 – as above.
    children: dict[str, Any] = {}
    for child in entry:
        children.setdefault(_local(child), child)
    link = _link(entry, url)
    told = _item(
        name=_first(children, _IDS) or str(entry.get(_RDF_ABOUT) or ""), link=link, title=_first(children, _TITLES),
        text=_first(children, _TEXTS), author=_author(children), at_us=_at_us(_first(children, _TIMES)),
    )  # fmt: skip
    return told if told["id"] else None


def _item(*, name: str, link: str, title: str, text: str, author: str, at_us: int) -> dict[str, Any]:
    return {
        "id": (name or link or title)[:LINK_CHARS_MAX], "link": link, "title": _words(title, TITLE_CHARS_MAX),
        "text": _words(text, ITEM_CHARS_MAX), "author": _words(author, TITLE_CHARS_MAX), "at_us": at_us,
    }  # fmt: skip


def _local(element: Any) -> str:  # noqa: ANN401 – as above.
    tag = getattr(element, "tag", "")
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _first(children: dict[str, Any], names: tuple[str, ...]) -> str:
    found = (children[name] for name in names if name in children)
    return next((text for one in found if (text := "".join(one.itertext()).strip())), "")


def _author(children: dict[str, Any]) -> str:
    said = children.get("author", children.get("creator"))
    if said is None:
        return ""
    named = next((one for one in said.iter() if _local(one) == "name"), said)
    return "".join(named.itertext()).strip()


def _link(entry: Any, url: str) -> str:  # noqa: ANN401 – as above.
    for child in entry:
        if _local(child) == "link" and child.get("rel", "alternate") == "alternate":
            return link_of(url, str(child.get("href") or child.text or "").strip())
    return ""


def _json_feed(data: bytes, url: str) -> dict[str, Any] | None:
    told: Any = msgspec.json.decode(data)
    if not str(told.get("version", "")).startswith("https://jsonfeed.org/version/"):
        return None
    listed: list[object] = list(told.get("items", ()))
    items = [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)][:ITEMS_MAX]
    made = [
        _item(
            name=str(one.get("id", "")), link=link_of(url, str(one.get("url", ""))), title=str(one.get("title", "")),
            text=str(one.get("content_text") or one.get("content_html") or one.get("summary") or ""),
            author=_json_author(one), at_us=_at_us(str(one.get("date_published", ""))),
        )
        for one in items
    ]  # fmt: skip
    return {"title": _words(str(told.get("title", "")), TITLE_CHARS_MAX), "items": [one for one in made if one["id"]]}


def _json_author(item: dict[str, Any]) -> str:
    authors: Any = item.get("authors") or [item.get("author")]
    first: Any = cast("list[Any]", authors)[0] if isinstance(authors, list) else None
    return str(cast("dict[str, Any]", first).get("name", "")) if isinstance(first, dict) else ""


def _at_us(text: str) -> int:
    """A time in either of the two forms that feeds use; 0 for what is none."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text.strip())
            return max(0, int((found.replace(tzinfo=found.tzinfo or UTC) - _EPOCH).total_seconds()) * 1_000_000)
        except (ValueError, TypeError, OverflowError):
            continue
    return 0


def _words(text: str, most: int) -> str:
    """Without markup, on one line for each paragraph, and no longer than allowed."""
    if "<" in text or "&" in text:
        text = _plain(html_part(text))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:most]


def _plain(tree: Any) -> str:  # noqa: ANN401 – as above.
    for block in tree.iter(*_BLOCKS):
        block.tail = "\n" + (block.tail or "")
    return "".join(map(str, tree.xpath(".//text()[not(ancestor::script) and not(ancestor::style)]")))


if __name__ == "__main__":
    cell.run(feed_of)
