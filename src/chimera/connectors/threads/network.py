"""Threads by its published API: a post is a container first, and public by a second call. Never exercised live.

It knows no key of ours; whether a container was published, it says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chimera.connectors.social import machines, meta
from chimera.connectors.social.accounts import Accounts
from chimera.connectors.social.answers import differs, refusal_of
from chimera.connectors.social.journal import Journal
from chimera.connectors.social.journaled import JournaledNetwork, Newest, Own, already
from chimera.connectors.social.limits import PUBLISHED, Limits
from chimera.connectors.social.pictures import pictures_of
from chimera.connectors.social.surface import tools_of
from chimera.connectors.social.tokens import TokenBook
from chimera.connectors.social.wire import Wire
from chimera.connectors.threads import views
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined

PLATFORM = "threads"
LACKS = ("like", "follow", "block", "timeline")
TOOLS = tools_of(PLATFORM, lacks=LACKS)
CHARACTERS_MAX = 500
PICTURES_MAX = 1


def network(wire: Wire, accounts: Accounts, journal: Journal, clock: Clock, *, tokens: Path) -> JournaledNetwork:
    """Threads for the accounts of this installation; renewed tokens are kept in a file."""
    limits = Limits(PUBLISHED[PLATFORM], clock)
    platform = Threads(wire, accounts, clock, limits=limits, book=TokenBook(tokens))
    return JournaledNetwork(platform, accounts=accounts, journal=journal, limits=limits)


class Threads:
    """Implements `connectors.social.journaled.Platform`."""

    def __init__(self, wire: Wire, accounts: Accounts, clock: Clock, *, limits: Limits, book: TokenBook) -> None:
        self._clock = clock
        self._limits = limits
        self._session = meta.sessions(wire, accounts, clock, book=book, grant="th_refresh_token")

    def fault_in(self, act: Act) -> Declined | None:
        """A text that is too long; signs beyond Latin count by their bytes there."""
        text = str(act.arguments.get("text", ""))
        many = sum(1 if ord(letter) < 0x2000 else len(letter.encode()) for letter in text)
        if many > CHARACTERS_MAX:
            return Declined("text_too_long", f"{many} characters, {CHARACTERS_MAX} are allowed")
        if len(act.arguments.get("media", ())) > PICTURES_MAX:
            return Declined("image_malformed", f"{PICTURES_MAX} picture at most")
        return None

    async def labelled(self, account: str) -> Declined | None:
        """By the profile's own words: the network has no mark for machines."""
        me = await self._session(account).told("/v1.0/me", {"fields": "id,username,threads_biography"})
        if f"@{me['username']}".casefold() != account.casefold():
            return Declined("account_unknown", f"the token is that of @{me['username']}")
        return machines.unless_said(str(me.get("threads_biography", "")), where="biography")

    async def prepared(self, act: Act) -> dict[str, Any] | Declined:
        """A container with the text and the picture, ready to be published."""
        if "in_reply_to" in act.arguments and (refused := await self._differs(act)):
            return refused
        pictures = pictures_of(act.arguments)
        if isinstance(pictures, Declined):
            return pictures
        form: dict[str, Any] = {"media_type": "TEXT", "text": str(act.arguments["text"])}
        for picture in pictures:
            if not picture.url:
                return Declined("image_malformed", "this network wants a picture's address, not its bytes")
            form |= {"media_type": "IMAGE", "image_url": picture.url, "alt_text": picture.alt}
        if "in_reply_to" in act.arguments:
            form["reply_to_id"] = str(act.arguments["in_reply_to"])
        session = self._session(act.account)
        return await meta.contained(session, "/v1.0/me/threads", form, self._clock, status="status")

    async def published(self, act: Act, prepared: dict[str, Any]) -> Answer:
        """The container, shown to everybody."""
        asked = {"creation_id": prepared["container"]}
        session = self._session(act.account)
        reply = await session.send("POST", "/v1.0/me/threads_publish", query=asked)
        if not reply.is_good:
            return refusal_of(reply, self._limits.pauses, act.account)
        return Accepted({"id": str(reply.body["id"])})

    async def done(self, act: Act) -> Answer:
        """Taking down. Deleting what is not there any more is no fault: it is what was wanted."""
        post_id, session = str(act.arguments["post_id"]), self._session(act.account)
        author = await views.author_of(session, post_id)
        if known := already(act, author):
            return known
        reply = await session.send("DELETE", f"/v1.0/{post_id}")
        return Accepted({"id": post_id}) if reply.is_good else refusal_of(reply, self._limits.pauses, act.account)

    async def own(self, account: str, _beneath: str, /) -> Newest:
        """The newest posts and the newest replies."""
        found: list[Own] = []
        has_more = False
        for what in ("threads", "replies"):
            asked = {"fields": views.FIELDS, "limit": views.PAGE}
            told = await self._session(account).told(f"/v1.0/me/{what}", asked)
            has_more = has_more or bool(told.get("paging", {}).get("next"))
            found += [Own(receipt={"id": str(one["id"])}, text=str(one.get("text", "")), at_us=views.at_us(one),
                          in_reply_to=views.answers_of(one)) for one in told.get("data", ())]  # fmt: skip
        return Newest(posts=tuple(found), has_older=has_more)

    async def read(self, account: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One of the views."""
        return await views.READERS[tool](self._session(account), arguments)

    async def _differs(self, act: Act) -> Declined | None:
        author = await views.author_of(self._session(act.account), str(act.arguments["in_reply_to"]))
        if not author:
            return Declined("post_unknown", "the post that is meant is not there")
        return differs(act, author)
