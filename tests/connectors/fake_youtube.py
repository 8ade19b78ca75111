"""YouTube's Data API v3 as it is described on the wire: resumable uploads, units, comments in threads, Google's errors.

Written from Google's reference, and by nobody who has met it: what it really does may differ.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, ClassVar

from tests.connectors.fake_platforms import NO_CONTENT, PEOPLE, Call, Platform, Refusal

QUARTER = 256 * 1024
DELETED = {"DELETE /youtube/v3/videos", "DELETE /youtube/v3/comments"}


def google(status: int, reason: str, message: str) -> Refusal:
    told = {"message": message, "domain": "youtube", "reason": reason}
    return Refusal(status, {"error": {"code": status, "message": message, "errors": [told]}})


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class FakeYouTube(Platform):
    """Films are in `posts` once everybody sees them, and in `drafts` before; comments are in `posts`."""

    hears_beneath: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.refreshes = {"first": "nova"}
        self.drafts: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.films: dict[str, bytes] = {}
        self.captions: dict[str, str] = {}
        self.thumbnails: dict[str, bytes] = {}
        self.followed: set[str] = set()
        self.verified = True

    def add(self, author: str, text: str, *, answers: str = "", picture: str = "") -> dict[str, Any]:
        self.count += 1
        post: dict[str, Any] = {"author": author, "text": text, "at": time.time(), "answers": answers,
                                "picture": picture}  # fmt: skip
        if not answers:
            post["id"] = f"film-{self.count:06d}"
        elif answers in self.posts and self.posts[answers]["answers"]:
            post["id"] = f"{answers.partition('.')[0]}.{self.count:020d}"
        else:
            post["id"] = f"Ug{self.count:024d}"
        post["root"] = self.posts[answers]["root"] if answers else post["id"]
        self.posts[post["id"]] = post
        return post

    def answer(self, call: Call) -> tuple[int, dict[str, Any]]:
        if call.path == "/token":
            return 200, self.renewed(call)
        me = self.tokens.get(call.headers.get("authorization", "").removeprefix("Bearer "))
        if me is None:
            raise google(401, "authError", "Invalid Credentials")
        if call.path.startswith("/upload/youtube/v3/"):
            return 200, self.handed_over(me, call)
        found = self.routed(self.routes(), me, call)
        if found is None:
            raise google(404, "notFound", f"{call.method} {call.path}")
        return NO_CONTENT if f"{call.method} {call.path}" in DELETED else 200, found

    def routes(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "GET /youtube/v3/channels": self.channels,
            "GET /youtube/v3/playlistItems": lambda me, call: self.uploaded(me, call.query["playlistId"]),
            "GET /youtube/v3/videos": lambda _me, call: {"items": self.films_of(call.query["id"].split(","))},
            "PUT /youtube/v3/videos": lambda me, call: self.changed(me, call.body),
            "DELETE /youtube/v3/videos": lambda me, call: self.deleted(me, call.query["id"]),
            "GET /youtube/v3/commentThreads": lambda _me, call: {"items": self.threads(call.query)},
            "POST /youtube/v3/commentThreads": lambda me, call: self.begun(me, call.body["snippet"]),
            "GET /youtube/v3/comments": lambda _me, call: {"items": self.comments(call.query)},
            "POST /youtube/v3/comments": lambda me, call: self.comment(self.answered(me, call.body["snippet"])),
            "DELETE /youtube/v3/comments": lambda me, call: self.deleted(me, call.query["id"]),
            "GET /youtube/v3/search": lambda _me, call: {"items": [
                {"id": {"kind": "youtube#video", "videoId": one["id"]}}
                for one in self.newest(lambda post: not post["answers"] and call.query["q"] in post["text"])]},
            "POST /youtube/v3/subscriptions": lambda _me, call: self.subscribed(call.body["snippet"]["resourceId"]),
        }  # fmt: skip

    def renewed(self, call: Call) -> dict[str, Any]:
        owner = self.refreshes.get(call.body.get("refresh_token", ""))
        proof = (call.body.get("grant_type"), call.body.get("client_id"), call.body.get("client_secret"))
        if proof != ("refresh_token", "app", "shh") or owner is None:
            raise Refusal(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
        access = f"ya29.{self.new_id()}"
        self.tokens = {access: owner}
        return {"access_token": access, "expires_in": 3_599, "token_type": "Bearer"}

    # ── channels ────────────────────────────────────────────────────────────────────────────────────────────────────

    def channels(self, me: str, call: Call) -> dict[str, Any]:
        if call.query.get("mine") == "true":
            return {"items": [self.channel(me)]}
        if "forHandle" in call.query:
            name = call.query["forHandle"].removeprefix("@")
            return {"items": [self.channel(name)] if name in PEOPLE else []}
        return {"items": [self.channel(one.removeprefix("UC-")) for one in call.query["id"].split(",")]}

    def channel(self, name: str) -> dict[str, Any]:
        snippet = {"title": name.title(), "description": self.descriptions[name], "customUrl": f"@{name}"}
        return {"id": f"UC-{name}", "snippet": snippet,
                "contentDetails": {"relatedPlaylists": {"uploads": f"UU-{name}"}}}  # fmt: skip

    def subscribed(self, resource: dict[str, Any]) -> dict[str, Any]:
        if resource["channelId"] in self.followed:
            raise google(400, "subscriptionDuplicate", "The subscription that you are trying to create already exists.")
        self.followed.add(resource["channelId"])
        return {"id": f"sub-{self.new_id()}"}

    # ── films ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def handed_over(self, me: str, call: Call) -> dict[str, Any]:
        if call.path == "/upload/youtube/v3/thumbnails/set":
            self.thumbnails[call.query["videoId"]] = call.data
            return {"items": [{}]}
        if call.method == "POST":
            assert call.query["uploadType"] == "resumable"
            upload = f"up-{self.new_id()}"
            self.uploads[upload] = {"about": call.body, "data": b"", "path": call.path,
                                    "size": int(call.headers["x-upload-content-length"])}  # fmt: skip
            self.besides = {"Location": f"https://uploads.example{call.path}?uploadType=resumable&upload_id={upload}"}
            return {}
        upload = self.uploads[call.query["upload_id"]]
        self.take(upload, call)
        if len(upload["data"]) < upload["size"]:
            held = {"Range": f"bytes=0-{len(upload['data']) - 1}"} if upload["data"] else {}
            raise Refusal(308, {}, held)
        return upload.setdefault("answer", self.kept(me, upload))

    def take(self, upload: dict[str, Any], call: Call) -> None:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", call.headers["content-range"])
        if not found:
            assert call.headers["content-range"] == f"bytes */{upload['size']}"
            return
        first, last, size = map(int, found.groups())
        assert (first, size) == (len(upload["data"]), upload["size"]), "a piece that does not go on where it ended"
        assert last + 1 == size or len(call.data) % QUARTER == 0
        # A server may keep less of a piece than it was given.
        upload["data"] += call.data if last + 1 == size else call.data[: len(call.data) - QUARTER // 2]

    def kept(self, me: str, upload: dict[str, Any]) -> dict[str, Any]:
        about = upload["about"]["snippet"]
        if upload["path"].endswith("/captions"):
            self.captions[about["videoId"]] = upload["data"].decode()
            return {"id": f"cc-{self.new_id()}"}
        assert set(about) >= {"title", "description", "categoryId"}
        assert upload["about"]["status"] == {
            "privacyStatus": "private", "selfDeclaredMadeForKids": False, "containsSyntheticMedia": True}  # fmt: skip
        if any(sign in about["title"] + about["description"] for sign in "<>") or len(about["title"]) > 100:
            raise google(400, "invalidTitle", "The request metadata specifies an invalid or empty video title.")
        film = self.add(me, about["description"])
        self.drafts[film["id"]] = self.posts.pop(film["id"]) | {"title": about["title"]}
        self.films[film["id"]] = upload["data"]
        return {"id": film["id"], "status": {"uploadStatus": "uploaded", "privacyStatus": "private"}}

    def changed(self, me: str, body: dict[str, Any]) -> dict[str, Any]:
        film = self.drafts.get(body["id"]) or self.posts.get(body["id"])
        if film is None or film["author"] != me:
            raise google(403, "forbidden", "The video could not be updated.")
        assert body["status"]["containsSyntheticMedia"] is True
        if not self.verified:
            return {"id": body["id"], "status": {**body["status"], "privacyStatus": "private"}}
        self.drafts.pop(body["id"], None)
        # It counts as published when it is shown.
        self.posts[body["id"]] = film | {"at": time.time()}
        return {"id": body["id"], "status": body["status"]}

    def uploaded(self, me: str, playlist: str) -> dict[str, Any]:
        assert playlist == f"UU-{me}"
        mine = [one for one in (*self.posts.values(), *self.drafts.values()) if one["author"] == me]
        films = [one for one in reversed(mine) if not one["answers"]]
        return {"items": [{"contentDetails": {"videoId": one["id"]}} for one in films]}

    def films_of(self, ids: list[str]) -> list[dict[str, Any]]:
        found = [(one, place) for one in ids for place in (self.posts, self.drafts) if one in place]
        return [self.film(place[one], is_public=place is self.posts) for one, place in found]

    def film(self, post: dict[str, Any], *, is_public: bool) -> dict[str, Any]:
        snippet = {"publishedAt": stamp(post["at"]), "channelId": f"UC-{post['author']}",
                   "title": post["text"][:100], "description": post["text"]}  # fmt: skip
        return {"id": post["id"], "snippet": snippet, "status": {"privacyStatus": "public" if is_public else "private"}}

    # ── comments ────────────────────────────────────────────────────────────────────────────────────────────────────

    def comment(self, post: dict[str, Any]) -> dict[str, Any]:
        above = {"parentId": post["id"].partition(".")[0]} if "." in post["id"] else {}
        snippet = {"publishedAt": stamp(post["at"]), "channelId": "UC-nova", "textDisplay": post["text"],
                   "authorDisplayName": "@anybody", "authorChannelId": {"value": f"UC-{post['author']}"}}  # fmt: skip
        return {"id": post["id"], "snippet": {**snippet, **above}}

    def threads(self, query: dict[str, str]) -> list[dict[str, Any]]:
        assert query["textFormat"] == "plainText"

        def wanted(post: dict[str, Any]) -> bool:
            if not post["answers"] or "." in post["id"]:
                return False
            return query.get("videoId", post["root"]) == post["root"] and query.get("id", post["id"]) == post["id"]

        return [self.thread(post) for post in self.newest(wanted)]

    def thread(self, post: dict[str, Any]) -> dict[str, Any]:
        """Of the answers, one comes along."""
        below = self.newest(lambda one: one["id"].startswith(f"{post['id']}."))
        told = {"videoId": post["root"], "topLevelComment": self.comment(post), "totalReplyCount": len(below)}
        return {"id": post["id"], "snippet": told, "replies": {"comments": [self.comment(one) for one in below[:1]]}}

    def comments(self, query: dict[str, str]) -> list[dict[str, Any]]:
        if "parentId" in query:
            return [self.comment(one) for one in self.newest(lambda one: one["id"].startswith(f"{query['parentId']}."))]
        return [self.comment(self.posts[query["id"]])] if query["id"] in self.posts else []

    def begun(self, me: str, snippet: dict[str, Any]) -> dict[str, Any]:
        if snippet["videoId"] not in self.posts:
            raise google(404, "videoNotFound", "The video could not be found.")
        text = snippet["topLevelComment"]["snippet"]["textOriginal"]
        return self.thread(self.add(me, text, answers=snippet["videoId"]))

    def answered(self, me: str, snippet: dict[str, Any]) -> dict[str, Any]:
        if snippet["parentId"] not in self.posts or "." in snippet["parentId"]:
            raise google(404, "parentCommentNotFound", "The specified parent comment could not be found.")
        return self.add(me, snippet["textOriginal"], answers=snippet["parentId"])

    def deleted(self, me: str, identifier: str) -> dict[str, Any]:
        if identifier not in self.posts or self.posts[identifier]["author"] != me:
            raise google(403, "forbidden", "The request is not properly authorized.")
        del self.posts[identifier]
        return {}
