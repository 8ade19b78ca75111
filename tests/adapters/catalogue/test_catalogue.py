"""A catalogue is a stranger's: what is not signed by who is trusted, or not the very bytes, is refused by name."""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.catalogue import archive
from chimera.adapters.catalogue.publishers import Publishers, signed_with
from chimera.assembly import catalogue
from chimera.domain import canonical
from chimera.domain.catalogue import FORMAT, Index, Listing
from chimera.domain.errors import ChimeraError, Invalid, Missing, Refused, Unavailable
from chimera.governance.catalogue import public_key_of, require_agreed
from chimera.settings import Settings
from tests.adapters.documents.test_packages import GOOD, RULES

pytestmark = pytest.mark.requirement("R-C1")
Mend = Callable[[Listing], Listing]


class Shop:
    """A publisher with one package in a catalogue, and somebody who trusts it."""

    def __init__(self, folder: Path) -> None:
        self.index = folder / "catalogue"
        self.source = folder / "studio.persona"
        self.settings = Settings(home=str(folder / "home"))
        self.write("1.0.0")

    def write(self, version: str, **changed: str) -> None:
        self.source.mkdir(exist_ok=True)
        text = GOOD.replace('version: "1.0.0"', f'version: "{version}"')
        for old, new in changed.items():
            text = text.replace(f"{old}:", f"{new}:", 1) if old.isidentifier() else text
        (self.source / "manifest.yaml").write_text(text)
        (self.source / "constitution.yaml").write_text(RULES)

    async def publish(self, publisher: str = "studio") -> Listing:
        return await catalogue.published(self.settings, self.source, into=self.index, publisher=publisher)

    @property
    def trusted(self) -> dict[str, str]:
        return {"studio": self.key.public_key().public_bytes_raw().hex()}

    @property
    def key(self) -> Ed25519PrivateKey:
        return catalogue.publishing_key(self.settings, "studio")

    def relist(self, *listings: Listing) -> None:
        (self.index / "index.json").write_bytes(canonical.encode(Index(format=FORMAT, packages=listings)))

    def resigned(self, listing: Listing, **changed: Any) -> Listing:
        unsigned = replace(listing, **changed)
        return replace(unsigned, signature=signed_with(self.key, unsigned.signed()))

    async def fetch(self, wanted: str = "studio.persona", **trusted: str) -> catalogue.Fetched:
        return await catalogue.fetched(str(self.index), wanted, trusted or self.trusted)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_what_was_published_is_fetched_as_it_was(shop: Shop) -> None:
    listing = await shop.publish()
    found = await shop.fetch()
    assert (found.listing, found.package.manifest.identity.name) == (listing, "studio.persona")
    assert found.package.files == ("constitution.yaml", "manifest.yaml")
    with pytest.raises(Refused) as refusal:
        await shop.publish()
    assert refusal.value.code == "package_version_listed"
    shop.write("1.2.0")
    await shop.publish()
    shop.write("1.10.0")
    await shop.publish()
    assert (await shop.fetch()).listing.version == "1.10.0"
    assert (await shop.fetch("studio.persona@1.0.0")).listing.version == "1.0.0"
    with pytest.raises(Missing, match="does not list"):
        await shop.fetch("studio.persona@9.0.0")


LIES: dict[str, tuple[Mend, str]] = {
    "title": (lambda one: replace(one, title="another"), "listing_signature_bad"),
    "permissions": (lambda one: replace(one, permissions=()), "listing_signature_bad"),
    "signature": (lambda one: replace(one, signature="0" * 128), "listing_signature_bad"),
    "no signature": (lambda one: replace(one, signature=""), "listing_signature_bad"),
    "publisher": (lambda one: replace(one, publisher="somebody"), "publisher_unknown"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_listing_that_was_changed_is_refused(shop: Shop, lie: str) -> None:
    mend, code = LIES[lie]
    shop.relist(mend(await shop.publish()))
    with pytest.raises(Refused) as refusal:
        await shop.fetch()
    assert refusal.value.code == code


async def test_another_key_of_the_same_name_is_not_the_publisher(shop: Shop) -> None:
    await shop.publish()
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    with pytest.raises(Refused, match="did not sign"):
        await shop.fetch(studio=other)


async def test_even_the_publisher_cannot_list_what_is_not_inside(shop: Shop) -> None:
    listing = await shop.publish()
    for changed in ({"permissions": ()}, {"digest": "0" * 64}, {"version": "1.0.1"}, {"name": "studio.other"}):
        lying = shop.resigned(listing, **changed)
        (shop.index / lying.archive).write_bytes((shop.index / listing.archive).read_bytes())
        shop.relist(lying)
        with pytest.raises(ChimeraError) as refusal:
            await shop.fetch(lying.name)
        assert refusal.value.code in {"package_not_as_listed", "faults", "package_invalid"}, changed


@pytest.mark.parametrize("change", ["append", "flip", "cut"])
async def test_changed_bytes_are_refused(shop: Shop, change: str) -> None:
    path = shop.index / (await shop.publish()).archive
    data = bytearray(path.read_bytes())
    if change == "append":
        data += b"x"
    elif change == "flip":
        data[20] ^= 1
    else:
        del data[-1]
    path.write_bytes(data)
    with pytest.raises(Refused) as refusal:
        await shop.fetch()
    assert refusal.value.code in {"archive_changed", "catalogue_file_too_large"}


async def test_an_index_that_is_none_or_speaks_twice_is_refused_whole(shop: Shop) -> None:
    listing = await shop.publish()
    shop.relist(listing, replace(listing, title="another"))
    with pytest.raises(Invalid, match="listed twice"):
        await shop.fetch()
    good = msgspec.json.decode((shop.index / "index.json").read_bytes())
    for field, wrong in (("name", "../../etc"), ("version", "1.0"), ("publisher", "../x"), ("archive_bytes", 2**40),
                         ("extra", 1), ("permissions", "post.publish")):  # fmt: skip
        bad = {**good, "packages": [{**good["packages"][0], field: wrong}]}
        (shop.index / "index.json").write_bytes(msgspec.json.encode(bad))
        with pytest.raises(Invalid) as refusal:
            await shop.fetch()
        assert refusal.value.code == "catalogue_malformed", field
    (shop.index / "index.json").write_bytes(b"[" * 100_000)
    with pytest.raises(Invalid):
        await shop.fetch()
    (shop.index / "index.json").unlink()
    with pytest.raises(Missing):
        await shop.fetch()


def tar_of(*entries: tuple[str, bytes, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:") as tar:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(data), "/etc/passwd"
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(plain.getvalue())


FILE, LINK, HARD, FOLDER, FIFO = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE
HOSTILE = [
    (tar_of(("../evil", FILE, b"x")), "archive_path_outside"),
    (tar_of(("/etc/passwd", FILE, b"x")), "archive_path_outside"),
    (tar_of(("a/../../b", FILE, b"x")), "archive_path_outside"),
    (tar_of(("a\\..\\b", FILE, b"x")), "archive_path_outside"),
    (tar_of((".hidden", FILE, b"x")), "archive_path_outside"),
    (tar_of(("a/b/c/d/e/f/g/h", FILE, b"x")), "archive_path_outside"),
    (tar_of(("link", LINK, b"")), "archive_special_file"),
    (tar_of(("hard", HARD, b"")), "archive_special_file"),
    (tar_of(("folder", FOLDER, b"")), "archive_special_file"),
    (tar_of(("fifo", FIFO, b"")), "archive_special_file"),
    (tar_of(("a", FILE, b"1"), ("A", FILE, b"2")), "archive_file_twice"),
    (tar_of(*((f"f{number}", FILE, b"") for number in range(257))), "archive_too_large"),
    (tar_of(("big", FILE, b"\0" * (8 * 1024 * 1024 + 1))), "archive_too_large"),
    (gzip.compress(b"\0" * (64 * 1024 * 1024)), "archive_too_large"),
    (b"no archive", "archive_malformed"),
    (gzip.compress(b"no tar at all" * 100), "archive_malformed"),
    (tar_of(("a", FILE, b"1")) + b"more", "archive_malformed"),
    (tar_of(("a", FILE, b"1"))[:-4], "archive_malformed"),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_archive_is_refused_by_name(number: int) -> None:
    data, code = HOSTILE[number]
    with pytest.raises(ChimeraError) as refusal:
        archive.unpacked(data, where="x.tar.gz")
    assert refusal.value.code == code


@given(data=st.binary(max_size=2_000), inside=st.booleans())
def test_any_bytes_are_an_archive_or_refused(data: bytes, inside: bool) -> None:
    try:
        files = archive.unpacked(gzip.compress(data) if inside else data, where="x")
    except ChimeraError as error:
        assert error.code.startswith("archive_")
    else:
        assert sum(map(len, files.values())) <= archive.PACKAGE_BYTES_MAX


@given(
    files=st.dictionaries(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True), st.binary(), max_size=9)
)
def test_what_is_packed_is_unpacked(files: dict[str, bytes]) -> None:
    if len({name.casefold() for name in files}) == len(files):
        assert archive.unpacked(archive.packed(files), where="x") == files
        assert archive.packed(files) == archive.packed(dict(reversed(files.items())))


@contextmanager
def served(folder: Path, handler: type[SimpleHTTPRequestHandler] = SimpleHTTPRequestHandler) -> Generator[str]:
    class Quiet(handler):
        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Elsewhere(SimpleHTTPRequestHandler):
    """Sends everybody to another address."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/")
        self.end_headers()


async def test_a_catalogue_at_an_address(shop: Shop) -> None:
    await shop.publish()
    with served(shop.index) as address:
        assert (await catalogue.fetched(address, "studio.persona", shop.trusted)).listing.version == "1.0.0"
    with pytest.raises(Unavailable):
        await catalogue.index_at(address)
    with pytest.raises(Refused, match="https"):
        await catalogue.index_at("http://catalogue.example/")
    with served(shop.index, Elsewhere) as address, pytest.raises(Missing, match="302"):
        await catalogue.index_at(address)


async def test_more_permissions_need_a_yes(shop: Shop) -> None:
    listing = await shop.publish()
    with pytest.raises(Refused, match=r"\+ post.publish"):
        require_agreed(listing, ("trends.read",), accepted=False)
    require_agreed(listing, ("trends.read",), accepted=True)
    require_agreed(listing, ("trends.read", "post.publish", "post.like"), accepted=False)


def test_whom_this_home_trusts(tmp_path: Path) -> None:
    publishers = Publishers(tmp_path)
    assert publishers.known() == {}
    assert publishers.trust("studio", "a" * 64) == ""
    assert publishers.trust("studio", "b" * 64) == "a" * 64
    assert Publishers(tmp_path).known() == {"studio": "b" * 64}
    assert publishers.forget("studio")
    assert not publishers.forget("studio")
    for name in ("../x", "", "A", "x" * 64):
        with pytest.raises(Invalid):
            publishers.trust(name, "a" * 64)
    for key in ("", "zz", "a" * 63):
        with pytest.raises(Invalid):
            public_key_of(key)
