"""Packs: what is refused when it is loaded, what lint finds, what cases say, and what no pack may do."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import DEFAULT_PACK, load_cases, load_files
from chimera.domain.confidence import Bands, Override
from chimera.domain.decision import Allow, Deny, Escalate
from chimera.domain.errors import ChimeraError, Invalid
from chimera.domain.facts import ORDINARY, VALUES, Deed
from chimera.domain.policy import Case
from chimera.governance.policy.cases import run_cases, uncovered
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.lint import HOUSE_RULES, corners, differences, errors, lint
from chimera.governance.policy.pack import pack_of

pytestmark = pytest.mark.requirement("R-F1", "R-F2", "R-N1")
FILES = load_files()
ENGINE = PolicyEngine(pack_of(FILES))
SAYS = '@says("x") @remedy("y")'
WHOEVER = "(principal, action, resource)"


def engine(text: str) -> PolicyEngine:
    return PolicyEngine(pack_of(replace(FILES, text=text)))


def test_the_default_pack_is_sound_and_every_rule_has_a_case():
    assert lint(ENGINE) == ()
    results = run_cases(ENGINE, FILES.cases)
    assert [one for one in results if one.differs] == []
    assert uncovered(ENGINE, results) == ()


REFUSED = {
    "policy_word_unknown": f'@id("a") {SAYS} forbid {WHOEVER} when {{ context.confidence == "hgih" }};',
    "policy_deed_unknown": f'@id("a") {SAYS} forbid (principal, action == Action::"pubish", resource);',
    "policy_annotation_unknown": f'@id("a") {SAYS} @obligaton("review_after") permit (principal, action, resource);',
    "policy_obligation_unknown": f'@id("a") {SAYS} @obligation("pray") permit (principal, action, resource);',
    "policy_template": f'@id("a") {SAYS} permit (principal == ?principal, action, resource);',
    "policy_unnamed": "permit (principal, action, resource);",
    "policy_malformed": "permit (principal",
}


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_what_is_not_loaded(code: str):
    with pytest.raises(Invalid) as refused:
        engine(REFUSED[code])
    # A deed that the schema does not know may be told by Cedar itself.
    assert refused.value.code in (code, "policy_against_schema")


@pytest.mark.parametrize(
    "condition",
    [
        'context.threat == "HIHG"', '"HIHG" == context.threat', '["LOW", "HIHG"].contains(context.threat)',
        'context.shaped && !(context.halted || context.amount != "over_5O")',
        'if context.halted then context.safety == "ham" else false', 'context["risk"] == "polite"',
    ],
)  # fmt: skip
def test_a_word_that_is_never_met_is_found_wherever_it_stands(condition: str):
    with pytest.raises(Invalid) as refused:
        engine(f'@id("a") {SAYS} forbid (principal, action, resource) when {{ {condition} }};')
    assert refused.value.code == "policy_word_unknown"


def test_the_digest_covers_everything_that_decides_and_the_title():
    other = (
        replace(FILES, text=FILES.text + "\n"), replace(FILES, schema=FILES.schema + "\n"), replace(FILES, name="x"),
        replace(FILES, release="2"), replace(FILES, bands='{"proceed_bp": 9100}'),
    )  # fmt: skip
    digests = {pack_of(one).digest for one in other}
    assert len(digests) == 5
    assert pack_of(FILES).digest not in digests
    assert pack_of(replace(FILES, cases=())).digest == pack_of(FILES).digest


# ── the rules of the house ──────────────────────────────────────────────────────────────────────────────────────────

WITHOUT = {
    "halted": "halt-holds", "permission-missing": "permission-needed", "safety-harm": "harm-stops",
    "threat-critical": "attack-stops", "spend-over-50": "person-for-spending",
    "high-risk-category": "person-for-risk", "governing-needs-person": "person-for-rules",
    "stranger-shaped": "person-for-strangers",
}  # fmt: skip


def without(rule: str) -> str:
    """The default policy with one rule taken out."""
    head, tail = FILES.text.split(f'@id("{rule}")')
    return head + tail.split(";\n", 1)[1]


@pytest.mark.slow
@pytest.mark.parametrize("rule", sorted(WITHOUT))
def test_a_pack_without_one_of_the_houses_rules_is_named(rule: str):
    found = errors(lint(engine(without(rule))))
    assert WITHOUT[rule] in [one.rule for one in found]


def test_what_low_confidence_may_not_do():
    for confidence, rule in (("human", "person-for-low-confidence"), ("refused", "refused-is-refused")):
        permit = (
            f'@id("p") {SAYS} permit (principal, action, resource) when {{ context.confidence == "{confidence}" }};'
        )
        text = without("confidence-needs-person" if confidence == "human" else "confidence-too-low") + permit
        assert rule in [one.rule for one in errors(lint(engine(text)))]


def test_every_rule_of_the_house_is_tried():
    assert {rule.name for rule in HOUSE_RULES} == {*WITHOUT.values(), "refused-is-refused", "person-for-low-confidence"}


def test_lint_finds_a_rule_that_errs_one_that_never_fires_and_one_without_a_remedy():
    idle = (
        '@id("idle") @says("x") forbid (principal, action, resource) when { context.halted && !context.halted };'
        '@id("errs") @says("x") @remedy("y") forbid (principal, action == Action::"react", resource) '
        'when { context.risk == "politics" && 9223372036854775807 + 1 > 0 };'
    )
    found = {(one.level, one.rule) for one in lint(engine(FILES.text + idle))}
    assert {("warning", "idle"), ("error", "policy-error")} <= found


def test_corners_meet_every_value_of_every_attribute():
    met = list(corners())
    assert len(met) == len(set(met))
    for name, values in VALUES.items():
        assert {getattr(facts, name) for facts in met} == set(values)


def test_the_difference_of_two_packs():
    assert differences(ENGINE, engine(FILES.text + "\n// a remark\n")) == ()
    changed = differences(ENGINE, engine(without("threat-high")))
    assert changed
    assert all(one.facts.threat == "HIGH" for one in changed)
    assert ("escalate", "allow") in {(one.before, one.after) for one in changed}


# ── escalation ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", ["reviewer", "operator", "owner"])
def test_the_least_role_whose_yes_would_do_is_asked(role: str):
    roles = ["reviewer", "operator", "owner"]
    named = str(roles[roles.index(role) :]).replace("'", '"')
    text = f'@id("p") {SAYS} permit {WHOEVER} when {{ {named}.contains(context.approver) }};'
    decision = engine(text).decide(ORDINARY)
    assert isinstance(decision, Escalate)
    assert decision.role == role


def test_an_error_in_the_answer_to_a_supposition_is_a_no():
    """The reviewer's answer errs; an operator's would be a clean yes. It is still a no."""
    text = (
        f'@id("p") {SAYS} permit (principal, action, resource) when {{ context.approver != "" }};'
        f'@id("e") {SAYS} forbid (principal, action, resource) '
        'when { context.approver == "reviewer" && 9223372036854775807 + 1 > 0 };'
    )
    decision = engine(text).decide(ORDINARY)
    assert isinstance(decision, Deny)
    assert next(reason.rule for reason in decision.reasons) == "policy-error"


def test_every_deed_has_an_answer_in_words():
    for deed in Deed:
        decision = ENGINE.decide(replace(ORDINARY, deed=deed))
        assert decision.reasons
        assert all(reason.text for reason in decision.reasons)


# ── cases ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_case_that_fails_says_how():
    wrong = Case(name="w", given={"safety": "harm"}, expect="allow", rules=("confident",),
                 obligations=("review_after",), role="owner")  # fmt: skip
    (result,) = run_cases(ENGINE, [wrong])
    for part in ("expected allow", "the answer is deny", "safety-harm", "review_after", "owner"):
        assert part in result.differs


@pytest.mark.parametrize(
    "given", [{"deed": "fly"}, {"risk": "fun"}, {"halted": "yes"}, {"colour": "red"}, {"confidence_bp": "high"}]
)
def test_a_case_that_means_nothing_is_refused(given: dict):
    with pytest.raises(Invalid) as refused:
        run_cases(ENGINE, [Case(name="odd", given=given, expect="deny")])
    assert refused.value.code == "policy_case_malformed"
    assert refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cases: 7",
        "cases:\n - {name: a}",
        "cases:\n - {name: a, given: {}, expect: allow, more: 1}",
        "cases: *a",
        "\0",
    ],
)
def test_a_file_of_cases_that_is_none(tmp_path: Path, text: str):
    (tmp_path / "cases.yaml").write_text(text)
    with pytest.raises(ChimeraError):
        load_cases(tmp_path / "cases.yaml")


# ── bands for one agent or task type ────────────────────────────────────────────────────────────────────────────────


def test_the_override_that_says_most_counts():
    bands = Bands(
        overrides=(
            Override(task_type="copy.reply", proceed_bp=9_500, monitored_bp=8_000, human_bp=5_000),
            Override(agent="ada", proceed_bp=8_500, monitored_bp=6_500, human_bp=4_000),
            Override(agent="ada", task_type="copy.reply", proceed_bp=9_900, monitored_bp=9_000, human_bp=6_000),
        )
    )
    found = {
        (agent, task): bands.bands_for(agent_id=agent, task_type=task).proceed_bp
        for agent in ("ada", "bob") for task in ("copy.post", "copy.reply")
    }  # fmt: skip
    assert found == {("ada", "copy.post"): 8_500, ("ada", "copy.reply"): 9_900, ("bob", "copy.reply"): 9_500,
                     ("bob", "copy.post"): 9_000}  # fmt: skip
    assert bands.bands_for(agent_id="ada", task_type="x").record_rulings_min == bands.record_rulings_min


@pytest.mark.parametrize(
    "overrides",
    [
        '[{"proceed_bp": 9000, "monitored_bp": 7000, "human_bp": 5000}]',
        '[{"agent": "a", "proceed_bp": 7000, "monitored_bp": 9000, "human_bp": 5000}]',
        '[{"agent": "a", "proceed_bp": 9000}]',
    ],
)
def test_an_override_that_is_none(overrides: str):
    with pytest.raises(Invalid):
        pack_of(replace(FILES, bands=f'{{"overrides": {overrides}}}'))


def test_the_shipped_folder_is_the_pack():
    assert load_files(DEFAULT_PACK) == FILES
    assert isinstance(ENGINE.decide(ORDINARY), Allow)
