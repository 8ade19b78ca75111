"""Each mistake in a task type gives a fault on its line, with a remedy; a folder with faults is not loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chimera.adapters.documents import yaml
from chimera.adapters.documents.specs import PROMPTS_FOLDER, SPECS_FOLDER, faults_of, lint, load_prompts, load_specs
from chimera.domain.faults import Faults
from tests.adapters.documents.faulty import faults_from, mutations

GOOD = """\
name: test.note
version: 1
title: Keep a line
skill: bench
input:
  type: object
  properties:
    text: {type: string, minLength: 1, maxLength: 100}
  required: [text]
  additionalProperties: false
output:
  type: object
  properties:
    text: {type: string, minLength: 1, maxLength: 100}
    tags: {type: array, maxItems: 3, items: {enum: [red, blue]}}
  required: [text]
  additionalProperties: false
checks:
  - {name: max_graphemes, parameters: {graphemes_max: 20}}
actions: [note.keep]
permissions: [note.keep]
prompt: test.note
examples:
  - title: fits
    input: {text: a}
    output: {text: a}
  - title: too long
    input: {text: a}
    output: {text: "123456789012345678901"}
    findings: [max_graphemes]
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    specs, prompts = tmp_path / "specs", tmp_path / "prompts"
    specs.mkdir()
    prompts.mkdir()
    (prompts / "test.note.md").write_text("Keep it.")
    return specs, prompts


def written(folders: tuple[Path, Path], text: str, name: str = "test.note.yaml") -> tuple[Path, Path]:
    (folders[0] / name).write_text(text)
    return folders


def replaced(old: str, new: str) -> Callable[[str], str]:
    assert GOOD.count(old) >= 1, old
    return lambda text: text.replace(old, new, 1)


def test_the_good_one_is_loaded(folders: tuple[Path, Path]):
    specs, prompts = written(folders, GOOD)
    assert lint(specs, prompts=prompts) == ()
    loaded = load_specs(specs, prompts=prompts)["test.note"]
    assert (loaded.version, loaded.prompt, loaded.checks[0].parameters) == (1, "test.note", {"graphemes_max": 20})
    assert loaded.limits.seconds_max == 30


@pytest.mark.requirement("R-K1")
@pytest.mark.parametrize(
    ("change", "line", "reason", "remedy"),
    [
        (
            replaced("name: test.note", "name: test.other"),
            1,
            "the file is 'test.note.yaml'",
            "name the file test.other.yaml",
        ),
        (replaced("name: test.note", "name: Test Note"), 1, "does not have the right form", "two words in lower case"),
        (replaced("version: 1", "version: 0"), 2, "0 is less than 1", ""),
        (replaced("version: 1", 'version: "1"'), 2, "the text '1' where a whole number belongs", "counts changes"),
        (replaced("title: Keep a line\n", ""), 1, "'title' is missing", "what it is for"),
        (replaced("title: Keep", "titel: Keep"), 3, "'titel' is not known here", "did you mean 'title'?"),
        (replaced("skill: bench", "skill: chronicel"), 4, "there is no skill 'chronicel'", "did you mean 'chronicle'?"),
        (replaced("actions: [note.keep]", "actions: [note.kep]"), 20, "there is no action 'note.kep'", "note.keep"),
        (replaced("permissions: [note.keep]", "permissions: [note.kep]"), 21, "there is no permission", "note.keep"),
        (
            replaced("permissions: [note.keep]", "permissions: []"),
            20,
            "needs the permission 'note.keep'",
            "add note.keep",
        ),
        (
            replaced("permissions: [note.keep]", "permissions: [note.keep, note.keep]"),
            21,
            "stands here twice",
            "remove",
        ),
        (
            replaced(
                "actions: [note.keep]\npermissions: [note.keep]", "actions: [payment.send]\npermissions: [payment.send]"
            ),
            20,
            "moves money",
            "risk: financial",
        ),
        (
            replaced("name: max_graphemes", "name: max_grafemes"),
            19,
            "there is no check",
            "did you mean 'max_graphemes'?",
        ),
        (replaced("graphemes_max: 20", "graphemes: 20"), 19, "is not known here", "did you mean 'graphemes_max'?"),
        (replaced("graphemes_max: 20", "graphemes_max: -1"), 19, "-1 is less than 0", ""),
        (
            replaced("graphemes_max: 20", "graphemes_max: 20, field: txt"),
            19,
            "the output has no text at 'txt'",
            "field",
        ),
        (replaced("graphemes_max: 20", 'graphemes_max: 20, field: "../x"'), 19, "right form", "a path in the output"),
        (
            replaced("prompt: test.note", "prompt: test.nope"),
            22,
            "there is no prompt 'test.nope'",
            "prompts/test.nope.md",
        ),
        (replaced("prompt: test.note", "prompt: ../../etc/passwd"), 22, "there is no prompt", ""),
        (
            replaced(
                "  type: object\n  properties:\n    text: {type: string, minLength: 1, maxLength: 100}\n    tags",
                "  type: objekt\n  properties:\n    text: {type: string, minLength: 1, maxLength: 100}\n    tags",
            ),
            11,
            "this is no JSON Schema",
            "output.type",
        ),
        (
            replaced("    tags: {type: array,", "    tags: {type: array, patern: x,"),
            15,
            "the keyword 'patern' is not used",
            "pattern",
        ),
        (replaced("maxItems: 3, ", ""), 15, "the list has no limit", "maxItems"),
        (replaced(", maxLength: 100}\n    tags", "}\n    tags"), 14, "the text has no limit", "maxLength"),
        (
            replaced("  additionalProperties: false\nchecks", "checks"),
            11,
            "the object is open",
            "additionalProperties: false",
        ),
        (replaced("items: {enum: [red, blue]}", "items: {type: number}"), 15, "no single spelling", "whole numbers"),
        (replaced("items: {enum: [red, blue]}", "items: {}"), 15, "allows anything", "write a type"),
        (replaced("items: {enum: [red, blue]}", "items: true"), 15, "allows anything or nothing", "write a type"),
        (
            replaced("items: {enum: [red, blue]}", 'items: {$ref: "http://x.example/y"}'),
            11,
            "Retrieval is disabled",
            "",
        ),
        (replaced("    output: {text: a}", "    output: {txt: a}"), 26, "'text' is missing", "add it"),
        (replaced("    input: {text: a}", "    input: {text: 1}"), 25, "the number 1 where text belongs", ""),
        (
            replaced("    output: {text: a}", '    output: {text: "123456789012345678901"}'),
            26,
            "max_graphemes objects",
            "mend it",
        ),
        (replaced('"123456789012345678901"', "short"), 30, "max_graphemes does not object", "mend the example"),
        (
            replaced("findings: [max_graphemes]", "findings: [max_graphemes, no_links]"),
            30,
            "'no_links' is none of the checks",
            "",
        ),
        (
            replaced("  - title: fits\n    input: {text: a}\n    output: {text: a}\n", ""),
            23,
            "no example passes",
            "without findings",
        ),
        (replaced("examples:", "limits: {seconds_max: 100000}\nexamples:"), 23, "100000 is more than 3600", ""),
        (replaced("examples:", "risk: politcs\nexamples:"), 23, "not one of the choices", "did you mean 'politics'?"),
    ],
)
def test_one_mistake_one_fault(
    folders: tuple[Path, Path], change: Callable[[str], str], line: int, reason: str, remedy: str
):
    specs, prompts = written(folders, change(GOOD))
    faults = lint(specs, prompts=prompts)
    found = [fault for fault in faults if reason in fault.reason]
    assert found, [str(fault) for fault in faults]
    assert found[0].line == line
    assert remedy in found[0].remedy
    assert found[0].file.endswith("test.note.yaml")
    with pytest.raises(Faults):
        load_specs(specs, prompts=prompts)


def test_two_answers_to_one_kind_of_input(folders: tuple[Path, Path]):
    answering = GOOD.replace("prompt:", "triggers: [mention]\nprompt:")
    written(folders, answering)
    specs, prompts = written(folders, answering.replace("name: test.note", "name: test.other"), "test.other.yaml")
    [fault] = lint(specs, prompts=prompts)
    assert "test.note answers inputs of the kind 'mention' already" in fault.reason
    assert (fault.file.endswith("test.other.yaml"), fault.line) == (True, 22)


def test_folders_and_files(folders: tuple[Path, Path], tmp_path: Path):
    specs, prompts = written(folders, GOOD)
    assert "there is no task type here" in lint(tmp_path / "none", prompts=prompts)[0].reason
    assert "is not read" in lint(written(folders, GOOD, "other.yml")[0], prompts=prompts)[0].reason
    assert lint(specs / "test.note.yaml", prompts=prompts) == ()


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "1 to 65536"), (b"\xff", "not UTF-8"), (b"x\0", "NUL"), (b"x" * 70_000, "1 to 65536")]
)
def test_a_prompt_that_is_no_text(folders: tuple[Path, Path], content: bytes, reason: str):
    specs, prompts = written(folders, GOOD)
    (prompts / "test.note.md").write_bytes(content)
    assert reason in lint(specs, prompts=prompts)[0].reason


@pytest.mark.requirement("R-K1")
def test_a_prompt_is_named_by_its_content(tmp_path: Path):
    (tmp_path / "a.md").write_text("Keep it.")
    before = load_prompts(tmp_path)["a"].ref
    (tmp_path / "a.md").write_text("Keep it!")
    assert load_prompts(tmp_path)["a"].ref != before


@pytest.mark.requirement("R-K1")
def test_the_digest_changes_with_the_content_and_not_with_the_writing(folders: tuple[Path, Path]):
    specs, prompts = written(folders, GOOD)
    digest = load_specs(specs, prompts=prompts)["test.note"].digest
    written(folders, "# a comment\n" + GOOD.replace("{text: a}", '{"text": "a"}'))
    assert load_specs(specs, prompts=prompts)["test.note"].digest == digest
    written(folders, GOOD.replace("graphemes_max: 20", "graphemes_max: 19"))
    assert load_specs(specs, prompts=prompts)["test.note"].digest != digest


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.requirement("R-K1")
def test_four_thousand_mutated_task_types_give_faults_or_a_task_type():
    originals = [path.read_bytes() for path in sorted(SPECS_FOLDER.glob("*.yaml"))]
    refused = 0
    for data in mutations(originals, count=4_000, seed=20261121):
        try:
            faults = faults_of(yaml.parse(data, file="x.yaml"), path=Path("x.yaml"), prompts=PROMPTS_FOLDER)
        except Faults as error:
            faults = list(error.faults)
        refused += bool(faults)
        assert all(fault.reason and fault.line >= 1 for fault in faults)
    assert refused == 4_000, "the file's name alone makes each of them wrong"


def test_what_is_not_yaml_at_all(folders: tuple[Path, Path]):
    specs, prompts = written(folders, "name: [")
    assert faults_from(lambda: load_specs(specs, prompts=prompts))[0].line >= 1
