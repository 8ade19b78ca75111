"""What has to be true once faults are over and time has run on: nothing lost, nothing doubled, every book agrees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from chimera.domain import event, scopes
from chimera.domain.budget import Hold, HoldState
from chimera.domain.campaign import Campaign, CampaignState, Input, InputState
from chimera.domain.event import EventKind
from chimera.domain.grant import Batch, Grant, Performance, PerformanceState
from chimera.domain.halt import Halt
from chimera.domain.record import Record
from chimera.domain.review import Review, ReviewState
from chimera.domain.task import Task, TaskState
from chimera.rehearsal.records import Deed
from chimera.testing.simulation.witness import Violation, require
from chimera.testing.simulation.world import World

_WAITING = (ReviewState.OPEN, ReviewState.ASKED)
_ENDS: dict[TaskState, frozenset[str]] = {
    TaskState.DONE: frozenset({EventKind.TASK_SETTLED, EventKind.DRAFT_JUDGED}),
    TaskState.REFUSED: frozenset({EventKind.ACTION_DENIED, EventKind.DRAFT_JUDGED, EventKind.GRANT_LAPSED}),
    TaskState.FAILED: frozenset({EventKind.WORK_FAILED, EventKind.TASK_SETTLED}),
}
Story = dict[str, Any]


def is_at_rest(world: World) -> bool:
    """Whether nothing is left to be done but by people."""
    books = world.witness.books
    return (
        all(task.is_final or _is_with_people(world, task) for task in books.all(Task).values())
        and all(one.state is not InputState.ADMITTED for one in books.all(Input).values())
        and all(one.state is not CampaignState.OPENED for one in books.all(Campaign).values())
    )


def judge_ending(world: World) -> None:
    """Every invariant that can only be judged now. Raises `Violation` for the first that does not hold."""
    story = list(_story(world))
    _judge_rest(world, story)
    _judge_network(world)
    _judge_money(world, story)
    _judge_story(world, story)


def _story(world: World) -> Iterator[Story]:
    """Every event of every chain, after the chain was verified link by link."""
    for writer, chain in sorted(world.database.chains.items()):
        head = event.verify(writer, chain.links, head_seq=chain.seq, head_hash=chain.hash)
        for flaw in head:
            raise Violation("5 the chain verifies", str(flaw))
        for link in chain.links:
            yield msgspec.json.decode(link.body)


def _is_with_people(world: World, task: Task) -> bool:
    if task.state is not TaskState.HELD:
        return False
    reviews = world.witness.books.all(Review).values()
    return any(one.task_id == task.id and one.state in _WAITING for one in reviews)


# ── nothing is lost ─────────────────────────────────────────────────────────────────────────────────────────────────


def _judge_rest(world: World, story: list[Story]) -> None:
    books = world.witness.books
    for task in books.all(Task).values():
        at_rest = task.is_final or _is_with_people(world, task)
        require(at_rest, "4 nothing is lost", f"task {task.id} ({task.spec.name}) stays {task.state}: {task.reason}")
    for one in books.all(Input).values():
        require(
            one.state is not InputState.ADMITTED, "4 nothing is lost", f"input {one.id} was neither planned nor dropped"
        )
    answered = {str(told["data"]["campaign"]) for told in story
                if told["kind"] == EventKind.PLAN_ADOPTED and not told["data"]["inputs"]}  # fmt: skip
    answered |= {str(told["subject"]) for told in story if told["kind"] == EventKind.PLAN_REFUSED}
    for campaign in books.all(Campaign).values():
        require(campaign.id in answered, "4 nothing is lost", f"the goal of campaign {campaign.id} was never planned")


# ── the network's books and ours ────────────────────────────────────────────────────────────────────────────────────


def _judge_network(world: World) -> None:
    books = world.witness.books
    grants, performances = books.all(Grant), books.all(Performance)
    deeds = world.network.records()
    for deed in deeds:
        require(deed.key in performances, "1 no deed without a grant", f"{deed}")
        _judge_deed(deed, grants[deed.key])
    keys = Counter(deed.key for deed in deeds)
    tasks = Counter(grants[deed.key].terms.task_id for deed in deeds)
    require(max(keys.values(), default=0) <= 1, "3 at most once", f"doubled: {keys.most_common(1)}")
    require(max(tasks.values(), default=0) <= 1, "3 at most once", f"doubled: {tasks.most_common(1)}")
    for performance in performances.values():
        done, said = performance.id in keys, performance.state is PerformanceState.FINISHED
        by_person = performance.needs_person
        require(done or not said, "4 lost", f"{performance.id} is finished and the network has it not")
        require(said or by_person or not done, "4 unknown", f"{performance.id} happened and is {performance.state}")


def _judge_deed(deed: Deed, grant: Grant) -> None:
    action = grant.action
    same = (deed.platform, deed.kind, deed.account) == (action.platform, action.kind, action.account)
    require(same, "1 exactly its bytes", f"{deed} is not {action}")
    if action.kind == "payment.send":
        same = (deed.recipient, deed.amount_micros) == (action.recipient, action.cost_micros)
    else:
        same = deed.text == action.arguments.get("text", "")
    require(same, "1 exactly its bytes", f"{deed} is not {action}")


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _judge_money(world: World, story: list[Story]) -> None:
    books = world.witness.books
    now_us = world.clock.now_us()
    held: defaultdict[str, int] = defaultdict(int)
    for hold in books.all(Hold).values():
        if hold.state is HoldState.HELD:
            task = books.all(Task)[hold.task_id]
            doubted = task.state is TaskState.HELD
            require(doubted or hold.expires_at_us > now_us, "2 holds end", f"{hold} of a {task.state} task")
            for key in hold.windows:
                held[key] += hold.amount_micros
            for key in hold.quotas:
                held[key] += 1
    for key, window in sorted(world.database.windows.items()):
        require(window.held_micros == held[key], "2 holds add up", f"{window}, holds are {held[key]}")
        require(window.held_micros + window.spent_micros <= window.cap_micros, "2 budgets", f"{window}")
    for campaign in books.all(Campaign).values():
        _judge_campaign(world, campaign, story)


def _judge_campaign(world: World, campaign: Campaign, story: list[Story]) -> None:
    """What its events say it cost is what its window was charged; nothing is metered that nobody told, or reverse."""
    tasks = {task.id for task in world.witness.books.all(Task).values() if task.campaign_id == campaign.id}
    told_micros = sum(
        int(told["data"].get("cost_micros", 0)) + int(told["data"].get("spent_micros", 0))
        for told in story
        if told["subject"] in tasks or told["subject"] == campaign.id or told["data"].get("campaign") == campaign.id
    )
    window = world.database.windows.get(f"{scopes.campaign(campaign.id)}|total|total")
    charged_micros = window.spent_micros + window.overrun_micros if window else 0
    require(told_micros == charged_micros, "2 every cost is metered", f"{campaign.id}: {told_micros} told, {window}")
    paid = sum(deed.amount_micros for deed in world.network.records()
               if world.witness.books.all(Grant)[deed.key].terms.campaign_id == campaign.id)  # fmt: skip
    require(paid <= charged_micros, "2 overspent", f"{campaign.id}: {paid} paid, {window}")


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _judge_story(world: World, story: list[Story]) -> None:
    """Every record's story stands in the chain."""
    books = world.witness.books
    told: defaultdict[str, set[str]] = defaultdict(set)
    named: defaultdict[str, set[str]] = defaultdict(set)
    for one in story:
        told[one["kind"]].add(one["subject"])
        for name in ("grant", "review"):
            named[one["kind"]].add(str(one["data"].get(name, "")))
    # A review is asked for, or owed for what went out already.
    named[EventKind.ACTION_ESCALATED] |= named[EventKind.REVIEW_OWED]
    expected: tuple[tuple[type[Record], str, dict[str, set[str]]], ...] = (
        (Campaign, EventKind.CAMPAIGN_OPENED, told),
        (Input, EventKind.INPUT_ADMITTED, told),
        (Halt, EventKind.HALTED, told),
        (Batch, EventKind.GRANTS_SEALED, told),
        (Grant, EventKind.ACTION_GRANTED, named),
        (Performance, EventKind.EFFECT_STARTED, named),
        (Review, EventKind.ACTION_ESCALATED, named),
    )
    for kind, event_kind, where in expected:
        for identifier in books.all(kind):
            require(
                identifier in where[event_kind], "5 its story is told", f"{kind.__name__} {identifier}: no {event_kind}"
            )
    for task in books.all(Task).values():
        ends = _ENDS.get(task.state, frozenset())
        require(
            not ends or any(task.id in told[end] for end in ends), "5 its story is told", f"{task.id} is {task.state}"
        )
