"""Safety asks the recognisers of privacy: what they take seriously stops a post, what they do not may be said."""

import pytest

from chimera.domain.action import Action
from chimera.domain.decision import Question
from chimera.domain.labels import TRUSTED
from chimera.domain.spec import SpecRef
from chimera.governance.safety.gateway import SafetyGateway, severity_of

DISCLOSURE = "(by an AI)"


def question(text: str) -> Question:
    action = Action(kind="post.publish", platform="sandbox", account="ada", arguments={"text": text})
    return Question(
        action=action,
        spec=SpecRef("copy.post", 1, "0" * 64),
        risk="ordinary",
        task_id="t",
        campaign_id="c",
        agent_id="a",
        disclosure=DISCLOSURE,
        permissions=(),
        has_record=True,
        confidence_bp=9_000,
        labels=TRUSTED,
        threat="LOW",
    )


@pytest.mark.requirement("R-D2", "R-D5")
@pytest.mark.parametrize(
    ("text", "rules", "severity"),
    [
        ("Mail ana@example.com about it.", ["personal-email"], "harm"),
        ("Call me at 555 0199 22 tonight", ["personal-phone"], "harm"),
        ("Pay with 4111 1111 1111 1111", ["personal-card"], "harm"),
        ("My key is ghp_" + "a1B2c3D4" * 5, ["personal-api-key"], "harm"),
        ("The server is 203.0.113.77", ["personal-ip-address"], "caution"),
        ("Lovely Lisbon! See https://example.com/tea, says Maria Silva. @bo", [], "clean"),
        ("We sold 12,345,678 cups in 2024, 4111111111111112 times tastier.", [], "clean"),
    ],
)
def test_what_stops_a_post(text: str, rules: list[str], severity: str) -> None:
    findings = SafetyGateway({}).inspect(question(f"{text} {DISCLOSURE}"))
    assert [finding.rule for finding in findings] == rules
    assert severity_of(findings) == severity
    assert all(0 <= finding.start < finding.end <= len(text) for finding in findings)
