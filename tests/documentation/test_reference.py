"""What exists has a heading in the reference, and what has a heading exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chimera.adapters.documents.specs import load_specs
from chimera.domain.capabilities import SKILLS
from chimera.domain.manifest import Manifest, manifest_schema
from chimera.domain.permissions import PERMISSIONS
from chimera.governance.checks import CHECKS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def headings(name: str) -> list[str]:
    return re.findall(r"^## (.+)$", (REFERENCE / name).read_text("utf-8"), re.MULTILINE)


@pytest.mark.requirement("R-K1")
@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("specs.md", sorted(load_specs())),
        ("permissions.md", list(PERMISSIONS)),
        ("checks.md", list(CHECKS)),
        ("manifest.md", list(Manifest.__struct_fields__)),
    ],
)
def test_headings(page: str, names: list[str]):
    assert sorted(headings(page)) == sorted(names)


@pytest.mark.requirement("R-C1")
def test_permissions_are_explained_as_the_code_means_them():
    text = (REFERENCE / "permissions.md").read_text("utf-8")
    for permission in PERMISSIONS.values():
        section = text.split(f"## {permission.name}\n")[1].split("\n## ")[0]
        assert permission.meaning in section
        for name in (*permission.actions, *permission.tools):
            assert f"`{name}`" in section


@pytest.mark.requirement("R-C3")
def test_the_published_schema_is_the_one_in_force():
    assert json.loads((REFERENCE / "manifest.schema.json").read_text("utf-8")) == manifest_schema(), (
        "write it anew: chimera agent schema > docs/reference/manifest.schema.json"
    )


def test_every_skill_is_named():
    text = (REFERENCE / "manifest.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name in SKILLS if name != "bench")


def test_every_parameter_of_a_check_is_explained():
    text = (REFERENCE / "checks.md").read_text("utf-8")
    for check in CHECKS.values():
        section = text.split(f"## {check.name}\n")[1].split("\n## ")[0]
        for parameter in check.parameters["properties"]:
            assert parameter == "field" or f"`{parameter}`" in section, f"{check.name}.{parameter}"
