"""Agents' badges: signed in the vault with the agent's own key, for named tasks, for minutes; any other is none."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.vault.agents import AgentKeys
from chimera.domain.agent import AgentCommand
from chimera.domain.badge import BADGE_SECONDS_MAX, BADGE_TASKS_MAX
from chimera.domain.errors import ChimeraError, Refused
from chimera.governance.identity.badges import Badges
from tests.small_house import OTTO, PERMITS, SmallHouse, somebody

pytestmark = pytest.mark.requirement("R-D4", "R-D8")
GATEWAY = "gateway"


class Maker:
    """Implements `KeyMaker` over the vault's own folder of keys."""

    def __init__(self, folder: Path) -> None:
        self.keys = AgentKeys(folder, b"a secret")

    async def agent_key(self, agent_id: str, *, anew: bool) -> str:
        return self.keys.public(agent_id, anew=anew)


class Hall:
    """A house with one agent that has a key."""

    def __init__(self, house: SmallHouse, folder: Path) -> None:
        self.house = house
        self.maker = Maker(folder)
        self.badges = Badges(store=house.office, clock=house.clock, permits=PERMITS)
        self.agent = house.agent.id
        self.task = house.ids.new()

    async def issue(self) -> None:
        await self.badges.issue_key(self.agent, by=OTTO, maker=self.maker)

    def badge(
        self, *, agent: str = "", tasks: tuple[str, ...] = (), audience: str = GATEWAY, seconds: int = 300
    ) -> str:
        return self.maker.keys.badge(agent or self.agent, tasks=tasks or (self.task,), audience=audience,
                                     seconds=seconds, now_us=self.house.clock.now_us())  # fmt: skip

    async def why_not(self, token: str, *, audience: str = GATEWAY, task: str = "") -> str:
        with pytest.raises(Refused) as refusal:
            await self.badges.recognise(token, audience=audience, task=task)
        assert refusal.value.code == "badge_refused"
        return refusal.value.message

    def claims(self, **more: object) -> dict[str, object]:
        now = self.house.clock.now_us() // 1_000_000
        return {"iss": "chimera", "sub": self.agent, "aud": GATEWAY, "iat": now, "exp": now + 300, "jti": "x",
                "tasks": [self.task], **more}  # fmt: skip


@pytest.fixture
async def hall(tmp_path: Path) -> Hall:
    made = Hall(await SmallHouse().open(), tmp_path / "agents")
    await made.issue()
    return made


async def test_a_badge_is_recognised_for_its_task(hall: Hall) -> None:
    badge = await hall.badges.recognise(hall.badge(), audience=GATEWAY, task=hall.task)
    assert (badge.agent, badge.tasks, badge.audience) == (hall.agent, (hall.task,), GATEWAY)


async def test_another_task_or_audience(hall: Hall) -> None:
    assert "other tasks" in await hall.why_not(hall.badge(), task=hall.house.ids.new())
    assert "InvalidAudience" in await hall.why_not(hall.badge(audience="api"))


async def test_it_ends(hall: Hall) -> None:
    token = hall.badge(seconds=60)
    hall.house.clock.advance(59)
    await hall.badges.recognise(token, audience=GATEWAY)
    hall.house.clock.advance(1)
    assert "not valid now" in await hall.why_not(token)


async def test_rotation_is_effective_at_once(hall: Hall) -> None:
    before = hall.badge()
    await hall.issue()
    assert "InvalidSignature" in await hall.why_not(before)
    await hall.badges.recognise(hall.badge(), audience=GATEWAY)


async def test_revocation_is_effective_at_once_and_a_new_key_ends_it(hall: Hall) -> None:
    token = hall.badge()
    await hall.badges.revoke_key(hall.agent, by=OTTO)
    assert "does not count" in await hall.why_not(token)
    await hall.issue()
    assert "InvalidSignature" in await hall.why_not(token)
    await hall.badges.recognise(hall.badge(), audience=GATEWAY)


async def test_an_agent_that_is_paused_has_no_badge_that_counts(hall: Hall) -> None:
    token = hall.badge()
    await hall.house.put(hall.house.agent.after(AgentCommand.PAUSE))
    assert "not active" in await hall.why_not(token)


async def test_another_agents_key_does_not_sign_for_this_one(hall: Hall) -> None:
    other = hall.house.an_agent("ben")
    await hall.house.put(other)
    await hall.badges.issue_key(other.id, by=OTTO, maker=hall.maker)
    claims = hall.claims(sub=hall.agent)
    forged = jwt.encode(claims, hall.maker.keys._key(other.id), algorithm="EdDSA")
    assert "InvalidSignature" in await hall.why_not(forged)


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS256", "ES256"])
async def test_another_algorithm_is_none(hall: Hall, algorithm: str) -> None:
    """The old trick: the public key, which everybody knows, as the secret of a symmetric signature."""
    public = hall.maker.keys.public(hall.agent, anew=False)
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(hall.claims()).encode()).rstrip(b"=")
    forged = (head + b"." + body + b".").decode()
    if algorithm == "HS256":
        forged = jwt.encode(hall.claims(), bytes.fromhex(public), algorithm="HS256")
    assert "signed otherwise" in await hall.why_not(forged)


@pytest.mark.parametrize("more", [
    {"exp": 9_999_999_999}, {"iat": 0}, {"iss": "somebody"}, {"aud": "api"},
    {"iat": 9_999_999_999, "exp": 9_999_999_999},
    {"exp": "soon"}, {"tasks": "all"}, {"sub": 7},
])  # fmt: skip
async def test_claims_that_are_not_ours_under_the_right_key(hall: Hall, more: dict[str, object]) -> None:
    token = jwt.encode(hall.claims(**more), hall.maker.keys._key(hall.agent), algorithm="EdDSA")
    await hall.why_not(token)


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti", "tasks", "sub"])
async def test_a_claim_that_is_missing(hall: Hall, claim: str) -> None:
    claims = hall.claims()
    del claims[claim]
    await hall.why_not(jwt.encode(claims, hall.maker.keys._key(hall.agent), algorithm="EdDSA"))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "..", "x" * 10_000, "\x00", "e30.e30."])
async def test_what_is_no_token(hall: Hall, text: str) -> None:
    await hall.why_not(text)


async def test_a_key_that_the_vault_never_made(hall: Hall) -> None:
    forged = jwt.encode(hall.claims(), Ed25519PrivateKey.generate(), algorithm="EdDSA")
    assert "InvalidSignature" in await hall.why_not(forged)


async def test_badges_are_short_and_narrow(hall: Hall) -> None:
    for seconds, tasks in ((BADGE_SECONDS_MAX + 1, 1), (0, 1), (-1, 1), (60, BADGE_TASKS_MAX + 1)):
        with pytest.raises(Refused) as refusal:
            hall.badge(seconds=seconds, tasks=tuple(hall.house.ids.new() for _ in range(tasks)))
        assert refusal.value.code == "badge_too_wide"


@pytest.mark.parametrize("agent", ["../sealing", "", "/etc/passwd", "x"])
async def test_no_name_leads_out_of_the_folder(hall: Hall, agent: str) -> None:
    with pytest.raises(ChimeraError):
        hall.maker.keys.public(agent, anew=False)


async def test_who_may_issue_and_revoke(hall: Hall) -> None:
    for role in ("reviewer", "finance", "auditor", "viewer"):
        by = somebody("x", role)
        for attempt in (
            hall.badges.issue_key(hall.agent, by=by, maker=hall.maker), hall.badges.revoke_key(hall.agent, by=by)
        ):  # fmt: skip
            with pytest.raises(Refused) as refusal:
                await attempt
            assert refusal.value.code == "not_permitted"
