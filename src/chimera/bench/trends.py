"""Plants bursts and waves of spam in a network's talk, from a seed, and measures who finds them, and how fast.

Every topic has a daily rhythm of its own, so that an evening's crowd is no burst. Thresholds were chosen on
`TUNED_SEEDS`; figures are told for other seeds only.
"""

from __future__ import annotations

import bisect
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from chimera.adapters.system.collector import settle_memory
from chimera.domain.durations import HOUR_US
from chimera.skills.trends import topics
from chimera.skills.trends.post import Post, Report, Trend
from chimera.skills.trends.trend_analyzer import TrendAnalyzer

TUNED_SEEDS = (1, 2, 3)
HELD_OUT_SEEDS = (101, 102, 103)
DAYS = 4
LEARN_DAYS = 3
ACCOUNTS = 6_000
POSTS_PER_HOUR = 600
BUSY_POSTS = 200_000
BUSY_HOURS = 4
SHARE_MIN = 0.9
POSTS_PER_SECOND_MIN = 20_000
BURSTS = 24
WAVES = 15
START_US = 1_700_000_000_000_000 // HOUR_US // 24 * 24 * HOUR_US
_SYLLABLES = ("ka", "ro", "mi", "ten", "lo", "su", "bra", "vel", "dor", "nix", "pa", "qui", "zer", "hol", "fin", "ma",
              "tor", "el", "gri", "wyn", "os", "lum", "ped", "sha")  # fmt: skip


class Planted(Struct, frozen=True, kw_only=True):
    """A burst or a wave: what of, from when to when."""

    topic: str
    kind: str
    from_us: int
    to_us: int


class Talk(Struct, frozen=True, kw_only=True):
    """A network's posts in order, and what was planted in them."""

    posts: list[Post]
    bursts: list[Planted]
    waves: list[Planted]


class _Writer:
    """Writes posts like people do: some words about the topic, many about nothing."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.words = sorted({self._word() for _ in range(3_000)})
        self.topics = [self.topic() for _ in range(200)]
        self.rhythms = [(self.dice.randrange(24), self.dice.uniform(0.0, 0.9)) for _ in self.topics]
        weights = [1.0 / (rank + 3) for rank in range(len(self.topics))]
        self.weights = weights
        self.accounts = [f"@{self._word()}{number}" for number in range(ACCOUNTS)]

    def _word(self) -> str:
        return "".join(self.dice.choice(_SYLLABLES) for _ in range(self.dice.randint(2, 3)))

    def topic(self) -> str:
        return " ".join(self._word() for _ in range(self.dice.choice((1, 2, 2, 3))))

    def filler(self, least: int, most: int) -> list[str]:
        count = self.dice.randint(least, most)
        return [self.words[int(len(self.words) * self.dice.random() ** 2.2)] for _ in range(count)]

    def text(self, topic: str) -> str:
        """The topic somewhere among other words: as a hashtag, a name or plain words."""
        form = self.dice.random()
        said = f"#{topic.replace(' ', '')}" if form < 0.3 else topic.title() if form < 0.6 else topic
        words = self.filler(3, 10)
        words.insert(self.dice.randint(0, len(words)), said)
        return " ".join(words)

    def account(self) -> str:
        return self.accounts[int(ACCOUNTS * self.dice.random() ** 1.5)]


def talk(seed: int, *, posts_per_hour: int = POSTS_PER_HOUR) -> Talk:
    """Some days of one network."""
    writer = _Writer(seed)
    posts = [post for hour in range(DAYS * 24) for post in _hour(writer, hour, posts_per_hour)]
    bursts = [_burst(writer, number, posts) for number in range(BURSTS)]
    waves = [_WAVES[number % len(_WAVES)](writer, number, posts) for number in range(WAVES)]
    posts.sort(key=lambda post: post.at_us)
    return Talk(posts=posts, bursts=bursts, waves=waves)


def _hour(writer: _Writer, hour: int, posts_per_hour: int) -> Iterator[Post]:
    dice, slot = writer.dice, hour % 24
    busy = 1.5 if 16 <= slot <= 22 else 0.6 if 2 <= slot <= 6 else 1.0
    weights = [
        weight * (1 + 6 * strength * max(0.0, 1 - abs((slot - peak + 12) % 24 - 12) / 2))
        for weight, (peak, strength) in zip(writer.weights, writer.rhythms, strict=True)
    ]
    count = int(posts_per_hour * busy * dice.uniform(0.85, 1.15))
    for topic in dice.choices(writer.topics, weights, k=count):
        at_us = START_US + hour * HOUR_US + dice.randrange(HOUR_US)
        yield Post(author=writer.account(), text=writer.text(topic), at_us=at_us)


def _when(writer: _Writer, number: int, count: int) -> int:
    """Spread over the days after those in which the analyser learns."""
    span = (DAYS - LEARN_DAYS) * 24 - 3
    hour = LEARN_DAYS * 24 + span * number // count
    return START_US + hour * HOUR_US + writer.dice.randrange(HOUR_US)


def _burst(writer: _Writer, number: int, posts: list[Post]) -> Planted:
    """People talk about something: a known topic much more than usual, or a new one; some share what others wrote."""
    dice = writer.dice
    known = number % 3 == 0
    topic = dice.choice(writer.topics[20:]) if known else writer.topic()
    from_us, length_us = _when(writer, number, BURSTS), int(dice.uniform(0.8, 2.5) * HOUR_US)
    count = dice.randint(30, 120)
    texts = [writer.text(topic) for _ in range(count)]
    link = f" https://news.example/{number}" if number % 4 == 1 else ""
    for text in texts:
        at_us = from_us + int(length_us * dice.triangular(0, 1, 0.3))
        shared = dice.choice(texts) if dice.random() < 0.15 else text + (link if dice.random() < 0.5 else "")
        posts.append(Post(author=writer.account(), text=shared, at_us=at_us))
    return Planted(topic=topic, kind="burst", from_us=from_us, to_us=from_us + length_us)


def _few_loud(writer: _Writer, number: int, posts: list[Post]) -> Planted:
    """Five accounts, each saying it twenty times in other words."""
    topic, from_us = writer.topic(), _when(writer, number, WAVES)
    loud = [writer.account() for _ in range(5)]
    for _ in range(100):
        posts.append(Post(author=writer.dice.choice(loud), text=writer.text(topic), at_us=_within(writer, from_us)))
    return _wave(topic, "few_loud", from_us)


def _template(writer: _Writer, number: int, posts: list[Post]) -> Planted:
    """Eighty known accounts, one text with two words changed."""
    topic, from_us = writer.topic(), _when(writer, number, WAVES)
    frame = writer.filler(8, 11)
    for _ in range(80):
        words = [writer.filler(1, 1)[0], *frame[:5], topic, *frame[5:], writer.filler(1, 1)[0]]
        posts.append(Post(author=writer.account(), text=" ".join(words), at_us=_within(writer, from_us)))
    return _wave(topic, "template", from_us)


def _copies(writer: _Writer, number: int, posts: list[Post]) -> Planted:
    """Eighty known accounts, one text."""
    topic, from_us = writer.topic(), _when(writer, number, WAVES)
    text = writer.text(topic)
    for _ in range(80):
        posts.append(Post(author=writer.account(), text=text, at_us=_within(writer, from_us)))
    return _wave(topic, "copies", from_us)


def _farm(writer: _Writer, number: int, posts: list[Post]) -> Planted:
    """Sixty accounts that nobody saw before, each in words of its own, all for one link."""
    topic, from_us = writer.topic(), _when(writer, number, WAVES)
    for member in range(60):
        text = f"{writer.text(topic)} https://win.example/{number}"
        posts.append(Post(author=f"@farm{number}-{member}", text=text, at_us=_within(writer, from_us)))
    return _wave(topic, "farm", from_us)


def _hijack(writer: _Writer, number: int, posts: list[Post]) -> Planted:
    """A sale under the name of what many talk about anyway."""
    topic, from_us = writer.topics[number % 10], _when(writer, number, WAVES)
    frame = writer.filler(9, 12)
    for member in range(90):
        words = [*frame[:4], writer.filler(1, 1)[0], *frame[4:], topic]
        author = writer.account() if member % 2 else f"@sale{number}-{member}"
        posts.append(Post(author=author, text=" ".join(words), at_us=_within(writer, from_us)))
    return _wave(topic, "hijack", from_us)


_WAVES = (_few_loud, _template, _copies, _farm, _hijack)


def _within(writer: _Writer, from_us: int) -> int:
    return from_us + writer.dice.randrange(HOUR_US)


def _wave(topic: str, kind: str, from_us: int) -> Planted:
    return Planted(topic=topic, kind=kind, from_us=from_us, to_us=from_us + HOUR_US)


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


def run(seeds: tuple[int, ...] = HELD_OUT_SEEDS) -> dict[str, Any]:
    """Precision and recall over all seeds, and how many posts a second are taken in a busy network."""
    return {**measure(seeds), **speed(seeds[0])}


def measure(seeds: tuple[int, ...]) -> dict[str, Any]:
    """Precision and recall over all seeds, and the waves that were taken for trends."""
    counts: defaultdict[str, int] = defaultdict(int)
    faults: list[str] = []
    for seed in seeds:
        spoken = talk(seed)
        counts["posts"] += len(spoken.posts)
        faults += [f"{seed}: {fault}" for fault in _compare(spoken, _listen(spoken), counts)]
    told, found = counts["told"], counts["found"]
    return {
        "seeds": list(seeds), "posts": counts["posts"], "bursts": counts["bursts"], "bursts_told": told,
        "precision": round(found / told, 4) if told else 0.0, "recall": round(found / counts["bursts"], 4),
        "waves": counts["waves"], "waves_taken_for_trends": counts["fooled"], "faults": faults[:20],
    }  # fmt: skip


def holds(result: dict[str, Any]) -> bool:
    """Whether it is as good and as fast as is promised. Speed by CPU time: others may use the machine."""
    return (
        result["precision"] >= SHARE_MIN and result["recall"] >= SHARE_MIN
        and result["waves_taken_for_trends"] <= (1 - SHARE_MIN) * result["waves"]
        and result["posts_per_cpu_second"] >= POSTS_PER_SECOND_MIN
    )  # fmt: skip


def speed(seed: int, *, posts: int = BUSY_POSTS) -> dict[str, Any]:
    """Four busy hours with an analysis every ten minutes. CPU time beside the clock's: others may use the machine."""
    writer = _Writer(seed)
    spoken = [post for hour in range(BUSY_HOURS) for post in _hour(writer, hour, posts // BUSY_HOURS)]
    spoken.sort(key=lambda post: post.at_us)
    analyzer, analyses, begin = TrendAnalyzer(), 0, 0
    settle_memory()
    since, since_cpu = time.perf_counter(), time.process_time()
    for at_us in range(START_US + HOUR_US // 6, START_US + BUSY_HOURS * HOUR_US + 1, HOUR_US // 6):
        end = bisect.bisect_left(spoken, at_us, key=lambda post: post.at_us)
        analyzer.take(spoken[begin:end])
        begin = end
        analyzer.analyze(platform="bench", at_us=at_us - 1)
        analyses += 1
    seconds, cpu_seconds = time.perf_counter() - since, time.process_time() - since_cpu
    return {
        "busy_posts": begin, "analyses": analyses, "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2),
        "posts_per_second": round(begin / seconds), "posts_per_cpu_second": round(begin / cpu_seconds),
    }  # fmt: skip


def _listen(spoken: Talk) -> list[Report]:
    """The analyser's reports, every ten minutes after the days of learning."""
    analyzer, reports = TrendAnalyzer(), list[Report]()
    times, begin = [post.at_us for post in spoken.posts], 0
    for at_us in range(START_US + LEARN_DAYS * 24 * HOUR_US, START_US + DAYS * 24 * HOUR_US, HOUR_US // 6):
        end = bisect.bisect_left(times, at_us)
        analyzer.take(spoken.posts[begin:end])
        begin = end
        reports.append(analyzer.analyze(platform="bench", at_us=at_us))
    return reports


def _compare(spoken: Talk, reports: list[Report], counts: defaultdict[str, int]) -> Iterator[str]:
    """Each topic that was told counts once an episode; what belongs to no burst that goes on is wrong."""
    found: set[int] = set()
    fooled: set[int] = set()
    wrong: set[tuple[str, int]] = set()
    for report in reports:
        for trend in (one for one in report.trends if one.is_burst):
            burst = _which(spoken.bursts, trend, report.at_us)
            wave = _which(spoken.waves, trend, report.at_us)
            if burst is not None:
                found.add(burst)
            elif wave is not None:
                fooled.add(wave)
            else:
                wrong.add((topics.key_of(trend.topic), report.at_us // (3 * HOUR_US)))
    counts["bursts"] += len(spoken.bursts)
    counts["waves"] += len(spoken.waves)
    counts["found"] += len(found)
    counts["right"] += len(found)
    counts["fooled"] += len(fooled)
    counts["told"] += len(found) + len(fooled) + len(wrong)
    yield from (f"missed {one.topic}" for index, one in enumerate(spoken.bursts) if index not in found)
    yield from (f"fooled by {spoken.waves[index].kind}: {spoken.waves[index].topic}" for index in sorted(fooled))
    yield from (f"wrong: {key}" for key, _ in sorted(wrong))


def _which(planted: list[Planted], trend: Trend, at_us: int) -> int | None:
    """The planted one, on now or in the last hour, that the trend has as a name or is called by a part of."""
    label = topics.key_of(trend.topic)
    told = {label, *(topics.key_of(name) for name in trend.aliases)}
    for index, one in enumerate(planted):
        is_on = one.from_us <= at_us <= one.to_us + HOUR_US
        if is_on and (topics.key_of(one.topic) in told or label in topics.keys_of(topics.words_of(one.topic))):
            return index
    return None
