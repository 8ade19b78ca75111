"""How commands speak: people on a terminal, or one JSON object; and what an error looks like. Decides nothing.

stdout is the answer, stderr is everything else. Exit codes: 0 done, 1 no, 2 wrong input, 3 something is not available.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO, cast

import msgspec
import structlog
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.exceptions import TyperException

from chimera.domain import canonical
from chimera.domain.errors import ChimeraError, Invalid
from chimera.domain.faults import Fault, Faults

UNREAD, USAGE, UNEXPECTED, INTERRUPTED = 1, 2, 3, 130
ARGUMENT_LENGTH_MAX = 200_000
UNSEEN_WIDTH, NAMED_WIDTH_MAX = 2_000, 60
# Libraries that tell of every request, once any library has set up logging for all.
TALKATIVE = ("httpx", "httpx2", "httpcore", "mcp")
_log = structlog.get_logger()


def answer(result: dict[str, Any]) -> None:
    """The one JSON object of a command that was asked for JSON."""
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


def tell(text: str) -> None:
    """A line of the answer for people. Nothing in it is taken for markup."""
    Console(file=sys.stdout, highlight=False, soft_wrap=True).print(escape(text))


def note(text: str) -> None:
    """A line beside the answer, for people."""
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(escape(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows for people. Whoever reads a pipe or a file has no width: there a row is a line."""
    width = None if sys.stdout.isatty() else UNSEEN_WIDTH
    Console(file=sys.stdout, highlight=False, width=width).print(drawn(columns, rows), crop=False)


def drawn(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table in which what names a row is never broken: it is there to be copied."""
    cells = [tuple(map(escape, row)) for row in rows]
    named = min(max((cell_len(row[0]) for row in cells if row), default=0), NAMED_WIDTH_MAX)
    shown = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(column, overflow="fold", min_width=named if number == 0 else None)
    for row in cells:
        shown.add_row(*row)
    return shown


def fault_as_json(fault: Fault) -> dict[str, Any]:
    """One fault as `--json` gives it."""
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "path": list(fault.path),
        "message": fault.reason,
        "remedy": fault.remedy,
    }


def person() -> str:
    """Who sits at the keyboard, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"


class Stderr:
    """Whatever stands as standard error when something is said: loggers are kept, and it may be another by then.

    What cannot be said, on a full disk or to somebody who has gone, is left unsaid: no fleet ends for a line of log.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def log_to_stderr(level: str) -> None:
    """Logs are for whoever watches a process. They are not evidence, and never stand on stdout."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise Invalid(
            "log_level_unknown",
            f"{level[:20]!r} is not a log level",
            where="CHIMERA_LOG_LEVEL",
            remedy="choose debug, info, warning or error",
        )
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            # Never the frames' variables: passwords stand among them.
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", Stderr())),
        cache_logger_on_first_use=True,
    )


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run a command and say how it ended. No error leaves a trace of our inside on a person's screen."""
    as_json = "--json" in arguments
    if not __debug__:
        return _report(_without_assertions(), as_json=as_json)
    try:
        _require_texts(arguments)
        outcome = app(args=list(arguments), prog_name="chimera", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except typer.Exit as ending:
        return ending.exit_code
    except (typer.Abort, KeyboardInterrupt):
        note("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has read enough. The interpreter would complain again while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except TyperException as error:
        return _report(_from_usage(error), as_json=as_json)
    except ChimeraError as error:
        return _report(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001 — the last frame: whatever it was, a person gets a sentence.
        return _report_unexpected(error, as_json=as_json)


def _require_texts(arguments: Sequence[str]) -> None:
    """What no command could keep or say again is refused before any of them is asked, and nothing is written."""
    for argument in arguments:
        if len(argument) > ARGUMENT_LENGTH_MAX:
            raise Invalid(
                "argument_too_long",
                f"an argument has {len(argument)} characters, {ARGUMENT_LENGTH_MAX} are allowed",
                where="the command line",
                remedy="give a file where the command takes one",
            )
        canonical.require_text(argument, where="the command line")


def _without_assertions() -> ChimeraError:
    return Invalid(
        "python_optimised",
        "Python runs with -O or PYTHONOPTIMIZE, which removes our assertions, and they are part of the building",
        where="python -O",
        remedy="start chimera without it",
    )


def _from_usage(error: TyperException) -> ChimeraError:
    said = getattr(error, "format_message", lambda: str(error))()
    usage = ChimeraError("usage", said, remedy="add --help to see how the command is written")
    usage.exit_code = USAGE
    return usage


def _report(error: ChimeraError, *, as_json: bool) -> int:
    if as_json:
        answer(_as_json(error))
    elif isinstance(error, Faults):
        for fault in error.faults:
            note(str(fault))
    else:
        note(str(error))
    return error.exit_code


def _as_json(error: ChimeraError) -> dict[str, Any]:
    if isinstance(error, Faults):
        return {
            "errors": [
                {
                    "code": error.code,
                    "message": fault.reason,
                    "where": fault.where,
                    "remedy": fault.remedy,
                    "file": fault.file,
                    "line": fault.line,
                }
                for fault in error.faults
            ]
        }
    return {"error": {"code": error.code, "message": error.message, "where": error.where, "remedy": error.remedy}}


def _report_unexpected(error: Exception, *, as_json: bool) -> int:
    _log.error("unexpected", exc_info=error)
    said = ChimeraError(
        "unexpected",
        f"{type(error).__name__}: {error}",
        remedy="this is a fault of ours; the lines above belong in a report",
    )
    _report(said, as_json=as_json)
    return UNEXPECTED
