"""Reads the task types and says what is wrong with them, by line. A folder with a fault in it is not loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

import chimera
from chimera.adapters.documents import yaml
from chimera.adapters.documents.document import Document, read_bytes
from chimera.adapters.documents.limits import STANDARD, DocumentLimits
from chimera.adapters.documents.spec_rules import objections
from chimera.adapters.documents.validation import differences
from chimera.domain import canonical
from chimera.domain.faults import Fault, Faults
from chimera.domain.prompt import Prompt
from chimera.domain.spec import Check, Limits, Recall, Risk, Spec
from chimera.governance.schemas import Schema

_HOUSE = FilePath(chimera.__file__).parent
SPECS_FOLDER = _HOUSE / "specs"
PROMPTS_FOLDER = _HOUSE / "skills" / "prompts"
SPECS_MAX = 500
PROMPT_LIMITS = DocumentLimits(bytes_max=65_536)

_SPEC_NAME = "two words in lower case with a dot between them, such as copy.post"
Name = Annotated[
    str, Meta(pattern=r"^[a-z]+(\.[a-z][a-z_]*)+$", max_length=64, extra_json_schema={"x-form": _SPEC_NAME})
]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=1, le=10)]


class CheckPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check by name, with its parameters."""

    name: Word
    parameters: dict[str, Any] = {}


class LimitsPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one task may use."""

    seconds_max: Annotated[int, Meta(ge=1, le=3_600)] = 30
    attempts_max: Count = 3
    revisions_max: Annotated[int, Meta(ge=0, le=10)] = 3
    cost_micros_max: Annotated[int, Meta(ge=0, le=100_000_000)] = 50_000
    output_bytes_max: Annotated[int, Meta(ge=64, le=1_048_576)] = 65_536
    repairs_max: Annotated[int, Meta(ge=0, le=3)] = 1
    may_cache: bool = False
    drafts: Annotated[int, Meta(ge=1, le=8)] = 1


class RecallPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it has to do with memory."""

    memories_max: Annotated[int, Meta(ge=0, le=10)] = 0
    keeps: Annotated[str, Meta(max_length=64)] = ""
    importance_bp: Annotated[int, Meta(ge=0, le=10_000)] = 5_000


class ContextPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the checks of an example may compare with."""

    disclosure: str = ""
    sources: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    platform: str = ""


class ExamplePart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input and an output that match, and the checks that are to object to the output."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    input: dict[str, Any]
    output: dict[str, Any]
    context: ContextPart = ContextPart()
    findings: tuple[str, ...] = ()


class SpecFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task type as it is written in its file."""

    name: Annotated[Name, Meta(description="the task type's name, equal to the file's")]
    version: Annotated[int, Meta(ge=1, le=1_000_000, description="counts changes of the contract")]
    title: Annotated[str, Meta(min_length=1, max_length=200, description="what it is for, in one line")]
    skill: Annotated[Word, Meta(description="the skill that works on it")]
    input: Annotated[dict[str, Any], Meta(description="JSON Schema of what goes in")]
    output: Annotated[dict[str, Any], Meta(description="JSON Schema of what comes out")]
    checks: Annotated[tuple[CheckPart, ...], Meta(min_length=1, max_length=40, description="when it is good enough")]
    actions: Annotated[tuple[Word, ...], Meta(max_length=10, description="the kinds of action it may propose")]
    permissions: Annotated[tuple[Word, ...], Meta(max_length=20, description="what the agent has to be permitted")]
    examples: Annotated[
        tuple[ExamplePart, ...],
        Meta(min_length=1, max_length=40, description="inputs and outputs that show the contract"),
    ]
    prompt: Annotated[str, Meta(max_length=64, description="the prompt's name, if a model is asked")] = ""
    triggers: Annotated[tuple[Word, ...], Meta(max_length=10, description="the kinds of input that it answers")] = ()
    risk: Annotated[Risk, Meta(description="everything but ordinary needs a person")] = Risk.ORDINARY
    limits: LimitsPart = field(default_factory=LimitsPart)
    recall: RecallPart = field(default_factory=RecallPart)


SPEC_FILE = Schema(msgspec.json.schema(SpecFile))


def load_specs(folder: FilePath = SPECS_FOLDER, *, prompts: FilePath = PROMPTS_FOLDER) -> dict[str, Spec]:
    """Every task type of a folder by its name, or `Faults`."""
    specs, faults = read_specs(folder, prompts=prompts)
    if faults:
        raise Faults(faults, code="spec_invalid")
    return specs


def lint(folder: FilePath = SPECS_FOLDER, *, prompts: FilePath = PROMPTS_FOLDER) -> tuple[Fault, ...]:
    """Everything that is wrong with the task types of a folder (or with one file), in order."""
    faults = read_specs(folder, prompts=prompts)[1]
    return Faults(faults).faults if faults else ()


def read_specs(folder: FilePath, *, prompts: FilePath) -> tuple[dict[str, Spec], list[Fault]]:
    """The task types that can be read, and what is wrong."""
    faults: list[Fault] = []
    specs: dict[str, Spec] = {}
    answering: dict[str, str] = {}
    for path in _files(folder, faults):
        document = _read_one(path, prompts, faults)
        if document:
            specs[path.stem] = spec = to_spec(document)
            faults.extend(_answered_twice(document, spec, answering))
    return specs, faults


def _answered_twice(document: Document, spec: Spec, answering: dict[str, str]) -> Iterator[Fault]:
    for index, kind in enumerate(spec.triggers):
        if kind in answering:
            yield document.fault(
                ("triggers", index),
                f"{answering[kind]} answers inputs of the kind {kind!r} already",
                "one kind of input has one answer",
            )
        answering[kind] = spec.name


def load_prompts(folder: FilePath = PROMPTS_FOLDER) -> dict[str, Prompt]:
    """Every prompt of a folder by its name."""
    return {path.stem: read_prompt(path) for path in sorted(folder.glob("*.md"))}


def read_prompt(path: FilePath) -> Prompt:
    """One prompt, or `Faults` when it cannot be read, is empty or too long."""
    data = read_bytes(path, limits=PROMPT_LIMITS, file=str(path))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault(file=str(path), line=line, reason="this is not UTF-8", remedy="save the file as UTF-8")
        raise Faults([fault]) from error
    if not text.strip() or len(data) > PROMPT_LIMITS.bytes_max or "\0" in text:
        raise Faults([Fault(file=str(path), line=1, reason="a prompt is text of 1 to 65536 bytes without NUL")])
    return Prompt(path.stem, text)


def _files(folder: FilePath, faults: list[Fault]) -> list[FilePath]:
    if folder.is_file():
        return [folder]
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if not files:
        faults.append(Fault(file=str(folder), line=1, reason="there is no task type here", remedy="check the path"))
    if len(files) > SPECS_MAX:
        faults.append(Fault(file=str(folder), line=1, reason=f"{len(files)} task types, {SPECS_MAX} at most"))
        return []
    wrong = sorted(folder.glob("*.yml")) if folder.is_dir() else []
    faults += [Fault(file=str(path), line=1, reason="is not read", remedy="name it .yaml") for path in wrong]
    return files


def _read_one(path: FilePath, prompts: FilePath, faults: list[Fault]) -> Document | None:
    try:
        document = yaml.read(path, limits=STANDARD)
    except Faults as error:
        faults.extend(error.faults)
        return None
    found = faults_of(document, path=path, prompts=prompts)
    faults.extend(found)
    return None if found else document


def faults_of(document: Document, *, path: FilePath, prompts: FilePath) -> list[Fault]:
    """Everything that is wrong with one task type: first its form; when that is right, what it says."""
    return list(differences(document, SPEC_FILE)) or list(_beyond_schema(document, path, prompts))


def _beyond_schema(document: Document, path: FilePath, prompts: FilePath) -> Iterator[Fault]:
    if document.value["name"] != path.stem:
        yield document.fault(
            ("name",),
            f"the name is {document.value['name']!r}, the file is {path.name!r}",
            f"name the file {document.value['name']}.yaml",
        )
    yield from objections(document)
    if name := document.value.get("prompt", ""):
        yield from _prompt_faults(document, name, prompts)


def _prompt_faults(document: Document, name: str, prompts: FilePath) -> Iterator[Fault]:
    path = prompts / f"{name}.md"
    if "/" in name or "\\" in name or name.startswith(".") or not path.is_file():
        yield document.fault(("prompt",), f"there is no prompt {name!r}", f"write {prompts.name}/{name[:64]}.md")
        return
    try:
        read_prompt(path)
    except Faults as error:
        yield from error.faults


def to_spec(document: Document) -> Spec:
    """The task type of a document that was found without fault."""
    value = document.value
    return Spec(
        name=value["name"], version=value["version"], title=value["title"], skill=value["skill"],
        input=value["input"], output=value["output"], prompt=value.get("prompt", ""),
        checks=tuple(Check(check["name"], check.get("parameters", {})) for check in value["checks"]),
        actions=tuple(value["actions"]), permissions=tuple(value["permissions"]),
        triggers=tuple(value.get("triggers", ())),
        risk=Risk(value.get("risk", Risk.ORDINARY)), limits=msgspec.convert(value.get("limits", {}), Limits),
        recall=msgspec.convert(value.get("recall", {}), Recall),
        digest=canonical.hash_of(value),
    )  # fmt: skip
