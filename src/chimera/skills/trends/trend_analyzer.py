"""What does a network talk about more than usual? Reads posts; proposes nothing, and keeps nobody's words for long.

`TrendAnalyzer(…).analyze(platform="bluesky")` gives 1 to 100 trends with a topic and a score in [0, 1]; `analyze` does
the same for posts at hand. A burst is a topic with many more *voices* (accounts with words of their own) than this hour
of the day usually has. Copies are merged, and waves of spam are named and left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from chimera.domain.durations import HOUR_US
from chimera.domain.errors import Invalid
from chimera.skills.trends import spam, topics
from chimera.skills.trends.post import Post, Report, Trend, Wave
from chimera.skills.trends.spam import Said
from chimera.skills.trends.usual import Usual
from chimera.skills.trends.window import Window

TRENDS_MAX = 100
WAVES_MAX = 20
EXAMPLES_MAX = 3
EXAMPLE_LENGTH_MAX = 280
CANDIDATES_MAX = 120
SAMPLE_MAX = 120
LENGTHENED_VOICES_MAX = 40
WRITTEN_MAX = 20
# A burst has this many voices at least, so many times what is usual, and so many standard deviations above it.
VOICES_MIN = 10
QUIET_TIMES = 4
TIMES_MIN = 2.5
DEVIATIONS_MIN = 5.0
# Beyond chance, an hour differs from the same hour of other days by about this share.
UNREST = 0.35
# What is usual is itself known from a few days only, and what was said once in an hour was not remembered.
UNSURE = 1.7
UNTOLD = 2.0
# Two topics of which the smaller is mostly said together with the larger are one.
TOGETHER_SHARE = 0.6
LABEL_SHARE = 0.4
LENGTHENED_MIN = 3
NEVER_BELOW = 0.05
COPIES_MIN = 10
HOURS_KNOWN_MIN = 3


class _Topic(Struct, kw_only=True):
    """A topic on its way to being a trend."""

    key: str
    voices: tuple[Said, ...]
    usual: float
    deviations: float
    reason: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def authors(self) -> set[str]:
        return {said.author for said in self.voices}


_Rated: TypeAlias = tuple[str, int, float]


class TrendAnalyzer:
    """One per stream of posts. Learns what is usual while it takes them."""

    def __init__(self, *, hour_us: int = HOUR_US) -> None:
        self._usual = Usual()
        self._window = Window(self._usual, hour_us=hour_us)

    def take(self, posts: Iterable[Post]) -> int:
        """Posts in about the order of their time; how many there were."""
        return self._window.take(posts)

    def analyze(self, *, platform: str, at_us: int | None = None, count_max: int = 10) -> Report:
        """What is talked about in the hour until then. Without any post there is nothing to say, and it is said."""
        if not 1 <= count_max <= TRENDS_MAX:
            raise Invalid("trends_out_of_range", f"{count_max} trends", where="count_max",
                          remedy=f"ask for 1 to {TRENDS_MAX}")  # fmt: skip
        if at_us is not None:
            self._window.advance(at_us)
        found, waves = self._sifted(self._rated(quiet=QUIET_TIMES * count_max))
        ranked = self._ranked(_merged(found))
        if not ranked:
            raise Invalid("trends_without_posts", f"nothing was said on {platform[:60]} lately", where="posts",
                          remedy="read more posts, or ask again later")  # fmt: skip
        ranked = self._ranked(_united([_lengthened(topic) for topic in ranked[: 2 * count_max]]))
        trends = tuple(self._told(one) for one in ranked[:count_max])
        return Report(platform=platform, at_us=self._window.now_us, posts=self._window.posts, trends=trends,
                      waves=(*waves, *self._copied())[:WAVES_MAX])  # fmt: skip

    # ── finding ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _rated(self, *, quiet: int) -> list[_Rated]:
        """Every key that was said twice, by how far its bare count is above what is usual; the strongest first."""
        coverage = self._window.coverage()
        counted = self._window.counted(at_least=2) or self._window.counted(at_least=1)
        many = {key: count for key, count in counted.items() if count >= VOICES_MIN}
        counted = many if len(many) > quiet else counted
        rated = [(key, count, self._expected(key, coverage)) for key, count in counted.items()]
        rated.sort(key=lambda one: (-_deviations(one[1], one[2]), one[0]))
        if not self._is_learned:
            return rated[:quiet]
        risen = [one for one in rated if _is_risen(one[1], one[2])]
        return (risen + [one for one in rated if not _is_risen(one[1], one[2])][:quiet])[:CANDIDATES_MAX]

    @property
    def _is_learned(self) -> bool:
        """Whether enough was heard to say what is usual."""
        return self._usual.hours_told >= HOURS_KNOWN_MIN

    def _expected(self, key: str, coverage: Sequence[tuple[int, float]]) -> float:
        return sum(share * self._usual.expected(key, hour) for hour, share in coverage)

    def _sifted(self, rated: Sequence[_Rated]) -> tuple[list[_Topic], list[Wave]]:
        """Topics with their own voices; and those that rose by spam alone. Who did not rise is not suspected."""
        said = self._window.said({key for key, _, _ in rated})
        crowd = self._window.crowd() if self._is_learned else None
        found: list[_Topic] = []
        waves: list[tuple[str, list[Said], str]] = []
        alike: dict[str, tuple[int, ...]] = {}
        for key, count, usual in rated:
            posts = said[key][-SAMPLE_MAX:]
            if not _is_risen(count, usual):
                found.append(_topic(key, spam.one_each(posts), usual, count / max(1, len(posts))))
                continue
            sifted = spam.sift(posts, crowd=crowd, known=alike)
            topic = _topic(key, sifted.voices, usual, count / max(1, len(posts)))
            if not _is_risen(len(topic.voices), usual):
                waves.append((key, posts, sifted.reason))
            elif topic.voices:
                found.append(topic)
        return found, _distinct(waves)

    def _copied(self) -> list[Wave]:
        return [
            Wave(topic=first.text[:EXAMPLE_LENGTH_MAX], posts=times,
                 reason=f"one text, word for word, by {authors} accounts: counted once")
            for first, times, authors in self._window.copied(at_least=COPIES_MIN)
        ]  # fmt: skip

    def _ranked(self, found: Sequence[_Topic]) -> list[_Topic]:
        """Bursts first, the strongest before the others."""
        return sorted(found, key=lambda one: (not self._is_burst(one), _rank(one)))

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_burst(self, topic: _Topic) -> bool:
        return self._is_learned and _is_risen(len(topic.voices), topic.usual)

    def _told(self, topic: _Topic) -> Trend:
        ways = _ways(topic.voices, (topic.key, *topic.aliases))
        label, kind = _most(topic.key, ways[topic.key])
        aliases = tuple(_most(key, ways[key])[0] for key in topic.aliases)
        return Trend(
            topic=label, kind=kind, score=_score(topic.deviations, is_burst=self._is_burst(topic)),
            is_burst=self._is_burst(topic), voices=len(topic.voices), usual=round(topic.usual, 1),
            why=self._why(topic), examples=_examples(topic.voices),
            aliases=tuple(dict.fromkeys(name for name in aliases if name.casefold() != label.casefold()))[:10],
        )  # fmt: skip

    def _why(self, topic: _Topic) -> str:
        voices = f"{len(topic.voices)} people with words of their own in the last hour"
        if not self._is_learned:
            return f"{voices}; too little is known to say what is usual"
        if topic.usual < NEVER_BELOW:
            return f"{voices}, where nobody usually talks about it at this hour"
        return f"{voices}, where {topic.usual:.1f} are usual at this hour ({len(topic.voices) / topic.usual:.1f} times)"


def analyze(*, platform: str, posts: Iterable[Post], count_max: int = 10) -> Report:
    """The same for posts at hand, in any order: the last quarter of their time against what came before."""
    ordered = sorted(posts, key=lambda post: post.at_us)
    span_us = ordered[-1].at_us - ordered[0].at_us if ordered else 0
    analyzer = TrendAnalyzer(hour_us=min(HOUR_US, max(60, span_us // 4)))
    analyzer.take(ordered)
    return analyzer.analyze(platform=platform, count_max=count_max)


def _topic(key: str, voices: Sequence[Said], usual: float, sampled: float) -> _Topic:
    return _Topic(key=key, voices=tuple(voices), usual=usual, deviations=_deviations(len(voices) * sampled, usual))


def _deviations(voices: float, usual: float) -> float:
    return (voices - usual) / math.sqrt(UNSURE * usual + (UNREST * usual) ** 2 + UNTOLD)


def _is_risen(voices: int, usual: float) -> bool:
    return voices >= VOICES_MIN and voices >= TIMES_MIN * usual and _deviations(voices, usual) >= DEVIATIONS_MIN


def _rank(topic: _Topic) -> tuple[float, int, str]:
    return (-topic.deviations, -len(topic.voices), topic.key)


def _score(deviations: float, *, is_burst: bool) -> float:
    """Below one half nothing bursts; one is never reached."""
    if is_burst:
        return round(1.0 - 0.5 * math.exp(-(deviations - DEVIATIONS_MIN) / 8), 4)
    return round(min(0.4999, max(0.0, 0.5 * deviations / (DEVIATIONS_MIN * 2))), 4)


def _merged(found: Sequence[_Topic]) -> list[_Topic]:
    """Topics that are said by the same people in the same words become one, under the name that says most."""
    groups: list[tuple[set[tuple[str, str]], list[_Topic]]] = []
    for topic in sorted(found, key=lambda one: (-len(one.voices), -len(one.key), one.key)):
        said = {(one.author, one.text) for one in topic.voices}
        for together, members in groups:
            if len(said & together) >= TOGETHER_SHARE * len(said):
                members.append(topic)
                break
        else:
            groups.append((said, [topic]))
    return [_named(members) for _, members in groups]


def _named(members: list[_Topic]) -> _Topic:
    """The rarest of the group's topics that most of its voices name, and of equal ones the longest."""
    largest = max(len(topic.voices) for topic in members)
    fit = [topic for topic in members if len(topic.voices) >= LABEL_SHARE * largest]
    chosen = max(fit, key=lambda one: (round(one.deviations, 6), len(one.key), one.key))
    longer = [one for one in fit if chosen.key in one.key and len(one.voices) >= 0.8 * len(chosen.voices)]
    chosen = max([chosen, *longer], key=lambda one: (len(one.key), one.key))
    chosen.aliases = tuple(topic.key for topic in members if topic is not chosen)
    return chosen


def _lengthened(topic: _Topic) -> _Topic:
    """Under the name of three words, where people mostly say all three."""
    voices = topic.voices[:LENGTHENED_VOICES_MAX]
    triples = Counter(
        triple
        for said in voices
        for triple in set(topics.triples_of(topics.words_of(said.text)))
        if topic.key in triple
    )
    best = max(triples.items(), key=lambda one: (one[1], one[0]), default=("", 0))
    if best[1] < LABEL_SHARE * len(voices) or best[1] < LENGTHENED_MIN:
        return topic
    topic.aliases = (topic.key, *topic.aliases)
    topic.key = best[0]
    return topic


def _united(found: Sequence[_Topic]) -> list[_Topic]:
    """What is said as a hashtag by some and as words by others is one topic."""
    one_of: dict[str, _Topic] = {}
    for topic in found:
        known = one_of.setdefault(topic.key, topic)
        if known is not topic:
            voices = {said.author: said for said in (*known.voices, *topic.voices)}
            known.voices, known.aliases = tuple(voices.values()), (*known.aliases, *topic.aliases)
            known.usual = max(known.usual, topic.usual)
            known.deviations = max(_deviations(len(voices), known.usual), known.deviations, topic.deviations)
    return list(one_of.values())


def _ways(posts: Sequence[Said], keys: Sequence[str]) -> dict[str, Counter[str]]:
    """How people write each of these."""
    wanted, ways = frozenset(keys), {key: Counter[str]() for key in keys}
    for post in posts[:WRITTEN_MAX]:
        for key, way in topics.surfaces(post.text, wanted):
            ways[key][way] += 1
    return ways


def _most(key: str, ways: Counter[str]) -> tuple[str, str]:
    """How people write it mostly, and what that makes it: a hashtag, a name, or a phrase."""
    if not ways:
        return key, "phrase"
    best = max(ways.items(), key=lambda one: (one[1], one[0]))[0]
    if best.startswith("#"):
        return best, "hashtag"
    return best, "entity" if all(word[:1].isupper() for word in best.split()) else "phrase"


def _examples(voices: Sequence[Said]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(said.text[:EXAMPLE_LENGTH_MAX] for said in voices))[:EXAMPLES_MAX]


def _distinct(waves: Sequence[tuple[str, list[Said], str]]) -> list[Wave]:
    """One wave is told once, not once for each of its words."""
    told: list[Wave] = []
    heard: list[set[str]] = []
    for key, posts, reason in sorted(waves, key=lambda one: (-len(one[1]), -len(one[0]), one[0])):
        authors = {one.author for one in posts}
        if not any(len(authors & known) >= TOGETHER_SHARE * len(authors) for known in heard):
            told.append(Wave(topic=_most(key, _ways(posts, (key,))[key])[0], posts=len(posts), reason=reason))
            heard.append(authors)
    return told
