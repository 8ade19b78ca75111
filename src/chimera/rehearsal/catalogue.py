"""What can be done and read on the simulated network, as tools with schemas that hold with or without a wire."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from chimera.domain.offered import HANDLE, KEY, Tool, count_of, object_of, string_of
from chimera.rehearsal.scenario import PAY

TEXT_LENGTH_MAX = 5_000
AMOUNT_MICROS_MAX = 10**12

_POST_ID = string_of("the post's id")
_TARGET = string_of("whose post it is; declined if the network knows better")
_SOURCES = {"type": "array", "maxItems": 20, "items": string_of("a source", longest=1_000)}
MEDIA_MAX = 4
MEDIUM_BASE64_MAX = 4 * 1024 * 1024
CAPTIONS_LENGTH_MAX = 20_000
_MEDIUM = object_of(
    {
        "digest": string_of("the SHA-256 of the bytes, in hexadecimal", longest=64, shortest=64),
        "alt": string_of("what it shows, for those who do not see it", longest=1_000),
        "mime": {"type": "string", "enum": ["image/png", "video/mp4"], "description": "what kind of bytes"},
        "data": string_of("the bytes, in base64", longest=MEDIUM_BASE64_MAX),
        "url": string_of("where they lie", longest=2_000),
        "captions": string_of("what is said in a film, as WebVTT", longest=CAPTIONS_LENGTH_MAX),
    },
    required=("digest", "alt"),
)
_TEXTS = {
    "media": {"type": "array", "minItems": 1, "maxItems": MEDIA_MAX, "items": _MEDIUM},
    "text": string_of("what to say, at most 300 graphemes", longest=TEXT_LENGTH_MAX),
    "disclosure": string_of("how the account says that it is an AI", longest=200, shortest=0),
    "sources": _SOURCES,
}

TOOLS: tuple[Tool, ...] = (
    Tool(
        name="post",
        title="Publish a post",
        description="Publishes a post as one of your accounts.",
        kind="post.publish",
        arguments=_TEXTS,
        required=("text",),
    ),
    Tool(
        name="reply",
        title="Reply to a post",
        description="Replies to a post as one of your accounts.",
        kind="post.reply",
        arguments={**_TEXTS, "in_reply_to": _POST_ID, "target_account": _TARGET},
        required=("text", "in_reply_to"),
    ),
    Tool(
        name="like",
        title="Like a post",
        description="Likes a post as one of your accounts.",
        kind="post.like",
        arguments={"post_id": _POST_ID, "target_account": _TARGET},
        required=("post_id",),
    ),
    Tool(
        name="follow",
        title="Follow an account",
        description="Follows an account as one of yours.",
        kind="post.follow",
        arguments={"target_account": HANDLE},
        required=("target_account",),
    ),
    Tool(
        name="block",
        title="Block an account",
        description="Blocks an account: yours no longer hears it.",
        kind="account.block",
        arguments={"target_account": HANDLE},
        required=("target_account",),
    ),
    Tool(
        name="take_down",
        title="Take down a post",
        description="Removes the text of one of your own posts.",
        kind="post.take_down",
        arguments={"post_id": _POST_ID},
        required=("post_id",),
        is_destructive=True,
    ),
    Tool(
        name="pay",
        title="Pay somebody",
        description="Pays a recipient. Money that is sent does not come back.",
        kind="payment.send",
        platform=PAY,
        required=("recipient", "amount_micros"),
        is_destructive=True,
        arguments={
            "recipient": string_of("who is paid"),
            "amount_micros": {
                "type": "integer",
                "minimum": 1,
                "maximum": AMOUNT_MICROS_MAX,
                "description": "millionths of the currency's unit",
            },
            "currency": string_of("its code", longest=5),
            "purpose": string_of("what for", longest=500),
            "category": string_of("which budget", longest=50),
            "reason": string_of("why", longest=1_000),
        },
    ),
    Tool(
        name="find_by_key",
        title="Find by key",
        description="What was done under a key, if anything.",
        arguments={"account": HANDLE, "key": KEY},
        required=("account", "key"),
    ),
    Tool(
        name="timeline",
        title="Newest posts",
        description="The newest posts of everyone, newest first.",
        arguments={"limit": count_of("how many")},
    ),
    Tool(
        name="thread",
        title="A conversation",
        description="A conversation from its beginning, with who speaks.",
        arguments={"thread_id": _POST_ID},
        required=("thread_id",),
    ),
    Tool(
        name="mentions",
        title="What was said to an account",
        description="Mentions, replies and messages, oldest first.",
        arguments={
            "account": HANDLE,
            "limit": count_of("how many"),
            "after": {"type": "integer", "minimum": 0, "description": "how many to leave out"},
        },
        required=("account",),
    ),
    Tool(
        name="trends",
        title="What is talked about",
        description="Topics with their share of the talk and examples.",
        arguments={"limit": count_of("how many")},
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
_CALLS = {tool.name: jsonschema_rs.validator_for(tool.schema) for tool in TOOLS}
_ACTS = {
    (tool.platform, tool.kind): jsonschema_rs.validator_for(object_of(tool.arguments, required=tool.required))
    for tool in TOOLS
    if tool.kind
}


def fault_in_call(name: str, arguments: dict[str, Any]) -> str:
    """What is wrong with the arguments of a call, "" if nothing."""
    return _said(_CALLS[name], arguments)


def fault_in(platform: str, kind: str, arguments: dict[str, Any]) -> str:
    """What is wrong with the arguments of an act that exists, "" if nothing."""
    return _said(_ACTS[platform, kind], arguments)


def _said(validator: jsonschema_rs.Validator, arguments: dict[str, Any]) -> str:
    error = next(validator.iter_errors(arguments), None)
    return "" if error is None else f"{'/'.join(map(str, error.instance_path)) or 'arguments'}: {error.message}"[:300]
