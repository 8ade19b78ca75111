"""What a failure means for what was asked: what may have happened is never called a no; no key serves two acts."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path

import pytest

from chimera.adapters.system.clock import SystemClock
from chimera.connectors.social.accounts import Labels
from chimera.connectors.social.answers import carried_out, differs, refusal_of, told
from chimera.connectors.social.journal import Journal
from chimera.connectors.social.quotas import Quotas
from chimera.connectors.social.wire import LoginRefused, Lost, NotSent, Reply, Unreadable
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence
from chimera.testing.connector_conformance import new_key

pytestmark = pytest.mark.requirement("R-N5", "R-H1")
DONE = Accepted({"id": "1"})


async def ended(result: Answer | Exception) -> Answer:
    if isinstance(result, Exception):
        raise result
    return result


def act_of(text: str, key: str, **more: str) -> Act:
    return Act(kind="post.publish", platform="mastodon", account="@nova", key=key, arguments={"text": text} | more)


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (DONE, DONE),
        (LoginRefused("no"), Declined("login_refused", "no")),
        (NotSent("away"), Declined("unavailable", "away", later=True)),
        (Lost("cut off"), Silence("cut off")),
    ],
)
async def test_an_act_that_may_have_happened_is_never_called_declined(
    result: Answer | Exception, answer: Answer
) -> None:
    assert await carried_out(ended(result)) == answer


@pytest.mark.parametrize(
    ("error", "later"),
    [
        (Unreadable(Reply(status=404, body={})), False),
        (Unreadable(Reply(status=429, body={})), True),
        (Unreadable(Reply(status=502, body={})), True),
        (NotSent("away"), True),
        (Lost("cut off"), True),
    ],
)
async def test_what_cannot_be_read_may_be_asked_for_again_unless_the_server_says_no(
    error: Exception, *, later: bool
) -> None:
    asking: Awaitable[Answer] = ended(error)
    answer = await told(asking)
    assert isinstance(answer, Declined)
    assert (answer.code, answer.later) == ("unavailable", later)


async def test_a_refusal_pauses_the_account_and_a_failing_server_leaves_it_open() -> None:
    quotas = Quotas((), SystemClock())
    assert refusal_of(Reply(status=503, body={}), quotas, "@nova") == Silence("status 503")
    assert refusal_of(Reply(status=422, body={"error": "too long"}), quotas, "@nova") == Declined(
        "declined", "too long"
    )
    assert quotas.take("@nova", 1) is None
    assert isinstance(refusal_of(Reply(status=429, body={}, retry_seconds=30), quotas, "@nova"), Declined)
    paused = quotas.take("@nova", 1)
    assert paused is not None
    assert paused.later


def test_an_act_on_somebodys_post_is_not_done_to_another() -> None:
    assert differs(act_of("hello", new_key()), "@anybody") is None
    assert differs(act_of("hello", new_key(), target_account="@iris"), "@iris") is None
    assert differs(act_of("hello", new_key(), target_account="@iris"), "@eve") is not None


def test_a_key_belongs_to_one_act_and_only_an_old_journal_denies(tmp_path: Path) -> None:
    before = new_key()
    journal = Journal(tmp_path / "journal.jsonl", SystemClock())
    time.sleep(0.002)  # A key carries milliseconds: one from the journal's first is in doubt, rightly.
    after = new_key()
    assert journal.unsure(before) is not None
    assert journal.unsure(after) is None
    journal.begin(act_of("hello", after), {})
    assert journal.taken(act_of("hello", after)) is None
    assert journal.taken(act_of("something else", after)) is not None


async def test_an_account_is_marked_once_and_again_only_if_that_failed() -> None:
    labels = Labels()
    answers: list[Declined | None] = [Declined("bot_label_missing", "no"), None]

    async def mark() -> Declined | None:
        return answers.pop(0)

    assert await labels.ensured("@nova", mark) == Declined("bot_label_missing", "no")
    assert await labels.ensured("@nova", mark) is None
    assert await labels.ensured("@nova", mark) is None
    assert answers == []
