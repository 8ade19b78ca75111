"""The identity desk: who gets in, who is recognised, who is locked out, and what survives a restart."""

from __future__ import annotations

import asyncio

import pytest

from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused
from chimera.domain.person import Person, Session, Token, person_id
from chimera.governance.identity import totp
from chimera.governance.identity.desk import (
    SESSION_IDLE_SECONDS_MAX,
    SESSION_SECONDS_MAX,
    SESSION_SEEN_SECONDS,
    TOKEN_SECONDS_MAX,
)
from chimera.governance.identity.knocking import ADDRESS_TRIES_MAX, LOCKED_SECONDS, NAME_TRIES_MAX, network_of
from chimera.governance.identity.registry import Joining
from tests.governance.identity.front_door import HERE, PASSWORD, FrontDoor

pytestmark = pytest.mark.requirement("R-D4")


@pytest.fixture
def door() -> FrontDoor:
    return FrontDoor()


async def code_of(attempt: object) -> str:
    with pytest.raises(ChimeraError) as refusal:
        await attempt  # type: ignore[misc]
    return refusal.value.code


async def test_a_person_logs_in_is_recognised_and_logs_out(door: FrontDoor) -> None:
    owner = await door.owner()
    _, secret = await door.desk.log_in("olga", PASSWORD, "", HERE)
    known = await door.another_desk().recognise(secret)
    assert (known.person, known.name, known.roles) == (owner.person, "olga", frozenset({"owner"}))
    await door.desk.log_out(known)
    assert await code_of(door.another_desk().recognise(secret)) == "session_over"


async def test_only_hashes_are_stored(door: FrontDoor) -> None:
    owner = await door.owner()
    _, secret = await door.desk.log_in("olga", PASSWORD, "", HERE)
    _, token = await door.desk.issue_token(owner, "ci", ("halt.set",), door.clock.now_us() + 10**9)
    held = [await door.store.list(kind) for kind in (Person, Session, Token)]
    for part in (PASSWORD, secret.split("_", 2)[2], token.split("_", 2)[2]):
        assert part not in repr(held)
    assert "$argon2id$" in repr(held)


@pytest.mark.parametrize(("name", "password"), [("olga", "wrong words entirely"), ("nobody", PASSWORD), ("olga", "")])
async def test_whatever_is_wrong_the_answer_is_the_same(door: FrontDoor, name: str, password: str) -> None:
    await door.owner()
    assert await code_of(door.desk.log_in(name, password, "", HERE)) == "login_refused"


async def test_somebody_without_a_password_cannot_log_in(door: FrontDoor) -> None:
    assert await door.desk.local_owner("olga") is not None
    for password in ("", "x", PASSWORD):
        assert await code_of(door.desk.log_in("olga", password, "", HERE)) == "login_refused"


@pytest.mark.parametrize("secret", ["", "x", "cs_", "cs_" + "0" * 32 + "_x", "ct_" + "0" * 32 + "_", "cs_" + "é" * 32,
                                    "cs_" + "0" * 32 + "_" + "x" * 500, "\x00", "ct__"])  # fmt: skip
async def test_what_is_no_secret_of_ours(door: FrontDoor, secret: str) -> None:
    assert await code_of(door.desk.recognise(secret)) == "not_recognised"


async def test_a_forged_secret_under_a_real_id(door: FrontDoor) -> None:
    await door.owner()
    _, secret = await door.desk.log_in("olga", PASSWORD, "", HERE)
    mark, number, rest = secret.split("_", 2)
    for forged in (f"{mark}_{number}_{rest[:-1]}", f"{mark}_{number}_", f"ct_{number}_{rest}"):
        assert await code_of(door.desk.recognise(forged)) == "not_recognised"


async def test_a_session_ends_when_nobody_uses_it(door: FrontDoor) -> None:
    await door.owner()
    _, secret = await door.desk.log_in("olga", PASSWORD, "", HERE)
    door.clock.advance(SESSION_IDLE_SECONDS_MAX + 1)
    assert await code_of(door.desk.recognise(secret)) == "session_over"


async def test_a_session_that_is_used_ends_all_the_same(door: FrontDoor) -> None:
    await door.owner()
    _, secret = await door.desk.log_in("olga", PASSWORD, "", HERE)
    steps = SESSION_SECONDS_MAX // (SESSION_SEEN_SECONDS * 2)
    for _ in range(steps - 1):
        door.clock.advance(SESSION_SEEN_SECONDS * 2)
        await door.desk.recognise(secret)
    door.clock.advance(SESSION_SEEN_SECONDS * 2)
    assert await code_of(door.desk.recognise(secret)) == "session_over"


async def test_a_name_is_locked_after_a_few_tries_even_for_the_right_password_and_after_a_restart(
    door: FrontDoor,
) -> None:
    await door.owner()
    for number in range(NAME_TRIES_MAX):
        assert await code_of(door.desk.log_in("olga", "wrong words here", "", f"10.0.0.{number}")) == "login_refused"
    assert await code_of(door.another_desk().log_in("olga", PASSWORD, "", HERE)) == "login_locked"
    door.clock.advance(LOCKED_SECONDS + 1)
    await door.another_desk().log_in("olga", PASSWORD, "", HERE)


async def test_an_address_is_locked_whatever_names_it_tries(door: FrontDoor) -> None:
    await door.owner()
    for number in range(ADDRESS_TRIES_MAX):
        assert await code_of(door.desk.log_in(f"n{number}", "wrong words here", "", "10.9.9.9")) == "login_refused"
    assert await code_of(door.desk.log_in("olga", PASSWORD, "", "10.9.9.9")) == "login_locked"
    await door.desk.log_in("olga", PASSWORD, "", HERE)


async def test_guesses_at_once_are_counted_one_by_one(door: FrontDoor) -> None:
    await door.owner()
    guesses = [door.desk.log_in("olga", "wrong words here", "", f"10.1.0.{number}") for number in range(16)]
    refusals = await asyncio.gather(*guesses, return_exceptions=True)
    looked_at = [one for one in refusals if isinstance(one, Refused) and one.code == "login_refused"]
    assert len(looked_at) == NAME_TRIES_MAX
    assert {one.code for one in refusals if isinstance(one, Refused)} == {"login_refused", "login_locked"}


async def test_getting_in_forgives_the_name(door: FrontDoor) -> None:
    await door.owner()
    for _ in range(3):
        for _ in range(NAME_TRIES_MAX - 1):
            assert await code_of(door.desk.log_in("olga", "wrong words here", "", HERE)) == "login_refused"
        await door.desk.log_in("olga", PASSWORD, "", HERE)


def test_an_ipv6_host_counts_as_its_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1")


async def test_a_code_is_needed_and_is_good_once(door: FrontDoor) -> None:
    owner = await door.owner()
    uri = await door.desk.registry.set_totp(owner, "olga")
    assert uri.startswith("otpauth://totp/Chimera:olga?")
    person = await door.store.get(Person, person_id("olga"))
    code = totp.code_at(door.secrecy.unlock(person.totp_locked), door.clock.now_us() // 30_000_000)
    assert await code_of(door.desk.log_in("olga", PASSWORD, "", HERE)) == "login_refused"
    assert await code_of(door.desk.log_in("olga", PASSWORD, "000000" if code != "000000" else "1", HERE))
    await door.desk.log_in("olga", PASSWORD, code, HERE)
    assert await code_of(door.desk.log_in("olga", PASSWORD, code, HERE)) == "login_refused"


async def test_one_code_used_twice_at_once(door: FrontDoor) -> None:
    owner = await door.owner()
    await door.desk.registry.set_totp(owner, "olga")
    person = await door.store.get(Person, person_id("olga"))
    code = totp.code_at(door.secrecy.unlock(person.totp_locked), door.clock.now_us() // 30_000_000)
    tries = [door.desk.log_in("olga", PASSWORD, code, HERE) for _ in range(4)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, tuple) for one in ended) == 1


def test_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B: the last six of the eight digits, for SHA-1.
    for at_seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert totp.code_at(b"12345678901234567890", at_seconds // 30) == code


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_is_narrow_expires_and_is_revoked_at_once(door: FrontDoor) -> None:
    owner = await door.owner()
    token, secret = await door.desk.issue_token(owner, "ci", ("halt.set",), door.clock.now_us() + 60_000_000)
    known = await door.desk.recognise(secret)
    assert known.scopes == frozenset({"halt.set"})
    assert (
        await code_of(door.desk.issue_token(known, "more", ("halt.set",), door.clock.now_us() + 1)) == "not_permitted"
    )
    await door.desk.revoke_token(owner, token.id)
    assert await code_of(door.another_desk().recognise(secret)) == "token_over"
    _, secret = await door.desk.issue_token(owner, "ci", ("halt.set",), door.clock.now_us() + 60_000_000)
    door.clock.advance(60)
    assert await code_of(door.desk.recognise(secret)) == "token_over"


async def test_tokens_that_are_not_issued(door: FrontDoor) -> None:
    owner = await door.owner()
    soon = door.clock.now_us() + 60_000_000
    for name, scopes, expires in (
        ("", ("halt.set",), soon), ("ci", (), soon), ("ci", ("halt.*",), soon), ("ci", ("halt.set",), 0),
        ("ci", ("halt.set",), door.clock.now_us() + (TOKEN_SECONDS_MAX + 1) * 1_000_000),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            await door.desk.issue_token(owner, name, scopes, expires)


async def test_the_token_of_this_machine_opens_nothing_from_outside(door: FrontDoor) -> None:
    made = await door.desk.local_owner("olga")
    assert made is not None
    assert await code_of(door.desk.recognise(made[1])) == "not_recognised"
    assert (await door.desk.recognise(made[1], here=True)).name == "olga"
    assert await door.desk.local_owner("mallory") is None


async def test_somebody_elses_token(door: FrontDoor) -> None:
    owner = await door.owner()
    token, _ = await door.desk.issue_token(owner, "ci", ("halt.set",), door.clock.now_us() + 60_000_000)
    rita = await door.join(owner, "rita", "reviewer")
    assert await code_of(door.desk.revoke_token(rita, token.id)) == "not_permitted"


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_roles_change_at_once_and_disabling_ends_everything(door: FrontDoor) -> None:
    owner = await door.owner()
    rita = await door.join(owner, "rita", "reviewer")
    _, session = await door.desk.log_in("rita", PASSWORD, "", HERE)
    _, token = await door.desk.issue_token(rita, "ci", ("review.look",), door.clock.now_us() + 10**9)
    await door.desk.set_roles(owner, "rita", ("viewer",))
    assert (await door.desk.recognise(session)).roles == frozenset({"viewer"})
    await door.desk.disable_person(owner, "rita")
    assert await code_of(door.desk.recognise(session)) == "session_over"
    assert await code_of(door.desk.recognise(token)) == "token_over"
    assert await code_of(door.desk.log_in("rita", PASSWORD, "", HERE)) == "login_refused"


async def test_whoever_is_let_in_again_begins_anew(door: FrontDoor) -> None:
    owner = await door.owner()
    rita = await door.join(owner, "rita", "reviewer")
    _, session = await door.desk.log_in("rita", PASSWORD, "", HERE)
    assert await code_of(door.desk.registry.enable_person(owner, "rita")) == "person_active_cannot_enable"
    await door.desk.disable_person(owner, "rita")
    assert await code_of(door.desk.registry.enable_person(rita, "rita")) == "not_permitted"
    await door.desk.registry.enable_person(owner, "rita")
    assert await code_of(door.desk.recognise(session)) == "session_over", "what ended stays ended"
    _, anew = await door.desk.log_in("rita", PASSWORD, "", HERE)
    assert (await door.desk.recognise(anew)).roles == frozenset({"reviewer"})


async def test_a_new_password_ends_the_sessions(door: FrontDoor) -> None:
    owner = await door.owner()
    _, session = await door.desk.log_in("olga", PASSWORD, "", HERE)
    await door.desk.registry.set_password(owner, "olga", "other words were chosen")
    assert await code_of(door.desk.recognise(session)) == "session_over"


async def test_who_may_not_change_people(door: FrontDoor) -> None:
    owner = await door.owner()
    rita = await door.join(owner, "rita", "reviewer", "operator", "finance", "auditor", "viewer")
    joining = Joining(name="mallory", roles=("owner",))
    for attempt in (
        door.desk.add_person(rita, joining), door.desk.set_roles(rita, "rita", ("owner",)),
        door.desk.disable_person(rita, "olga"), door.desk.registry.set_password(rita, "olga", PASSWORD),
        door.desk.registry.set_totp(rita, "olga"),
    ):  # fmt: skip
        assert await code_of(attempt) == "not_permitted"


async def test_the_last_owner_stays(door: FrontDoor) -> None:
    owner = await door.owner()
    assert await code_of(door.desk.set_roles(owner, "olga", ("viewer",))) == "last_owner"
    assert await code_of(door.desk.disable_person(owner, "olga")) == "last_owner"
    await door.join(owner, "otto", "owner")
    await door.desk.set_roles(owner, "olga", ("viewer",))


@pytest.mark.parametrize("joining", [
    Joining(name="Rita", roles=("reviewer",)), Joining(name="", roles=("reviewer",)),
    Joining(name="a b", roles=("reviewer",)), Joining(name="rita", roles=()), Joining(name="rita", roles=("root",)),
    Joining(name="rita", roles=("reviewer",), password="short"),
    Joining(name="rita", roles=("reviewer",), password="aaaaaaaaaaaaaaa"),
    Joining(name="rita", roles=("reviewer",), password="my name is rita ok"),
    Joining(name="rita", roles=("reviewer",), within=("nowhere",)),
])  # fmt: skip
async def test_people_who_are_not_added(door: FrontDoor, joining: Joining) -> None:
    owner = await door.owner()
    with pytest.raises(Invalid):
        await door.desk.add_person(owner, joining)


async def test_a_name_belongs_to_one_person(door: FrontDoor) -> None:
    owner = await door.owner()
    with pytest.raises(Conflict):
        await door.desk.add_person(owner, Joining(name="olga", roles=("viewer",)))


async def test_whom_a_provider_vouches_for(door: FrontDoor) -> None:
    owner = await door.owner()
    await door.desk.add_person(owner, Joining(name="ines", roles=("viewer",), provider="http://issuer sub-1"))
    _, secret = await door.desk.vouched("http://issuer sub-1", HERE)
    assert (await door.desk.recognise(secret)).name == "ines"
    for unknown in ("http://issuer sub-2", "", "ines", "olga"):
        assert await code_of(door.desk.vouched(unknown, HERE)) == "login_unknown"
