"""`chimera review …`: rule on what was held. A ruling is an input to the gate; only the gate grants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from chimera import bootstrap
from chimera.api.evidence import sources_of
from chimera.api.imitations import Imitations
from chimera.assembly import people
from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt, latest
from chimera.domain.errors import Invalid
from chimera.domain.labels import is_tainted
from chimera.domain.person import Principal
from chimera.domain.review import AFTERWARDS, Remark, Review, ReviewState
from chimera.domain.verbs import Resource
from chimera.domain.work import Material
from chimera.governance.decoys import Decoys
from chimera.governance.reviews import Outcome, Reviews, Seen, about
from chimera.governance.texts import texts_of
from chimera.ports.store import LIST_MAX
from chimera.settings import read_settings

app = typer.Typer(name="review", help="What was held for a person: look, approve, edit, reject, ask.",
                  no_args_is_help=True)  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
ReviewId = Annotated[str, typer.Argument(help="The review's id, as `chimera review list` shows it.")]
Nonce = Annotated[
    str, typer.Option(help="What `chimera review show` printed as seen; refused if anything happened since.")
]
TEXT_SHOWN_MAX = 80
SOURCE_SHOWN_MAX = 300
SOURCES_SHOWN_MAX = 5
_NEXT = {
    **dict.fromkeys((ReviewState.APPROVED, ReviewState.EDITED, ReviewState.REJECTED),
                    "; the fleet acts on it when it runs"),
    ReviewState.ASKED: "; it waits for an answer, `chimera review answer` gives it",
}  # fmt: skip
_WHY = {AFTERWARDS: "went out because:", "doubt": "in doubt because:"}


@app.command("list")
def list_reviews(
    *,
    state: Annotated[ReviewState, typer.Option(help="Only reviews in this state.")] = ReviewState.OPEN,
    as_json: Json = False,
) -> None:
    """What waits for a ruling, oldest first."""
    found = stopping.run(_with_office(lambda office: _listed(office, state)))
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
    found, sources = stopping.run(_with_office(lambda office: _looked_at(office, ids.parse(review, where="review"))))
    if as_json:
        output.answer(_as_json(found) | {"sources": msgspec.to_builtins(sources)})
        return
    _tell(found, sources)


def _tell(found: Review, sources: tuple[Material, ...]) -> None:
    question = found.question
    output.tell(f"{question.action.kind} on {question.action.platform} as {question.action.account}: {found.state}")
    for name, value in sorted(question.action.arguments.items()):
        output.tell(f"  {name}: {value}")
    output.tell(f"confidence {question.confidence_bp / 100:.0f} %, threat {question.threat}, "
                f"from {', '.join(question.labels) or 'nobody'}")  # fmt: skip
    strange = [source for source in reversed(sources) if is_tainted(source.labels)]
    for source in strange[:SOURCES_SHOWN_MAX]:
        output.tell(f"read from {', '.join(source.labels)} ({source.name}): {_words(source)}")
    output.tell(_WHY.get(found.about, "held because:"))
    for reason in found.reasons:
        output.tell(f"  {reason}")
    for line in _standing(found):
        output.tell(line)
    output.tell(f"bytes {found.action_digest[:16]}, seen {found.nonce}, rule until {_until(found)}")


def _standing(found: Review) -> Iterator[str]:
    """Who has done what with it so far."""
    if found.claim:
        yield f"claimed by {found.claim.name} until {_at(found.claim.until_us)}"
    if found.assigned_to:
        yield f"for {found.assigned_to}"
    if found.note:
        yield f"{'asked' if found.state is ReviewState.ASKED else 'said'}: {found.note}"
    if found.outcome and found.approver:
        yield f"{found.outcome} by {' and '.join(found.approver.names.split(', '))}, {_at(found.ruled_at_us)}"
        yield f"what came of it: chimera spec trace {found.task_id}"
    elif found.outcome:
        yield found.outcome
    elif found.first:
        yield f"{found.first.approver.name} has said yes; a second person has to"


@app.command()
def claim(review: ReviewId, *, as_json: Json = False) -> None:
    """Look at it for a quarter of an hour, during which nobody else rules."""
    _rule(review, lambda reviews, one, by: reviews.claim(one.id, by=by), as_json=as_json)


@app.command()
def release(review: ReviewId, *, as_json: Json = False) -> None:
    """Let others look at it again."""
    _rule(review, lambda reviews, one, by: reviews.release(one.id, by=by), as_json=as_json)


@app.command()
def assign(
    review: ReviewId,
    *,
    to: Annotated[str, typer.Option(help="The person's name; empty for everybody.")],
    as_json: Json = False,
) -> None:
    """Give it to one person."""
    _rule(review, lambda reviews, one, by: reviews.assign(one.id, to=to, by=by), as_json=as_json)


@app.command()
def approve(
    review: ReviewId,
    *,
    digest: Annotated[str, typer.Option(help="The beginning of the bytes' hash that you looked at.")],
    nonce: Nonce = "",
    as_json: Json = False,
) -> None:
    """Approve exactly the bytes that you looked at. The gate is asked again with you as the approver."""
    _rule(review, lambda reviews, one, by: reviews.approve(
        one.id, by=by, digest=_whole(one, digest), nonce=nonce or one.nonce), as_json=as_json)  # fmt: skip


@app.command()
def edit(
    review: ReviewId,
    *,
    text: Annotated[str, typer.Option(help="The text as it should be.")],
    nonce: Nonce = "",
    as_json: Json = False,
) -> None:
    """Approve other words. They are new bytes and go through the gate like any."""
    _rule(review, lambda reviews, one, by: reviews.edit(
        one.id, by=by, nonce=nonce or one.nonce, arguments={"text": text}), as_json=as_json)  # fmt: skip


@app.command()
def reject(
    review: ReviewId,
    *,
    reason: Annotated[str, typer.Option(help="Why not.")],
    as_json: Json = False,
) -> None:
    """Say no, and why. What has gone out already is taken down."""
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


@app.command()
def answer(
    review: ReviewId,
    *,
    text: Annotated[str, typer.Option(help="The answer.")],
    as_json: Json = False,
) -> None:
    """Answer what was asked; the review is open again."""
    _rule(review, lambda reviews, one, by: reviews.answer(one.id, by=by, text=text), as_json=as_json)


@app.command()
def batch(
    reviews: Annotated[list[str], typer.Argument(help="Reviews, each as ID:BEGINNING-OF-ITS-HASH.")],
    *,
    as_json: Json = False,
) -> None:
    """Approve several of low risk at once. Each stands for itself. Exit 1 if any was not approved."""

    async def ruled(office: Office) -> tuple[Outcome, ...]:
        seen = [await _seen(office, one) for one in reviews]
        return await office.reviews.approve_batch(seen, by=office.principal)

    outcomes = stopping.run(_with_office(ruled))
    if as_json:
        output.answer({"outcomes": [{"review": one.review_id, "approved": _is_approved(one), "code": one.code,
                                     "message": one.message} for one in outcomes]})  # fmt: skip
    else:
        output.table(("review", "came of it"), [(one.review_id, _came(one)) for one in outcomes])
    if not all(map(_is_approved, outcomes)):
        raise typer.Exit(1)


@app.command()
def note(
    review: ReviewId,
    *,
    text: Annotated[str, typer.Option(help="What you want to remember; only you read it.")] = "",
    as_json: Json = False,
) -> None:
    """Keep a private note about a review, or without --text read yours."""
    identifier = ids.parse(review, where="review")

    async def noted(office: Office) -> tuple[Remark, ...]:
        if text:
            await office.reviewers.remark(identifier, by=office.principal, text=text)
        return await office.reviewers.remarks(identifier, by=office.principal)

    found = stopping.run(_with_office(noted))
    if as_json:
        output.answer({"notes": [{"text": one.text, "at_us": one.at_us} for one in found]})
    else:
        for one in found:
            output.tell(one.text)


@app.command()
def plant(
    like: ReviewId,
    *,
    text: Annotated[str, typer.Option(help="The words of the decoy.")],
    right: Annotated[str, typer.Option(help="The right answer: approve or reject.")],
    as_json: Json = False,
) -> None:
    """Plant a decoy that looks like an existing review. Its answer is counted; it is never performed."""
    identifier = ids.parse(like, where="review")
    planted = stopping.run(_with_office(lambda office: office.reviewers.plant(
        identifier, by=office.principal, arguments={"text": text}, answer=right)))  # fmt: skip
    if as_json:
        output.answer({"review": planted.id})
    else:
        output.tell(f"planted as {planted.id}")


@app.command()
def stats(*, as_json: Json = False) -> None:
    """Who ruled how: approval rate, time held, decoys caught and missed."""
    found = stopping.run(_with_office(lambda office: office.reviewers.standings(by=office.principal)))
    if as_json:
        output.answer({"reviewers": [msgspec.to_builtins(one) for one in found]})
    else:
        rows = [(one.name, str(one.rulings), f"{one.approval_bp / 100:.0f} %", str(one.edited), str(one.rejected),
                 f"{one.held_seconds} s", f"{one.decoys_missed} of {one.decoys}") for one in found]  # fmt: skip
        output.table(("reviewer", "rulings", "approved", "edited", "rejected", "held", "decoys missed"), rows)


def _is_approved(one: Outcome) -> bool:
    return one.review is not None and one.review.state is ReviewState.APPROVED


def _came(one: Outcome) -> str:
    """Approved, one yes of two, or why not."""
    if one.review is None:
        return one.message
    return "approved" if _is_approved(one) else f"{one.review.state}{_held(one.review)}"


async def _seen(office: Office, text: str) -> Seen:
    """A review as it stands, if the hash that was typed is the beginning of its."""
    identifier, _, digest = text.partition(":")
    review = await _may_look(office, ids.parse(identifier, where="review"))
    return Seen(review_id=review.id, digest=_whole(review, digest), nonce=review.nonce)


def _rule(review: str, act: Callable[[Reviews, Review, Principal], Awaitable[Review]], *, as_json: bool) -> None:
    async def ruled(office: Office) -> Review:
        found = await _may_look(office, ids.parse(review, where="review"))
        return await act(office.reviews, found, office.principal)

    after = stopping.run(_with_office(ruled))
    if as_json:
        output.answer(_as_json(after))
    else:
        output.tell(f"{after.id} is {after.state}{_NEXT.get(after.state, '')}{_held(after)}")


def _held(after: Review) -> str:
    """Why it is open still, as far as somebody did something with it."""
    if after.state not in (ReviewState.OPEN, ReviewState.OWED):
        return ""
    return "".join(f"; {line}" for line in _standing(after))


async def _with_office(act: Callable[[Office], Awaitable[Any]]) -> Any:  # noqa: ANN401 – whatever the act gives.
    async with bootstrap.office() as office:
        if not office.principal.within:
            office.desk.require(office.principal, "review.look", Resource(kind="reviews", id="reviews"))
        return await act(office)


async def _listed(office: Office, state: ReviewState) -> list[tuple[Review, str]]:
    found = await office.store.list(Review, states=(state,), limit=LIST_MAX)
    reviews = [one for one in found if office.desk.may(office.principal, "review.look", about(one))]
    agents = {agent.id: agent.name for agent in await office.store.get_many(Agent, [one.agent_id for one in reviews])}
    await people.look(office, at="reviews")
    return [(review, agents.get(review.agent_id, review.agent_id[:8])) for review in reviews]


async def _looked_at(office: Office, review_id: str) -> tuple[Review, tuple[Material, ...]]:
    found = await _may_look(office, review_id)
    await people.look(office, at="reviews", record=found.id)
    attempts = await office.store.list(Attempt, scope=found.task_id)
    if not attempts and (imitation := await _imitations(office).of_task(found.task_id)):
        attempts = imitation.attempts
    return found, sources_of(latest(attempts))


def _imitations(office: Office) -> Imitations:
    return Imitations(reads=office.store, decoys=Decoys(store=office.store))


async def _may_look(office: Office, review_id: str) -> Review:
    """The review, if whoever sits here may see it: roles may end at an agent or a campaign."""
    found = await office.store.get(Review, review_id)
    office.desk.require(office.principal, "review.look", about(found))
    return found


def _whole(review: Review, digest: str) -> str:
    """The whole hash, if what was typed is its beginning."""
    if len(digest) < 8:
        raise Invalid("digest_short", "type at least 8 characters of the hash", where="--digest",
                      remedy="chimera review show prints it")  # fmt: skip
    return review.action_digest if review.action_digest.startswith(digest) else digest


def _words(source: Material) -> str:
    """What stands in it, as one line that begins it."""
    said = " · ".join(text for text in texts_of(source.content) if text.strip())
    return f"{said[:SOURCE_SHOWN_MAX]}…" if len(said) > SOURCE_SHOWN_MAX else said


def _until(review: Review) -> str:
    return _at(review.deadline_us)


def _at(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, read_settings().zone).strftime("%Y-%m-%d %H:%M %Z")


def _text(review: Review) -> str:
    return str(review.question.action.arguments.get("text", ""))[:TEXT_SHOWN_MAX]


def _as_json(review: Review) -> dict[str, Any]:
    return {**msgspec.to_builtins(review), "digest": review.action_digest, "nonce": review.nonce}
