"""The simulated network keeps its rules and its records, and the comparison finds what differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chimera.ports.network import Accepted, Act, Declined
from chimera.rehearsal.network import Network
from chimera.rehearsal.records import Counts, Deed, Performed, compare
from chimera.rehearsal.scenario import Rules, Scenario
from tests.rehearsal.worlds import QUIET, US, do, quiet

pytestmark = pytest.mark.requirement("R-N5")
AGREED = Counts(lost=0, doubled=0, unknown=0, overspent=0)


def act(key: str, **arguments: object) -> Act:
    return Act(kind="post.publish", platform="sandbox", account=US, key=key, arguments=dict(arguments))


def test_a_thread_keeps_who_answered_whom() -> None:
    built, clock = quiet()
    post = do(built, clock, "k1", text="hello").receipt["id"]
    answer = do(built, clock, "k2", "post.reply", text="and more", in_reply_to=post).receipt["id"]
    first, second = built.network.society.thread(post)
    assert (first.id, first.depth, second.id, second.depth, second.in_reply_to) == (post, 0, answer, 1, post)


def test_what_is_taken_down_is_gone_and_only_ours_can_be() -> None:
    built, clock = quiet()
    post = do(built, clock, "k1", text="a slip").receipt["id"]
    do(built, clock, "k2", "post.take_down", post_id=post)
    assert built.network.society.posts[post].text == ""
    theirs = built.network.society.recent()[-1]
    refused = built.network.perform(
        Act(kind="post.take_down", platform="sandbox", account=US, key="k3", arguments={"post_id": theirs.id}),
        now_us=clock.now_us(),
    )
    assert isinstance(refused, Declined)
    assert refused.code == "post_not_yours"


def test_likes_and_follows_count_once_per_account() -> None:
    built, clock = quiet()
    society = built.network.society
    theirs = society.recent()[0]
    for key in ("k1", "k2"):
        do(built, clock, key, "post.like", post_id=theirs.id)
    do(built, clock, "k3", "post.follow", target_account=theirs.account)
    assert society.likes[theirs.id] == {US}
    assert society.followers[theirs.account] == {US}


def test_mentions_reach_whom_they_name_and_whom_they_answer() -> None:
    built, clock = quiet()
    society = built.network.society
    stranger = built.audience.people[0].handle
    mine = do(built, clock, "k1", text="hello").receipt["id"]
    named = society.say(stranger, f"look, {US}!", at_us=1)
    answered = society.say(stranger, "well said", at_us=2, in_reply_to=mine)
    society.say(stranger, "to nobody", at_us=3)
    assert [post.id for post in society.addressed(US)] == [named.id, answered.id]
    assert [post.id for post in society.addressed(US, after=1)] == [answered.id]


def test_what_is_private_stays_between_the_two() -> None:
    built, clock = quiet()
    society, stranger = built.network.society, built.audience.people[0].handle
    message = society.whisper(stranger, US, "psst, speedruns", at_us=1)
    answer = do(built, clock, "k1", "post.reply", text="psst, speedruns too", in_reply_to=message.id).receipt["id"]
    assert society.addressed(US) == (message,)
    assert [post.id for post in society.addressed(stranger)] == [answer]
    seen = {post.id for post in (*society.recent(limit=500), *society.recent_of_ours())}
    assert not seen & {message.id, answer}
    assert built.network.records()[0].id == answer


def test_trends_follow_what_is_said_lately() -> None:
    built, _ = quiet()
    society = built.network.society
    for number in range(300):
        society.say(built.audience.people[0].handle, "x", at_us=number, topic="modding")
    assert society.trends(limit=1)[0].topic == "modding"
    for number in range(800):
        society.say(built.audience.people[0].handle, "x", at_us=number, topic="pixel art")
    assert [trend.topic for trend in society.trends()] == ["pixel art"]
    assert society.trends()[0].score_bp == 10_000


def test_a_flag_and_a_family_are_one_grapheme_each() -> None:
    network = Network(QUIET)
    text = "\U0001f1e9\U0001f1ea" * 150 + "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 150
    assert isinstance(network.perform(act("k1", text=text), now_us=0), Accepted)
    refused = network.perform(act("k2", text=f"{text}!"), now_us=0)
    assert isinstance(refused, Declined)
    assert refused.code == "text_too_long"


def test_what_comes_late_is_done_when_it_arrives() -> None:
    network = Network(QUIET)
    network.perform_later(act("late", text="sorry"), due_us=50)
    network.settle(49)
    assert network.records() == ()
    network.settle(50)
    assert [(deed.key, deed.at_us) for deed in network.records()] == [("late", 50)]


# ── the comparison ──────────────────────────────────────────────────────────────────────────────────────────────────


def deed(key: str, *, seq: int = 1, amount_micros: int = 0) -> Deed:
    return Deed(seq=seq, at_us=0, platform="sandbox", kind="post.publish", account=US, key=key, id=f"post-{seq}",
                amount_micros=amount_micros)  # fmt: skip


def test_books_that_agree_differ_in_nothing() -> None:
    assert compare([deed("a"), deed("b")], [Performed(key="a"), Performed(key="b")]) == AGREED


def test_lost_is_what_we_say_and_the_network_has_not() -> None:
    assert compare([], [Performed(key="a")]) == structs.replace(AGREED, lost=1)


def test_unknown_is_what_happened_without_our_knowing() -> None:
    assert compare([deed("a")], []) == structs.replace(AGREED, unknown=1)


def test_doubled_is_one_key_twice_or_one_task_under_two_keys() -> None:
    assert compare([deed("a"), deed("a")], [Performed(key="a")]).doubled == 1
    two_keys = [deed("a"), deed("b")]
    ours = [Performed(key="a", task_id="t"), Performed(key="b", task_id="t")]
    assert compare(two_keys, ours).doubled == 1
    assert compare(two_keys, ours[1:], tasks={"a": "t", "b": "t"}) == structs.replace(AGREED, doubled=1, unknown=1)


def test_overspent_is_more_paid_than_booked() -> None:
    ours = [Performed(key="a", amount_micros=5)]
    assert compare([deed("a", amount_micros=5)], ours) == AGREED
    assert compare([deed("a", amount_micros=6)], ours).overspent == 1


@given(st.lists(st.sampled_from("abcde"), max_size=12), st.sets(st.sampled_from("abcde")))
def test_the_counts_are_what_sets_and_sums_say(happened: list[str], ours: set[str]) -> None:
    counts = compare([deed(key) for key in happened], [Performed(key=key) for key in sorted(ours)])
    assert counts.lost == len(ours - set(happened))
    assert counts.unknown == len(set(happened) - ours)
    assert counts.doubled == len(happened) - len(set(happened))
    assert counts.agree == (sorted(happened) == sorted(ours))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20))
def test_under_one_key_a_deduping_network_acts_once(calls: list[tuple[str, bool]]) -> None:
    network = Network(Scenario(people=0, rules=Rules(posts_per_hour_max=100)))
    for at_us, (key, later) in enumerate(calls):
        if later:
            network.perform_later(act(key, text=f"text {key}"), due_us=at_us + 5)
        else:
            network.perform(act(key, text=f"text {key}"), now_us=at_us)
    network.settle(1_000)
    assert sorted(done.key for done in network.records()) == sorted({key for key, _ in calls})
