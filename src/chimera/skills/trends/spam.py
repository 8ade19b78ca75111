"""Tells voices from waves: the same text from many mouths, one mouth many times, accounts that nobody knew before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from msgspec import Struct

from chimera.skills.trends import topics

# Texts that share this many of the four hashes of their signature say the same thing.
ALIKE_HASHES = 2
ALIKE_GROUP_MIN = 4
# With less history than this, everybody is new and being new says nothing.
NEW_ACCOUNTS_SHARE = 0.7
NEW_ACCOUNTS_TIMES = 2.0
NEW_ACCOUNTS_MIN = 6


class Said(Struct, frozen=True, kw_only=True, gc=False):
    """One post of a window, as far as spam can be told from it."""

    author: str
    text: str
    is_new: bool


class Crowd(Struct, frozen=True, kw_only=True):
    """All posts of the window, and how many are by accounts that nobody knew before."""

    posts: int
    new: int


class Sifted(Struct, frozen=True, kw_only=True):
    """The posts that are somebody's own voice, one for each author; and why the others are not."""

    voices: tuple[Said, ...]
    reason: str = ""


def sift(posts: Sequence[Said], *, crowd: Crowd | None, known: dict[str, tuple[int, ...]]) -> Sifted:
    """Take away copies and repetitions; if what is left comes from new accounts, all of it.

    Without a `crowd` nobody can be called new. `known` keeps the signatures of texts that stand in several topics.
    """
    authors = Counter(post.author for post in posts)
    own = _unlike(one_each(posts), known)
    left_out = len(authors) - len(own)
    if _is_farm(own, crowd):
        return Sifted(
            voices=(), reason=f"{sum(post.is_new for post in own)} of {len(own)} accounts were never seen before"
        )
    if left_out > len(own):
        return Sifted(
            voices=tuple(own), reason=f"{left_out} of {len(authors)} accounts say the same text with few words changed"
        )
    loudest = max(authors.values(), default=0)
    return Sifted(voices=tuple(own), reason=f"{len(posts)} posts by {len(authors)} accounts, up to {loudest} by one")


def one_each(posts: Sequence[Said]) -> list[Said]:
    """The first post of every author."""
    return list({post.author: post for post in reversed(posts)}.values())


def _unlike(posts: list[Said], known: dict[str, tuple[int, ...]]) -> list[Said]:
    """Without the texts of which there are many alike; one of each group stays."""
    groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index, post in enumerate(posts):
        if post.text not in known:
            known[post.text] = topics.signature(topics.words_of(post.text))
        for place, value in enumerate(known[post.text]):
            groups[place, value].append(index)
    shared: Counter[int] = Counter()
    for members in groups.values():
        if len(members) >= ALIKE_GROUP_MIN:
            shared.update(members)
    copies = {index for index, count in shared.items() if count >= ALIKE_HASHES}
    kept = [post for index, post in enumerate(posts) if index not in copies]
    return kept if not copies else [*kept, posts[min(copies)]]


def _is_farm(posts: Sequence[Said], crowd: Crowd | None) -> bool:
    """Mostly new accounts, where among all others few are new."""
    if crowd is None or len(posts) < NEW_ACCOUNTS_MIN:
        return False
    new = sum(post.is_new for post in posts)
    share = new / len(posts)
    share_of_others = max(0, crowd.new - new) / max(1, crowd.posts - len(posts))
    return share >= NEW_ACCOUNTS_SHARE and share >= NEW_ACCOUNTS_TIMES * share_of_others
