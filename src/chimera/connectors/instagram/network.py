"""Instagram by its published API (Instagram login): a post is a picture, an answer a comment. Never exercised live.

Its API deletes comments and no posts: who asks for that is told so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chimera.connectors.instagram import views
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
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined

PLATFORM = "instagram"
LACKS = ("like", "follow", "block", "search")
TOOLS = tools_of(PLATFORM, lacks=LACKS)
CHARACTERS_MAX = 2_200
PICTURES_MAX = 1


def network(wire: Wire, accounts: Accounts, journal: Journal, clock: Clock, *, tokens: Path) -> JournaledNetwork:
    """Instagram for the accounts of this installation; renewed tokens are kept in a file."""
    limits = Limits(PUBLISHED[PLATFORM], clock)
    platform = Instagram(wire, accounts, clock, limits=limits, book=TokenBook(tokens))
    return JournaledNetwork(platform, accounts=accounts, journal=journal, limits=limits)


class Instagram:
    """Implements `connectors.social.journaled.Platform`."""

    def __init__(self, wire: Wire, accounts: Accounts, clock: Clock, *, limits: Limits, book: TokenBook) -> None:
        self._clock = clock
        self._limits = limits
        self._session = meta.sessions(wire, accounts, clock, book=book, grant="ig_refresh_token")

    def fault_in(self, act: Act) -> Declined | None:
        """A text that is too long, or a post without its picture."""
        many = len(str(act.arguments.get("text", "")))
        if many > CHARACTERS_MAX:
            return Declined("text_too_long", f"{many} characters, {CHARACTERS_MAX} are allowed")
        if act.kind == "post.publish" and len(act.arguments.get("media", ())) != PICTURES_MAX:
            return Declined("image_missing", "a post is one picture here, with words")
        return None

    async def labelled(self, account: str) -> Declined | None:
        """By the profile's own words: the network has no mark for machines."""
        me = await self._session(account).told("/v1.0/me", {"fields": "user_id,username,biography"})
        if f"@{me['username']}".casefold() != account.casefold():
            return Declined("account_unknown", f"the token is that of @{me['username']}")
        return machines.unless_said(str(me.get("biography", "")), where="biography")

    async def prepared(self, act: Act) -> dict[str, Any] | Declined:
        """A container with the picture and its words; for an answer, a look at what is answered."""
        session = self._session(act.account)
        if "in_reply_to" in act.arguments:
            author = await views.author_of(session, str(act.arguments["in_reply_to"]))
            if not author:
                return Declined("post_unknown", "the comment that is answered is not there")
            return differs(act, author) or {}
        pictures = pictures_of(act.arguments)
        if isinstance(pictures, Declined):
            return pictures
        if not pictures[0].url:
            return Declined("image_malformed", "this network wants a picture's address, not its bytes")
        form = {"image_url": pictures[0].url, "alt_text": pictures[0].alt, "caption": str(act.arguments["text"])}
        return await meta.contained(session, "/v1.0/me/media", form, self._clock, status="status_code")

    async def published(self, act: Act, prepared: dict[str, Any]) -> Answer:
        """The container shown to everybody, or the comment made."""
        if "container" in prepared:
            path, asked = "/v1.0/me/media_publish", {"creation_id": prepared["container"]}
        else:
            path = f"/v1.0/{act.arguments['in_reply_to']}/replies"
            asked = {"message": str(act.arguments["text"])}
        reply = await self._session(act.account).send("POST", path, query=asked)
        if not reply.is_good:
            return refusal_of(reply, self._limits.pauses, act.account)
        return Accepted({"id": str(reply.body["id"])})

    async def done(self, act: Act) -> Answer:
        """Taking down: comments are deleted, posts cannot be."""
        post_id, session = str(act.arguments["post_id"]), self._session(act.account)
        author = await views.author_of(session, post_id)
        if known := already(act, author):
            return known
        if await views.is_post(session, post_id):
            return Declined("take_down_unsupported", "its API deletes no posts: somebody has to, in the app")
        reply = await session.send("DELETE", f"/v1.0/{post_id}")
        return Accepted({"id": post_id}) if reply.is_good else refusal_of(reply, self._limits.pauses, act.account)

    async def own(self, account: str, _beneath: str, /) -> Newest:
        """The newest posts, and what the account has said beneath them."""
        posts, comments, has_more = await views.newest(self._session(account))
        mine = [one for one in comments if f"@{one.get('username', '')}".casefold() == account.casefold()]
        found = [Own(receipt={"id": str(one["id"])}, text=str(one.get("caption", "")), at_us=views.at_us(one))
                 for one in posts]  # fmt: skip
        found += [Own(receipt={"id": str(one["id"])}, text=str(one.get("text", "")), at_us=views.at_us(one),
                      in_reply_to=str(one.get("parent_id", ""))) for one in mine]  # fmt: skip
        return Newest(posts=tuple(found), has_older=has_more)

    async def read(self, account: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One of the views."""
        return await views.READERS[tool](self._session(account), account, arguments)
