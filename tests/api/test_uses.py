"""Whether an account still works, as the chains tell it: the latest act counts, in whatever order it is heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera.api.uses import NEVER, UNDER_WAY_MAX, Uses
from chimera.assembly import networks
from chimera.connectors.social.tokens import Token, TokenBook
from chimera.domain.event import Event, EventKind
from chimera.settings import Settings
from tests.api.conftest import World

BEGUN, DONE, FAILED, DOUBT = (
    EventKind.EFFECT_STARTED, EventKind.EFFECT_FINISHED, EventKind.EFFECT_FAILED, EventKind.EFFECT_IN_DOUBT,
)  # fmt: skip


def act(kind: EventKind, grant: str, at_us: int, why: str = "") -> Event:
    data = {"grant": grant, "platform": "sea", "account": "@ada"} if kind is BEGUN else {"grant": grant, "why": why}
    return Event(kind=kind, subject="task", at_us=at_us, data=data)


def after(*events: Event) -> Uses:
    uses = Uses()
    for event in events:
        uses.note(event)
    return uses


@pytest.mark.parametrize(("events", "health"), [
    ((), "unused"),
    ((act(BEGUN, "a", 1),), "unused"),
    ((act(BEGUN, "a", 1), act(DONE, "a", 2)), "working"),
    ((act(BEGUN, "a", 1), act(FAILED, "a", 2, "rate_limited")), "failing"),
    ((act(BEGUN, "a", 1), act(FAILED, "a", 2, "login_refused")), "refused"),
    ((act(BEGUN, "a", 1), act(DOUBT, "a", 2, "no answer")), "failing"),
    ((act(BEGUN, "b", 5), act(DONE, "b", 6), act(BEGUN, "a", 1), act(FAILED, "a", 2, "login_refused")), "working"),
    ((act(BEGUN, "b", 5), act(FAILED, "b", 6, "login_refused"), act(BEGUN, "a", 1), act(DONE, "a", 2)), "refused"),
    ((act(FAILED, "unheard of", 2, "login_refused"),), "unused"),
])  # fmt: skip
def test_the_latest_act_counts(events: tuple[Event, ...], health: str) -> None:
    assert after(*events).of("sea", "@ada").health == health


def test_counts_are_of_the_day_and_what_was_last_stays() -> None:
    uses = after(act(BEGUN, "a", 1), act(DONE, "a", 2), act(BEGUN, "b", 3), act(FAILED, "b", 4, "login_refused"))
    before = uses.of("sea", "@ada")
    assert (before.done, before.failed, before.last_used_us, before.last_error) == (1, 1, 3, "login_refused")
    uses.turn()
    later = uses.of("sea", "@ada")
    assert (later.done, later.failed, later.last_used_us, later.health) == (0, 0, 3, "refused")
    assert uses.of("sea", "@eve") == NEVER


def test_what_never_ends_is_not_kept_for_ever() -> None:
    uses = after(*(act(BEGUN, str(number), number) for number in range(UNDER_WAY_MAX + 1)), act(DONE, "0", 1))
    assert uses.of("sea", "@ada").done == 0, "the oldest was let go"


async def test_connections_say_what_they_speak_and_whether_that_was_tried(world: World):
    async with world.client("viewer") as client:
        rows = (await client.get("/v1/connections")).json()["items"]
    assert {(one["platform"], one["kind"], one["exercised"], one["health"]) for one in rows} == {
        ("sandbox", "sandbox", True, "unused")
    }


def test_when_a_token_runs_out_is_told_and_nothing_that_lets_anybody_in(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert set(networks.known(settings)) == {"sandbox"}, "without a file there is the rehearsal's alone"
    (settings.folder / "networks.toml").write_text(
        '[threads]\naccounts = { "@nova" = "threads-nova" }\n'
        '[sea]\nkind = "mastodon"\nserver = "https://sea.example"\naccounts = { "@nova" = "sea-nova" }\n'
    )
    book = TokenBook(settings.folder / networks.JOURNALS / "threads.tokens")
    book.keep("@nova", Token(access="lets-anybody-in", refresh="this-too", expires_us=77))
    found = networks.known(settings)
    assert (found["threads"].kind, found["threads"].exercised, found["threads"].until_us) == (
        "threads",
        False,
        {"@nova": 77},
    )
    assert (found["sea"].kind, found["sea"].exercised, found["sea"].until_us) == ("mastodon", True, {})
    until = next((settings.folder / networks.JOURNALS).glob("*.until")).read_text()
    assert "lets-anybody-in" not in until and "this-too" not in until
