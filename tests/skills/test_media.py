"""Pictures composed offline, and content credentials that name the byte-for-byte picture that was signed."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from PIL import Image

from chimera.adapters.documents.brands import shipped
from chimera.adapters.media.credentials import Credentials, verify
from chimera.domain.brand import Look
from chimera.domain.errors import Invalid
from chimera.skills.media import card

BRAND = Look(name="Banterpacks", disclosure="made by AI", brand=shipped())
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def painted(name: str, paper: str) -> Look:
    return Look(name=name, disclosure="made by AI", brand=replace(shipped(), paper=paper))


def opened(picture: card.Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png))


def signed(picture: card.Picture) -> bytes:
    return Credentials(Ed25519PrivateKey.generate(), house="Test House", now=NOW).sign(picture.png, title="A card")


@pytest.mark.requirement("R-B2")
def test_a_card_has_its_brands_colours_its_words_and_an_alt_text() -> None:
    picture = card.card(BRAND, title="Co-op week is back", body="Pix has already blamed the lag. " * 5)
    image = opened(picture)
    assert (image.width, image.height) == (picture.width, picture.height) == (BRAND.brand.width, BRAND.brand.height)
    colours = {colour for _, colour in image.getcolors(1_000_000) or []}
    assert {(0x14, 0x21, 0x3D), (0xFC, 0xA3, 0x11), (0xFF, 0xFF, 0xFF)} <= colours
    assert "Co-op week is back" in picture.alt
    assert picture.png == card.card(BRAND, title="Co-op week is back", body="Pix has already blamed the lag. " * 5).png


@pytest.mark.requirement("R-B2")
def test_a_longer_bar_is_a_larger_figure_and_the_alt_text_tells_it() -> None:
    picture = card.chart(BRAND, title="Deaths per boss", bars=[("swamp", 10), ("tower", 40)])
    image = opened(picture)
    rows = [sum(image.getpixel((x, y)) == (0xFC, 0xA3, 0x11) for x in range(image.width)) for y in range(12, 640)]
    lengths = sorted({row for row in rows if row > 20})
    assert lengths[-1] > 3.5 * lengths[0]
    assert "swamp: 10; tower: 40" in picture.alt


@pytest.mark.requirement("R-B2")
def test_a_collage_and_a_thumbnail_are_made_of_the_pictures_given() -> None:
    red = card.card(painted("Red", "#ff0000"), title="red").png
    blue = card.card(painted("Blue", "#0000ff"), title="blue").png
    both = card.collage(BRAND, pictures=[red, blue], alts=["a red card", "a blue card"])
    colours = {colour for _, colour in opened(both).getcolors(1_000_000) or []}
    assert {(255, 0, 0), (0, 0, 255)} <= colours
    assert "a red card; a blue card" in both.alt
    small = card.thumbnail(red)
    assert small.width <= card.THUMBNAIL[0]
    assert small.height <= card.THUMBNAIL[1]


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"<svg/>"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        card.thumbnail(data)
    assert refused.value.code == "media_unreadable"


@pytest.mark.requirement("R-B2")
def test_signed_credentials_hold_and_c2pas_own_reader_says_so() -> None:
    whole = signed(card.card(BRAND, title="Hello"))
    verdict = verify(whole)
    assert verdict.holds
    assert (verdict.title, verdict.issuer, verdict.is_ai_made) == ("A card", "Test House", True)
    with c2pa.Reader("image/png", io.BytesIO(whole)) as reader:
        assert reader.get_validation_state() == "Valid"


@pytest.mark.requirement("R-B2")
def test_a_changed_byte_is_reported() -> None:
    whole = signed(card.card(BRAND, title="Hello"))
    for place in (len(whole) - 2_000, len(whole) - 500):
        changed = bytearray(whole)
        changed[place] ^= 1
        verdict = verify(bytes(changed))
        assert not verdict.holds
        assert "assertion.dataHash.mismatch" in verdict.faults
    assert not verify(card.card(BRAND, title="Hello").png).holds
    assert not verify(b"no picture").holds
