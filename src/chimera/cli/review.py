"""`chimera review …`: rule on what was held. A ruling is an input to the gate; only the gate grants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from chimera import bootstrap
from chimera.bootstrap import Office
from chimera.cli import output, stopping
from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.errors import Invalid
from chimera.domain.person import Principal
from chimera.domain.review import Review
from chimera.domain.verbs import Resource
from chimera.governance.reviews import Reviews
from chimera.ports.store import LIST_MAX, Store
from chimera.settings import read_settings

app = typer.Typer(name="review", help="What was held for a person: look, approve, edit, reject, ask.",
                  no_args_is_help=True)  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
ReviewId = Annotated[str, typer.Argument(help="The review's id, as `chimera review list` shows it.")]
TEXT_SHOWN_MAX = 80


@app.command("list")
def list_reviews(
    *,
    state: Annotated[str, typer.Option(help="open, asked, approved, edited, rejected, expired or closed.")] = "open",
    as_json: Json = False,
) -> None:
    """What waits for a ruling, oldest first."""
    found = stopping.run(_with_office(lambda office: _listed(office.store, state)))
    if as_json:
        output.answer({"reviews": [_as_json(review) for review, _ in found]})
    elif found:
        rows = [(review.id, name, review.question.action.kind, _until(review), _text(review)) for review, name in found]
        output.table(("review", "agent", "act", "rule until", "text"), rows)
    else:
        output.tell(f"no review is {state}")


@app.command()
def show(review: ReviewId, *, as_json: Json = False) -> None:
    """One review: the exact bytes, why it was held, and whose words shaped it."""
    found = stopping.run(_with_office(lambda office: office.store.get(Review, ids.parse(review, where="review"))))
    if as_json:
        output.answer(_as_json(found))
        return
    question = found.question
    output.tell(f"{question.action.kind} on {question.action.platform} as {question.action.account}: {found.state}")
    for name, value in sorted(question.action.arguments.items()):
        output.tell(f"  {name}: {value}")
    output.tell(f"confidence {question.confidence_bp / 100:.0f} %, threat {question.threat}, "
                f"from {', '.join(question.labels) or 'nobody'}")  # fmt: skip
    output.tell("held because:")
    for reason in found.reasons:
        output.tell(f"  {reason}")
    output.tell(f"bytes {found.action_digest[:16]}, rule until {_until(found)}")


@app.command()
def approve(
    review: ReviewId,
    *,
    digest: Annotated[str, typer.Option(help="The beginning of the bytes' hash that you looked at.")],
    as_json: Json = False,
) -> None:
    """Approve exactly the bytes that you looked at. The gate is asked again with you as the approver."""
    _rule(review, lambda reviews, one, by: reviews.approve(one.id, by=by, digest=_whole(one, digest)),
          as_json=as_json)  # fmt: skip


@app.command()
def edit(
    review: ReviewId,
    *,
    text: Annotated[str, typer.Option(help="The text as it should be.")],
    as_json: Json = False,
) -> None:
    """Approve other words. They are new bytes and go through the gate like any."""
    _rule(review, lambda reviews, one, by: reviews.edit(one.id, by=by, arguments={"text": text}),
          as_json=as_json)  # fmt: skip


@app.command()
def reject(
    review: ReviewId,
    *,
    reason: Annotated[str, typer.Option(help="Why not.")],
    as_json: Json = False,
) -> None:
    """Say no, and why."""
    _rule(review, lambda reviews, one, by: reviews.reject(one.id, by=by, reason=reason), as_json=as_json)


@app.command()
def ask(
    review: ReviewId,
    *,
    question: Annotated[str, typer.Option(help="What you need to know first.")],
    as_json: Json = False,
) -> None:
    """Ask something; the review waits for the answer."""
    _rule(review, lambda reviews, one, by: reviews.ask(one.id, by=by, question=question), as_json=as_json)


def _rule(review: str, act: Callable[[Reviews, Review, Principal], Awaitable[Review]], *, as_json: bool) -> None:
    async def ruled(office: Office) -> Review:
        found = await office.store.get(Review, ids.parse(review, where="review"))
        return await act(office.reviews, found, office.principal)

    after = stopping.run(_with_office(ruled))
    if as_json:
        output.answer(_as_json(after))
    else:
        output.tell(f"{after.id} is {after.state}; the fleet acts on it when it runs")


async def _with_office(act: Callable[[Office], Awaitable[Any]]) -> Any:  # noqa: ANN401 – whatever the act gives.
    async with bootstrap.office() as office:
        office.desk.require(office.principal, "review.look", Resource(kind="reviews", id="reviews"))
        return await act(office)


async def _listed(store: Store, state: str) -> list[tuple[Review, str]]:
    reviews = await store.list(Review, states=(state,), limit=LIST_MAX)
    agents = {agent.id: agent.name for agent in await store.get_many(Agent, [one.agent_id for one in reviews])}
    return [(review, agents.get(review.agent_id, review.agent_id[:8])) for review in reviews]


def _whole(review: Review, digest: str) -> str:
    """The whole hash, if what was typed is its beginning."""
    if len(digest) < 8:
        raise Invalid("digest_short", "type at least 8 characters of the hash", where="--digest",
                      remedy="chimera review show prints it")  # fmt: skip
    return review.action_digest if review.action_digest.startswith(digest) else digest


def _until(review: Review) -> str:
    return datetime.fromtimestamp(review.deadline_us / 1_000_000, read_settings().zone).strftime("%Y-%m-%d %H:%M %Z")


def _text(review: Review) -> str:
    return str(review.question.action.arguments.get("text", ""))[:TEXT_SHOWN_MAX]


def _as_json(review: Review) -> dict[str, Any]:
    return {**msgspec.to_builtins(review), "digest": review.action_digest}
