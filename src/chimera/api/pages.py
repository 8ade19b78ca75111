"""The console's files, as they were built; or a plain page that says how to build them. Serves nothing else."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from pathlib import Path

from fastapi import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from chimera.api.route import Public, Route
from chimera.domain.errors import Missing

INDEX = "index.html"
WHY = Public("the log-in page itself: files that are the same for everybody")
YEAR = "public, max-age=31536000, immutable"
_PLAIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Chimera</title>
<style>body{{font:16px/1.5 system-ui;max-width:44rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}}</style>
<h1>Chimera runs</h1><p>The API answers here; the console is not built yet.</p>
<p>In the source's folder: <code>make console</code>, then load this page again.
Until then: <code>chimera top</code>, <code>chimera review list</code>, and
<a href="/v1/openapi.json">the API's description</a>.</p></html>"""


class PageRoutes:
    """Every path that is not the API's."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder.resolve()

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/{path:path}", endpoint=self.show, needs=WHY, media="text/html", name="console",
                    shows_data=False)  # fmt: skip

    async def show(self, request: Request, path: str) -> Response:
        """A file of the console; for the addresses within it, its first page."""
        if path.startswith("v1/") or path == "v1":
            raise Missing(
                "route_unknown", "there is nothing at this address", where="path", remedy="see the API's reference"
            )
        found = self._file(path)
        if found is not None:
            return _served(found, request, path)
        if "." in path.rpartition("/")[2]:
            raise Missing("route_unknown", "there is no such file", where="path", remedy="see the API's reference")
        index = self._file(INDEX)
        return _served(index, request, INDEX) if index else HTMLResponse(_PLAIN.replace("{{", "{").replace("}}", "}"))

    def _file(self, path: str) -> Path | None:
        if not path or "\x00" in path or len(path) > 500:
            return None
        found = (self._folder / path).resolve()
        return found if found.is_relative_to(self._folder) and found.is_file() else None


def _served(found: Path, request: Request, path: str) -> Response:
    """The file, or its packed form where the browser takes it."""
    media = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    headers = {"cache-control": YEAR if path.startswith("assets/") else "no-cache", "vary": "accept-encoding"}
    packed = found.with_name(f"{found.name}.br")
    if "br" in request.headers.get("accept-encoding", "") and packed.is_file():
        return FileResponse(packed, media_type=media, headers={**headers, "content-encoding": "br"})
    packed = found.with_name(f"{found.name}.gz")
    if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
        return FileResponse(packed, media_type=media, headers={**headers, "content-encoding": "gzip"})
    return FileResponse(found, media_type=media, headers=headers)
