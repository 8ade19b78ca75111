"""Pictures composed offline from a brand's colours: a card with words, a chart, a collage; each with its alt text.

Draws what it is told and nothing else. It signs nothing and publishes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from msgspec import Struct
from PIL import Image, ImageDraw, ImageFont

from chimera.domain.errors import Invalid

WIDTH, HEIGHT = 1200, 675
MARGIN = 64
TITLE_SIZE, BODY_SIZE, SMALL_SIZE = 64, 36, 26
LINES_MAX = 6
BARS_MAX = 12
PICTURES_MAX = 9
WORDS_LENGTH_MAX = 300
PICTURE_BYTES_MAX = 20 * 1024 * 1024
PIXELS_MAX = 40_000_000
THUMBNAIL = (320, 180)
PORTRAIT = (720, 1280)


class Brand(Struct, frozen=True, kw_only=True):
    """A brand's colours as #rrggbb, its name, and how it says that an AI made this."""

    name: str
    paper: str = "#14213d"
    ink: str = "#ffffff"
    accent: str = "#fca311"
    disclosure: str = "made by AI"


class Picture(Struct, frozen=True, kw_only=True):
    """A PNG and the words for those who do not see it."""

    png: bytes
    alt: str
    width: int
    height: int


def card(brand: Brand, *, title: str, body: str = "") -> Picture:
    """A title and some words."""
    _require_words(title, body)
    image, draw = _sheet(brand)
    y = _write(draw, title, (MARGIN, MARGIN + 24), size=TITLE_SIZE, ink=brand.ink, lines_max=3)
    draw.rectangle((MARGIN, y + 12, MARGIN + 160, y + 20), fill=brand.accent)
    _write(draw, body, (MARGIN, y + 48), size=BODY_SIZE, ink=brand.ink, lines_max=LINES_MAX)
    return _done(image, alt=f"A card by {brand.name}: {title}. {body}".strip())


def portrait(brand: Brand, *, title: str, body: str = "") -> Picture:
    """The same upright, as telephones show films."""
    _require_words(title, body)
    image, draw = _sheet(brand, size=PORTRAIT)
    y = _write(draw, title, (MARGIN, PORTRAIT[1] // 4), size=TITLE_SIZE, ink=brand.ink, lines_max=4)
    draw.rectangle((MARGIN, y + 12, MARGIN + 160, y + 20), fill=brand.accent)
    _write(draw, body, (MARGIN, y + 64), size=BODY_SIZE + 8, ink=brand.ink, lines_max=12)
    return _done(image, alt=f"A card by {brand.name}: {title}. {body}".strip())


def chart(brand: Brand, *, title: str, bars: Sequence[tuple[str, int]]) -> Picture:
    """Bars with their names and figures, from zero."""
    _require_words(title, *(name for name, _ in bars))
    if not 1 <= len(bars) <= BARS_MAX or any(value < 0 for _, value in bars):
        raise Invalid("media_bars", f"a chart has 1 to {BARS_MAX} bars of zero or more", where="bars")
    image, draw = _sheet(brand)
    top = _write(draw, title, (MARGIN, MARGIN), size=BODY_SIZE + 8, ink=brand.ink, lines_max=2) + 24
    step, most = (HEIGHT - MARGIN - 40 - top) // len(bars), max(1, *(value for _, value in bars))
    for place, (name, value) in enumerate(bars):
        y = top + place * step
        length = (WIDTH - 2 * MARGIN - 420) * value // most
        draw.rectangle((MARGIN + 300, y, MARGIN + 300 + max(2, length), y + step * 2 // 3), fill=brand.accent)
        draw.text((MARGIN, y), name[:18], font=_font(SMALL_SIZE), fill=brand.ink)
        draw.text((MARGIN + 312 + length, y), f"{value:,}", font=_font(SMALL_SIZE), fill=brand.ink)
    said = "; ".join(f"{name}: {value:,}" for name, value in bars)
    return _done(image, alt=f"A bar chart by {brand.name}: {title}. {said}")


def collage(brand: Brand, *, pictures: Sequence[bytes], alts: Sequence[str]) -> Picture:
    """Pictures side by side. Whoever gives a picture gives its alt text."""
    if not 1 <= len(pictures) <= PICTURES_MAX or len(pictures) != len(alts):
        raise Invalid("media_pictures", f"1 to {PICTURES_MAX} pictures, each with its alt text", where="pictures")
    image, _ = _sheet(brand)
    columns = 1 if len(pictures) == 1 else 2 if len(pictures) <= 4 else 3
    rows = -(-len(pictures) // columns)
    size = ((WIDTH - MARGIN) // columns - 16, (HEIGHT - 2 * MARGIN) // rows - 16)
    for place, data in enumerate(pictures):
        tile = _opened(data)
        tile.thumbnail(size)
        x, y = MARGIN // 2 + (place % columns) * (size[0] + 16), MARGIN // 2 + (place // columns) * (size[1] + 16)
        image.paste(tile, (x + (size[0] - tile.width) // 2, y + (size[1] - tile.height) // 2))
    return _done(image, alt=f"A collage by {brand.name}: {'; '.join(alts)}"[:1_000])


def thumbnail(data: bytes) -> Picture:
    """The same, small."""
    small = _opened(data)
    small.thumbnail(THUMBNAIL)
    return _done(small, alt="")


def _sheet(brand: Brand, *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", size, brand.paper)
    draw = ImageDraw.Draw(image)
    foot = f"{brand.name}  ·  {brand.disclosure}" if brand.disclosure else brand.name
    draw.rectangle((0, 0, size[0], 10), fill=brand.accent)
    draw.text((MARGIN, size[1] - MARGIN + 8), foot, font=_font(SMALL_SIZE), fill=brand.ink)
    return image, draw


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _write(draw: ImageDraw.ImageDraw, words: str, at: tuple[int, int], *, size: int, ink: str, lines_max: int) -> int:
    """Words in lines that fit; where the last of them ends."""
    font, (x, y) = _font(size), at
    for line in _lines(draw, words, font, width=draw.im.size[0] - 2 * MARGIN)[:lines_max]:
        draw.text((x, y), line, font=font, fill=ink)
        y += size * 5 // 4
    return y


def _lines(
    draw: ImageDraw.ImageDraw, words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, *, width: int
) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _opened(data: bytes) -> Image.Image:
    """A stranger's picture: bounded before it is unpacked."""
    if len(data) > PICTURE_BYTES_MAX:
        raise _unreadable("it is too large")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > PIXELS_MAX:
                raise _unreadable("it has too many pixels")
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(str(error)[:100]) from error


def _unreadable(why: str) -> Invalid:
    return Invalid("media_unreadable", f"a picture cannot be used: {why}", where="pictures",
                   remedy="give a PNG, JPEG or WEBP")  # fmt: skip


def _require_words(*words: str) -> None:
    if not words[0].strip() or any(len(one) > WORDS_LENGTH_MAX for one in words):
        raise Invalid("media_words", f"a picture has a title, and texts of {WORDS_LENGTH_MAX} characters at most",
                      where="title")  # fmt: skip


def _done(image: Image.Image, *, alt: str) -> Picture:
    out = io.BytesIO()
    image.save(out, "PNG")
    return Picture(png=out.getvalue(), alt=alt[:1_000], width=image.width, height=image.height)
