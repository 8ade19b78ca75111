"""YouTube by its published API (Data API v3): a post is a film with words, an answer a comment. Never exercised live.

A film is handed over where nobody sees it, and shown to everybody by a second call, which done twice is done once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chimera.connectors.social import machines
from chimera.connectors.social.accounts import Accounts, OfEach
from chimera.connectors.social.answers import differs, refusal_of
from chimera.connectors.social.configured import SERVERS
from chimera.connectors.social.journal import Journal
from chimera.connectors.social.journaled import JournaledNetwork, Newest, Own, already
from chimera.connectors.social.limits import PUBLISHED, Limits
from chimera.connectors.social.pictures import Picture, pictures_of
from chimera.connectors.social.sessions import Session
from chimera.connectors.social.surface import tools_of
from chimera.connectors.social.tokens import Bearer, Secret, Token, TokenBook, granted
from chimera.connectors.social.wire import LoginRefused, Reply, Wire
from chimera.connectors.youtube import uploading, views
from chimera.connectors.youtube.units import (
    API,
    CAPTIONS_UPLOAD,
    HASTY,
    SPENT,
    UPLOAD,
    VIDEOS_UPLOAD,
    Units,
    reasons_of,
)
from chimera.connectors.youtube.uploading import Parcel
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined

PLATFORM = "youtube"
LACKS = ("like", "block")
TOOLS = tools_of(PLATFORM, films=True, lacks=LACKS)
BYTES_MAX = 5_000
TITLE_MAX = 100
LANGUAGE = "en"
CATEGORY = "24"  # Entertainment: every film has one there.
EARLY_SECONDS = 300
# Where Google renews tokens, which is another server than its API's; one that was named in its place has both.
TOKENS = "https://oauth2.googleapis.com/token"
TOKENS_PATH = "/token"
HELD_BACK = "YouTube may hold a comment back without saying so: a person has to look"


def network(wire: Wire, accounts: Accounts, journal: Journal, clock: Clock, *, tokens: Path) -> JournaledNetwork:
    """YouTube for the channels of this installation; renewed tokens are kept in a file."""
    limits = Limits(PUBLISHED[PLATFORM], clock)
    login = Login(wire, accounts, clock, book=TokenBook(tokens))
    platform = YouTube(login, clock, limits=limits)
    return JournaledNetwork(platform, accounts=accounts, journal=journal, limits=limits)


class Login:
    """A session for each channel, whose every call costs units of the one app."""

    def __init__(self, wire: Wire, accounts: Accounts, clock: Clock, *, book: TokenBook) -> None:
        self._wire = wire
        self._accounts = accounts
        self._clock = clock
        self._book = book
        self._renews_at = TOKENS if wire.origin == SERVERS[PLATFORM] else TOKENS_PATH
        self.units = Units(clock)
        self.session = OfEach(self._opened)

    def _opened(self, account: str) -> Session:
        bearer = Bearer(account, book=self._book, secret=lambda: self._accounts.secret(account), renew=self._renewed,
                        clock=self._clock, early_seconds=EARLY_SECONDS)  # fmt: skip
        return Session(self._wire, bearer, meter=self.units.spend)

    async def _renewed(self, secret: Secret, token: Token) -> Token:
        """A refresh token stays good until the person takes it back."""
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh, "client_id": secret.client_id,
                "client_secret": secret.client_secret}  # fmt: skip
        return await granted(self._wire.ask("POST", self._renews_at, form=form), self._clock, refresh=token.refresh)


class YouTube:
    """Implements `connectors.social.journaled.Platform`."""

    def __init__(self, login: Login, clock: Clock, *, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._session = login.session
        self._units = login.units
        self._channels: dict[str, views.Channel] = {}

    def fault_in(self, act: Act) -> Declined | None:
        """A text that is too long, or has signs that no title or description may have."""
        text = str(act.arguments.get("text", ""))
        many = len(text.encode())
        if many > BYTES_MAX:
            return Declined("text_too_long", f"{many} bytes, {BYTES_MAX} are allowed")
        if act.kind == "post.publish" and any(sign in text for sign in "<>"):
            return Declined("text_malformed", "a film's words may not have < or >")
        if act.kind == "post.publish" and not act.arguments.get("media"):
            return Declined("film_missing", "a post is a film here, with words")
        return None

    async def labelled(self, account: str) -> Declined | None:
        """By the channel's own words; each film is marked as made by AI besides."""
        channel = await views.mine(self._session(account))
        if channel is None or channel.handle.casefold() != account.casefold():
            return Declined("account_unknown", f"the token is that of {channel.handle if channel else 'no channel'}")
        self._channels[account] = channel
        return machines.unless_said(channel.description, where="channel's description")

    async def prepared(self, act: Act) -> dict[str, Any] | Declined:
        """A film that nobody sees yet, with its thumbnail and captions; for a comment, a look at what it answers."""
        session = self._session(act.account)
        if "in_reply_to" in act.arguments:
            author = await views.author_of(session, str(act.arguments["in_reply_to"]))
            return (differs(act, author) or {}) if author else Declined("post_unknown", "what is answered is not there")
        media = pictures_of(act.arguments, films=True)
        if isinstance(media, Declined):
            return media
        films, pictures = [one for one in media if one.is_film], [one for one in media if not one.is_film]
        if len(films) != 1 or len(pictures) > 1 or not all(one.data for one in media):
            return Declined("film_missing", "a post is one film by its bytes, with one picture at most to show for it")
        return await self._uploaded(session, act, film=films[0], thumbnail=next(iter(pictures), None))

    async def published(self, act: Act, prepared: dict[str, Any]) -> Answer:
        """The film shown to everybody, or the comment made."""
        session, text = self._session(act.account), str(act.arguments["text"])
        if "in_reply_to" in act.arguments:
            return await self._commented(act, session, text)
        body = {"id": prepared["video"], "status": _status("public")}
        reply = await session.send("PUT", f"{API}/videos", query={"part": "status"}, json=body)
        if not reply.is_good:
            return self._refused(act.account, reply)
        if reply.body["status"]["privacyStatus"] != "public":
            # What an app uploads that YouTube has not verified stays private, whatever it asks for.
            return Declined("not_shown", "YouTube keeps it private: it shows only what verified apps upload")
        return Accepted(_receipt(prepared["video"]))

    async def done(self, act: Act) -> Answer:
        """Following and taking down: twice is once."""
        return await (self._follow(act) if act.kind == "post.follow" else self._take_down(act))

    async def own(self, account: str, beneath: str, /) -> Newest:
        """The newest films that everybody sees; or the channel's own comments beneath what one answers."""
        session, channel = self._session(account), await self._channel(account)
        if not beneath:
            rows, has_older = await views.uploaded(session, channel)
        else:
            rows, has_older = await views.answers(session, beneath)
            rows = [one for one in rows if views.is_by(one, channel)]
        found = [Own(receipt=_receipt(str(one["id"])), text=views.text_of(one), at_us=views.at_us(one),
                     in_reply_to=beneath) for one in rows]  # fmt: skip
        return Newest(posts=tuple(found), has_older=has_older, hides=HELD_BACK if beneath else "")

    async def read(self, account: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One of the views."""
        return await views.READERS[tool](self._session(account), await self._channel(account), arguments)

    # ── acts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _uploaded(
        self, session: Session, act: Act, *, film: Picture, thumbnail: Picture | None
    ) -> dict[str, Any] | Declined:
        text, language = str(act.arguments["text"]), str(act.arguments.get("language", LANGUAGE))
        about = {"snippet": {"title": title_of(text), "description": text, "categoryId": CATEGORY,
                             "defaultLanguage": language}, "status": _status("private")}  # fmt: skip
        parcel = Parcel(path=VIDEOS_UPLOAD, part="snippet,status", about=about, data=film.data, kind=film.kind)
        reply = await uploading.handed_over(session, parcel, self._clock)
        if not reply.is_good:
            return self._not_made(act.account, reply)
        video = str(reply.body["id"])
        added = await self._shows(session, video, thumbnail)
        if added is None or added.is_good:
            added = await self._says(session, video, film.captions, language)
        return {"video": video} if added is None or added.is_good else self._not_made(act.account, added)

    async def _shows(self, session: Session, video: str, thumbnail: Picture | None) -> Reply | None:
        if thumbnail is None:
            return None
        return await session.hand_over("POST", f"{UPLOAD}/thumbnails/set", thumbnail.data, query={"videoId": video},
                                       headers={"Content-Type": thumbnail.kind})  # fmt: skip

    async def _says(self, session: Session, video: str, captions: str, language: str) -> Reply | None:
        if not captions:
            return None
        about = {"snippet": {"videoId": video, "language": language, "name": ""}}
        parcel = Parcel(path=CAPTIONS_UPLOAD, part="snippet", about=about, data=captions.encode(), kind="text/vtt")
        return await uploading.handed_over(session, parcel, self._clock)

    async def _commented(self, act: Act, session: Session, text: str) -> Answer:
        answered = str(act.arguments["in_reply_to"])
        said = {"snippet": {"textOriginal": text}}
        if views.is_video(answered):
            path, body = "commentThreads", {"snippet": {"videoId": answered, "topLevelComment": said}}
        else:
            path, body = "comments", {"snippet": {"parentId": views.beneath(answered), "textOriginal": text}}
        reply = await session.send("POST", f"{API}/{path}", query={"part": "snippet"}, json=body)
        if not reply.is_good:
            return self._refused(act.account, reply)
        made = reply.body["snippet"]["topLevelComment"] if views.is_video(answered) else reply.body
        return Accepted(_receipt(str(made["id"])))

    async def _follow(self, act: Act) -> Answer:
        wanted, session = str(act.arguments["target_account"]), self._session(act.account)
        them = await views.channel_id_of(session, wanted)
        if not them:
            return Declined("account_unknown", "nobody has this handle")
        body = {"snippet": {"resourceId": {"kind": "youtube#channel", "channelId": them}}}
        reply = await session.send("POST", f"{API}/subscriptions", query={"part": "snippet"}, json=body)
        if reply.is_good or "subscriptionDuplicate" in reasons_of(reply):
            return Accepted({"id": them, "account": wanted})
        return self._refused(act.account, reply)

    async def _take_down(self, act: Act) -> Answer:
        post_id, session = str(act.arguments["post_id"]), self._session(act.account)
        author = await views.author_of(session, post_id)
        if known := already(act, author):
            return known
        what = "videos" if views.is_video(post_id) else "comments"
        reply = await session.send("DELETE", f"{API}/{what}", query={"id": post_id})
        return Accepted({"id": post_id}) if reply.is_good else self._refused(act.account, reply)

    # ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _refused(self, account: str, reply: Reply) -> Answer:
        """Units that are used come back at its midnight; for what came too fast it names no time."""
        reasons = reasons_of(reply)
        if reasons & SPENT:
            return self._limits.pauses.pause(account, seconds=self._units.seconds_left())
        if reasons & HASTY:
            return self._limits.pauses.pause(account, seconds=uploading.PAUSE_SECONDS)
        return refusal_of(reply, self._limits.pauses, account)

    def _not_made(self, account: str, reply: Reply) -> Declined:
        """No film, no post: whatever went wrong, nobody has seen anything."""
        refused = self._refused(account, reply)
        return refused if isinstance(refused, Declined) else Declined("unavailable", reply.said, later=True)

    async def _channel(self, account: str) -> views.Channel:
        if account not in self._channels:
            channel = await views.mine(self._session(account))
            if channel is None:
                raise LoginRefused("the token is that of no channel")
            self._channels[account] = channel
        return self._channels[account]


def title_of(text: str) -> str:
    """The first line of what a person agreed to, by whole words: a title says nothing that the text does not."""
    line = text.strip().partition("\n")[0].strip()
    if len(line) <= TITLE_MAX:
        return line
    return line[:TITLE_MAX].rpartition(" ")[0] or line[:TITLE_MAX]


def _status(privacy: str) -> dict[str, Any]:
    """How a film stands there: made by AI, and not for children, which an account has to say."""
    return {"privacyStatus": privacy, "selfDeclaredMadeForKids": False, "containsSyntheticMedia": True}


def _receipt(identifier: str) -> dict[str, Any]:
    return {"id": identifier, **({"url": f"https://www.youtube.com/watch?v={identifier}"}
                                 if views.is_video(identifier) else {})}  # fmt: skip
