"""X by its published API, version 2: what it does, for a journal that remembers what it does not. Never exercised live.

It knows no key of ours; it refuses the same words twice in a while, which proves nothing.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from msgspec import structs

from chimera.connectors.social import machines
from chimera.connectors.social.accounts import Accounts, OfEach
from chimera.connectors.social.answers import NOT_YOURS, differs, refusal_of
from chimera.connectors.social.journal import Journal
from chimera.connectors.social.journaled import JournaledNetwork, Newest, Own
from chimera.connectors.social.limits import PUBLISHED, Limits
from chimera.connectors.social.pictures import Picture, pictures_of
from chimera.connectors.social.sessions import Session
from chimera.connectors.social.surface import tools_of
from chimera.connectors.social.tokens import Bearer, Secret, Token, TokenBook, granted
from chimera.connectors.social.wire import Reply, Wire
from chimera.connectors.x import length, views
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined

PLATFORM = "x"
LACKS = ("block",)
TOOLS = tools_of(PLATFORM, quotes=True, lacks=LACKS)
ALT_LENGTH_MAX = 1_000
EARLY_SECONDS = 120


def network(wire: Wire, accounts: Accounts, journal: Journal, clock: Clock, *, tokens: Path) -> JournaledNetwork:
    """X for the accounts of this installation; renewed tokens are kept in a file."""
    limits = Limits(PUBLISHED[PLATFORM], clock)
    platform = X(wire, accounts, clock, limits=limits, book=TokenBook(tokens))
    return JournaledNetwork(platform, accounts=accounts, journal=journal, limits=limits)


class X:
    """Implements `connectors.social.journaled.Platform`."""

    def __init__(self, wire: Wire, accounts: Accounts, clock: Clock, *, limits: Limits, book: TokenBook) -> None:
        self._wire = wire
        self._accounts = accounts
        self._clock = clock
        self._limits = limits
        self._book = book
        self._session = OfEach(self._opened)
        self._ids: dict[str, str] = {}

    def fault_in(self, act: Act) -> Declined | None:
        """A text that is too long."""
        weight = length.weight(str(act.arguments.get("text", "")))
        if weight > length.WEIGHT_MAX:
            return Declined("text_too_long", f"it weighs {weight}, {length.WEIGHT_MAX} are allowed")
        return None

    async def labelled(self, account: str) -> Declined | None:
        """By the profile's own words: the network's mark is set by hand, and its API does not show it."""
        me = (await self._session(account).told("/2/users/me", {"user.fields": "description"}))["data"]
        if f"@{me['username']}".casefold() != account.casefold():
            return Declined("account_unknown", f"the token is that of @{me['username']}")
        self._ids[account] = str(me["id"])
        return machines.unless_said(str(me.get("description", "")), where="profile")

    async def prepared(self, act: Act) -> dict[str, Any] | Declined:
        """Pictures handed over with their words, and the post that is meant looked at."""
        for name in ("in_reply_to", "quote"):
            if name in act.arguments and (refused := await self._differs(act, str(act.arguments[name]))):
                return refused
        pictures = pictures_of(act.arguments)
        if isinstance(pictures, Declined):
            return pictures
        media: list[str] = []
        for picture in pictures:
            handed = await self._uploaded(self._session(act.account), picture)
            if isinstance(handed, Declined):
                return handed
            media.append(handed)
        return {"media": media}

    async def published(self, act: Act, prepared: dict[str, Any]) -> Answer:
        """One post."""
        given, body = act.arguments, {"text": str(act.arguments["text"])}
        more: dict[str, Any] = {}
        if prepared["media"]:
            more["media"] = {"media_ids": prepared["media"]}
        if "in_reply_to" in given:
            more["reply"] = {"in_reply_to_tweet_id": str(given["in_reply_to"])}
        if "quote" in given:
            more["quote_tweet_id"] = str(given["quote"])
        reply = await self._session(act.account).send("POST", "/2/tweets", json={**body, **more})
        if not reply.is_good:
            return self._refused(act.account, reply)
        return Accepted(_receipt(act.account, str(reply.body["data"]["id"])))

    async def done(self, act: Act) -> Answer:
        """Liking, following and taking down: twice is once."""
        match act.kind:
            case "post.like":
                return await self._like(act)
            case "post.follow":
                return await self._follow(act)
            case _:
                return await self._take_down(act)

    async def own(self, account: str, _beneath: str, /) -> Newest:
        """The newest hundred, with the links that the network has shortened as they were."""
        query = {"max_results": views.PAGE, "tweet.fields": views.FIELDS}
        told = await self._session(account).told(f"/2/users/{await self._id(account)}/tweets", query)
        found = tuple(
            Own(receipt=_receipt(account, str(one["id"])), text=views.text_of(one), at_us=views.at_us(one),
                in_reply_to=views.answers_of(one))
            for one in told.get("data", ())
        )  # fmt: skip
        return Newest(posts=found, has_older="next_token" in told.get("meta", {}))

    async def read(self, account: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One of the views."""
        return await views.READERS[tool](self._session(account), await self._id(account), arguments)

    # ── acts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _uploaded(self, session: Session, picture: Picture) -> str | Declined:
        if not picture.data:
            return Declined("image_malformed", "this network wants a picture's bytes, not its address")
        body = {"media": base64.b64encode(picture.data).decode(), "media_category": "tweet_image",
                "media_type": picture.kind}  # fmt: skip
        reply = await session.before("/2/media/upload", json=body)
        if not reply.is_good:
            return Declined("image_refused", reply.said, later=reply.is_unclear)
        media = str(reply.body["data"]["id"])
        words = {"alt_text": {"text": picture.alt[:ALT_LENGTH_MAX]}}
        said = await session.before("/2/media/metadata", json={"id": media, "metadata": words})
        return media if said.is_good else Declined("image_refused", said.said, later=said.is_unclear)

    async def _like(self, act: Act) -> Answer:
        post_id = str(act.arguments["post_id"])
        if refused := await self._differs(act, post_id):
            return refused
        path = f"/2/users/{await self._id(act.account)}/likes"
        reply = await self._session(act.account).send("POST", path, json={"tweet_id": post_id})
        return Accepted({"id": post_id}) if reply.is_good else self._refused(act.account, reply)

    async def _follow(self, act: Act) -> Answer:
        wanted = str(act.arguments["target_account"])
        session = self._session(act.account)
        found = await session.get(f"/2/users/by/username/{wanted.removeprefix('@')}")
        if not found.is_good or "data" not in found.body:
            return Declined("account_unknown", "nobody has this handle", later=found.is_unclear)
        path, them = f"/2/users/{await self._id(act.account)}/following", str(found.body["data"]["id"])
        reply = await session.send("POST", path, json={"target_user_id": them})
        return Accepted({"id": them, "account": wanted}) if reply.is_good else self._refused(act.account, reply)

    async def _take_down(self, act: Act) -> Answer:
        """Deleting what is not there any more is no fault: it is what was wanted."""
        post_id, session = str(act.arguments["post_id"]), self._session(act.account)
        author = await views.author_of(session, post_id)
        if author and author.casefold() != act.account.casefold():
            return NOT_YOURS
        reply = await session.send("DELETE", f"/2/tweets/{post_id}")
        return Accepted({"id": post_id}) if reply.is_good or not author else self._refused(act.account, reply)

    async def _differs(self, act: Act, post_id: str) -> Declined | None:
        author = await views.author_of(self._session(act.account), post_id)
        if not author:
            return Declined("post_unknown", "the post that is meant is not there")
        return differs(act, author)

    def _refused(self, account: str, reply: Reply) -> Answer:
        """It names the second from which it may be asked again, and no number of seconds."""
        wait_seconds = reply.reset_second - self._clock.now_us() / SECOND_US if reply.reset_second else 0.0
        timed = structs.replace(reply, retry_seconds=max(reply.retry_seconds, wait_seconds))
        return refusal_of(timed, self._limits.pauses, account)

    # ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _id(self, account: str) -> str:
        if account not in self._ids:
            me = (await self._session(account).told("/2/users/me"))["data"]
            self._ids[account] = str(me["id"])
        return self._ids[account]

    def _opened(self, account: str) -> Session:
        bearer = Bearer(account, book=self._book, secret=lambda: self._accounts.secret(account), renew=self._renewed,
                        clock=self._clock, early_seconds=EARLY_SECONDS)  # fmt: skip
        return Session(self._wire, bearer)

    async def _renewed(self, secret: Secret, token: Token) -> Token:
        """A refresh token is good once: the answer brings the next."""
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh, "client_id": secret.client_id}
        proof = base64.b64encode(f"{secret.client_id}:{secret.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {proof}"} if secret.client_secret else {}
        return await granted(self._wire.ask("POST", "/2/oauth2/token", headers=headers, form=form), self._clock)


def _receipt(account: str, post_id: str) -> dict[str, Any]:
    return {"id": post_id, "url": f"https://x.com/{account.removeprefix('@')}/status/{post_id}"}
