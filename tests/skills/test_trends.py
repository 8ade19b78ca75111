"""Trends: what is a burst, what is a copy, what is spam; on small talk made here and on planted networks."""

from __future__ import annotations

import random

import pytest

from chimera.bench import trends as bench
from chimera.domain.durations import HOUR_US, MINUTE_US
from chimera.domain.errors import Invalid
from chimera.skills.trends import topics
from chimera.skills.trends.post import Post, Report
from chimera.skills.trends.trend_analyzer import TrendAnalyzer, analyze

WORDS = (
    "river", "lamp", "stone", "cloud", "garden", "window", "paper", "silver", "market", "forest", "bridge", "candle",
)  # fmt: skip


def chatter(dice: random.Random, *, hours: int, per_hour: int = 60) -> list[Post]:
    return [
        Post(author=f"@p{dice.randrange(200)}", text=" ".join(dice.sample(WORDS, 6)), at_us=hour * HOUR_US + minute)
        for hour in range(hours)
        for minute in sorted(dice.randrange(HOUR_US) for _ in range(per_hour))
    ]


def said(dice: random.Random, topic: str, *, author: str, hour: int) -> Post:
    return Post(
        author=author, text=f"{' '.join(dice.sample(WORDS, 4))} {topic}", at_us=hour * HOUR_US + dice.randrange(HOUR_US)
    )


def listened(posts: list[Post], *, hours: int) -> Report:
    analyzer = TrendAnalyzer()
    analyzer.take(sorted(posts, key=lambda post: post.at_us))
    return analyzer.analyze(platform="sandbox", at_us=hours * HOUR_US - 1)


def bursts(report: Report) -> list[str]:
    return [trend.topic for trend in report.trends if trend.is_burst]


@pytest.mark.parametrize(
    "written", ["#HollowKnight", "Hollow Knight", "hollow knight", "HOLLOW-KNIGHT", "#hollow_knight"]
)
def test_spellings_of_one_topic_have_one_key(written: str) -> None:
    words = topics.words_of(f"the {written} is out, @someone, see https://x.example/hollow")
    assert "hollowknight" in topics.keys_of(words)
    assert "someone" not in words


@pytest.mark.requirement("R-B1")
def test_a_burst_is_found_under_its_name_and_explained() -> None:
    dice = random.Random(7)
    posts = chatter(dice, hours=8)
    posts += [said(dice, "#HollowKnight" if n % 2 else "Hollow Knight", author=f"@p{n}", hour=7) for n in range(30)]
    report = listened(posts, hours=8)
    assert len(bursts(report)) == 1
    first = report.trends[0]
    assert topics.key_of(first.topic) == "hollowknight"
    assert 0.5 < first.score < 1
    assert first.kind in ("hashtag", "entity")
    assert first.voices >= 25
    assert "people with words of their own" in first.why
    assert first.examples
    assert all("ollow" in text for text in first.examples)
    assert 1 <= len(report.trends) <= 100
    assert all(0 <= trend.score < 0.5 for trend in report.trends[1:])


def test_what_is_said_every_day_at_this_hour_is_no_burst() -> None:
    dice = random.Random(8)
    posts = chatter(dice, hours=24 * 4, per_hour=30)
    for day in range(4):
        posts += [said(dice, "good breakfast", author=f"@p{n}", hour=day * 24 + 8) for n in range(25)]
    report = listened([post for post in posts if post.at_us < (3 * 24 + 9) * HOUR_US], hours=3 * 24 + 9)
    assert bursts(report) == []
    assert any("breakfast" in trend.topic for trend in report.trends)


def test_copies_count_once_and_are_told() -> None:
    dice = random.Random(9)
    posts = chatter(dice, hours=6)
    posts += [Post(author=f"@p{n}", text="Buy Moonshoes at the market now", at_us=5 * HOUR_US + n) for n in range(40)]
    report = listened(posts, hours=6)
    assert bursts(report) == []
    assert [(wave.posts, "word for word" in wave.reason) for wave in report.waves] == [(40, True)]


@pytest.mark.parametrize("kind", ["one mouth", "one text", "new accounts"])
def test_waves_of_spam_are_no_trend_and_are_named(kind: str) -> None:
    dice = random.Random(10)
    posts = chatter(dice, hours=8)
    frame = "get your free moonshoes today before they are all gone from the shop friends"
    for n in range(60):
        at_us = 7 * HOUR_US + n * MINUTE_US // 2
        match kind:
            case "one mouth":
                posts.append(said(dice, "moonshoes", author=f"@p{n % 4}", hour=7))
            case "one text":
                posts.append(Post(author=f"@p{n}", text=f"{frame} {dice.choice(WORDS)} {n}", at_us=at_us))
            case _:
                posts.append(said(dice, "moonshoes", author=f"@farm{n}", hour=7))
    report = listened(posts, hours=8)
    assert bursts(report) == []
    assert report.waves
    assert all(wave.reason for wave in report.waves)


def test_nothing_said_is_refused_with_a_remedy() -> None:
    with pytest.raises(Invalid) as refused:
        analyze(platform="sandbox", posts=[])
    assert refused.value.code == "trends_without_posts"
    with pytest.raises(Invalid) as refused:
        analyze(platform="sandbox", posts=[Post(author="@a", text="hello there moon", at_us=1)], count_max=101)
    assert refused.value.code == "trends_out_of_range"


def test_odd_bytes_stay_words() -> None:
    odd = ["", "#", "\x00\ud800", "🎮" * 50, "#" * 500, "a" * 100_000, "ﬁnal ＦＡＮＴＡＳＹ", "https://", "@" * 99]
    posts = [
        Post(author=f"@p{n}", text=text, at_us=n * MINUTE_US) for n, text in enumerate([*odd, "moon rises over water"])
    ]
    assert analyze(platform="sandbox", posts=posts).trends


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.requirement("R-B1")
def test_planted_bursts_are_found_on_a_seed_that_nothing_was_tuned_on() -> None:
    counts = bench.measure((211,))
    assert counts["precision"] >= 0.9
    assert counts["recall"] >= 0.9
    assert counts["waves_taken_for_trends"] <= 1
