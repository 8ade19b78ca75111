"""Objects in a folder and in a bucket that speaks S3 (moto's, in a process of its own): the same answers from both."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from chimera.adapters.objects.store import OBJECT_BYTES_MAX, StoredObjects
from chimera.domain.errors import Invalid, Missing, Unavailable

pytestmark = [pytest.mark.requirement("R-G5"), pytest.mark.timeout(120)]
KEY = ("test", "test")
REGION = "eu-central-1"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:  # fmt: skip
        try:
            _wait_for(endpoint)
            client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=KEY[0],
                                  aws_secret_access_key=KEY[1])  # fmt: skip
            client.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": REGION})
            client.close()
            yield endpoint
        finally:
            server.terminate()


def _wait_for(endpoint: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("moto did not come up")


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> StoredObjects:
    if request.param == "folder":
        return StoredObjects.in_folder(tmp_path / "media", public_url="https://cdn.example/m/")
    endpoint = request.getfixturevalue("bucket")
    return StoredObjects.in_bucket("media", endpoint=endpoint, region=REGION, key=KEY,
                                   public_url="https://cdn.example/m/")  # fmt: skip


async def test_what_is_put_is_there_until_it_is_deleted(objects: StoredObjects) -> None:
    await objects.put("originals/a.png", b"one", mime="image/png")
    await objects.put("originals/a.png", b"two", mime="image/png")
    await objects.put("thumbnails/a.png", b"small", mime="image/png")
    assert await objects.get("originals/a.png") == b"two"
    assert [(one.name, one.bytes, one.at_us > 0) for one in await objects.list("originals")] == [
        ("originals/a.png", 3, True)
    ]
    for _ in range(2):
        await objects.delete("originals/a.png")
    with pytest.raises(Missing, match="object_missing"):
        await objects.get("originals/a.png")
    assert await objects.list("originals") == []
    assert objects.url("originals/a b.png") == "https://cdn.example/m/originals/a%20b.png"


async def test_names_and_sizes_have_limits(objects: StoredObjects) -> None:
    for name in ("", "/etc/passwd", "originals/../../x", "x" * 300):
        with pytest.raises(Invalid, match="object_name"):
            await objects.get(name)
    with pytest.raises(Invalid, match="object_too_large"):
        await objects.put("originals/big", bytes(OBJECT_BYTES_MAX + 1), mime="image/png")


async def test_a_bucket_elsewhere_is_reached_by_https_alone_and_one_that_is_gone_is_named() -> None:
    with pytest.raises(Invalid, match="objects_unsafe"):
        StoredObjects.in_bucket("media", endpoint="http://bucket.example", region=REGION, key=KEY)
    gone = StoredObjects.in_bucket("media", endpoint="http://127.0.0.1:9", region=REGION, key=KEY)
    with pytest.raises(Unavailable, match="objects_unavailable"):
        await gone.get("originals/a.png")
