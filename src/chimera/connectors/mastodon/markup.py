"""What a post says without its HTML, and whether two say the same. Parses strangers' bytes; runs nothing. Pure."""

from __future__ import annotations

from html.parser import HTMLParser

from chimera.connectors.social.journaled import letters

_BREAKS = frozenset({"br", "p", "div", "li", "blockquote"})


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS and self.parts:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def plain_text(html: str) -> str:
    """The words of a post, a line for each paragraph."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def says_the_same(html: str, text: str) -> bool:
    """Whether a post is this text: by its letters and digits, since servers set marks and spaces as they like."""
    return letters(plain_text(html)) == letters(text)
