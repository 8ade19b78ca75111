"""Servers of the Mastodon API as a network. They may forget our key, so what is begun stands in a journal first.

A post that may have been sent is looked for among the account's own by words and time, and never sent again blindly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from chimera.connectors.mastodon import views
from chimera.connectors.mastodon.markup import says_the_same
from chimera.connectors.mastodon.session import Session
from chimera.connectors.social.accounts import Accounts, Labels, OfEach
from chimera.connectors.social.answers import NOT_YOURS, carried_out, differs, refusal_of, told
from chimera.connectors.social.journal import Begun, Journal
from chimera.connectors.social.limits import quotas_of
from chimera.connectors.social.pictures import Picture, pictures_of
from chimera.connectors.social.surface import tools_of
from chimera.connectors.social.times import us_of
from chimera.connectors.social.wire import Lost, NotSent, Reply, Wire
from chimera.governance import graphemes
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence

PLATFORM = "mastodon"
TOOLS = tools_of(PLATFORM, warns=True, hides=True)
CHARACTERS_MAX = 500
OWN_MAX = 40
SKEW_US = 5_000_000  # A server writes whole seconds, by a clock that is not ours.
POLLS_MAX = 20
POLL_SECONDS = 0.5
POSTS = ("post.publish", "post.reply")


class MastodonNetwork:
    """Implements `ports.network.Network` on one server, for the accounts that it was given."""

    def __init__(
        self, wire: Wire, accounts: Accounts, journal: Journal, clock: Clock, *, characters_max: int = CHARACTERS_MAX
    ) -> None:
        self._accounts = accounts
        self._journal = journal
        self._clock = clock
        self._characters_max = characters_max
        self._quotas = quotas_of(PLATFORM, clock)
        self._session = OfEach(lambda account: Session(wire, lambda: accounts.secret(account)))
        self._labels = Labels()
        self._acts: dict[str, Callable[[Session, Act], Awaitable[Answer]]] = {
            "post.publish": self._post, "post.reply": self._post, "post.like": self._like, "post.follow": self._follow,
            "account.block": self._block, "post.take_down": self._take_down,
        }  # fmt: skip

    async def act(self, act: Act) -> Answer:
        """Do it once: what is lost on the way is silence, what was never sent is declined for now."""
        account = self._accounts.of(act.account)
        if isinstance(account, Declined):
            return account
        if taken := self._journal.taken(act):
            return taken
        known = self._journal.of(act.key)
        if known is not None and known.receipt is not None:
            return Accepted(known.receipt)
        if refused := self._quotas.take(account, 1):
            return refused
        return await carried_out(self._acted(self._session(account), account, act))

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """By the journal, and then by the account's own posts."""
        known = self._accounts.of(account)
        if isinstance(known, Declined):
            return known
        begun = self._journal.sought(key)
        return await told(self._sought(self._session(known), begun)) if isinstance(begun, Begun) else begun

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """One of the views."""
        account = self._accounts.of(arguments.get("account"))
        if isinstance(account, Declined):
            return account
        return await told(views.READERS[tool](self._session(account), arguments))

    async def _acted(self, session: Session, account: str, act: Act) -> Answer:
        unmarked = await self._labels.ensured(account, lambda: _marked(session))
        return unmarked or await self._acts[act.kind](session, act)

    # ── posts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _post(self, session: Session, act: Act) -> Answer:
        text = str(act.arguments["text"])
        if (many := graphemes.count(text)) > self._characters_max:
            return Declined("text_too_long", f"{many} characters, {self._characters_max} are allowed")
        if self._journal.of(act.key) is not None:
            return Silence("it was begun before, and is to be looked for")
        target = await self._differs(session, act, "in_reply_to")
        if target is not None:
            return target
        media = await self._media(session, act)
        if isinstance(media, Declined):
            return media
        note = {"text": text, "in_reply_to": str(act.arguments.get("in_reply_to", ""))}
        begun = self._journal.begin(act, note)
        reply = await session.send("POST", "/api/v1/statuses", form=_form_of(act, media), key=act.key)
        return self._kept(begun, act, reply, _receipt)

    def _kept(
        self, begun: Begun, act: Act, reply: Reply, receipt_of: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Answer:
        if not reply.is_good:
            return self._refused(act.account, reply)
        receipt = receipt_of(reply.body)
        self._journal.finish(begun, receipt)
        return Accepted(receipt)

    async def _media(self, session: Session, act: Act) -> tuple[str, ...] | Declined:
        """Uploads show nothing to anybody until a post names them: what is lost here has had no effect."""
        pictures = pictures_of(act.arguments)
        if isinstance(pictures, Declined):
            return pictures
        found: list[str] = []
        for picture in pictures:
            answer = await self._uploaded(session, picture)
            if isinstance(answer, Declined):
                return answer
            found.append(answer)
        return tuple(found)

    async def _uploaded(self, session: Session, picture: Picture) -> str | Declined:
        if not picture.data:
            return Declined("image_malformed", "this network wants a picture's bytes, not its address")
        name = f"picture.{picture.kind.partition('/')[2]}"
        try:
            reply = await session.send("POST", "/api/v2/media", form={"description": picture.alt},
                                       files={"file": (name, picture.data, picture.kind)})  # fmt: skip
        except Lost as lost:
            raise NotSent(str(lost)) from lost
        if not reply.is_good:
            return Declined("image_refused", reply.said, later=reply.is_unclear)
        media = str(reply.body["id"])
        for _ in range(POLLS_MAX if reply.status == 202 else 0):
            await self._clock.sleep(POLL_SECONDS)
            if (await session.get(f"/api/v1/media/{media}", {})).status == 200:
                break
        return media

    async def _sought(self, session: Session, begun: Begun) -> Accepted | Declined | None:
        """The account's own post that has these words, is not older than the act, and belongs to no other key."""
        if "text" not in begun.note:
            return Declined("not_sought", "only posts are looked for: anything else may be done again")
        own = await session.get(f"/api/v1/accounts/{await session.account_id()}/statuses", {"limit": OWN_MAX})
        if not own.is_good:
            return Declined("unavailable", own.said, later=True)
        taken = {str(receipt.get("id")) for receipt in self._journal.receipts()}
        statuses: list[dict[str, Any]] = own.body
        for status in statuses:
            if str(status["id"]) not in taken and _is_of(status, begun):
                receipt = _receipt(status)
                self._journal.finish(begun, receipt)
                return Accepted(receipt)
        oldest_us = min((us_of(status["created_at"]) for status in statuses), default=0)
        if len(statuses) >= OWN_MAX and oldest_us > begun.at_us - SKEW_US:
            return Declined("not_sought", f"more than {OWN_MAX} posts were made since: a person has to look")
        return None

    # ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _like(self, session: Session, act: Act) -> Answer:
        """Liking twice is liking once: nothing has to be remembered."""
        target = await self._differs(session, act, "post_id")
        if target is not None:
            return target
        post_id = str(act.arguments["post_id"])
        reply = await session.send("POST", f"/api/v1/statuses/{post_id}/favourite", key=act.key)
        return Accepted({"id": post_id}) if reply.is_good else self._refused(act.account, reply)

    async def _follow(self, session: Session, act: Act) -> Answer:
        return await self._to_account(session, act, "follow")

    async def _block(self, session: Session, act: Act) -> Answer:
        return await self._to_account(session, act, "block")

    async def _to_account(self, session: Session, act: Act, what: str) -> Answer:
        wanted = str(act.arguments["target_account"])
        found = await views.account_of(session, wanted)
        if not found:
            return Declined("account_unknown", "nobody has this handle")
        reply = await session.send("POST", f"/api/v1/accounts/{found}/{what}", key=act.key)
        return Accepted({"id": found, "account": wanted}) if reply.is_good else self._refused(act.account, reply)

    async def _take_down(self, session: Session, act: Act) -> Answer:
        """Some servers of this API cannot delete: then it is said so, and somebody has to."""
        post_id = str(act.arguments["post_id"])
        before = await session.get(f"/api/v1/statuses/{post_id}", {})
        if before.is_good and str(before.body["account"]["id"]) != await session.account_id():
            return NOT_YOURS
        reply = await session.send("DELETE", f"/api/v1/statuses/{post_id}", key=act.key)
        if reply.is_good:
            return Accepted({"id": post_id})
        if reply.status in (404, 405, 422, 501) and (await session.get(f"/api/v1/statuses/{post_id}", {})).is_good:
            return Declined("take_down_unsupported", "this server does not delete posts: its operator has to")
        if reply.status == 404:
            return Accepted({"id": post_id})
        return self._refused(act.account, reply)

    async def _differs(self, session: Session, act: Act, name: str) -> Declined | None:
        """The post that is meant is there, and is whose the act says."""
        if name not in act.arguments:
            return None
        found = await session.get(f"/api/v1/statuses/{act.arguments[name]}", {})
        if found.status == 404:
            return Declined("post_unknown", "the post that is meant is not there")
        if not found.is_good:
            return Declined("unavailable", found.said, later=True)
        return differs(act, views.handle_of(found.body["account"]))

    def _refused(self, account: str, reply: Reply) -> Answer:
        return refusal_of(reply, self._quotas, account)


async def _marked(session: Session) -> Declined | None:
    """The account says of itself that it is a machine; or why it cannot."""
    await session.account_id()
    known = await session.get("/api/v1/accounts/verify_credentials", {})
    if known.is_good and known.body.get("bot"):
        return None
    try:
        reply = await session.send("PATCH", "/api/v1/accounts/update_credentials", form={"bot": "true"})
    except Lost as lost:
        raise NotSent(str(lost)) from lost
    if reply.is_good and reply.body.get("bot"):
        return None
    return Declined("bot_label_missing", f"the account cannot be marked as a bot: {reply.said}")


def _form_of(act: Act, media: tuple[str, ...]) -> dict[str, Any]:
    given = act.arguments
    form: dict[str, Any] = {"status": given["text"], "visibility": given.get("visibility", "public")}
    renamed = {"in_reply_to": "in_reply_to_id", "content_warning": "spoiler_text", "language": "language"}
    form |= {name: given[ours] for ours, name in renamed.items() if ours in given}
    if "content_warning" in given:
        form["sensitive"] = "true"
    return form | ({"media_ids[]": list(media)} if media else {})


def _receipt(status: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(status["id"]), "url": str(status.get("url") or status.get("uri", ""))}


def _is_of(status: dict[str, Any], begun: Begun) -> bool:
    answers = str(status.get("in_reply_to_id") or "")
    return (
        us_of(status["created_at"]) >= begun.at_us - SKEW_US
        and answers == begun.note["in_reply_to"]
        and says_the_same(str(status["content"]), str(begun.note["text"]))
    )
