"""The task types that come with the house are without fault and keep their contract."""

from __future__ import annotations

import pytest

from chimera.adapters.documents.specs import SPECS_FOLDER, lint, load_prompts, load_specs
from chimera.domain.permissions import ACTIONS, PERMISSIONS
from chimera.governance.checks import CHECKS
from chimera.skills.copy.pictures import PAINTING_PROMPT

EXPECTED = {
    "analytics.report",
    "bench.note",
    "chronicle.episode",
    "commerce.pay",
    "community.like",
    "copy.caption",
    "copy.post",
    "copy.reply",
    "copy.thread",
    "research.note",
    "trend.scan",
}


@pytest.mark.requirement("R-K1")
def test_without_fault():
    assert lint() == ()


@pytest.mark.requirement("R-K1")
def test_all_there_with_hash():
    specs = load_specs()
    assert specs.keys() >= EXPECTED
    assert all(len(spec.digest) == 64 for spec in specs.values())
    assert len({spec.digest for spec in specs.values()}) == len(specs)
    assert load_specs() == specs


def test_every_prompt_is_used_and_every_used_one_exists():
    # Learning's: which of two texts is better; and what painters are told.
    of_stages = {"judge", "plan", "compare", PAINTING_PROMPT}
    assert set(load_prompts()) - of_stages == {spec.prompt for spec in load_specs().values() if spec.prompt}


def test_every_permission_action_and_check_that_exists_is_used_by_a_spec():
    specs = load_specs().values()
    assert {permission for spec in specs for permission in spec.permissions} == set(PERMISSIONS)
    assert {action for spec in specs for action in spec.actions} == set(ACTIONS)
    assert {check.name for spec in specs for check in spec.checks} == set(CHECKS)


def test_one_file_can_be_linted_alone():
    assert lint(SPECS_FOLDER / "copy.post.yaml") == ()
