"""Reads the newest commits of a repository on this machine. Changes nothing in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec import Struct

from chimera.domain.errors import Invalid, Unavailable

COMMITS_MAX = 100
SUBJECT_CHARS_MAX = 500
MESSAGE_CHARS_MAX = 20_000
SECONDS_MAX = 30.0
_COMMIT, _FIELD, _END = "\x1e", "\x1f", "\x1d"


class Commit(Struct, frozen=True, kw_only=True):
    """One commit: what its author says of it, and how large it is."""

    digest: str
    subject: str
    message: str
    files: int
    added: int
    removed: int


async def newest(repository: Path, *, count: int) -> tuple[Commit, ...]:
    """The newest commits but merges, oldest of them first."""
    if not 1 <= count <= COMMITS_MAX:
        raise Invalid("commits_out_of_range", f"{count} commits", where="count", remedy=f"1 to {COMMITS_MAX}")
    form = f"--format={_COMMIT}%H{_FIELD}%s{_FIELD}%b{_END}"
    told = await _git(repository, "log", "--no-merges", f"--max-count={count}", "--numstat", form)
    return tuple(reversed([_commit(part) for part in told.split(_COMMIT)[1:]]))


def _commit(part: str) -> Commit:
    head, _, figures = part.partition(_END)
    digest, subject, message = head.split(_FIELD, 2)
    rows = [line.split("\t") for line in figures.splitlines() if line.count("\t") >= 2]
    return Commit(
        digest=digest, subject=subject[:SUBJECT_CHARS_MAX] or "(nothing said)", message=message[:MESSAGE_CHARS_MAX],
        files=len(rows), added=sum(_number(row[0]) for row in rows), removed=sum(_number(row[1]) for row in rows),
    )  # fmt: skip


def _number(figure: str) -> int:
    """A binary file has a dash for lines."""
    return int(figure) if figure.isdigit() else 0


async def _git(repository: Path, *arguments: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            "git", "-C", str(repository), *arguments, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise Unavailable("git_missing", str(error), where="git", remedy="install git") from error
    try:
        said, wrong = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise Unavailable("git_missing", "git does not answer", where=str(repository), remedy="look at git") from error
    if process.returncode:
        raise Invalid("repository_unreadable", wrong.decode("utf-8", "replace")[:300], where=str(repository),
                      remedy="name a folder that is a git repository")  # fmt: skip
    return said.decode("utf-8", "replace")
