"""Pictures composed offline by a brand's template: a card, a chart, a collage, a framed painting; each with alt text.

Draws what it is told and nothing else. It signs nothing and publishes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import starmap

from msgspec import Struct
from msgspec.structs import replace
from PIL import Image, ImageDraw, ImageFont

from chimera.domain.brand import Look
from chimera.domain.errors import Invalid

LINES_MAX = 6
BARS_MAX = 12
PICTURES_MAX = 9
WORDS_LENGTH_MAX = 300
PICTURE_BYTES_MAX = 20 * 1024 * 1024
PIXELS_MAX = 40_000_000
THUMBNAIL = (320, 180)
PORTRAIT = (720, 1280)
EDGE = 10
# How much of a picture's shorter side the persona's face has, in hundredths.
FACE_SHARE = 45


class Picture(Struct, frozen=True, kw_only=True):
    """A PNG and the words for those who do not see it."""

    png: bytes
    alt: str
    width: int
    height: int


def card(look: Look, *, title: str, body: str = "") -> Picture:
    """A title and some words, beside the persona's face where it has one."""
    _require_words(title, body)
    brand, image = look.brand, _sheet(look)
    left, right = _with_face(image, look)
    y = _write(image, title, (left, brand.margin + 24), until=right, size=brand.title, ink=brand.ink, lines_max=3)
    ImageDraw.Draw(image).rectangle((left, y + 12, left + 160, y + 20), fill=brand.accent)
    _write(image, body, (left, y + 48), until=right, size=brand.body, ink=brand.ink, lines_max=LINES_MAX)
    return _done(image, alt=_alt("card", look, title, body))


def portrait(look: Look, *, title: str, body: str = "") -> Picture:
    """The same upright, as telephones show films; the face stands above the words."""
    _require_words(title, body)
    brand = replace(look.brand, width=PORTRAIT[0], height=PORTRAIT[1])
    image, margin = _sheet(replace(look, brand=brand)), brand.margin
    y, until = brand.height // 4, brand.width - margin
    if look.faces and brand.face != "none":
        tile = _face_of(look, size=brand.height // 4)
        image.paste(tile, ((brand.width - tile.width) // 2, margin + EDGE))
        y = brand.height // 3
    y = _write(image, title, (margin, y), until=until, size=brand.title, ink=brand.ink, lines_max=4)
    ImageDraw.Draw(image).rectangle((margin, y + 12, margin + 160, y + 20), fill=brand.accent)
    _write(image, body, (margin, y + 64), until=until, size=brand.body + 8, ink=brand.ink, lines_max=12)
    return _done(image, alt=_alt("card", look, title, body))


def chart(look: Look, *, title: str, bars: Sequence[tuple[str, int]]) -> Picture:
    """Bars with their names and figures, from zero."""
    _require_words(title, *(name for name, _ in bars))
    if not 1 <= len(bars) <= BARS_MAX or any(value < 0 for _, value in bars):
        raise Invalid(
            "media_bars", f"a chart has 1 to {BARS_MAX} bars of zero or more", where="bars", remedy="give 1 to 12 bars"
        )
    brand, image = look.brand, _sheet(look)
    draw, margin, width = ImageDraw.Draw(image), brand.margin, brand.width - 2 * brand.margin
    top = _write(image, title, (margin, margin), until=brand.width - margin, size=brand.body + 8, ink=brand.ink,
                 lines_max=2) + 24  # fmt: skip
    step, most = (brand.height - margin - 40 - top) // len(bars), max(1, *(value for _, value in bars))
    names, figures = width * 28 // 100, width * 11 // 100
    for place, (name, value) in enumerate(bars):
        y, length = top + place * step, (width - names - figures) * value // most
        draw.rectangle((margin + names, y, margin + names + max(2, length), y + step * 2 // 3), fill=brand.accent)
        draw.text((margin, y), name[:18], font=_font(brand.small), fill=brand.ink)
        draw.text((margin + names + 12 + length, y), f"{value:,}", font=_font(brand.small), fill=brand.ink)
    said = "; ".join(starmap("{}: {:,}".format, bars))
    return _done(image, alt=f"A bar chart by {look.name}: {title}. {said}")


def collage(look: Look, *, pictures: Sequence[bytes], alts: Sequence[str]) -> Picture:
    """Pictures side by side. Whoever gives a picture gives its alt text."""
    if not 1 <= len(pictures) <= PICTURES_MAX or len(pictures) != len(alts):
        raise Invalid(
            "media_pictures",
            f"1 to {PICTURES_MAX} pictures, each with its alt text",
            where="pictures",
            remedy="give 1 to 9, each with its alt text",
        )
    brand, image = look.brand, _sheet(look)
    margin = brand.margin
    columns = 1 if len(pictures) == 1 else 2 if len(pictures) <= 4 else 3
    rows = -(-len(pictures) // columns)
    size = ((brand.width - margin) // columns - 16, (brand.height - 2 * margin) // rows - 16)
    for place, data in enumerate(pictures):
        tile = opened(data)
        tile.thumbnail(size)
        x, y = margin // 2 + (place % columns) * (size[0] + 16), margin // 2 + (place // columns) * (size[1] + 16)
        image.paste(tile, (x + (size[0] - tile.width) // 2, y + (size[1] - tile.height) // 2))
    return _done(image, alt=f"A collage by {look.name}: {'; '.join(alts)}"[:1_000])


def framed(look: Look, *, painted: bytes, title: str) -> Picture:
    """A painting in the brand's frame, with the name and how it says that an AI made it."""
    _require_words(title)
    brand, image = look.brand, _sheet(look)
    tile = opened(painted)
    tile.thumbnail((brand.width - 2 * EDGE, brand.height - EDGE - brand.margin))
    image.paste(tile, ((brand.width - tile.width) // 2, EDGE + (brand.height - EDGE - brand.margin - tile.height) // 2))
    return _done(image, alt=f"A picture by {look.name}, painted by an AI: {title}")


def thumbnail(data: bytes) -> Picture:
    """The same, small."""
    small = opened(data)
    small.thumbnail(THUMBNAIL)
    return _done(small, alt="")


def _sheet(look: Look) -> Image.Image:
    brand = look.brand
    image = Image.new("RGB", (brand.width, brand.height), brand.paper)
    draw = ImageDraw.Draw(image)
    foot = f"{look.name}  ·  {look.disclosure}" if look.disclosure else look.name
    match brand.edge:
        case "top":
            draw.rectangle((0, 0, brand.width, EDGE), fill=brand.accent)
        case "left":
            draw.rectangle((0, 0, EDGE, brand.height), fill=brand.accent)
        case "none":
            pass
    draw.text((brand.margin, brand.height - brand.margin + 8), foot, font=_font(brand.small), fill=brand.ink)
    return image


def _with_face(image: Image.Image, look: Look) -> tuple[int, int]:
    """Put the persona's face where the brand has it; from where to where the words may go then."""
    brand = look.brand
    if not look.faces or brand.face == "none":
        return brand.margin, brand.width - brand.margin
    tile = _face_of(look, size=min(brand.width, brand.height) * FACE_SHARE // 100)
    is_left = brand.face == "left"
    x = brand.margin if is_left else brand.width - brand.margin - tile.width
    image.paste(tile, (x, (brand.height - tile.height) // 2))
    beside = tile.width + brand.margin // 2
    return (x + beside, brand.width - brand.margin) if is_left else (brand.margin, x - brand.margin // 2)


def _face_of(look: Look, *, size: int) -> Image.Image:
    """The first reference image as a square with a border: the same in every picture."""
    face = opened(look.faces[0])
    side = min(face.size)
    x, y = (face.width - side) // 2, (face.height - side) // 2
    tile = face.crop((x, y, x + side, y + side)).resize((size, size))
    ImageDraw.Draw(tile).rectangle((0, 0, size - 1, size - 1), outline=look.brand.accent, width=4)
    return tile


def _alt(kind: str, look: Look, title: str, body: str) -> str:
    return f"A {kind} by {look.name}: {title}. {body}".strip()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _write(
    image: Image.Image, words: str, at: tuple[int, int], *, until: int, size: int, ink: str, lines_max: int
) -> int:
    """Words in lines that fit; where the last of them ends."""
    font, draw, (x, y) = _font(size), ImageDraw.Draw(image), at
    for line in _lines(draw, words, font, width=until - x)[:lines_max]:
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


def opened(data: bytes) -> Image.Image:
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
        raise Invalid(
            "media_words",
            f"a picture has a title, and texts of {WORDS_LENGTH_MAX} characters at most",
            where="title",
            remedy="write less",
        )


def _done(image: Image.Image, *, alt: str) -> Picture:
    out = io.BytesIO()
    image.save(out, "PNG")
    return Picture(png=out.getvalue(), alt=alt[:1_000], width=image.width, height=image.height)
