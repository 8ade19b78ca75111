"""The simulated network as our accounts meet it: rules, idempotency keys, its own records. No clock, no truth."""

from __future__ import annotations

import base64
import hashlib
import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import Struct

from chimera.domain.durations import HOUR_US
from chimera.governance import graphemes
from chimera.ports.network import Accepted, Act, Declined
from chimera.rehearsal import catalogue
from chimera.rehearsal.moderation import Moderators
from chimera.rehearsal.records import Deed
from chimera.rehearsal.scenario import PAY, PLATFORMS, SOCIAL, Scenario
from chimera.rehearsal.society import Shows, Society

KEY_LENGTH_MAX = 128


Reply: TypeAlias = Accepted | Declined


class Remembered(Struct, frozen=True, kw_only=True):
    """What was done under a key."""

    act: Act
    accepted: Accepted


class Memory(Struct, frozen=True, kw_only=True):
    """What a network must not forget when its machine is started again: the keys it took, and its counter."""

    acts: tuple[Remembered, ...] = ()
    sequence: int = 0


class Network:
    """One network with a social side and a till."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.moderators = Moderators(scenario.rules)
        self.society = Society(read=self.moderators.read)
        self._deeds: list[Deed] = []
        self._by_key: dict[tuple[str, str], tuple[Act, Accepted]] = {}
        self._posted_us: defaultdict[str, deque[int]] = defaultdict(deque)
        self._pending: list[tuple[int, int, Act]] = []
        self._hour_us = HOUR_US // scenario.tempo
        self._handlers: dict[tuple[str, str], Callable[[Act, int], Reply]] = {
            (SOCIAL, "post.publish"): self._post,
            (SOCIAL, "post.reply"): self._answer,
            (SOCIAL, "post.like"): self._like,
            (SOCIAL, "post.follow"): self._follow,
            (SOCIAL, "post.take_down"): self._take_down,
            (SOCIAL, "account.block"): self._block,
            (PAY, "payment.send"): self._pay,
        }

    def records(self) -> tuple[Deed, ...]:
        """Everything that our accounts did, in the order in which the network saw it."""
        return tuple(self._deeds)

    def memory(self) -> Memory:
        """What another start of this network has to be told."""
        acts = tuple(Remembered(act=act, accepted=accepted) for act, accepted in self._by_key.values())
        return Memory(acts=acts, sequence=self.society.sequence)

    def remember(self, deeds: Iterable[Deed], memory: Memory) -> None:
        """Go on from an earlier life: no deed is forgotten, no key is taken twice, no id is given twice."""
        self._deeds.extend(deeds)
        self._by_key.update({(one.act.account, one.act.key): (one.act, one.accepted) for one in memory.acts})
        self.society.sequence = max(self.society.sequence, memory.sequence)

    def perform(self, act: Act, *, now_us: int) -> Reply:
        """Do it, or say why not. Under a key that is known it is not done again (unless the rules say so)."""
        self.settle(now_us)
        if differs := _media_differ(act):
            return differs
        return self._perform(_without_bytes(act), now_us)

    def perform_later(self, act: Act, *, due_us: int) -> None:
        """It is on its way and will be done then, whoever still waits for it."""
        heapq.heappush(self._pending, (due_us, len(self._pending) + len(self._deeds), _without_bytes(act)))

    def settle(self, now_us: int) -> None:
        """Do what has arrived meanwhile."""
        while self._pending and self._pending[0][0] <= now_us:
            due_us, _, act = heapq.heappop(self._pending)
            self._perform(act, due_us)
        self.moderators.act(self.society, now_us)

    def find_by_key(self, account: str, key: str, *, now_us: int) -> Accepted | None:
        """What was done under a key, if anything."""
        self.settle(now_us)
        known = self._by_key.get((account, key))
        return known[1] if known else None

    def _perform(self, act: Act, now_us: int) -> Reply:
        if declined := self._unfit(act):
            return declined
        known = self._by_key.get((act.account, act.key))
        if known and self.scenario.rules.deduplicates:
            return known[1] if known[0] == act else Declined("key_reused", "this key came with another act before")
        reply = self._handlers[act.platform, act.kind](act, now_us)
        if isinstance(reply, Accepted):
            self._by_key.setdefault((act.account, act.key), (act, reply))
        return reply

    def _unfit(self, act: Act) -> Declined | None:
        if act.platform not in PLATFORMS:
            return Declined("platform_unknown", f"there is no platform {act.platform!r} here")
        if (act.platform, act.kind) not in self._handlers:
            return Declined("act_unknown", f"{act.platform} has no {act.kind!r}")
        if fault := catalogue.fault_in(act.platform, act.kind, act.arguments):
            return Declined("arguments_malformed", fault)
        if not act.key or len(act.key) > KEY_LENGTH_MAX:
            return Declined("key_malformed", f"a key has 1 to {KEY_LENGTH_MAX} characters")
        # Whoever acts first under a new name owns it; nobody can act as one of the audience.
        if not self.society.open_account(act.account, ours=True).ours:
            return Declined("account_not_yours", f"{act.account} belongs to somebody else")
        if act.platform == SOCIAL and act.kind != "post.take_down" and self.moderators.has_suspended(act.account):
            return Declined("account_suspended", f"{act.account} broke the network's rules too often")
        return None

    # ── the social side ─────────────────────────────────────────────────────────────────────────────────────────────

    def _post(self, act: Act, now_us: int) -> Reply:
        return self._text_refused(act, now_us) or self._publish(act, now_us, in_reply_to="")

    def _answer(self, act: Act, now_us: int) -> Reply:
        parent = _text(act, "in_reply_to")
        if parent not in self.society.posts:
            return Declined("post_missing", f"there is no post {parent[:40]!r} to reply to")
        refused = self._target_differs(act, parent) or self._text_refused(act, now_us)
        return refused or self._publish(act, now_us, in_reply_to=parent)

    def _target_differs(self, act: Act, post_id: str) -> Declined | None:
        """Whose post it is stands in the grant; if the network knows better, the grant was for something else."""
        named, author = _text(act, "target_account"), self.society.posts[post_id].account
        if named and named != author:
            return Declined("target_differs", f"{post_id} is by {author}, not by {named[:40]}")
        return None

    def _text_refused(self, act: Act, now_us: int) -> Declined | None:
        text, limit = _text(act, "text"), self.scenario.rules.graphemes_max
        if not text.strip():
            return Declined("text_empty", "a post says something")
        if (length := graphemes.count(text)) > limit:
            return Declined("text_too_long", f"{length} graphemes; at most {limit}")
        if self._is_over_rate(act.account, now_us):
            return Declined("rate_limited", f"{self.scenario.rules.posts_per_hour_max} posts an hour", later=True)
        return None

    def _is_over_rate(self, account: str, now_us: int) -> bool:
        posted = self._posted_us[account]
        while posted and posted[0] <= now_us - self._hour_us:
            posted.popleft()
        return len(posted) >= self.scenario.rules.posts_per_hour_max

    def _publish(self, act: Act, now_us: int, *, in_reply_to: str) -> Reply:
        self._posted_us[act.account].append(now_us)
        text, disclosure = _text(act, "text"), _text(act, "disclosure")
        post = self.society.say(
            act.account,
            text,
            at_us=now_us,
            in_reply_to=in_reply_to,
            disclosure=disclosure,
            topic=self._topic_of(text),
            sources=_texts(act, "sources"),
            shows=Shows(pictured=bool(_media(act))),
        )
        return self._record(act, now_us, identifier=post.id, text=text, disclosure=disclosure, target=in_reply_to)

    def _topic_of(self, text: str) -> str:
        folded = text.casefold()
        return next((topic for topic in self.scenario.topics if topic in folded), "")

    def _like(self, act: Act, now_us: int) -> Reply:
        target = _text(act, "post_id")
        if target not in self.society.posts:
            return Declined("post_missing", f"there is no post {target[:40]!r} to like")
        if differs := self._target_differs(act, target):
            return differs
        self.society.likes[target].add(act.account)
        return self._record(act, now_us, identifier=self.society.next_id("like-"), target=target)

    def _follow(self, act: Act, now_us: int) -> Reply:
        target = _text(act, "target_account")
        if target not in self.society.profiles:
            return Declined("account_missing", f"there is no account {target[:40]!r} to follow")
        self.society.followers[target].add(act.account)
        return self._record(act, now_us, identifier=self.society.next_id("follow-"), target=target)

    def _block(self, act: Act, now_us: int) -> Reply:
        target = _text(act, "target_account")
        if target not in self.society.profiles:
            return Declined("account_missing", f"there is no account {target[:40]!r} to block")
        self.society.blocked[act.account].add(target)
        return self._record(act, now_us, identifier=self.society.next_id("block-"), target=target)

    def _take_down(self, act: Act, now_us: int) -> Reply:
        target = _text(act, "post_id")
        post = self.society.posts.get(target)
        if post is None or post.account != act.account:
            return Declined("post_not_yours", f"{act.account} has no post {target[:40]!r}")
        self.society.take_down(target)
        return self._record(act, now_us, identifier=self.society.next_id("takedown-"), target=target)

    # ── the till ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _pay(self, act: Act, now_us: int) -> Reply:
        recipient, amount_micros = _text(act, "recipient"), int(act.arguments["amount_micros"])
        return self._record(
            act, now_us, identifier=self.society.next_id("payment-"), recipient=recipient, amount_micros=amount_micros
        )

    def _record(
        self,
        act: Act,
        now_us: int,
        *,
        identifier: str,
        text: str = "",
        disclosure: str = "",
        target: str = "",
        recipient: str = "",
        amount_micros: int = 0,
    ) -> Accepted:
        self._deeds.append(
            Deed(
                seq=len(self._deeds) + 1,
                at_us=now_us,
                platform=act.platform,
                kind=act.kind,
                account=act.account,
                key=act.key,
                id=identifier,
                text=text,
                disclosure=disclosure,
                target=target,
                recipient=recipient,
                amount_micros=amount_micros,
                media=tuple(str(medium["digest"]) for medium in _media(act)),
                films=sum(medium.get("mime") == "video/mp4" for medium in _media(act)),
            )
        )
        return Accepted({"id": identifier, "platform": act.platform, "account": act.account, "at_us": now_us})


def _media(act: Act) -> list[dict[str, Any]]:
    given: Any = act.arguments.get("media")
    items = cast("list[Any]", given) if isinstance(given, list | tuple) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _media_differ(act: Act) -> Declined | None:
    """A network takes the bytes that it is told of by their digest, and no others; an act without bytes has none."""
    for medium in _media(act):
        try:
            data = base64.b64decode(str(medium.get("data", "")), validate=True)
        except ValueError:
            return Declined("media_malformed", "these bytes are no base64")
        if hashlib.sha256(data).hexdigest() != medium.get("digest"):
            return Declined("media_differ", "these bytes are not those that the digest names")
    return None


def _without_bytes(act: Act) -> Act:
    """The act as it is remembered: a digest says the same as the bytes."""
    if "media" not in act.arguments:
        return act
    kept = [{name: value for name, value in medium.items() if name != "data"} for medium in _media(act)]
    return msgspec.structs.replace(act, arguments={**act.arguments, "media": kept})


def _text(act: Act, name: str) -> str:
    value = act.arguments.get(name, "")
    return value if isinstance(value, str) else ""


def _texts(act: Act, name: str) -> tuple[str, ...]:
    value: object = act.arguments.get(name, ())
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
