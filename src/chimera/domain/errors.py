"""What can go wrong, sorted by what the caller does next. May not know who calls.

ChimeraError
├── Invalid      change it        exit 2   HTTP 422
├── Missing      look elsewhere   exit 2   HTTP 404
├── Conflict     read it again    exit 1   HTTP 409
├── Refused      not allowed      exit 1   HTTP 403
└── Unavailable  later            exit 3   HTTP 503
"""

from __future__ import annotations


class ChimeraError(Exception):
    """An expected refusal: a stable code for machines, a message and a remedy for people."""

    exit_code = 1

    def __init__(self, code: str, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(code, message, where, remedy)
        self.code = code
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{place}{self.message}{remedy} [{self.code}]"


class Invalid(ChimeraError):
    """The input itself is wrong: change it."""

    exit_code = 2


class Missing(ChimeraError):
    """There is no such thing: look elsewhere."""

    exit_code = 2


class Conflict(ChimeraError):
    """Somebody else was faster: read again, then decide again."""

    exit_code = 1


class Refused(ChimeraError):
    """Understood, and not allowed."""

    exit_code = 1


class Unavailable(ChimeraError):
    """Something that is needed does not answer: try later."""

    exit_code = 3
