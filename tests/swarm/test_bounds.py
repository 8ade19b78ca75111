"""What lives as long as a process is bounded by what is there now, not by what there ever was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chimera.adapters.inprocess.hot import InProcessHotState
from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.adapters.system.web import addresses_of, is_public
from chimera.connectors.web import fetching
from chimera.domain import labels
from chimera.domain.durations import DAY_US
from chimera.domain.roles import Role
from chimera.domain.spending import Payment
from chimera.domain.task import Task, TaskState
from chimera.domain.work import GATEWAY_AWAY, Assignment, Result
from chimera.gateway import wording
from chimera.governance import breakers
from chimera.governance.breakers import Breakers, Sign
from chimera.governance.entrusted import Entrusted
from chimera.governance.halts import Halts
from chimera.governance.spending.history import History
from chimera.swarm import listening, throttle, watching
from chimera.swarm.claiming import LEASE_SECONDS, Claiming
from chimera.swarm.reserving import OUTLIVES_LEASE_SECONDS
from chimera.swarm.roster import Roster
from chimera.swarm.throttle import Throttle
from chimera.swarm.watching import WatchedDispatch, Watching
from chimera.testing.manual_clock import ManualClock
from tests.small_house import PERMITS, SmallHouse
from tests.small_work import assign
from tests.swarm import test_listening
from tests.swarm.test_hearing import Bench, HandedIn

pytestmark = pytest.mark.requirement("R-A5", "R-A7")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def test_an_assignment_that_never_comes_back_is_forgotten_with_its_secrets(house: SmallHouse) -> None:
    """Its worker is gone, and the task was dropped or is somebody else's: nobody would ever take it back."""
    entrusted, dispatch = Entrusted(), HandedIn()
    claiming = Claiming(store=house.manager, dispatch=dispatch, roster=Roster(reads=house.manager, clock=house.clock),
                        shards=range(256), clock=house.clock, entrusted=entrusted)  # fmt: skip
    await house.a_task(state=TaskState.READY, attempt=0, labels=(labels.SECRET,), input={"brief": "a secret of ours"})
    await claiming.once()
    (sent,) = dispatch.sent
    leased = await house.manager.get(Task, sent.task.id)
    await house.put(replace(leased, version=leased.version + 1, state=TaskState.DROPPED), by=Role.MANAGER)
    house.clock.advance(LEASE_SECONDS + OUTLIVES_LEASE_SECONDS - 1)
    await claiming.once()
    assert entrusted.secrets_of(house.agent.id), "a late result is still taken"
    house.clock.advance(2)
    await claiming.once()
    assert entrusted.secrets_of(house.agent.id) == ()
    assert claiming.take_back(sent.task.id, sent.task.version) is None


async def test_what_is_set_aside_and_given_back_by_another_is_known_no_more(house: SmallHouse) -> None:
    bench = Bench(house, models_cost=True)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    leased = await house.manager.get(Task, task.id)
    assert bench.reserving.of(leased) is not None
    await Bench(house, models_cost=True).reserving.release_expired()
    house.clock.advance(LEASE_SECONDS + OUTLIVES_LEASE_SECONDS + 1)
    await Bench(house, models_cost=True).reserving.release_expired()
    await bench.reserving.release_expired()
    assert bench.reserving.of(leased) is None


class Nowhere:
    """Implements `ports.dispatch.Dispatch`: what is sent never comes back."""

    room = 1

    async def send(self, assignments: Any) -> None:
        """It is gone."""

    async def results(self) -> tuple[Result, ...]:
        return ()

    async def close(self) -> None:
        """Nothing is open."""


async def test_what_was_sent_to_workers_that_died_is_not_watched_for_ever(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "OUT_MAX", 3)
    watched = WatchedDispatch(Nowhere(), Watching(hot=InProcessHotState(house.clock), reads=house.manager,
                                                  clock=house.clock))  # fmt: skip
    sent: list[Assignment] = [assign(await house.a_task(), house.agent) for _ in range(5)]
    for one in sent:
        await watched.send((one,))
    assert list(watched._agents) == [one.task.id for one in sent[2:]]


async def test_of_conversations_the_newest_are_remembered(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "KEPT_MAX", 2)
    ears = test_listening.listening(house, test_listening.Mentions("@a", "@b", "@a", "@c"))
    await ears.once()
    assert [(author, count) for (_, author, _), count in ears._answered.items()] == [("@a", 2), ("@c", 1)]
    assert len(ears._in_thread) == 2


def a_sign(breaker: str, at_us: int, scope: str = "agent:a") -> Sign:
    return Sign(scope=scope, breaker=breaker, at_us=at_us, value=0)


@pytest.mark.parametrize(
    ("breaker", "kept"), [("confidence", 20), ("errors", 20), ("refusals", 20), ("harm", 11), ("take-downs", 61)]
)
def test_breakers_keep_no_more_of_a_scope_than_they_look_at(house: SmallHouse, breaker: str, kept: int) -> None:
    watching = Breakers(reads=house.office, halts=Halts(store=house.office, ids=house.ids, permits=PERMITS))
    for minute in range(500):
        watching._keep(a_sign(breaker, minute * 60_000_000))
    assert len(watching._signs["agent:a", breaker]) == kept


def test_breakers_forget_who_has_done_nothing_for_longest(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakers, "SCOPES_MAX", 2)
    watching = Breakers(reads=house.office, halts=Halts(store=house.office, ids=house.ids, permits=PERMITS))
    for number in range(20):
        watching._keep(a_sign("errors", number, scope=f"agent:{number}"))
        watching._keep(a_sign("errors", number, scope="agent:busy"))
    assert len(watching._signs) == 2 * len(breakers.BREAKERS)
    assert ("agent:busy", "errors") in watching._signs


def a_payment(number: int, *, day: int, recipient: str) -> Payment:
    return Payment(id=str(number), amount_micros=5, recipient=recipient, purpose="", agent_id="a", campaign_id="c",
                   category="compute", at_us=day * DAY_US)  # fmt: skip


def test_payments_are_remembered_as_long_as_a_house_that_begins_anew_would_read_them() -> None:
    history, anew = History(), History()
    paid = [a_payment(day, day=day, recipient=f"once on day {day}") for day in range(200)]
    paid += [a_payment(1_000 + day, day=day, recipient="every day") for day in range(200)]
    paid.sort(key=lambda one: one.at_us)
    history.add_all(paid)
    history.forget(110 * DAY_US)
    anew.add_all(one for one in paid if one.at_us >= 110 * DAY_US)
    assert history._known == anew._known
    assert history.names == anew.names
    assert history._recipients.keys() == history._payers.keys() == history._purposes.keys() == anew._recipients.keys()
    assert history.first_us("every day") == 0, "who is paid again and again stays known"
    history.remove(paid[0])
    assert not history.has("0")


async def test_what_hosts_asked_for_is_remembered_of_so_many(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "HOSTS_KEPT_MAX", 3)
    async with fetching.Fetcher(fetching.Ways(addresses_of, is_public), house.clock) as fetcher:
        for number in range(9):
            fetcher.slow_down(f"host-{number}", seconds=1.0)
        assert list(fetcher._delays) == ["host-6", "host-7", "host-8"]


def test_of_what_is_asked_of_tools_no_more_spellings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_SPELLINGS", dict[str, str]())
    monkeypatch.setattr(wording, "SPELLINGS_MAX", 2)
    assert wording.stems("apples pears plums cherries") == ["appl", "pear", "plum", "cherry"]
    assert (wording.spelt("pear"), wording.spelt("cherry")) == ("pears", "cherry")


def test_the_keys_of_people_are_in_memory_for_a_moment_only(tmp_path: Path) -> None:
    clock = ManualClock()
    keys = LocalSubjectKeys(tmp_path, clock=clock)
    names = [keys.name_of(f"@stranger-{number}") for number in range(5)]
    for name in names[:4]:
        keys.seal(name, b"words", about="a post")
    assert set(keys._known) == set(names[:4])
    clock.advance(2)
    keys.seal(names[4], b"words", about="a post")
    assert set(keys._known) == {names[4]}


def test_of_what_workers_say_of_models_the_newest_counts(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker process that begins anew is another one."""
    monkeypatch.setattr(throttle, "OPINIONS_MAX", 2)
    counting = Throttle(house.clock)
    for worker, failure in (("one", ""), ("two", ""), ("three", GATEWAY_AWAY), ("four", GATEWAY_AWAY)):
        counting.heard(Result(task_id="t", task_version=1, failure=failure, worker=worker), "copy.post", lambda _: 8)
    assert counting.limited == {"copy.post"}, "the first two have gone"
