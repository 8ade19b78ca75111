"""Who may do what: the people pack answers as the reference page says, for every role and verb, and errors are a no."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera.adapters.documents.governance import PEOPLE_PACK
from chimera.domain.errors import Invalid, Refused
from chimera.domain.person import PersonRole, Principal
from chimera.domain.verbs import FLEET, VERBS, Resource
from chimera.governance.identity.permits import Permits
from tests.governance.identity.front_door import PERMITS

pytestmark = pytest.mark.requirement("R-D4")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "people.md"
OWN_ONLY = ("token.issue", "token.revoke")


def somebody(*roles: str, scopes: tuple[str, ...] = ("*",), within: tuple[str, ...] = ()) -> Principal:
    return Principal(
        person="p-1", name="pat", roles=frozenset(roles), scopes=frozenset(scopes), within=frozenset(within)
    )


def matrix() -> dict[str, set[str]]:
    """The page's table: for every verb the roles that have it."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    roles = [str(role) for role in PersonRole]
    found: dict[str, set[str]] = {}
    for line in lines:
        verb, _, *cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        assert len(cells) == len(roles), line
        found[verb] = {role for role, cell in zip(roles, cells, strict=True) if cell == "yes"}
    return found


def test_every_verb_has_its_row() -> None:
    assert set(matrix()) == set(VERBS)


@pytest.mark.parametrize("role", PersonRole)
@pytest.mark.parametrize("verb", VERBS)
def test_the_matrix(role: str, verb: str) -> None:
    about = Resource(kind="token", id="t", person="p-1") if verb in OWN_ONLY else FLEET
    assert PERMITS.may(somebody(role), verb, about) == (role in matrix()[verb])


@pytest.mark.parametrize("verb", VERBS)
def test_somebody_without_a_role_or_with_one_that_is_none(verb: str) -> None:
    for roles in ((), ("root",), ("Owner",), ("manager",)):
        assert not PERMITS.may(somebody(*roles), verb, Resource(kind="token", id="t", person="p-1"))


@pytest.mark.parametrize("verb", ["", "review", "review.*", "*", "x" * 5000, 'a"b', "\x00"])
def test_what_is_no_verb(verb: str) -> None:
    assert not PERMITS.may(somebody("owner"), verb, FLEET)


@pytest.mark.parametrize("verb", VERBS)
def test_a_token_can_do_what_it_was_issued_for_and_nothing_else(verb: str) -> None:
    narrow = somebody("owner", scopes=(verb,))
    about = Resource(kind="token", id="t", person="p-1")
    allowed = {other for other in VERBS if PERMITS.may(narrow, other, about)}
    assert allowed == ({verb} - {"token.issue", "people.change"})


def test_roles_that_end_at_an_agent() -> None:
    rita = somebody("reviewer", within=("agent:nova", "campaign:c1"))
    assert PERMITS.may(rita, "review.rule", Resource(kind="review", id="r", agent="nova", campaign="c9"))
    assert PERMITS.may(rita, "review.rule", Resource(kind="review", id="r", agent="ada", campaign="c1"))
    assert not PERMITS.may(rita, "review.rule", Resource(kind="review", id="r", agent="ada", campaign="c9"))
    assert not PERMITS.may(rita, "halt.set", FLEET)
    assert PERMITS.may(rita, "halt.set", Resource(kind="agent", id="nova"))
    with pytest.raises(Refused, match="end at other agents"):
        PERMITS.require(rita, "halt.set", FLEET)


def test_an_owner_within_an_agent_owns_no_more_than_that() -> None:
    half = somebody("owner", within=("agent:nova",))
    for verb in ("people.change", "policy.apply", "cap.set", "system.change"):
        assert not PERMITS.may(half, verb, FLEET)


def test_somebody_elses_token() -> None:
    for role in PersonRole:
        about = Resource(kind="token", id="t", person="p-2")
        assert PERMITS.may(somebody(role), "token.revoke", about) == (role == "owner")


def pack(*, text: str | None = None, schema: str | None = None) -> Permits:
    return Permits(
        text=(PEOPLE_PACK / "policy.cedar").read_text("utf-8") if text is None else text,
        schema=(PEOPLE_PACK / "schema.cedarschema").read_text("utf-8") if schema is None else schema,
    )


@pytest.mark.parametrize("text", ["permit(", "permit (principal, action, resource) when { principal.rolls == 1 };",
                                  "permit (principal, action, resource);"])  # fmt: skip
def test_a_pack_that_does_not_fit_its_schema_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        pack(text=text)


def test_a_rule_that_errors_is_a_no() -> None:
    overflow = '@id("x") @says("x") permit (principal, action, resource); @id("y") @says("y") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'  # noqa: E501
    answer = pack(text=overflow).answer(somebody("owner"), "halt.set", FLEET)
    assert not answer.allowed
    assert "policy-error" in answer.rules


@pytest.mark.parametrize("name", ['"', "\\", "é", "a\nb", "x" * 10_000])
def test_names_from_outside_stay_names(name: str) -> None:
    about = Resource(kind="review", id=name, agent=name)
    assert PERMITS.may(somebody("reviewer"), "review.rule", about)
    assert not PERMITS.may(somebody("viewer"), "review.rule", about)
