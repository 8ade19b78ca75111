"""The safety rules about whom a text is near to: earlier posts, other personas, and marks that media carry. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

from chimera.domain.action import Action
from chimera.domain.decision import Question
from chimera.domain.tools import PUBLISHES
from chimera.governance import texts
from chimera.governance.safety.finding import Finding, Severity
from chimera.governance.safety.likeness import SIMILARITY_MAX, similarity, words_of

PUBLIC_KINDS = ("post.publish", "post.reply", "post.quote", "post.edit")
PEER_KINDS = ("post.reply", "post.like", "post.quote", "post.follow", "post.repost")
MEDIA_MAX = 10


class Manifests(Protocol):
    """Knows which media carry a content manifest that was verified, by the SHA-256 of their bytes."""

    async def learn(self, digests: Sequence[str]) -> None:
        """Look up those that another process may have verified meanwhile."""
        ...

    def is_verified(self, digest: str) -> bool: ...


class NoManifests:
    """Nothing was ever verified: without a media pipeline no media goes out."""

    async def learn(self, digests: Sequence[str]) -> None:
        """There is nobody to ask."""

    def is_verified(self, digest: str) -> bool:
        """Never."""
        return False


def is_public(question: Question) -> bool:
    """Whether the action puts words before the public."""
    return question.action.kind in PUBLIC_KINDS


def says_in_public(question: Question) -> bool:
    """Whether the public reads it, by a network of ours or by a tool of a tool server."""
    return is_public(question) or question.action.kind == PUBLISHES


def repetition(question: Question, text: str) -> Iterator[Finding]:
    """Not what was said a moment ago, by itself or by another persona of the fleet."""
    if not is_public(question) or not question.recent:
        return
    words = words_of(text)
    if any(similarity(words, words_of(earlier)) > SIMILARITY_MAX for earlier in question.recent):
        says = "nearly repeats an earlier post"
        yield Finding("nearly-repeats", Severity.HARM, says, "say something new", 0, len(text))


def kinship(question: Question, text: str) -> Iterator[Finding]:
    """Personas of one fleet do not pose as strangers to each other."""
    if question.action.kind in PEER_KINDS:
        target = question.action.arguments.get("target_account")
        if not isinstance(target, str) or not target.strip():
            says = f"does not say whose post {question.action.kind} is about"
            yield Finding("target-unknown", Severity.CAUTION, says, "name the account in target_account")
        for relative in question.kin:
            says = f"{relative} belongs to the same fleet"
            yield Finding("kinship", Severity.HARM, says, "leave kin alone")
        return
    if question.kin and is_public(question):
        yield from _kin_named(question, text)


def _kin_named(question: Question, text: str) -> Iterator[Finding]:
    """A post may name kin when a person has seen it: then the disclosure beside it is the visible mark."""
    kin = {_handle(relative): relative for relative in question.kin}
    for mention in texts.mentions(text):
        if _handle(mention) in kin:
            start = text.find(mention)
            says = f"{mention} belongs to the same fleet"
            advice = "say that both are of one owner, or leave it out"
            yield Finding("kin-named", Severity.CAUTION, says, advice, start, start + len(mention))


def _handle(name: str) -> str:
    return name.casefold().lstrip("@")


def vouched(action: Action, manifests: Manifests) -> tuple[str, ...]:
    """Those of an action's media that carry a verified content manifest, by the digest of their bytes."""
    return tuple(digest for digest in digests_of(action) if manifests.is_verified(digest))


def digests_of(action: Action) -> tuple[str, ...]:
    """The media that an action names, as far as they are looked at."""
    digests = (_digest_of(item) for item in _media_of(action)[:MEDIA_MAX])
    return tuple(digest for digest in digests if digest)


def media(question: Question) -> Iterator[Finding]:
    """Pictures, sound and film carry a verified content manifest, or they do not go out."""
    items = _media_of(question.action)
    if len(items) > MEDIA_MAX:
        yield Finding("media-many", Severity.HARM, f"has {len(items)} media", f"keep {MEDIA_MAX}")
        return
    for place, item in enumerate(items):
        if _digest_of(item) not in question.vouched:
            says = f"medium {place + 1} has no verified content manifest"
            yield Finding("media-unmarked", Severity.HARM, says, "make it with a manifest, and have that verified")


def _media_of(action: Action) -> Sequence[Any]:
    given = action.arguments.get("media")
    if given is None:
        return ()
    return cast("Sequence[Any]", given) if isinstance(given, list | tuple) else (given,)


def _digest_of(item: object) -> str:
    digest = cast("dict[str, Any]", item).get("digest") if isinstance(item, dict) else None
    return digest if isinstance(digest, str) else ""
