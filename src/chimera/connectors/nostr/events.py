"""The signed events that acts become. The same act at the same second has the same id, whoever signs it how often."""

from __future__ import annotations

from typing import Any, cast

from nostr_sdk import (  # pyright: ignore[reportMissingTypeStubs]
    Event,
    EventBuilder,
    Keys,
    Kind,
    NostrSdkError,
    PublicKey,
    Tag,
    Timestamp,
)

from chimera.connectors.social.pictures import Picture
from chimera.domain.durations import SECOND_US
from chimera.ports.network import Act

PROFILE, NOTE, CONTACTS, DELETION, REACTION, MUTED = 0, 1, 3, 5, 7, 10_000
# What the library raises; how it declares it hides that it is an exception.
Fault = cast("type[Exception]", NostrSdkError)


def signed(keys: Keys, kind: int, content: str, tags: list[list[str]], *, at_us: int) -> Event:
    """The event, under the account's signature."""
    builder = EventBuilder(Kind(kind), content).tags([Tag.parse(tag) for tag in tags])
    return builder.custom_created_at(Timestamp.from_secs(at_us // SECOND_US)).finalize(keys)


def handle_of(key: PublicKey) -> str:
    """A public key as an account is written here."""
    return f"@{key.to_bech32()}"


def tags_of(event: Event) -> list[list[str]]:
    """Its tags as they stand."""
    return [tag.to_vec() for tag in event.tags()]


def first(event: Event, name: str) -> str:
    """The value of its first tag of that name."""
    return next((tag[1] for tag in tags_of(event) if len(tag) > 1 and tag[0] == name), "")


def root_of(event: Event) -> str:
    """The beginning of the conversation that it is in."""
    marked = [tag[1] for tag in tags_of(event) if len(tag) > 3 and tag[0] == "e" and tag[3] == "root"]
    return marked[0] if marked else first(event, "e") or event.id().to_hex()


def parent_of(event: Event) -> str:
    """What it answers."""
    answered = [tag for tag in tags_of(event) if len(tag) > 1 and tag[0] == "e"]
    marked = [tag[1] for tag in answered if len(tag) > 3 and tag[3] == "reply"]
    return marked[0] if marked else answered[-1][1] if answered else ""


def note(act: Act, pictures: tuple[Picture, ...], answered: Event | None) -> tuple[str, list[list[str]]]:
    """The text of a post with its tags."""
    text = str(act.arguments["text"])
    tags: list[list[str]] = []
    if "content_warning" in act.arguments:
        tags.append(["content-warning", str(act.arguments["content_warning"])])
    for picture in pictures:
        text = f"{text}\n{picture.url}"
        tags.append(["imeta", f"url {picture.url}", f"alt {picture.alt}"])
    if answered is not None:
        tags.extend(_answering(answered))
    return text, tags


def _answering(answered: Event) -> list[list[str]]:
    own, root = answered.id().to_hex(), root_of(answered)
    named = [["e", root, "", "root"]] + ([["e", own, "", "reply"]] if own != root else [])
    return [*named, ["p", answered.author().to_hex()]]


def shown(event: Event) -> dict[str, Any]:
    """A post as it is read here."""
    parent = parent_of(event)
    told = {
        "id": event.id().to_hex(), "author": handle_of(event.author()), "text": event.content(),
        "at_us": event.created_at().as_secs() * SECOND_US, "thread_id": root_of(event), "depth": 1 if parent else 0,
        "likes": 0, "replies": 0,
    }  # fmt: skip
    warning = first(event, "content-warning")
    return told | ({"in_reply_to": parent} if parent else {}) | ({"content_warning": warning} if warning else {})
