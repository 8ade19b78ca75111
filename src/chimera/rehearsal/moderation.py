"""The platform's own moderators: what breaks its rules is taken down after a while, and who goes on is suspended.

They read what is public, as platforms do, and know nothing of the truth of a rehearsal. Our accounts are like others.
"""

from __future__ import annotations

import heapq
from collections import Counter

from chimera.domain.durations import SECOND_US
from chimera.rehearsal.scenario import Rules
from chimera.rehearsal.society import Post, Society
from chimera.rehearsal.truth import is_insult


class Moderators:
    """Called with every post. They take their time: what they take down has been read by then."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._due: list[tuple[int, str]] = []
        self._same: Counter[tuple[str, str]] = Counter()
        self._strikes: Counter[str] = Counter()

    def read(self, post: Post) -> None:
        """A post came: insults, and the same words again and again, are against the rules."""
        self._same[post.account, post.text] += 1
        if is_insult(post.text) or self._same[post.account, post.text] > self._rules.same_words_max:
            heapq.heappush(self._due, (post.at_us + int(self._rules.moderated_seconds * SECOND_US), post.id))

    def act(self, society: Society, now_us: int) -> None:
        """Take down what is due, one strike for its account each time."""
        while self._due and self._due[0][0] <= now_us:
            _, identifier = heapq.heappop(self._due)
            post = society.posts[identifier]
            if post.text:
                society.take_down(identifier)
                self._strikes[post.account] += 1

    def has_suspended(self, account: str) -> bool:
        """Whether the account may say nothing more."""
        return self._strikes[account] >= self._rules.strikes_max
