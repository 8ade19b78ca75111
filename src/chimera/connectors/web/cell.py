"""What a process that parses strangers' bytes has: one document, two limits, and nothing else.

Whatever goes wrong ends this process, and nobody else. No rule of any format is here.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

CPU_SECONDS_MAX = 10
MEMORY_BYTES_MAX = 1024 * 1024 * 1024
LINK_CHARS_MAX = 2_000


def run(parse: Callable[[bytes, str], dict[str, Any] | None]) -> None:
    """Parse what stands on standard input, and write it as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where it came from: links in it are read from there")
    url = parser.parse_args().url
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.stdout.buffer.write(msgspec.json.encode(parse(sys.stdin.buffer.read(), url)))


def link_of(url: str, link: str) -> str:
    """A link in full; nothing for what is no address of the web."""
    try:
        full = urljoin(url, link)
        return full[:LINK_CHARS_MAX] if link and urlsplit(full).scheme in ("http", "https") else ""
    except ValueError:
        return ""
