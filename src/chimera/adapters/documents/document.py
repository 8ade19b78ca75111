"""A document that was read: a plain value and the place of each of its parts. Built from events, without recursion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NoReturn, TypeAlias

from msgspec import Struct

from chimera.adapters.documents.limits import Complaint, DocumentLimits, about_key, about_text
from chimera.domain.faults import FAULTS_MAX, Fault, Faults, Path

Place: TypeAlias = tuple[int, int]
Places: TypeAlias = Mapping[Path, Place]
_UNSET = object()


class Stop(Exception):
    """Reading on makes no sense; what is wrong is in the builder."""


class Document(Struct, frozen=True, kw_only=True):
    """A plain value with the (line, column) of every part of it. An entry's place is that of its key."""

    file: str
    value: Any
    places: Places

    def place(self, path: Path) -> Place:
        """Where a part stands; where it is missing, where its nearest parent stands."""
        for length in range(len(path), -1, -1):
            if found := self.places.get(path[:length]):
                return found
        return (1, 1)

    def fault(self, path: Path, reason: str, remedy: str = "") -> Fault:
        """A fault of one part."""
        line, column = self.place(path)
        return Fault(file=self.file, line=line, column=column, path=path, reason=reason, remedy=remedy)


class Level(Struct):
    """An object or a list that is being filled."""

    container: dict[str, Any] | list[Any]
    key: str | None = None
    repeated: bool = False


class Builder:
    """Takes what a parser finds, one after the other; keeps values, places and faults."""

    def __init__(self, file: str, limits: DocumentLimits) -> None:
        self.file = file
        self.limits = limits
        self._levels: list[Level] = []
        self._path: list[str | int] = []
        self._places: dict[Path, Place] = {}
        self._faults: list[Fault] = []
        self._place: Place = (1, 1)
        self._nodes = 0
        self._result: Any = _UNSET

    @property
    def is_complete(self) -> bool:
        """Whether a whole value has been read."""
        return self._result is not _UNSET and not self._levels

    def at(self, line: int, column: int) -> None:
        """Where what follows stands."""
        self._place = (line, column)

    def complain(self, complaint: Complaint) -> None:
        """Notes a fault at the present place and goes on."""
        line, column = self._place
        self._faults.append(
            Fault(
                file=self.file,
                line=line,
                column=column,
                path=tuple(self._path),
                reason=complaint.reason,
                remedy=complaint.remedy,
            )
        )
        if len(self._faults) >= FAULTS_MAX:
            raise Stop

    def stop(self, reason: str, remedy: str = "") -> NoReturn:
        """Notes a fault and ends the reading."""
        self.complain(Complaint(reason, remedy))
        raise Stop

    def text(self, value: str) -> None:
        """A text, as a key or a value."""
        if complaint := about_text(value):
            self.complain(complaint)
        self.value(value)

    def value(self, value: object) -> None:
        """A scalar, as a key or a value."""
        self._count()
        if self._awaits_key():
            self._take_key(value)
        else:
            self._put(value)
            self._leave_entry()

    def open_object(self) -> None:
        """An object begins."""
        self._open({})

    def open_list(self) -> None:
        """A list begins."""
        self._open([])

    def close(self) -> None:
        """The innermost object or list ends."""
        self._levels.pop()
        self._leave_entry()

    def finish(self) -> Document:
        """The document, or `Faults`."""
        if not self._faults and not self.is_complete:
            self._faults.append(Fault(file=self.file, line=1, reason="the document is empty", remedy="write something"))
        if self._faults:
            raise Faults(self._faults)
        return Document(file=self.file, value=self._result, places=self._places)

    def _open(self, container: dict[str, Any] | list[Any]) -> None:
        self._count()
        if self._awaits_key():
            self.stop("a key is a list or an object", "a key is a name")
        if len(self._levels) >= self.limits.depth_max:
            self.stop(f"nested deeper than {self.limits.depth_max} levels", "flatten it")
        self._put(container)
        self._levels.append(Level(container))

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > self.limits.nodes_max:
            self.stop(f"more than {self.limits.nodes_max} parts", "split it")

    def _awaits_key(self) -> bool:
        return bool(self._levels) and isinstance(self._levels[-1].container, dict) and self._levels[-1].key is None

    def _take_key(self, key: object) -> None:
        level = self._levels[-1]
        if complaint := about_key(key):
            self.complain(complaint)
        level.key = str(key)
        level.repeated = level.key in level.container
        self._path.append(level.key)
        path = tuple(self._path)
        if level.repeated:
            line = self._places[path][0]
            self.complain(Complaint(f"the key stands here twice, first in line {line}", "remove one of them"))
        self._places.setdefault(path, self._place)

    def _put(self, value: object) -> None:
        if not self._levels:
            self._result = value
            self._places[()] = self._place
            return
        level = self._levels[-1]
        if isinstance(level.container, list):
            self._path.append(len(level.container))
            self._places[tuple(self._path)] = self._place
            level.container.append(value)
        elif level.key is not None and not level.repeated:
            level.container[level.key] = value

    def _leave_entry(self) -> None:
        if self._levels:
            self._path.pop()
            self._levels[-1].key = None


def decoded(data: bytes, builder: Builder) -> str:
    """The text of a document: of an allowed size, UTF-8, without NUL bytes. A leading byte-order mark is dropped."""
    if len(data) > builder.limits.bytes_max:
        builder.stop(f"{len(data)} bytes; a document has at most {builder.limits.bytes_max}", "split it")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        builder.at(data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start))
        builder.stop(f"byte 0x{data[error.start]:02X} is not UTF-8", "save the file as UTF-8")
    if (nul := text.find("\0")) >= 0:
        builder.at(text.count("\n", 0, nul) + 1, nul - text.rfind("\n", 0, nul))
        builder.stop("a NUL byte stands in the text", "remove it")
    return text


def read_bytes(path: FilePath, *, limits: DocumentLimits, file: str) -> bytes:
    """A file's bytes, never more than one beyond the limit; `Faults` when it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise Faults([Fault(file=file, line=1, reason="is not a file", remedy="name a file")])
        with path.open("rb") as stream:
            return stream.read(limits.bytes_max + 1)
    except OSError as error:
        reason = f"cannot be read: {error.strerror or type(error).__name__}"
        raise Faults([Fault(file=file, line=1, reason=reason, remedy="check the path")]) from error
