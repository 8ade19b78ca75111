"""Bluesky as a network: every act is a record under a key that follows from ours, so that twice is once.

A record that is there already is read and compared; nothing is ever overwritten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from chimera.connectors.bluesky import records, views
from chimera.connectors.bluesky.facets import marks
from chimera.connectors.bluesky.keys import record_key
from chimera.connectors.bluesky.session import Session
from chimera.connectors.social import times
from chimera.connectors.social.accounts import Accounts, Labels, OfEach
from chimera.connectors.social.answers import NOT_YOURS, carried_out, differs, refusal_of, told
from chimera.connectors.social.pictures import pictures_of
from chimera.connectors.social.quotas import Quota, Quotas
from chimera.connectors.social.surface import tools_of
from chimera.connectors.social.wire import Lost, NotSent, Reply, Wire
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence

PLATFORM = "bluesky"
TOOLS = tools_of(PLATFORM, quotes=True)
# Published by the network: points for each account, and what a write costs.
QUOTAS = (Quota(points=5_000, seconds=3_600), Quota(points=35_000, seconds=86_400))
POINTS = {"post.take_down": 1}
POINTS_EACH = 3
PROFILE = "app.bsky.actor.profile"
BOT = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}
TAKEN = "InvalidSwap"
ABSENT = ("RecordNotFound", "NotFound")
Ref: TypeAlias = dict[str, str]


class BlueskyNetwork:
    """Implements `ports.network.Network` on one server, for the accounts that it was given."""

    def __init__(self, wire: Wire, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._quotas = Quotas(QUOTAS, clock)
        self._session = OfEach(lambda account: Session(wire, account, lambda: accounts.secret(account)))
        self._labels = Labels()
        self._builders: dict[str, Callable[[Session, Act], Awaitable[dict[str, Any] | Declined]]] = {
            "post.publish": self._post, "post.reply": self._post, "post.like": self._like, "post.follow": self._account,
            "account.block": self._account,
        }  # fmt: skip

    async def act(self, act: Act) -> Answer:
        """Do it once: what is lost on the way is silence, what was never sent is declined for now."""
        account = self._accounts.of(act.account)
        if isinstance(account, Declined):
            return account
        if refused := self._quotas.take(account, POINTS.get(act.kind, POINTS_EACH)):
            return refused
        return await carried_out(self._acted(self._session(account), act))

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """The server is asked for the record that this key would have made."""
        known = self._accounts.of(account)
        if isinstance(known, Declined):
            return known
        return await told(self._sought(self._session(known), key))

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """One of the views."""
        account = self._accounts.of(arguments.get("account"))
        if isinstance(account, Declined):
            return account
        return await told(views.READERS[tool](self._session(account), arguments))

    async def _sought(self, session: Session, key: str) -> Accepted | Declined | None:
        for collection in dict.fromkeys(records.COLLECTIONS.values()):
            reply = await self._record(session, await session.did(), collection, record_key(key))
            if reply.is_good:
                return Accepted(_receipt(reply.body))
            if reply.fault not in ABSENT:
                return Declined("unavailable", reply.said, later=True)
        return None

    # ── acts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _acted(self, session: Session, act: Act) -> Answer:
        if act.kind == "post.take_down":
            return await self._take_down(session, act)
        try:
            # Reading and uploading show nothing to anybody: what is lost here has had no effect.
            if refused := await self._labels.ensured(act.account, lambda: self._marked(session)):
                return refused
            record = await self._builders[act.kind](session, act)
        except Lost as error:
            raise NotSent(str(error)) from error
        return record if isinstance(record, Declined) else await self._put(session, act, record)

    async def _put(self, session: Session, act: Act, record: dict[str, Any]) -> Answer:
        """Under our key, if nothing is there."""
        collection = records.COLLECTIONS[act.kind]
        written = {"$type": collection, **record, "createdAt": times.written(self._clock.now_us())}
        reply = await session.procedure("com.atproto.repo.putRecord", {
            "repo": await session.did(), "collection": collection, "rkey": record_key(act.key), "record": written,
            "swapRecord": None,
        })  # fmt: skip
        if reply.is_good:
            return Accepted(_receipt(reply.body))
        if reply.fault == TAKEN:
            return await self._already(session, collection, act, written)
        return self._refused(act.account, reply)

    async def _already(self, session: Session, collection: str, act: Act, written: dict[str, Any]) -> Answer:
        there = await self._record(session, await session.did(), collection, record_key(act.key))
        if not there.is_good:
            return Silence(f"it is there and cannot be read: {there.said}")
        if records.is_same(there.body["value"], written):
            return Accepted(_receipt(there.body))
        return Declined("key_taken", "something else was done under this key")

    async def _take_down(self, session: Session, act: Act) -> Answer:
        """Deleting what is not there any more is no fault: it is what was wanted."""
        did, collection, key = _parts(str(act.arguments["post_id"]))
        if did != await session.did() or collection != records.POST:
            return NOT_YOURS
        body = {"repo": did, "collection": collection, "rkey": key}
        reply = await session.procedure("com.atproto.repo.deleteRecord", body)
        return Accepted({"id": act.arguments["post_id"]}) if reply.is_good else self._refused(act.account, reply)

    def _refused(self, account: str, reply: Reply) -> Answer:
        return refusal_of(reply, self._quotas, account)

    # ── what records need to know ───────────────────────────────────────────────────────────────────────────────────

    async def _marked(self, session: Session) -> Declined | None:
        """The account says of itself that it is a machine; or why it cannot."""
        did = await session.did()
        found = await self._record(session, did, PROFILE, "self")
        if not found.is_good and found.fault not in ABSENT:
            return Declined("bot_label_missing", found.said, later=True)
        profile: dict[str, Any] = found.body["value"] if found.is_good else {"$type": PROFILE}
        if "bot" not in views.labels_of(profile):
            values = [*profile.get("labels", {}).get("values", ()), *BOT["values"]]
            body = {"repo": did, "collection": PROFILE, "rkey": "self", "swapRecord": found.body.get("cid"),
                    "record": {**profile, "labels": {**BOT, "values": values}}}  # fmt: skip
            reply = await session.procedure("com.atproto.repo.putRecord", body)
            if not reply.is_good:
                return Declined("bot_label_missing", reply.said, later=True)
        return None

    async def _post(self, session: Session, act: Act) -> dict[str, Any] | Declined:
        text = str(act.arguments["text"])
        if fault := records.fault_in(text):
            return fault
        record: dict[str, Any] = {"text": text, "facets": records.facets_of(text, await self._people(session, text))}
        if "language" in act.arguments:
            record["langs"] = [act.arguments["language"]]
        if "in_reply_to" in act.arguments:
            answered = await self._answered(session, act)
            if isinstance(answered, Declined):
                return answered
            record["reply"] = answered
        embed = await self._embed(session, act)
        if isinstance(embed, Declined):
            return embed
        return record | ({"embed": embed} if embed else {})

    async def _embed(self, session: Session, act: Act) -> dict[str, Any] | Declined | None:
        pictures = pictures_of(act.arguments)
        if isinstance(pictures, Declined):
            return pictures
        blobs: list[tuple[str, Any]] = []
        for picture in pictures:
            if not picture.data:
                return Declined("image_malformed", "this network wants a picture's bytes, not its address")
            reply = await session.upload(picture.data, kind=picture.kind)
            if not reply.is_good:
                return Declined("image_refused", reply.said, later=reply.is_unclear)
            blobs.append((picture.alt, reply.body["blob"]))
        quoted = await self._ref(session, act.arguments["quote"]) if "quote" in act.arguments else None
        return quoted if isinstance(quoted, Declined) else records.embed_of(blobs, quoted)

    async def _answered(self, session: Session, act: Act) -> dict[str, Ref] | Declined:
        uri = str(act.arguments["in_reply_to"])
        found = await views.post(session, uri)
        if found is None:
            return Declined("post_unknown", "the post that is answered is not there")
        if another := differs(act, views.handle_of(found)):
            return another
        parent = {"uri": uri, "cid": str(found["cid"])}
        return {"root": found["record"].get("reply", {}).get("root", parent), "parent": parent}

    async def _ref(self, session: Session, uri: str) -> Ref | Declined:
        found = await views.post(session, str(uri))
        if found is None:
            return Declined("post_unknown", "the post that is meant is not there")
        return {"uri": str(uri), "cid": str(found["cid"])}

    async def _like(self, session: Session, act: Act) -> dict[str, Any] | Declined:
        uri = str(act.arguments["post_id"])
        found = await views.post(session, uri)
        if found is None:
            return Declined("post_unknown", "the post that is liked is not there")
        return differs(act, views.handle_of(found)) or {"subject": {"uri": uri, "cid": str(found["cid"])}}

    async def _account(self, session: Session, act: Act) -> dict[str, Any] | Declined:
        did = await views.did_of(session, str(act.arguments["target_account"]).removeprefix("@"))
        return {"subject": did} if did else Declined("account_unknown", "nobody has this handle")

    async def _people(self, session: Session, text: str) -> dict[str, str]:
        handles = dict.fromkeys(mark.value for mark in marks(text) if mark.kind == "handle")
        found = {handle: await views.did_of(session, handle) for handle in handles}
        return {handle: did for handle, did in found.items() if did}

    async def _record(self, session: Session, did: str, collection: str, key: str) -> Reply:
        asked = {"repo": did, "collection": collection, "rkey": key}
        return await session.query("com.atproto.repo.getRecord", asked)


def _parts(uri: str) -> tuple[str, str, str]:
    did, _, rest = uri.removeprefix("at://").partition("/")
    collection, _, key = rest.partition("/")
    return did, collection, key


def _receipt(body: dict[str, Any]) -> dict[str, Any]:
    uri = str(body["uri"])
    did, collection, key = _parts(uri)
    shown = {"url": f"https://bsky.app/profile/{did}/post/{key}"} if collection == records.POST else {}
    return {"id": uri, "cid": str(body["cid"]), **shown}
