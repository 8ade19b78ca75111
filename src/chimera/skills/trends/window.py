"""The posts of the last hour, in panes of ten minutes; and what is told to `Usual` when an hour is over."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from itertools import chain

from chimera.domain.durations import HOUR_US
from chimera.skills.trends import topics
from chimera.skills.trends.post import Post
from chimera.skills.trends.spam import Crowd, Said
from chimera.skills.trends.usual import Usual

PANES = 6
# An account is new for four hours.
NEW_PANES = 4 * PANES
GAP_PANES_MAX = 7 * 24 * PANES
KEYS_TOLD_MAX = 20_000
AUTHORS_MAX = 1_000_000
POSTS_PER_PANE_MAX = 200_000


class Pane:
    """Ten minutes of posts, each with the keys of what it is about."""

    __slots__ = ("counts", "number", "often", "posts", "taken", "texts")

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken = 0
        self.counts: Counter[str] = Counter()
        self.often: frozenset[str] | None = None
        self.posts: list[tuple[Said, list[str]]] = []
        self.texts: list[int] = []

    def said_often(self) -> frozenset[str]:
        """What was said twice or more: nothing can have risen that was not, in one pane or another."""
        if self.often is None:
            return frozenset(key for key, count in self.counts.items() if count > 1)
        return self.often


class Window:
    """Takes posts in about the order of their time. What is older than the window counts as said now."""

    def __init__(self, usual: Usual, *, hour_us: int = HOUR_US) -> None:
        self._usual = usual
        self._pane_us = max(1, hour_us // PANES)
        self._panes: deque[Pane] = deque(maxlen=PANES)
        self._authors: dict[str, int] = {}
        self._copies: dict[int, list[Said]] = {}
        self._now_us = 0

    @property
    def now_us(self) -> int:
        """The time of the newest post, or what was told."""
        return self._now_us

    @property
    def panes(self) -> tuple[Pane, ...]:
        """The panes of the last hour, oldest first."""
        return tuple(self._panes)

    @property
    def posts(self) -> int:
        """How many posts there were in the last hour, copies included."""
        return sum(pane.taken for pane in self._panes)

    def take(self, posts: Iterable[Post]) -> int:
        """Count them; how many there were."""
        taken, pane, keys, until_us = 0, None, list[str](), 0
        for post in posts:
            if pane is None or post.at_us >= until_us:
                if pane is not None:
                    pane.counts.update(keys)
                    keys.clear()
                pane = self._pane(post.at_us)
                until_us = (pane.number + 1) * self._pane_us
            keys += self._enter(post, pane)
            taken += 1
        if pane is not None:
            pane.counts.update(keys)
        return taken

    def _enter(self, post: Post, pane: Pane) -> list[str]:
        """Note one post; what has to be counted for it, which for a copy is nothing."""
        pane.taken += 1
        self._now_us = max(self._now_us, post.at_us)
        words = topics.words_of(post.text)
        said = Said(author=post.author, text=post.text, is_new=self._is_new(post.author, pane.number))
        text = hash(tuple(words))
        known = self._copies.get(text)
        if known is not None:
            known.append(said)
            return []
        self._copies[text] = [said]
        pane.texts.append(text)
        if len(pane.posts) >= POSTS_PER_PANE_MAX:
            return []
        keys = topics.keys_of(words)
        pane.posts.append((said, keys))
        return keys

    def advance(self, now_us: int) -> None:
        """It is this late now, although nobody may have said anything."""
        self._pane(now_us)

    def coverage(self) -> list[tuple[int, float]]:
        """The hours that the window covers, each with its share of an hour."""
        shares: defaultdict[int, float] = defaultdict(float)
        for pane in self._panes:
            lived = min(self._pane_us, max(0, self._now_us - pane.number * self._pane_us))
            shares[pane.number // PANES] += lived / self._pane_us / PANES
        return list(shares.items())

    def counted(self, *, at_least: int) -> dict[str, int]:
        """How often each key was said in the last hour, by whomever, without copies."""
        keys = frozenset[str]().union(*(pane.said_often() if at_least > 1 else pane.counts for pane in self._panes))
        tallies = [pane.counts for pane in self._panes]
        total = {key: sum(tally[key] for tally in tallies if key in tally) for key in keys}
        return {key: count for key, count in total.items() if count >= at_least}

    def said(self, keys: set[str]) -> dict[str, list[Said]]:
        """The posts about each of these."""
        found: dict[str, list[Said]] = {key: [] for key in keys}
        for pane in self._panes:
            for said, about in pane.posts:
                for key in keys.intersection(about):
                    found[key].append(said)
        return found

    def copied(self, *, at_least: int) -> list[tuple[Said, int, int]]:
        """Texts that were said again word for word: the first, how often, by how many."""
        return [
            (said[0], len(said), len({one.author for one in said}))
            for said in self._copies.values()
            if len(said) >= at_least
        ]

    def crowd(self) -> Crowd:
        """How many posts there are, and how many of them by accounts that nobody knew before."""
        are_new = [said.is_new for pane in self._panes for said, _ in pane.posts]
        return Crowd(posts=len(are_new), new=sum(are_new))

    def _pane(self, at_us: int) -> Pane:
        """The pane of that time, and the ones before it closed. What comes late counts as said now."""
        number = at_us // self._pane_us
        self._now_us = max(self._now_us, at_us)
        if not self._panes or number - self._panes[-1].number > GAP_PANES_MAX:
            self._copies.clear()
            self._panes.clear()
            self._panes.append(Pane(number))
        while self._panes[-1].number < number:
            self._panes[-1].often = self._panes[-1].said_often()
            if (self._panes[-1].number + 1) % PANES == 0:
                self._end_hour()
            self._open(Pane(self._panes[-1].number + 1))
        return self._panes[-1]

    def _open(self, pane: Pane) -> None:
        if len(self._panes) == PANES:
            for text in self._panes[0].texts:
                del self._copies[text]
        self._panes.append(pane)

    def _end_hour(self) -> None:
        hour = self._panes[-1].number // PANES
        panes = [pane for pane in self._panes if pane.number // PANES == hour]
        counts = Counter(chain.from_iterable(keys for pane in panes for _, keys in pane.posts))
        # In a busy network what is said once an hour by one is noise, and there is much of it.
        least = 1 if len(counts) <= KEYS_TOLD_MAX else 2
        told = {key: count for key, count in counts.items() if count >= least}
        self._usual.tell(hour, told, posts=sum(pane.taken for pane in panes))

    def _is_new(self, author: str, pane: int) -> bool:
        """Whether nobody knew the account some hours ago."""
        if len(self._authors) >= AUTHORS_MAX:
            return pane - self._authors.get(author, pane - NEW_PANES) < NEW_PANES
        return pane - self._authors.setdefault(author, pane) < NEW_PANES
