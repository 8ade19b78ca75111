"""Platforms that nobody can run here, as their published APIs have it on the wire: accounts, tokens, posts, limits.

Written from the platforms' own references, and by nobody who has met them: what they really do may differ. Answers can
be lost after the act, refused, and put off.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

LINK = re.compile(r"https?://[^\s]+")
MENTION = re.compile(r"@(\w+)")
PEOPLE = ("nova", "mila", "troll")
NO_CONTENT = 204
MACHINE = "An automated account of a studio."


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]
    data: bytes


class Refusal(Exception):
    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass
class Platform:
    """Who is there, what was said, and which answers go wrong. Subclasses are one platform's wire."""

    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=lambda: {"nova": MACHINE, "mila": "", "troll": ""})
    calls: list[Call] = field(default_factory=list)
    likes: set[tuple[str, str]] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)
    # (method, beginning of the path) → what happens to the next such call: "lost" after it was done, or a refusal.
    trouble: dict[tuple[str, str], Refusal | str] = field(default_factory=dict)
    always: dict[tuple[str, str], Refusal | str] = field(default_factory=dict)
    count: int = 1_000
    url: str = ""
    # Whether strangers are heard beneath a post of ours alone.
    hears_beneath: ClassVar[bool] = False
    # What the next answer says besides, in its headers.
    besides: dict[str, str] = field(default_factory=dict)

    def new_id(self) -> str:
        self.count += 1
        return str(self.count)

    def add(self, author: str, text: str, *, answers: str = "", picture: str = "") -> dict[str, Any]:
        root = self.posts[answers]["root"] if answers else ""
        post: dict[str, Any] = {"id": self.new_id(), "author": author, "text": text, "at": time.time(),
                                "answers": answers, "picture": picture}  # fmt: skip
        post["root"] = root or post["id"]
        self.posts[post["id"]] = post
        return post

    def newest(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        return [post for post in reversed(self.posts.values()) if wanted(post)]

    def answer(self, call: Call) -> tuple[int, dict[str, Any]]:
        raise NotImplementedError

    def what_goes_wrong(self, call: Call) -> Refusal | str | None:
        def is_meant(key: tuple[str, str]) -> bool:
            return call.method == key[0] and call.path.startswith(key[1])

        for key in filter(is_meant, self.always):
            return self.always[key]
        fitting = next(filter(is_meant, self.trouble), None)
        return self.trouble.pop(fitting) if fitting else None

    def routed(self, routes: dict[str, Callable[..., dict[str, Any]]], me: str, call: Call) -> dict[str, Any] | None:
        """By the first route that fits: a method and a path with `*` for what is handed on."""
        for route, made in routes.items():
            found = re.fullmatch(route.replace("*", "([^/]+)"), f"{call.method} {call.path}")
            if found:
                return made(me, call, *found.groups())
        return None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            call = await _call(reader)
            self.calls.append(call)
            status, body, headers = 200, {}, {}
            what = self.what_goes_wrong(call)
            try:
                if isinstance(what, Refusal):
                    raise what
                status, body = self.answer(call)
                headers, self.besides = self.besides, {}
            except Refusal as refusal:
                status, body, headers = refusal.status, refusal.body, refusal.headers
            if what != "lost":
                data = json.dumps(body).encode() if status != NO_CONTENT else b""
                more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                kind = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
                writer.write(f"HTTP/1.1 {status} X\r\n{kind}{more}\r\n".encode() + data)
                await writer.drain()
        writer.close()


async def _call(reader: asyncio.StreamReader) -> Call:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for line in lines if ": " in line for name, value in (line.split(": ", 1),)}
    data = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split(" ")
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return Call(method, parts.path, query, headers, _body(headers.get("content-type", ""), data), data)


def _body(kind: str, data: bytes) -> dict[str, Any]:
    if "json" in kind:
        return json.loads(data)
    if "form" in kind:
        return {name: values[-1] for name, values in parse_qs(data.decode()).items()}
    return {}


@asynccontextmanager
async def serving(platform: Platform) -> AsyncGenerator[None]:
    server = await asyncio.start_server(platform.handle, "127.0.0.1", 0)
    platform.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield


def iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


class FakeX(Platform):
    """X's API, version 2. Access tokens for two hours; a refresh token is good once."""

    media: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.media = {}
        self.refreshes = {"first": "nova"}

    def answer(self, call: Call) -> tuple[int, dict[str, Any]]:
        if call.path == "/2/oauth2/token":
            return 200, self.renewed(call)
        me = self.tokens.get(call.headers.get("authorization", "").removeprefix("Bearer "))
        if me is None:
            raise Refusal(401, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"})
        found = self.routed(self.routes(), me, call)
        if found is None:
            raise Refusal(404, {"title": "Not Found", "detail": f"{call.method} {call.path}", "status": 404})
        return 201 if (call.method, call.path) == ("POST", "/2/tweets") else 200, found

    def routes(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "GET /2/users/me": lambda me, _call: {"data": self.user(me)},
            "GET /2/users/by/username/*": lambda _me, _call, name: (
                {"data": self.user(name)} if name in PEOPLE else {"errors": [{"title": "Not Found Error"}]}
            ),
            "GET /2/users/*/tweets": lambda me, _call, _id: self.listed(lambda post: post["author"] == me),
            "GET /2/users/*/mentions": lambda me, _call, _id: self.listed(
                lambda post: me in MENTION.findall(post["text"])
            ),
            "GET /2/users/*/timelines/reverse_chronological": lambda _me, _call, _id: self.listed(lambda _post: True),
            "GET /2/tweets/search/recent": lambda _me, call: self.searched(call.query["query"]),
            "GET /2/tweets/*": lambda _me, _call, post_id: self.one(post_id),
            "POST /2/media/upload": lambda _me, call: self.uploaded(call.body),
            "POST /2/media/metadata": lambda _me, call: self.described(call.body),
            "POST /2/tweets": lambda me, call: {"data": self.posted(me, call.body)},
            "DELETE /2/tweets/*": lambda me, _call, post_id: self.deleted(me, post_id),
            "POST /2/users/*/likes": lambda me, call, _id: self.liked(me, call.body["tweet_id"]),
            "POST /2/users/*/following": lambda _me, _call, _id: {"data": {"following": True, "pending_follow": False}},
        }

    def described(self, body: dict[str, Any]) -> dict[str, Any]:
        self.media[body["id"]] = body["metadata"]["alt_text"]["text"]
        return {"data": {"id": body["id"]}}

    def liked(self, me: str, post_id: str) -> dict[str, Any]:
        self.likes.add((me, post_id))
        return {"data": {"liked": True}}

    def renewed(self, call: Call) -> dict[str, Any]:
        owner = self.refreshes.pop(call.body.get("refresh_token", ""), None)
        if call.body.get("grant_type") != "refresh_token" or call.body.get("client_id") != "app" or owner is None:
            raise Refusal(
                400, {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
            )
        access, refresh = f"access-{self.new_id()}", f"refresh-{self.new_id()}"
        self.tokens = {access: owner}
        self.refreshes[refresh] = owner
        return {"token_type": "bearer", "expires_in": 7_200, "access_token": access, "refresh_token": refresh}

    def user(self, name: str) -> dict[str, Any]:
        return {"id": f"u-{name}", "username": name, "description": self.descriptions[name]}

    def posted(self, me: str, body: dict[str, Any]) -> dict[str, Any]:
        if any(post["author"] == me and post["text"] == body["text"] for post in self.posts.values()):
            raise Refusal(403, {"title": "Forbidden", "status": 403,
                                "detail": "You are not allowed to create a Tweet with duplicate content."})  # fmt: skip
        pictures = body.get("media", {}).get("media_ids", [])
        if any(one not in self.media for one in pictures):
            raise Refusal(400, {"title": "Invalid Request", "detail": "Your media IDs are invalid.", "status": 400})
        answers = body.get("reply", {}).get("in_reply_to_tweet_id", "")
        post = self.add(me, body["text"], answers=answers, picture=",".join(self.media[one] for one in pictures))
        return {"id": post["id"], "text": post["text"]}

    def deleted(self, me: str, post_id: str) -> dict[str, Any]:
        if post_id in self.posts and self.posts[post_id]["author"] != me:
            raise Refusal(403, {"title": "Forbidden", "detail": "You are not the author.", "status": 403})
        return {"data": {"deleted": self.posts.pop(post_id, None) is not None}}

    def uploaded(self, body: dict[str, Any]) -> dict[str, Any]:
        assert base64.b64decode(body["media"], validate=True)
        assert body["media_category"] == "tweet_image"
        media = f"m-{self.new_id()}"
        self.media[media] = ""
        return {"data": {"id": media, "media_key": f"3_{media}", "expires_after_secs": 86_400}}

    def one(self, post_id: str) -> dict[str, Any]:
        if post_id not in self.posts:
            return {"errors": [{"title": "Not Found Error", "resource_id": post_id}]}
        told = self.listed(lambda post: post["id"] == post_id)
        return {"data": told["data"][0], "includes": told["includes"]}

    def searched(self, query: str) -> dict[str, Any]:
        kind, _, root = query.partition(":")
        if kind == "conversation_id":
            return self.listed(lambda post: post["root"] == root)
        return self.listed(lambda post: query.casefold() in post["text"].casefold())

    def listed(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found = self.newest(wanted)
        users = {post["author"]: self.user(post["author"]) for post in found}
        return {"data": [self.shown(post) for post in found], "includes": {"users": list(users.values())},
                "meta": {"result_count": len(found)}}  # fmt: skip

    def shown(self, post: dict[str, Any]) -> dict[str, Any]:
        """Links are shortened in the text, and stand beside it as they were."""
        text, urls = post["text"], []
        for number, link in enumerate(LINK.findall(text)):
            short = f"https://t.co/{post['id']}x{number}"
            text = text.replace(link, short)
            urls.append({"url": short, "expanded_url": link})
        told = {"id": post["id"], "text": text, "author_id": f"u-{post['author']}", "created_at": iso(post["at"]),
                "conversation_id": post["root"], "public_metrics": {"like_count": 0, "reply_count": 0}}  # fmt: skip
        told |= {"entities": {"urls": urls}} if urls else {}
        answers = {"referenced_tweets": [{"type": "replied_to", "id": post["answers"]}]} if post["answers"] else {}
        return told | answers


class FakeThreads(Platform):
    """The Threads API: containers, published by a second call. Errors are those of Meta's Graph API."""

    containers: dict[str, dict[str, Any]]
    polls: int

    def __init__(self) -> None:
        super().__init__()
        self.containers, self.polls = {}, 0
        self.tokens = {"first": "nova"}

    def answer(self, call: Call) -> tuple[int, dict[str, Any]]:
        token = call.query.get("access_token", "")
        me = self.tokens.get(token)
        if me is None:
            raise graph(401, 190, "Error validating access token: Session has expired.")
        if call.path == "/refresh_access_token":
            self.tokens = {f"longer-{self.new_id()}": me}
            return 200, {"access_token": next(iter(self.tokens)), "token_type": "bearer", "expires_in": 5_184_000}
        found = self.routed(self.routes(), me, call)
        if found is None:
            raise graph(400, 100, f"Unsupported request: {call.method} {call.path}")
        return 200, found

    def routes(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "GET /v1.0/me": lambda me, _call: {
                "id": f"t-{me}", "username": me, "threads_biography": self.descriptions[me]
            },
            "POST /v1.0/me/threads": lambda _me, call: self.contained(call.body),
            "POST /v1.0/me/threads_publish": lambda me, call: self.published(me, call.query.get("creation_id", "")),
            "GET /v1.0/me/threads": lambda me, _call: self.listed(
                lambda post: post["author"] == me and not post["answers"]
            ),
            "GET /v1.0/me/replies": lambda me, _call: self.listed(
                lambda post: post["author"] == me and bool(post["answers"])
            ),
            "GET /v1.0/me/mentions": lambda me, _call: self.listed(lambda post: me in MENTION.findall(post["text"])),
            "GET /v1.0/keyword_search": lambda _me, call: self.listed(
                lambda post: call.query["q"].casefold() in post["text"].casefold()
            ),
            "GET /v1.0/*/conversation": lambda _me, _call, post_id: self.conversation(post_id),
            "GET /v1.0/(c[0-9]+)": lambda _me, _call, container: self.status(container),
            "GET /v1.0/*": lambda _me, _call, post_id: self.shown(self.seen(post_id)),
            "DELETE /v1.0/*": lambda me, _call, post_id: self.deleted(me, post_id),
        }  # fmt: skip

    def conversation(self, post_id: str) -> dict[str, Any]:
        root = self.seen(post_id)["root"]
        return self.listed(lambda post: post["root"] == root and post["id"] != post_id)

    def contained(self, form: dict[str, Any]) -> dict[str, Any]:
        assert form["media_type"] in ("TEXT", "IMAGE")
        if form["media_type"] == "IMAGE" and not form.get("image_url", "").startswith("https://"):
            raise graph(400, 100, "The media could not be fetched from this URI.")
        if form.get("reply_to_id", "") not in ("", *self.posts):
            raise graph(400, 100, "Invalid reply_to_id.")
        container = f"c{self.new_id()}"
        self.containers[container] = form | {"status": "FINISHED", "polls": self.polls}
        return {"id": container}

    def status(self, container: str) -> dict[str, Any]:
        held = self.containers[container]
        held["polls"] -= 1
        return {"id": container, "status": "IN_PROGRESS" if held["polls"] >= 0 else held["status"]}

    def published(self, me: str, container: str) -> dict[str, Any]:
        held = self.containers.get(container)
        if held is None or held["status"] != "FINISHED":
            raise graph(400, 24, "The requested resource does not exist.")
        held["status"] = "PUBLISHED"
        post = self.add(me, held["text"], answers=held.get("reply_to_id", ""), picture=held.get("alt_text", ""))
        return {"id": post["id"]}

    def deleted(self, me: str, post_id: str) -> dict[str, Any]:
        if self.seen(post_id)["author"] != me:
            raise graph(403, 10, "Application does not have permission for this action.")
        del self.posts[post_id]
        return {"success": True, "deleted_id": post_id}

    def seen(self, post_id: str) -> dict[str, Any]:
        if post_id not in self.posts:
            raise graph(400, 100, f"Unsupported get request. Object with ID '{post_id}' does not exist.")
        return self.posts[post_id]

    def listed(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return {"data": [self.shown(post) for post in self.newest(wanted)], "paging": {"cursors": {}}}

    def shown(self, post: dict[str, Any]) -> dict[str, Any]:
        told = {"id": post["id"], "text": post["text"], "username": post["author"],
                "timestamp": iso(post["at"]).replace(".000Z", "+0000")}  # fmt: skip
        if post["answers"]:
            told |= {"replied_to": {"id": post["answers"]}, "root_post": {"id": post["root"]}}
        return told


class FakeInstagram(FakeThreads):
    """The Instagram API with Instagram login: posts are pictures in containers; what stands beneath them, comments."""

    hears_beneath: ClassVar[bool] = True

    def routes(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "GET /v1.0/me": lambda me, _call: {
                "user_id": f"i-{me}",
                "username": me,
                "biography": self.descriptions[me],
            },
            "POST /v1.0/me/media": lambda _me, call: self.contained({"media_type": "IMAGE", **call.body}),
            "POST /v1.0/me/media_publish": lambda me, call: self.published(me, call.query.get("creation_id", "")),
            "GET /v1.0/me/media": lambda me, _call: self.listed(
                lambda post: post["author"] == me and not post["answers"]
            ),
            "GET /v1.0/*/comments": lambda _me, _call, root: self.listed(
                lambda post: post["root"] == root and bool(post["answers"])
            ),
            "POST /v1.0/*/replies": lambda me, call, answered: {
                "id": self.add(me, call.query["message"], answers=self.seen(answered)["id"])["id"]
            },
            "GET /v1.0/(c[0-9]+)": lambda _me, _call, container: self.status(container),
            "GET /v1.0/*": lambda _me, call, post_id: self.asked(self.seen(post_id), call.query["fields"]),
            "DELETE /v1.0/*": lambda me, _call, post_id: self.deleted(me, post_id),
        }

    def status(self, container: str) -> dict[str, Any]:
        told = super().status(container)
        return {"id": container, "status_code": told["status"]}

    def published(self, me: str, container: str) -> dict[str, Any]:
        self.containers.get(container, {}).setdefault("text", self.containers.get(container, {}).get("caption", ""))
        return super().published(me, container)

    def deleted(self, me: str, post_id: str) -> dict[str, Any]:
        if not self.seen(post_id)["answers"]:
            raise graph(400, 100, "Unsupported delete request.")
        return super().deleted(me, post_id)

    def asked(self, post: dict[str, Any], fields: str) -> dict[str, Any]:
        if post["answers"] and "caption" in fields:
            raise graph(400, 100, "Tried accessing nonexisting field (caption) on node type (IGComment)")
        return self.shown(post)

    def shown(self, post: dict[str, Any]) -> dict[str, Any]:
        told = {"id": post["id"], "username": post["author"], "timestamp": iso(post["at"]).replace(".000Z", "+0000")}
        if not post["answers"]:
            return told | {"caption": post["text"]}
        parent = {"parent_id": post["answers"]} if post["answers"] != post["root"] else {}
        return told | {"text": post["text"], "media": {"id": post["root"]}} | parent


def graph(status: int, code: int, message: str) -> Refusal:
    return Refusal(status, {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "x"}})


class PlatformStranger:
    """Somebody else there, whose words appear without our connector."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._platform = platform
        self._name = name

    @property
    def handle(self) -> str:
        return f"@{self._name}"

    async def say(self, text: str, *, to: str = "") -> str:
        """Where strangers are heard beneath a post of ours, there is one for them."""
        answers = self._platform.add("nova", "An older post.")["id"] if self._platform.hears_beneath else ""
        return str(self._platform.add(self._name, f"{to} {text}".strip(), answers=answers)["id"])

    async def texts_of(self, account: str) -> list[str]:
        return [post["text"] for post in self._platform.posts.values() if f"@{post['author']}" == account]

    async def is_bot(self, account: str) -> bool:
        return "automated" in self._platform.descriptions[account.removeprefix("@")]
