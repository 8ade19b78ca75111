"""What reads trees of strangers' bytes, loaded by name because it has no types. Hands on trees alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ETREE: Any = import_module("lxml.etree")
_HTML: Any = import_module("lxml.html")


def xml_tree(data: bytes) -> Any:  # noqa: ANN401 – lxml has no types.
    """The root of an XML document, mended where it can be; nothing where it cannot. No entity is resolved."""
    parser = _ETREE.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    return _ETREE.fromstring(data, parser)


def html_tree(data: bytes) -> Any:  # noqa: ANN401 – as above.
    """The root of a page."""
    return _HTML.fromstring(data)


def html_part(text: str) -> Any:  # noqa: ANN401 – as above.
    """A piece of a page, in an element of its own."""
    return _HTML.fragment_fromstring(text, create_parent="div")
