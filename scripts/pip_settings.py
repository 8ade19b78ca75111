"""Prints pip's settings as the variables that uv reads. Reads the environment and `pip config`; changes nothing.

Runs on a bare Python, before there is an environment.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping

# pip's option → uv's variable, and what stands between several values there.
VARIABLES = {
    "cert": ("SSL_CERT_FILE", ""),
    "client-cert": ("SSL_CLIENT_CERT", ""),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "no-index": ("UV_NO_INDEX", ""),
    "proxy": ("ALL_PROXY", ""),
    "timeout": ("UV_HTTP_TIMEOUT", ""),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}
# Sections of pip's files that count for `pip install`, the later the stronger.
LINE = re.compile(r"^(global|install|:env:)\.([a-z-]+)=(.+)$")
STRENGTH = ("global", "install", ":env:")


def uv_settings(lines: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """What `pip config list` says, in uv's words. A variable that is already set stands."""
    found = sorted((match.groups() for line in lines if (match := LINE.match(line))), key=_strength)
    settings: dict[str, str] = {}
    for _, option, text in found:
        name, between = VARIABLES.get(option, ("", ""))
        if name and name not in environ:
            value = str(ast.literal_eval(text))
            settings[name] = between.join(value.split()) if between else value
    return settings


def _strength(found: tuple[str, ...]) -> int:
    return STRENGTH.index(found[0])


def pip_config() -> list[str]:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    if listing.returncode == 0:
        return listing.stdout.splitlines()
    # Without pip there are no files of pip's; its variables may be there all the same.
    return [
        f":env:.{name[4:].lower().replace('_', '-')}={text!r}"
        for name, text in os.environ.items()
        if name[:4] == "PIP_"
    ]


if __name__ == "__main__":
    for name, value in uv_settings(pip_config(), os.environ).items():
        print(f"export {name}={shlex.quote(value)}")
