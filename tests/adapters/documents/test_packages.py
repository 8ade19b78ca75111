"""A package is read whole or not at all; every mistake is told with file, line, reason and remedy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chimera.adapters.documents import packages
from chimera.adapters.documents.packages import digest_of, package_of, read_files, read_package
from chimera.adapters.documents.specs import load_specs
from chimera.domain.faults import Faults
from tests.adapters.documents.faulty import faults_from, mutations

AGENTS = Path(__file__).resolve().parents[3] / "agents"
SPECS = load_specs()
GOOD = """\
identity:
  name: studio.persona
  version: "1.0.0"
  title: A persona
  owner: Studio
persona:
  name: Persona
  voice: Short and dry.
  disclosure: "[AI persona]"
goals: [Say one thing a day.]
capabilities: [trends, copy]
permissions: [trends.read, post.publish]
accounts:
  - {platform: sandbox, handle: "@persona"}
models:
  copy.post: [offline]
budget:
  day: "5.00"
schedule:
  timezone: Europe/Paris
  hours:
    - {days: [monday], opens: "08:00", closes: "20:00"}
constitution: constitution.yaml
handover:
  - {stage: plan, note: Look at it.}
"""
RULES = """\
rules:
  - {id: be-kind, severity: refuse, rule: Be kind.}
  - {id: be-brief, severity: revise, rule: Be brief., good: [Yes.], bad: ["Well, yes, in a way."]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "studio.persona"
    made.mkdir()
    (made / "manifest.yaml").write_text(GOOD)
    (made / "constitution.yaml").write_text(RULES)
    return made


def read(folder: Path):
    return read_package(folder, specs=SPECS)


def test_a_good_package(folder: Path):
    package = read(folder)
    assert package.files == ("constitution.yaml", "manifest.yaml")
    assert package.manifest.budget_micros_day == 5_000_000
    assert package.constitution is not None
    assert [rule.id for rule in package.constitution.rules] == ["be-kind", "be-brief"]


@pytest.mark.requirement("R-C1", "R-C2")
@pytest.mark.parametrize("name", ["gaming.banterpacks", "studio.newsdesk"])
def test_the_packages_that_come_with_the_house(name: str):
    package = read(AGENTS / name)
    assert package.manifest.identity.name == name
    assert package.constitution is not None
    assert not package.manifest.exceeds_default_budget
    assert "README.md" in package.files


@pytest.mark.requirement("R-C2")
def test_banterpacks_is_a_cast_that_can_tell_a_commit():
    manifest = read(AGENTS / "gaming.banterpacks").manifest
    assert len(manifest.persona.cast) >= 3
    spec = SPECS["chronicle.episode"]
    assert set(spec.permissions) <= set(manifest.permissions)
    assert spec.skill in manifest.capabilities


def mistake(old: str, new: str) -> Callable[[str], str]:
    assert old in GOOD, old
    return lambda text: text.replace(old, new, 1)


@pytest.mark.requirement("R-C3")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            mistake("  voice: Short and dry.\n", ""),
            "6 persona: 'voice' is missing (add it: how it writes; three sentences and two examples "
            "do more than adjectives)",
        ),
        (
            mistake("disclosure:", "discloure:"),
            "9 persona.discloure: 'discloure' is not known here (did you mean 'disclosure'?)",
        ),
        (
            mistake("post.publish]", "post.publsh]"),
            "12 permissions[1]: 'post.publsh' is not one of the choices (did you mean 'post.publish'?)",
        ),
        (
            mistake("[trends, copy]", "[trends, cpoy]"),
            "11 capabilities[1]: 'cpoy' is not one of the choices (did you mean 'copy'?)",
        ),
        (
            mistake('version: "1.0.0"', "version: 1.0"),
            '3 identity.version: 1.0 is a fraction (write a whole number of a smaller unit, or "1.0" in quotes)',
        ),
        (
            mistake('version: "1.0.0"', 'version: "1.0"'),
            "3 identity.version: '1.0' does not have the right form (three numbers in quotes, such as \"1.0.0\")",
        ),
        (
            mistake("name: studio.persona", "name: studio.other"),
            "2 identity.name: the package is called 'studio.other', its folder 'studio.persona' (give "
            "both the same name)",
        ),
        (
            mistake('"[AI persona]"', '"[persona]"'),
            "9 persona.disclosure: '[persona]' does not say that it is an AI (say it in plain words, "
            'such as "[AI persona]")',
        ),
        (
            mistake("permissions: [", "permissions: [post.publish, "),
            "12 permissions[2]: the permission 'post.publish' stands here twice (remove one)",
        ),
        (
            mistake('accounts:\n  - {platform: sandbox, handle: "@persona"}\n', ""),
            "12 permissions[1]: 'post.publish' needs an account, and there is none (add accounts, "
            "with platform and handle)",
        ),
        (
            mistake('"@persona"', "persona"),
            "14 accounts[0].handle: 'persona' does not have the right form (a handle in quotes, such as \"@persona\")",
        ),
        (
            mistake("copy.post: [offline]", "copy.pots: [offline]"),
            "16 models.copy.pots: there is no task type 'copy.pots' (did you mean 'copy.post'?)",
        ),
        (
            mistake("copy.post: [offline]", "commerce.pay: [offline]"),
            "16 models.commerce.pay: commerce.pay needs the permission 'payment.send', which is not "
            "asked for (add it (ask for a "
            "payment; the CFO, the caps and, above a limit, a person decide), or remove this entry)",
        ),
        (
            mistake('day: "5.00"', "day: 5.00"),
            '18 budget.day: 5.00 is a fraction (write a whole number of a smaller unit, or "5.00" in quotes)',
        ),
        (
            mistake('day: "5.00"', 'day: "lots"'),
            "18 budget.day: 'lots' does not have the right form (an amount in quotes, such as \"10.00\")",
        ),
        (mistake('day: "5.00"', 'day: "0.00"'), "18 budget.day: 0.00 is not more than zero (write 12.50)"),
        (
            mistake("Europe/Paris", "Europe/Pariss"),
            "20 schedule.timezone: 'Europe/Pariss' is not a time zone (write UTC, or a city's zone "
            "such as Europe/Paris)",
        ),
        (
            mistake('opens: "08:00"', "opens: 08:00"),
            "22 schedule.hours[0].opens: 08:00 without quotes is read differently by different "
            'readers (write "08:00" in quotes, '
            "or true, false, null or a plain whole number)",
        ),
        (
            mistake('opens: "08:00"', 'opens: "21:00"'),
            "22 schedule.hours[0].closes: it closes before it opens (for a night, write two entries: "
            "until 23:59, and from 00:00)",
        ),
        (mistake("days: [monday]", "days: [mon]"), "22 schedule.hours[0].days[0]: 'mon' is not one of the choices"),
        (mistake("stage: plan", "stage: planning"), "25 handover[0].stage: 'planning' is not one of the choices"),
        (
            mistake("constitution: constitution.yaml", "constitution: rules.yaml"),
            "23 constitution: there is no file 'rules.yaml' in the package (write it, or remove this line)",
        ),
        (
            mistake("constitution: constitution.yaml", "constitution: ../secrets.yaml"),
            "23 constitution: '../secrets.yaml' does not have the right form (the name of a file in the package)",
        ),
        (
            mistake("constitution: constitution.yaml", "variants: {styles: [news, banter]}"),
            "23 variants: what is tried out needs the permission 'mentions.read', which is not asked for "
            "(add it (read what people write to it or about it), or remove this part)",
        ),
        (
            mistake("constitution: constitution.yaml", "variants: {styles: [news, poem]}"),
            "23 variants.styles[1]: 'poem' is not one of the choices",
        ),
        (mistake("goals: [Say one thing a day.]", "goals: []"), "10 goals: 0 entries, 1 at least"),
        (
            mistake("goals: [Say one thing a day.]", "goals: Say one thing."),
            "10 goals: the text 'Say one thing.' where a list belongs (what it is for; plans are measured by them)",
        ),
        (
            mistake("Short and dry.", '"Short and \\u202edry."'),
            "8 persona.voice: the invisible letter U+202E stands in the text (remove it)",
        ),
        (
            mistake("Short and dry.", '"{{voice}}"'),
            "8 persona.voice: '{{voice}}' was not filled in (write what belongs there)",
        ),
        (mistake("Short and dry.", '"   "'), "8 persona.voice: only spaces are written here (write something)"),
        (
            mistake("  owner: Studio\n", "  owner: Studio\n  owner: Other\n"),
            "6 identity.owner: the key stands here twice, first in line 5 (remove one of them)",
        ),
        (
            mistake("persona:\n", "persona: &p\n"),
            "6 persona: an anchor '&' is not allowed (write the value out where it is needed)",
        ),
    ],
)
def test_typical_mistakes_in_exact_words(folder: Path, change: Callable[[str], str], told: str):
    (folder / "manifest.yaml").write_text(change(GOOD))
    faults = faults_from(lambda: read(folder))
    said = [str(fault).removeprefix(f"{folder}/manifest.yaml:") for fault in faults]
    assert any(text.startswith(told) for text in said), said


def test_several_faults_are_all_told_in_order(folder: Path):
    text = GOOD.replace("voice:", "vioce:").replace("post.publish]", "post.publsh]").replace("stage: plan", "stage: x")
    (folder / "manifest.yaml").write_text(text)
    (folder / "constitution.yaml").write_text(RULES.replace("be-brief", "be-kind"))
    faults = faults_from(lambda: read(folder))
    assert [(Path(fault.file).name, fault.line) for fault in faults] == [
        ("constitution.yaml", 3),
        ("manifest.yaml", 6),
        ("manifest.yaml", 8),
        ("manifest.yaml", 12),
        ("manifest.yaml", 25),
    ]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("rules: []\n", "0 entries"),
        ("rules:\n  - {id: a, severity: maybe, rule: x}\n", "not one of the choices"),
        ("rules:\n  - {id: A B, severity: refuse, rule: x}\n", "right form"),
        ("- x\n", "a list where an object belongs"),
        ("rules:\n  - {id: a, severity: refuse, rule: x, rule: y}\n", "twice"),
    ],
)
def test_mistakes_in_a_constitution(folder: Path, rules: str, reason: str):
    (folder / "constitution.yaml").write_text(rules)
    fault = faults_from(lambda: read(folder))[0]
    assert Path(fault.file).name == "constitution.yaml"
    assert reason in fault.reason


# ── the folder ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-C1")
def test_links_are_not_followed(folder: Path, tmp_path: Path):
    (tmp_path / "secret").write_text("s")
    (folder / "notes.md").symlink_to(tmp_path / "secret")
    (folder / "more").symlink_to(tmp_path)
    assert [fault.reason for fault in faults_from(lambda: read(folder))] == ["is a link", "is a link"]


def test_a_manifest_that_is_a_link(folder: Path, tmp_path: Path):
    (folder / "manifest.yaml").rename(tmp_path / "elsewhere.yaml")
    (folder / "manifest.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert "is a link" in faults_from(lambda: read(folder))[0].reason


def test_a_folder_that_is_a_link(folder: Path, tmp_path: Path):
    (tmp_path / "studio.link").symlink_to(folder)
    assert "is not a folder" in faults_from(lambda: read(tmp_path / "studio.link"))[0].reason


def test_special_and_hidden_files(folder: Path):
    os.mkfifo(folder / "pipe")
    (folder / ".hidden").write_text("x")
    (folder / "a b").write_text("x")
    (folder / "x\x1b[31m").write_text("x")
    faults = faults_from(lambda: read(folder))
    assert len(faults) == 4
    assert all("\x1b" not in str(fault) for fault in faults), "a terminal obeys no file name"
    assert any("no ordinary file" in fault.reason for fault in faults)


def test_sizes_and_depth(folder: Path, monkeypatch: pytest.MonkeyPatch):
    deep = folder.joinpath(*"abcdefg")
    deep.mkdir(parents=True)
    assert "too deep" in faults_from(lambda: read(folder))[0].reason
    shutil.rmtree(folder / "a")
    monkeypatch.setattr(packages, "FILE_BYTES_MAX", 100)
    assert "larger than the 100 bytes" in faults_from(lambda: read(folder))[0].reason
    monkeypatch.setattr(packages, "FILES_MAX", 1)
    assert "more than 1 files" in faults_from(lambda: read(folder))[0].reason


def test_a_whole_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "PACKAGE_BYTES_MAX", len(GOOD) + len(RULES))
    assert read(folder)
    (folder / "one.txt").write_text("x")
    assert "larger than the 0 bytes" in faults_from(lambda: read(folder))[0].reason


def test_what_is_no_package(tmp_path: Path):
    assert "is not a folder" in faults_from(lambda: read(tmp_path / "none"))[0].reason
    assert "there is no manifest.yaml here" in faults_from(lambda: read(tmp_path))[0].reason
    (tmp_path / "manifest.yaml").write_text("- a list\n")
    assert "a list where an object belongs" in faults_from(lambda: read(tmp_path))[0].reason


def test_the_digest_covers_every_name_and_every_byte(folder: Path):
    contents = read_files(folder)
    digests = {digest_of(contents)}
    digests.add(digest_of({**contents, "more.txt": b""}))
    digests.add(digest_of({**contents, "manifest.yaml": contents["manifest.yaml"] + b"\n"}))
    digests.add(digest_of({("x" + name): data for name, data in contents.items()}))
    assert len(digests) == 4
    assert read(folder).digest == digest_of(contents)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.requirement("R-C3")
def test_six_thousand_mutated_manifests_give_faults_or_a_package():
    originals = [GOOD.encode(), (AGENTS / "gaming.banterpacks" / "manifest.yaml").read_bytes()]
    accepted = 0
    for data in mutations(originals, count=6_000, seed=20261121):
        contents = {"manifest.yaml": data, "constitution.yaml": RULES.encode()}
        try:
            package_of(contents, folder=Path("studio.persona"), specs=SPECS)
            accepted += 1
        except Faults as error:
            assert str(error)
            assert all(fault.line >= 1 and fault.reason for fault in error.faults)
    assert 0 < accepted < 3_000, "most mutations are faults, and the fuzzing reaches good packages too"
