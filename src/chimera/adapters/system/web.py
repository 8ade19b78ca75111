"""Reads addresses over HTTP and HTTPS and nothing else: no files, and no redirects to anywhere."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPResponse


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()


def open_address(request: urllib.request.Request, *, seconds_max: float) -> HTTPResponse:
    """The answer, to be read and closed by whoever asked; `URLError` when there is none."""
    answer = _OPENER.open(request, timeout=seconds_max)
    if answer is None:
        raise urllib.error.URLError("this is no address of HTTP or HTTPS")
    return answer
