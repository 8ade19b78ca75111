"""Objects by obstore: a folder, or a bucket that speaks S3. Knows addresses and keys; looks into no object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from chimera.domain.errors import Invalid, Missing, Unavailable
from chimera.ports.objects import Kept

NAME_CHARS_MAX = 200
OBJECT_BYTES_MAX = 256 * 1024 * 1024


class StoredObjects:
    """Implements `ports.objects.Objects`. `public_url` is what stands in front of it, such as a CDN."""

    def __init__(self, store: LocalStore | S3Store, *, public_url: str = "") -> None:
        self._store = store
        self._public_url = public_url.rstrip("/")

    @classmethod
    def in_folder(cls, folder: Path, *, public_url: str = "") -> StoredObjects:
        """In a folder of this machine, which is made if it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(LocalStore(folder), public_url=public_url)

    @classmethod
    def in_bucket(cls, bucket: str, *, endpoint: str, region: str, key: tuple[str, str],
                  public_url: str = "") -> StoredObjects:  # fmt: skip
        """In a bucket. An endpoint by plain HTTP is taken on this machine alone."""
        is_here = endpoint.startswith(("http://127.0.0.1:", "http://localhost:"))
        if endpoint.startswith("http://") and not is_here:
            raise Invalid(
                "objects_unsafe", "a bucket is reached by https", where="media_store", remedy="write https://"
            )
        store = S3Store(bucket, endpoint=endpoint, region=region, access_key_id=key[0], secret_access_key=key[1],
                        virtual_hosted_style_request=False, client_options={"allow_http": is_here})  # fmt: skip
        return cls(store, public_url=public_url)

    async def put(self, name: str, data: bytes, *, mime: str) -> None:
        """Write it; a disk keeps no type, its ending says it."""
        _require_name(name)
        if len(data) > OBJECT_BYTES_MAX:
            raise Invalid(
                "object_too_large", f"{len(data)} bytes, {OBJECT_BYTES_MAX} are allowed", where=name, remedy="keep less"
            )
        attributes = None if isinstance(self._store, LocalStore) else {"Content-Type": mime}
        try:
            await obstore.put_async(self._store, name, data, attributes=attributes)
        except (BaseError, OSError) as error:
            raise _away(name, error) from error

    async def get(self, name: str) -> bytes:
        """Read it whole."""
        _require_name(name)
        try:
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())
        except FileNotFoundError as error:
            raise Missing(
                "object_missing", "there is no such object", where=name, remedy="have it made again"
            ) from error
        except (BaseError, OSError) as error:
            raise _away(name, error) from error

    async def list(self, folder: str) -> Sequence[Kept]:
        """Everything in a folder, by name."""
        _require_name(folder)
        try:
            pages: Any = cast("Any", obstore).list(
                self._store, prefix=folder, return_arrow=False
            )  # Its stubs speak of Arrow.
            found: list[Any] = [one async for page in pages for one in page]
        except (BaseError, OSError) as error:
            raise _away(folder, error) from error
        kept = [Kept(name=one["path"], bytes=one["size"], at_us=int(one["last_modified"].timestamp() * 1_000_000))
                for one in found]  # fmt: skip
        return sorted(kept, key=lambda one: one.name)

    async def delete(self, name: str) -> None:
        """Remove it."""
        _require_name(name)
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _away(name, error) from error

    def url(self, name: str) -> str:
        """Its public address."""
        return f"{self._public_url}/{quote(name)}" if self._public_url else ""


def _require_name(name: str) -> None:
    if not name or len(name) > NAME_CHARS_MAX or name.startswith("/") or ".." in name.split("/"):
        raise Invalid(
            "object_name",
            f"this names no object: {name[:60]!r}",
            where="objects",
            remedy="use a name of the form folder/name",
        )


def _away(name: str, error: Exception) -> Unavailable:
    return Unavailable("objects_unavailable", f"what is kept cannot be reached: {error}"[:200], where=name,
                       remedy="look at media_store in the settings, and at the disk or the bucket")  # fmt: skip
