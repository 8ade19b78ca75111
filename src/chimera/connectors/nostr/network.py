"""Nostr as a network: an act is a signed event whose id follows from what it says, so that relays know a repetition.

The second in which it was first begun stands in a journal: the same act is the same event, whenever it is sent again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec
from nostr_sdk import (  # pyright: ignore[reportMissingTypeStubs]
    Client,
    Event,
    EventId,
    Filter,
    Keys,
    Kind,
    PublicKey,
    RelayStatus,
    RelayUrl,
    ReqTarget,
    Timestamp,
)

from chimera.connectors.nostr import events
from chimera.connectors.social.accounts import Accounts, Labels
from chimera.connectors.social.answers import NOT_YOURS, differs
from chimera.connectors.social.journal import Begun, Journal
from chimera.connectors.social.limits import quotas_of
from chimera.connectors.social.pictures import pictures_of
from chimera.connectors.social.surface import tools_of
from chimera.domain.durations import SECOND_US
from chimera.governance import graphemes
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence

PLATFORM = "nostr"
TOOLS = tools_of(PLATFORM, warns=True)
CHARACTERS_MAX = 1_000
ASK_SECONDS_MAX = 5.0
LIMIT_DEFAULT = 20
Made: TypeAlias = tuple[int, str, list[list[str]]]


class NostrNetwork:
    """Implements `ports.network.Network` on some relays, for the accounts that it was given."""

    def __init__(
        self, relays: tuple[str, ...], accounts: Accounts, journal: Journal, clock: Clock, *,
        characters_max: int = CHARACTERS_MAX,
    ) -> None:  # fmt: skip
        self._relays = relays
        self._accounts = accounts
        self._journal = journal
        self._clock = clock
        self._characters_max = characters_max
        self._quotas = quotas_of(PLATFORM, clock)
        self._client = Client()
        self._is_connected = False
        self._labels = Labels()
        self._builders: dict[str, Callable[[Keys, Act], Awaitable[Made | Declined]]] = {
            "post.publish": self._note, "post.reply": self._note, "post.like": self._like, "post.follow": self._follow,
            "account.block": self._block, "post.take_down": self._deletion,
        }  # fmt: skip
        self._readers: dict[str, Callable[[Keys, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "timeline": self._timeline, "thread": self._thread, "mentions": self._mentions, "search": self._search,
        }  # fmt: skip

    async def close(self) -> None:
        """Leave the relays."""
        await self._client.shutdown()

    async def act(self, act: Act) -> Answer:
        """Sign it and hand it to the relays; one that takes it is enough."""
        account = self._accounts.of(act.account)
        if isinstance(account, Declined):
            return account
        if taken := self._journal.taken(act):
            return taken
        if refused := self._quotas.take(account, 1):
            return refused
        keys = self._keys(account)
        if isinstance(keys, Declined):
            return keys
        try:
            await self._connect()
            if refused := await self._labels.ensured(account, lambda: self._marked(keys)):
                return refused
            known = self._journal.of(act.key)
            made = known.note["made"] if known is not None else await self._builders[act.kind](keys, act)
        except events.Fault as error:
            return Declined("unavailable", str(error)[:200], later=True)
        return made if isinstance(made, Declined) else await self._send(keys, act, made)

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """By the journal the id, and by the id the relays."""
        known = self._accounts.of(account)
        if isinstance(known, Declined):
            return known
        begun = self._journal.of(key)
        if begun is None:
            return self._journal.unsure(key)
        try:
            await self._connect()
            found = await self._event(str(begun.note["id"]))
        except events.Fault as error:
            return Declined("unavailable", str(error)[:200], later=True)
        if found is not None:
            return Accepted(_receipt(found))
        if begun.receipt is not None:
            return Accepted(begun.receipt)
        # A relay that is away may have it.
        return None if await self._all_answer() else Declined("unavailable", "not every relay can be asked", later=True)

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """Newest posts, conversations, mentions and words."""
        account = self._accounts.of(arguments.get("account"))
        if isinstance(account, Declined):
            return account
        keys = self._keys(account)
        if isinstance(keys, Declined):
            return keys
        try:
            await self._connect()
            return await self._readers[tool](keys, arguments)
        except events.Fault as error:
            return Declined("unavailable", str(error)[:200], later=True)

    # ── relays ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _connect(self) -> None:
        if not self._is_connected:
            for relay in self._relays:
                await self._client.add_relay(RelayUrl.parse(relay))
            self._is_connected = True
        await self._client.connect(and_wait=timedelta(seconds=ASK_SECONDS_MAX))

    async def _all_answer(self) -> bool:
        """Whether every relay can be asked now: only then is absence worth anything."""
        return all([relay.status() is RelayStatus.CONNECTED for relay in (await self._client.relays()).values()])

    async def _asked(self, wanted: Filter) -> list[Event]:
        return await self._client.fetch_events(ReqTarget.auto([wanted]), timeout=timedelta(seconds=ASK_SECONDS_MAX))

    async def _event(self, identifier: str) -> Event | None:
        found = await self._asked(Filter().id(EventId.parse(identifier)))
        return found[0] if found else None

    def _keys(self, account: str) -> Keys | Declined:
        try:
            keys = Keys.parse(self._accounts.secret(account))
        except events.Fault:
            return Declined("login_refused", "the secret is no key")
        if events.handle_of(keys.public_key()) != account:
            return Declined("login_refused", "the key belongs to another account")
        return keys

    async def _send(self, keys: Keys, act: Act, made: Made) -> Answer:
        kind, content, tags = made
        known = self._journal.of(act.key)
        at_us = known.at_us if known is not None else self._clock.now_us()
        event = events.signed(keys, kind, content, tags, at_us=at_us)
        begun = known or self._journal.begin(
            act, {"id": event.id().to_hex(), "made": [kind, content, tags]}, at_us=at_us
        )
        return await self._sent(begun, event)

    async def _sent(self, begun: Begun, event: Event) -> Answer:
        try:
            output = await self._client.send_event(event, ok_timeout=timedelta(seconds=ASK_SECONDS_MAX))
        except events.Fault as error:
            return Silence(str(error)[:200])
        if output.success:
            receipt = _receipt(event)
            self._journal.finish(begun, receipt)
            return Accepted(receipt)
        why = "; ".join(output.failed.values())[:300]
        # A relay says no in words with a prefix of their own; anything else is a connection that broke.
        if output.failed and all(_is_refusal(said) for said in output.failed.values()):
            return Declined("declined", why, later="rate-limited" in why)
        return Silence(why)

    async def _marked(self, keys: Keys) -> Declined | None:
        """The account says of itself that it is a machine; or why it cannot."""
        found = await self._asked(Filter().author(keys.public_key()).kind(Kind(events.PROFILE)).limit(1))
        profile = _profile_of(found[0]) if found else {}
        if profile.get("bot") is not True:
            content = msgspec.json.encode({**profile, "bot": True}).decode()
            event = events.signed(keys, events.PROFILE, content, [], at_us=self._clock.now_us())
            output = await self._client.send_event(event, ok_timeout=timedelta(seconds=ASK_SECONDS_MAX))
            if not output.success:
                return Declined("bot_label_missing", "no relay takes the account's profile", later=True)
        return None

    # ── acts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _note(self, _keys: Keys, act: Act) -> Made | Declined:
        if (many := graphemes.count(str(act.arguments["text"]))) > self._characters_max:
            return Declined("text_too_long", f"{many} characters, {self._characters_max} are allowed")
        pictures = pictures_of(act.arguments)
        if isinstance(pictures, Declined):
            return pictures
        if any(not picture.url for picture in pictures):
            return Declined("image_needs_address", "relays hold no pictures: say where it lies")
        answered = None
        if "in_reply_to" in act.arguments:
            answered = await self._target(act, "in_reply_to")
            if isinstance(answered, Declined):
                return answered
        text, tags = events.note(act, pictures, answered)
        return events.NOTE, text, tags

    async def _like(self, _keys: Keys, act: Act) -> Made | Declined:
        target = await self._target(act, "post_id")
        if isinstance(target, Declined):
            return target
        return events.REACTION, "+", [["e", target.id().to_hex()], ["p", target.author().to_hex()]]

    async def _follow(self, keys: Keys, act: Act) -> Made | Declined:
        return await self._listed(keys, act, events.CONTACTS)

    async def _block(self, keys: Keys, act: Act) -> Made | Declined:
        return await self._listed(keys, act, events.MUTED)

    async def _listed(self, keys: Keys, act: Act, kind: int) -> Made | Declined:
        """A whole list of people is said anew, with one more in it."""
        try:
            wanted = PublicKey.parse(str(act.arguments["target_account"]).removeprefix("@")).to_hex()
        except events.Fault:
            return Declined("account_unknown", "this is nobody's key")
        found = await self._asked(Filter().author(keys.public_key()).kind(Kind(kind)).limit(1))
        if not found and not await self._all_answer():
            return Declined("unavailable", "the list cannot be read, and is not written blindly", later=True)
        tags = events.tags_of(found[0]) if found else []
        known = any(tag[:2] == ["p", wanted] for tag in tags)
        return kind, found[0].content() if found else "", tags if known else [*tags, ["p", wanted]]

    async def _deletion(self, keys: Keys, act: Act) -> Made | Declined:
        """Relays are asked to forget it. Deleting what is not there any more is no fault: it is what was wanted."""
        post_id = str(act.arguments["post_id"])
        found = await self._event(post_id)
        if found is not None and found.author().to_hex() != keys.public_key().to_hex():
            return NOT_YOURS
        return events.DELETION, "", [["e", post_id], ["k", str(events.NOTE)]]

    async def _target(self, act: Act, name: str) -> Event | Declined:
        try:
            found = await self._event(str(act.arguments[name]))
        except events.Fault:
            return Declined("post_unknown", "this is no post's id")
        if found is None:
            return Declined("post_unknown", "the post that is meant is not there")
        return differs(act, events.handle_of(found.author())) or found

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _timeline(self, _keys: Keys, arguments: dict[str, Any]) -> dict[str, Any]:
        found = await self._asked(_notes().limit(int(arguments.get("limit", LIMIT_DEFAULT))))
        return {"posts": [events.shown(one) for one in sorted(found, key=_at, reverse=True)]}

    async def _thread(self, _keys: Keys, arguments: dict[str, Any]) -> dict[str, Any]:
        root = await self._event(str(arguments["thread_id"]))
        begin = EventId.parse(events.root_of(root) if root is not None else str(arguments["thread_id"]))
        found = [*await self._asked(Filter().id(begin)), *await self._asked(_notes().event(begin))]
        return {"posts": [events.shown(one) for one in sorted(found, key=_at)]}

    async def _mentions(self, keys: Keys, arguments: dict[str, Any]) -> dict[str, Any]:
        """Oldest first, those since the second that `after` is. What came in that very second may come twice."""
        after, limit = int(arguments.get("after", 0)), int(arguments.get("limit", LIMIT_DEFAULT))
        wanted = _notes().pubkey(keys.public_key()).since(Timestamp.from_secs(after // SECOND_US))
        found = [one for one in await self._asked(wanted) if one.author().to_hex() != keys.public_key().to_hex()]
        posts = [events.shown(one) for one in sorted(found, key=_at)[:limit]]
        return {"posts": posts, "next": max([after, *(int(one["at_us"]) for one in posts)])}

    async def _search(self, _keys: Keys, arguments: dict[str, Any]) -> dict[str, Any]:
        """Not every relay can search: of what they return, only what has the words counts."""
        limit, words = int(arguments.get("limit", LIMIT_DEFAULT)), str(arguments["words"])
        found = await self._asked(_notes().search(words).limit(limit))
        have = [one for one in found if all(word in one.content().casefold() for word in words.casefold().split())]
        return {"posts": [events.shown(one) for one in sorted(have, key=_at, reverse=True)]}


def _notes() -> Filter:
    return Filter().kind(Kind(events.NOTE))


def _at(event: Event) -> int:
    return event.created_at().as_secs()


def _receipt(event: Event) -> dict[str, Any]:
    return {"id": event.id().to_hex(), "url": event.id().to_nostr_uri()}


def _profile_of(event: Event) -> dict[str, Any]:
    try:
        return msgspec.json.decode(event.content(), type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _is_refusal(said: str) -> bool:
    prefixes = ("duplicate:", "pow:", "blocked:", "rate-limited:", "invalid:", "restricted:", "mute:", "error:")
    return any(prefix in said for prefix in prefixes)
