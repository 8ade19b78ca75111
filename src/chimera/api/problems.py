"""What an error looks like over HTTP: problem+json (RFC 9457) with the stable code. Mapped here and nowhere else."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chimera.domain import faults
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
TEXT_MAX = 500
_log = structlog.get_logger()

_STATUS: dict[type[ChimeraError], int] = {Invalid: 422, Missing: 404, Conflict: 409, Refused: 403, Unavailable: 503}
# Where HTTP has a word of its own for it. The code says the same as everywhere else.
_STATUS_OF_CODE = {
    "session_missing": 401,
    "not_recognised": 401,
    "session_over": 401,
    "token_over": 401,
    "person_disabled": 401,
    "login_refused": 401,
    "login_unknown": 401,
    "login_not_begun": 401,
    "provider_refused": 401,
    "login_locked": 429,
    "login_busy": 429,
    "review_claimed": 409,
    "version_not_given": 428,
    "version_stale": 412,
    "request_too_large": 413,
    "rate_limited": 429,
    "request_malformed": 400,
    "host_not_served": 421,
}
_TITLES = {
    400: "Bad request", 401: "Not logged in", 403: "Not allowed", 404: "No such thing", 405: "No such method",
    409: "Somebody was faster", 412: "It has changed since", 413: "Too large", 421: "Not served here",
    422: "The input is wrong", 428: "Say which version", 429: "Too often", 500: "A fault of ours", 503: "Try later",
}  # fmt: skip


class ProblemFault(Struct, frozen=True, kw_only=True):
    """One of several faults of one input."""

    where: str
    message: str
    remedy: str = ""
    line: int = 0


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was not done. `code` stays the same from version to version (docs/reference/errors.md)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    where: str = ""
    remedy: str = ""
    faults: tuple[ProblemFault, ...] = ()


def status_of(error: ChimeraError) -> int:
    """The HTTP status of an error."""
    own = _STATUS_OF_CODE.get(error.code)
    if own is not None:
        return own
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def title_of(status: int) -> str:
    """A status in words."""
    return _TITLES.get(status, "Refused")


def problem_of(error: ChimeraError) -> Problem:
    """The problem that an error is."""
    status = status_of(error)
    several = error.faults if isinstance(error, faults.Faults) else ()
    return Problem(
        type=f"urn:chimera:problem:{error.code}",
        title=title_of(status),
        status=status,
        detail=error.message,
        code=error.code,
        where=error.where,
        remedy=error.remedy,
        faults=tuple(
            ProblemFault(where=fault.where, message=fault.reason, remedy=fault.remedy, line=fault.line)
            for fault in several
        ),
    )


def response_of(error: ChimeraError) -> Response:
    """The problem as it is sent."""
    return _response(problem_of(error))


def install(app: FastAPI) -> None:
    """Every error of the application leaves it as a problem."""
    app.add_exception_handler(ChimeraError, _chimera)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _chimera(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ChimeraError)
    return response_of(error)


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found: list[dict[str, Any]] = list(error.errors())
    several = tuple(ProblemFault(where=_place(one), message=printable(str(one.get("msg", "")))) for one in found[:50])
    first = several[0] if several else ProblemFault(where="body", message="cannot be read")
    problem = problem_of(Invalid("request_invalid", first.message, where=first.where, remedy="see the API's reference"))
    return _response(msgspec.structs.replace(problem, faults=several))


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            return response_of(
                Missing(
                    "route_unknown", "there is nothing at this address", where="path", remedy="see the API's reference"
                )
            )
        case 405:
            problem = problem_of(
                Invalid(
                    "method_unknown",
                    "this address does not take that method",
                    where="method",
                    remedy="see the API's reference",
                )
            )
            return _response(msgspec.structs.replace(problem, status=405, title=_TITLES[405]), error.headers)
        case _:
            return response_of(
                Invalid(
                    "request_malformed", printable(str(error.detail)), where="request", remedy="send well-formed JSON"
                )
            )


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("unexpected", path=request.url.path, exc_info=error)
    problem = problem_of(
        ChimeraError(
            "unexpected",
            "this is a fault of ours; the log has it",
            remedy="this is a fault of ours: report it with the lines on stderr",
        )
    )
    return _response(problem)


def _response(problem: Problem, headers: Any = None) -> Response:  # noqa: ANN401 – whatever mapping there is.
    told = dict(headers or {})
    if problem.status == 401:
        told["www-authenticate"] = 'Bearer realm="chimera"'
    if problem.status in (429, 503):
        told["retry-after"] = str(RETRY_SECONDS)
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=told)


def _place(fault: dict[str, Any]) -> str:
    return printable(".".join(str(part) for part in fault.get("loc", ())))


def printable(text: str) -> str:
    """A text that may quote what was sent, fit for an answer."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")[:TEXT_MAX]
