"""What is visible on the simulated network: accounts, posts, likes, follows, trends. No ground truth, no clock."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Callable

import msgspec
from msgspec import Struct

TREND_WINDOW_POSTS = 400
TIMELINE_MAX = 50


class Profile(Struct, frozen=True, kw_only=True):
    """An account. `ours` accounts belong to the fleet under rehearsal."""

    handle: str
    bio: str = ""
    ours: bool = False


class Post(Struct, frozen=True, kw_only=True):
    """Something said, in public unless it is `private`. Depth 0 opens a thread."""

    id: str
    account: str
    text: str
    at_us: int
    thread_id: str
    depth: int = 0
    in_reply_to: str = ""
    disclosure: str = ""
    topic: str = ""
    sources: tuple[str, ...] = ()
    private: bool = False
    # The words in its picture, and those that the page behind its link shows of itself.
    alt: str = ""
    card: str = ""
    # Whether anything goes with the words.
    pictured: bool = False


class Shows(Struct, frozen=True, kw_only=True):
    """What a post shows beside its text: the words in a picture, those of the page behind a link."""

    alt: str = ""
    card: str = ""
    pictured: bool = False


NOTHING = Shows()


class Trend(Struct, frozen=True, kw_only=True):
    """What is talked about, and how much of the talk it is."""

    topic: str
    score_bp: int


def handles_in(text: str) -> list[str]:
    """The handles that a text names."""
    if "@" not in text:
        return []
    return [word.rstrip(".,:;!?") for word in text.split() if word.startswith("@")]


class Society:
    """The public square. Every write is one method; nothing here decides who may."""

    def __init__(self, *, read: Callable[[Post], None] = lambda _post: None) -> None:
        self._read = read
        self.profiles: dict[str, Profile] = {}
        self.posts: dict[str, Post] = {}
        self.likes: defaultdict[str, set[str]] = defaultdict(set)
        self.followers: defaultdict[str, set[str]] = defaultdict(set)
        self.blocked: defaultdict[str, set[str]] = defaultdict(set)
        self.impressions: Counter[str] = Counter()
        self.replies: defaultdict[str, list[str]] = defaultdict(list)
        self._threads: defaultdict[str, list[str]] = defaultdict(list)
        self._addressed: defaultdict[str, list[str]] = defaultdict(list)
        self._ours_posts: list[str] = []
        self._recent: deque[str] = deque(maxlen=TREND_WINDOW_POSTS)
        self._talk: Counter[str] = Counter()
        self.sequence = 0

    def open_account(self, handle: str, *, bio: str = "", ours: bool = False) -> Profile:
        """An account by this name; the one that exists, if it does."""
        return self.profiles.setdefault(handle, Profile(handle=handle, bio=bio, ours=ours))

    def is_ours(self, handle: str) -> bool:
        """Whether the account belongs to the fleet under rehearsal."""
        profile = self.profiles.get(handle)
        return profile is not None and profile.ours

    def next_id(self, prefix: str) -> str:
        """A fresh id of the network's own."""
        self.sequence += 1
        return f"{prefix}{self.sequence:07d}"

    def say(
        self,
        account: str,
        text: str,
        *,
        at_us: int,
        in_reply_to: str = "",
        disclosure: str = "",
        topic: str = "",
        sources: tuple[str, ...] = (),
        shows: Shows = NOTHING,
    ) -> Post:
        """Publish a post or a reply. The parent exists, if one is named."""
        parent = self.posts[in_reply_to] if in_reply_to else None
        identifier = self.next_id("post-")
        post = Post(
            id=identifier,
            account=account,
            text=text,
            at_us=at_us,
            in_reply_to=in_reply_to,
            disclosure=disclosure,
            topic=topic or (parent.topic if parent else ""),
            sources=sources,
            thread_id=parent.thread_id if parent else identifier,
            depth=parent.depth + 1 if parent else 0,
            private=parent.private if parent else False,
            alt=shows.alt,
            card=shows.card,
            pictured=shows.pictured,
        )
        self._enter(post, parent)
        self._read(post)
        return post

    def whisper(self, account: str, to: str, text: str, *, at_us: int) -> Post:
        """Say something to one account in private."""
        identifier = self.next_id("message-")
        post = Post(id=identifier, account=account, text=text, at_us=at_us, thread_id=identifier, private=True)
        self.posts[identifier] = post
        self._threads[identifier].append(identifier)
        self._addressed[to].append(identifier)
        return post

    def _enter(self, post: Post, parent: Post | None) -> None:
        self.posts[post.id] = post
        self._threads[post.thread_id].append(post.id)
        if parent:
            self.replies[parent.id].append(post.id)
        for handle in self._addressees(post, parent):
            self._addressed[handle].append(post.id)
        # What is private stays between the two.
        if post.private:
            return
        if self.is_ours(post.account):
            self._ours_posts.append(post.id)
        self._count_talk(post)

    def _addressees(self, post: Post, parent: Post | None) -> tuple[str, ...]:
        named = handles_in(post.text)
        answered = [parent.account] if parent else []
        return tuple(dict.fromkeys(name for name in named + answered if name in self.profiles and name != post.account))

    def _count_talk(self, post: Post) -> None:
        if len(self._recent) == self._recent.maxlen:
            oldest = self.posts.get(self._recent[0])
            if oldest and oldest.topic:
                self._talk[oldest.topic] -= 1
        self._recent.append(post.id)
        if post.topic:
            self._talk[post.topic] += 1

    def take_down(self, post_id: str) -> None:
        """Blank a post; its place in the thread stays."""
        self.posts[post_id] = msgspec.structs.replace(self.posts[post_id], text="", disclosure="")

    def thread(self, thread_id: str) -> tuple[Post, ...]:
        """A conversation from its beginning."""
        return tuple(self.posts[identifier] for identifier in self._threads.get(thread_id, ()))

    def addressed(self, handle: str, *, after: int = 0, limit: int = TIMELINE_MAX) -> tuple[Post, ...]:
        """What was said to an account, oldest first, beyond a position."""
        return tuple(self.posts[identifier] for identifier in self._addressed.get(handle, ())[after : after + limit])

    def recent(self, *, limit: int = TIMELINE_MAX) -> tuple[Post, ...]:
        """The newest posts of everyone, newest first."""
        return tuple(map(self.posts.__getitem__, itertools.islice(reversed(self._recent), limit)))

    def recent_of_ours(self, *, limit: int = TIMELINE_MAX) -> tuple[Post, ...]:
        """The newest posts of the fleet, newest first."""
        return tuple(map(self.posts.__getitem__, self._ours_posts[: -limit - 1 : -1]))

    def examples(self, topic: str, *, limit: int) -> tuple[Post, ...]:
        """The newest posts about a topic, newest first."""
        about = (self.posts[identifier] for identifier in reversed(self._recent))
        return tuple(itertools.islice((post for post in about if post.topic == topic), limit))

    def trends(self, *, limit: int = 10) -> tuple[Trend, ...]:
        """What is talked about now, most first."""
        total = max(1, sum(self._talk.values()))
        ranked = sorted(self._talk.items(), key=lambda entry: (-entry[1], entry[0]))
        return tuple(Trend(topic=topic, score_bp=count * 10_000 // total) for topic, count in ranked[:limit] if count)
