"""The simulated platform's moderators: the same rules for everybody, and not before an attack could be read."""

from __future__ import annotations

import pytest

from chimera.ports.network import Act, Declined
from chimera.rehearsal.scenario import Rules
from tests.rehearsal.worlds import US, do, quiet

pytestmark = pytest.mark.requirement("R-N5")
RUDE = "you are a worthless idiot"
RULES = Rules()


def test_an_insult_can_be_read_for_a_while_and_is_then_taken_down() -> None:
    built, clock = quiet()
    society, troll = built.network.society, built.audience.people[0].handle
    post = society.say(troll, f"{US} {RUDE}", at_us=clock.now_us())
    built.network.settle(clock.now_us())
    assert society.addressed(US)[-1].text
    clock.advance(RULES.moderated_seconds)
    built.network.settle(clock.now_us())
    assert society.posts[post.id].text == ""
    assert not built.network.moderators.has_suspended(troll)


def test_whoever_goes_on_is_suspended_and_neither_heard_nor_spoken_for() -> None:
    built, clock = quiet()
    society, troll = built.network.society, built.audience.people[0].handle
    for _ in range(RULES.strikes_max):
        society.say(troll, RUDE, at_us=clock.now_us())
    clock.advance(RULES.moderated_seconds)
    built.network.settle(clock.now_us())
    assert built.network.moderators.has_suspended(troll)
    said = len([post for post in society.posts.values() if post.account == troll])
    for _ in range(200):
        clock.advance(60.0)
        built.audience.step(clock.now_us())
    assert len([post for post in society.posts.values() if post.account == troll]) == said


def test_ours_are_treated_like_everybody_and_may_still_take_back() -> None:
    built, clock = quiet()
    posts = [do(built, clock, f"k{number}", text=f"{RUDE} {number}").receipt["id"]
             for number in range(RULES.strikes_max + 1)]  # fmt: skip
    clock.advance(RULES.moderated_seconds)
    refused = built.network.perform(
        Act(kind="post.publish", platform="sandbox", account=US, key="more", arguments={"text": "hello"}),
        now_us=clock.now_us(),
    )
    assert isinstance(refused, Declined)
    assert refused.code == "account_suspended"
    do(built, clock, "back", "post.take_down", post_id=posts[-1])


def test_the_same_words_again_and_again_are_spam() -> None:
    built, clock = quiet()
    society, spammer = built.network.society, built.audience.people[0].handle
    posts = [society.say(spammer, "buy now", at_us=clock.now_us()) for _ in range(RULES.same_words_max + 1)]
    clock.advance(RULES.moderated_seconds)
    built.network.settle(clock.now_us())
    assert [society.posts[one.id].text for one in posts[-2:]] == ["buy now", ""]
