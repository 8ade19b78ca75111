"""Webhooks over HTTP: who is told what changed. For owners. A secret is shown once, and an address to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api.guard import Version, Who
from chimera.api.paging import Page
from chimera.api.pulse import TOPICS
from chimera.api.route import Needs, Route
from chimera.api.words import Id
from chimera.domain.errors import Invalid
from chimera.domain.webhook import Webhook, WebhookCommand
from chimera.governance.webhooks import Webhooks
from chimera.ports.webhooks import Poster, Progress, WebhookStore

TOPICS_MAX = 40


class WebhookShown(Struct, frozen=True, kw_only=True):
    """A subscription and how it goes. `secret` is shown once, when it is set."""

    id: str
    version: int
    state: str
    url: str
    topics: tuple[str, ...]
    set_by: str
    set_at_us: int
    failures: int
    next_at_us: int
    told_at_us: int
    told: int
    last_answer: str
    secret: str = ""


class NewWebhook(BaseModel):
    """Where to send what changed. Without topics, everything that the stream says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.org/chimera", "topics": ["review", "halt"]}]},
    )

    url: Annotated[str, Field(min_length=8, max_length=500)]
    topics: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=TOPICS_MAX)] = []


class WebhookChange(BaseModel):
    """What is to be done with it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"command": "pause"}]})

    command: Literal["pause", "resume", "remove"]


class WebhookRoutes:
    """`/v1/webhooks`."""

    def __init__(self, *, webhooks: Webhooks, store: WebhookStore, poster: Poster) -> None:
        self._webhooks = webhooks
        self._store = store
        self._poster = poster

    def routes(self) -> Iterator[Route]:
        """What is served."""
        needs, path = Needs("system.change"), "/v1/webhooks"
        yield Route(method="GET", path=path, endpoint=self.list, needs=needs, answer=Page[WebhookShown])
        yield Route(method="POST", path=path, endpoint=self.set, needs=needs, answer=WebhookShown, status=201,
                    is_secret=True)  # fmt: skip
        yield Route(method="POST", path=f"{path}/{{webhook_id}}/state", endpoint=self.change, needs=needs,
                    answer=WebhookShown)  # fmt: skip

    async def list(self) -> Page[WebhookShown]:
        """Every webhook, and how it goes."""
        known = {one.id: one for one in await self._store.progress()}
        return Page(items=tuple(_shown(one, known.get(one.id)) for one in await self._webhooks.list()))

    async def set(self, given: NewWebhook, who: Who) -> WebhookShown:
        """Tell an address what changes from now on. The secret that signs it is in this answer, and nowhere else."""
        self._poster.require_fit(given.url)
        unknown = sorted(set(given.topics) - TOPICS)
        if unknown:
            raise Invalid("topic_unknown", f"{unknown[0][:40]!r} is no topic of the stream", where="topics",
                          remedy=f"some of {', '.join(sorted(TOPICS))}")  # fmt: skip
        made, secret = await self._webhooks.set(given.url, given.topics, by=who.name)
        return _shown(made, None, secret=secret)

    async def change(self, webhook_id: Id, given: WebhookChange, version: Version, who: Who) -> WebhookShown:
        """Pause it, let it go on where it was, or remove it."""
        command = WebhookCommand(given.command)
        return _shown(await self._webhooks.change(webhook_id, command, by=who.name, version=version), None)


def _shown(webhook: Webhook, progress: Progress | None, *, secret: str = "") -> WebhookShown:
    went = progress or Progress(id=webhook.id)
    return WebhookShown(
        id=webhook.id, version=webhook.version, state=str(webhook.state), url=webhook.url, topics=webhook.topics,
        set_by=webhook.set_by, set_at_us=webhook.set_at_us, failures=went.failures, next_at_us=went.next_at_us,
        told_at_us=went.told_at_us, told=went.told, last_answer=went.last_answer, secret=secret,
    )  # fmt: skip
