"""The routes over a real database: what each shows and does, and what it refuses."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemIds
from chimera.domain.budget import Movement
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.decision import Approver
from chimera.domain.durations import DAY_US
from chimera.domain.event import Event, EventKind
from chimera.domain.roles import Role
from chimera.domain.stages import Handover, Stage
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.governance.budgets import Budgets
from chimera.governance.treasury import Treasury
from chimera.testing.store_samples import change
from tests.api.conftest import World
from tests.api.samples import HOSTILE, TEXT


@pytest.mark.requirement("R-L1")
async def test_the_desk_shows_everything_and_a_ruling_is_bound_to_what_was_seen(world: World):
    async with world.client("reviewer", name="rita") as rita, world.client("reviewer", name="rolf") as rolf:
        rows = (await rita.get("/v1/reviews")).json()["items"]
        assert [row["deadline_us"] for row in rows] == sorted(row["deadline_us"] for row in rows)
        assert len(rows) == 4
        assert {row["agent_name"] for row in (await rita.get("/v1/reviews?risk=politics")).json()["items"]} == {
            "studio.bob"
        }
        chosen = next(row for row in rows if row["text"] == TEXT)
        shown = await rita.get(f"/v1/reviews/{chosen['id']}")
        item = shown.json()
        assert item["rules"] == [{"rule": "confidence-low", "text": "not sure enough"}]
        span = item["spans"][0]
        assert span["tainted"] and TEXT[span["start"] : span["end"]] == "which class should I play first"
        assert item["fits_budget"] and item["may_rule"]
        path, seen = f"/v1/reviews/{chosen['id']}", {"if-match": shown.headers["etag"]}

        assert (await rita.post(f"{path}/approve", json={"digest": chosen["digest"]})).status_code == 428
        stale = await rita.post(f"{path}/approve", json={"digest": chosen["digest"]}, headers={"if-match": '"7"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
        claimed = await rita.post(f"{path}/claim", headers=seen)
        assert claimed.status_code == 200 and claimed.json()["claim"]["name"] == "rita"
        late = await rolf.post(f"{path}/approve", json={"digest": chosen["digest"]}, headers=seen)
        assert (late.status_code, late.json()["code"]) == (412, "version_stale")
        now = {"if-match": claimed.headers["etag"]}
        taken = await rolf.post(f"{path}/approve", json={"digest": chosen["digest"]}, headers=now)
        assert (taken.status_code, taken.json()["code"]) == (409, "review_claimed")
        other = await rita.post(f"{path}/approve", json={"digest": "0" * 64}, headers=now)
        assert (other.status_code, other.json()["code"]) == (409, "review_bytes_differ")
        done = await rita.post(f"{path}/approve", json={"digest": chosen["digest"]}, headers=now)
        assert done.status_code == 200, done.text
        assert done.json()["state"] == "approved"
        assert {"name": "rita", "role": "reviewer"}.items() <= done.json()["approver"].items()


async def test_a_batch_takes_ordinary_risk_only_and_says_what_became_of_each(world: World):
    async with world.client("reviewer") as client:
        rows = (await client.get("/v1/reviews")).json()["items"]
        items = [{"id": row["id"], "version": row["version"], "digest": row["digest"]} for row in rows]
        answer = (await client.post("/v1/reviews/batch", json={"command": "approve", "items": items})).json()
        by_id = {one["id"]: one for one in answer["outcomes"]}
        assert all(by_id[row["id"]]["ok"] == row["may_batch"] == (row["risk"] == "ordinary") for row in rows)
        refused = [one for one in answer["outcomes"] if not one["ok"]]
        assert [one["code"] for one in refused] == ["review_not_batchable"]
        assert len((await client.get("/v1/reviews?state=approved")).json()["items"]) == 3


async def test_pages_go_on_where_they_ended(world: World):
    async with world.client() as client:
        seen, cursor = [], ""
        while True:
            page = (await client.get("/v1/reviews", params={"limit": 1, "cursor": cursor})).json()
            seen += [row["id"] for row in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        assert len(seen) == len(set(seen)) == 4
        events, cursor = [], ""
        while True:
            page = (await client.get("/v1/events", params={"limit": 3, "cursor": cursor})).json()
            events += [(one["chain"], one["sequence"]) for one in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        total = sum(head.seq for head in await world.views.heads())
        assert len(events) == len(set(events)) == total


@pytest.mark.requirement("R-L1")
async def test_a_halt_says_what_it_stops_begins_and_ends(world: World):
    campaign = world.samples.campaigns[0]
    async with world.client("operator") as client:
        for scope, agents, campaigns in (
            ("fleet", 2, 2),
            (f"campaign:{campaign.id}", 1, 1),
            ("platform:sandbox", 2, 2),
        ):
            preview = (await client.get("/v1/halts/preview", params={"scope": scope})).json()
            assert (preview["agents"], preview["campaigns"], preview["halted_already"]) == (agents, campaigns, False)
        begun = await client.post("/v1/halts", json={"scope": "fleet", "reason": HOSTILE})
        assert (begun.status_code, begun.json()["reason"]) == (201, HOSTILE)
        assert (await client.post("/v1/halts", json={"scope": "fleet", "reason": "x"})).json()[
            "code"
        ] == "halted_already"
        assert "fleet" in (await client.get("/v1/fleet")).json()["halted"]
        refused = await client.post("/v1/campaigns", json=goal_of(world))
        assert (refused.status_code, refused.json()["code"]) == (403, "halted")
        assert (await client.post("/v1/halts/end", json={"scope": "fleet"})).status_code == 200
        assert (await client.post("/v1/halts/end", json={"scope": "fleet"})).status_code == 404


def goal_of(world: World, **more: object) -> dict[str, object]:
    return {"text": "Talk", "agent": world.samples.agents[0].id, "platform": "sandbox", "budget_micros": 1_000, **more}


async def test_the_same_key_opens_one_campaign(world: World):
    async with world.client("operator") as client:
        key = {"idempotency-key": "one"}
        first, again = [await client.post("/v1/campaigns", json=goal_of(world), headers=key) for _ in range(2)]
        assert first.status_code == 201 and first.json() == again.json()
        other = await client.post("/v1/campaigns", json=goal_of(world, posts=2), headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "key_reused")
        cancelled = await client.post(f"/v1/campaigns/{first.json()['id']}/cancel", json={"reason": "enough"},
                                      headers={"if-match": first.headers["etag"]})  # fmt: skip
        assert cancelled.json()["state"] == "cancelled"
        assert f"campaign:{first.json()['id']}" in (await client.get("/v1/fleet")).json()["halted"]


@pytest.mark.requirement("R-B7")
async def test_a_campaign_that_waits_shows_why_and_is_let_on_or_refused(world: World):
    mark = Handover(stage=Stage.BRIEF, note="Is this ours?", seconds=3_600)
    async with world.client("operator") as client:
        for word, body, state, stage in (
            ("resume", {}, "opened", "research"), ("refuse", {"reason": "not this week"}, "cancelled", "stopped")
        ):  # fmt: skip
            opened = (await client.post("/v1/campaigns", json=goal_of(world))).json()
            campaign = await world.office.get(Campaign, opened["id"])
            at_us = await world.office.now_us()
            told = Event(kind=EventKind.CAMPAIGN_CHANGED, subject=campaign.id, at_us=at_us)
            await world.office.commit(Change(records=(campaign.hand_over(mark, at_us=at_us),), events=(told,)))
            shown = await client.get(f"/v1/campaigns/{campaign.id}")
            assert (shown.json()["stage"], shown.json()["waiting"]["note"]) == ("brief_waits", mark.note)
            stale = await client.post(f"/v1/campaigns/{campaign.id}/{word}", json=body, headers={"if-match": '"1"'})
            assert stale.status_code in (409, 412)
            answered = await client.post(f"/v1/campaigns/{campaign.id}/{word}", json=body,
                                         headers={"if-match": shown.headers["etag"]})  # fmt: skip
            assert (answered.json()["state"], answered.json()["course"]) == (state, stage), answered.text
        early = await client.post(f"/v1/campaigns/{campaign.id}/finish", headers={"if-match": answered.headers["etag"]})
        assert (early.status_code, early.json()["code"]) == (403, "course_stopped_cannot_finish")


@pytest.mark.requirement("R-L1")
async def test_every_page_of_a_record_can_be_read(world: World):
    samples = world.samples
    grant = samples.grants[0]
    async with world.client() as client:
        for path in (
            f"/v1/agents/{samples.agents[0].id}", f"/v1/campaigns/{samples.campaigns[0].id}",
            f"/v1/campaigns/{samples.campaigns[0].id}/plan", f"/v1/conversations/{samples.inputs[0].id}",
            f"/v1/audit/records/task/{samples.tasks[0].id}", "/v1/money/spending", "/v1/money/caps", "/v1/policy",
            "/v1/money/windows", "/v1/tools", "/v1/connections", "/v1/kpis", "/v1/trends", "/metrics", "/v1/fleet",
            f"/v1/money/spending/{grant.hold_id}", "/v1/tasks?state=ready", "/v1/audit/chains", "/health", "/ready",
            f"/v1/money/tasks/{grant.terms.task_id}", f"/v1/money/campaigns/{samples.campaigns[0].id}/tasks",
        ):  # fmt: skip
            answer = await client.get(path)
            assert answer.status_code == 200, (path, answer.text)
        trace = (await client.get(f"/v1/tasks/{grant.terms.task_id}/trace")).json()
        assert trace["grant"]["id"] == grant.id and trace["hold"]["id"] == grant.hold_id
        assert {event["kind"] for event in trace["events"]} >= {"ACTION_GRANTED", "DRAFT_JUDGED"}
        assert (await client.post("/v1/audit/verify")).json()["verified"] is True


async def test_what_was_looked_at_is_on_record(world: World):
    review = world.samples.reviews[0]
    async with world.client("auditor", name="olga") as client:
        await client.get(f"/v1/reviews/{review.id}")
        await client.get("/v1/nothing")
        assert await world.built.looks.flush() == 1
        found = (await client.get("/v1/events?kind=DATA_READ")).json()["items"]
    assert [event["data"]["by"] for event in found] == ["olga"]
    assert found[0]["data"]["reads"] == [
        {"route": "/v1/reviews/{review_id}", "why": "ruling on reviews", "count": 1, "records": [review.id]}
    ]


@pytest.mark.requirement("R-A1", "R-L1")
async def test_another_plan_is_an_input_of_the_operator(world: World):
    running = world.samples.campaigns[0]
    async with world.client("operator") as client:
        asked = await client.post(f"/v1/campaigns/{running.id}/replan", json={"wish": "Only 2 posts more"})
        assert (asked.status_code, asked.json()["kind"], asked.json()["labels"]) == (202, "replan", ["operator"])
        empty = await client.post(f"/v1/campaigns/{running.id}/replan", json={"wish": "  "})
        assert (empty.status_code, empty.json()["code"]) == (422, "wish_text")
        stands = (await client.get(f"/v1/campaigns/{running.id}")).json()["version"]
        await client.post(f"/v1/campaigns/{running.id}/cancel", json={"reason": "enough"},
                          headers={"if-match": f'"{stands}"'})  # fmt: skip
        over = await client.post(f"/v1/campaigns/{running.id}/replan", json={"wish": "more"})
        assert (over.status_code, over.json()["code"]) == (409, "campaign_not_running")


@pytest.mark.requirement("R-A4", "R-L1")
async def test_what_was_given_up_is_listed_and_tried_anew_once(world: World):
    manager, ids = await world.store(Role.MANAGER, "manager-0"), SystemIds()
    task = replace(world.samples.tasks[0], id=ids.new(), version=1, state=TaskState.FAILED, reason="it was away")
    await manager.commit(change(task))
    async with world.client("operator") as client:
        dead = (await client.get("/v1/tasks/dead?limit=1")).json()
        assert ([one["id"] for one in dead["tasks"]], dead["more"]) == ([task.id], False)
        assert dead["tasks"][0]["reason"] == "it was away"
        path = f"/v1/tasks/{task.id}/redrive"
        done = await client.post(path, json={"reason": "it is back"})
        assert (done.status_code, done.json()["task"]["state"]) == (201, "ready")
        twice = await client.post(path, json={"reason": "it is back"})
        assert (twice.status_code, twice.json()["code"]) == (409, "task_redriven")
        assert (await client.get("/v1/tasks/dead")).json()["tasks"] == []
    async with world.client("reviewer") as client:
        assert (await client.post(path, json={"reason": "please"})).status_code == 403


@pytest.mark.requirement("R-L2", "R-A7")
async def test_what_has_come_to_nothing_says_so_in_the_figures(world: World):
    manager, ids = await world.store(Role.MANAGER, "manager-0"), SystemIds()
    await manager.commit(
        change(replace(world.samples.tasks[0], id=ids.new(), version=1, state=TaskState.READY, due_at_us=0))
    )
    ready = await manager.list(Task, states=("ready",))
    async with world.client() as client:
        told = (await client.get("/metrics")).text
        assert f'chimera_tasks_moving{{state="ready"}} {len(ready)}.0' in told
        assert f"chimera_tasks_due {len(ready)}.0" in told
        await manager.commit(change(*(task.after(TaskCommand.DROP) for task in ready)))
        told = (await client.get("/metrics")).text
        assert 'chimera_tasks_moving{state="ready"} 0.0' in told
        assert "chimera_tasks_due 0.0" in told
        assert "chimera_managers 0.0" in told


@pytest.mark.requirement("R-E2", "R-L1")
async def test_a_quota_is_shown_with_what_is_left_and_when_it_opens_again(world: World):
    await Budgets(store=world.office).set("platform:x", period="posts-day", micros=3, by=Approver("olga", "owner"))
    today = Treasury().day(await world.office.now_us())
    manager = await world.store(Role.MANAGER, "manager-of-quotas")
    for day in (today, "2020-01-01"):
        await manager.commit(change(movements=(Movement(windows=(f"platform:x|posts-day|{day}",), hold_micros=1),)))
    async with world.client() as client:
        (shown,) = (await client.get("/v1/money/windows?scope=platform:x")).json()["items"]
        assert (shown["id"], shown["unit"]) == (f"platform:x|posts-day|{today}", "posts"), "what is over is not shown"
        assert (shown["cap_micros"], shown["held_micros"], shown["room_micros"]) == (3, 1, 2)
        assert 0 < shown["opens_again_us"] - await world.office.now_us() <= DAY_US
        assert all(one["unit"] == "" for one in (await client.get("/v1/money/windows?scope=fleet")).json()["items"])
        (older,) = (await client.get("/v1/money/windows?scope=platform:x&day=2020-01-01")).json()["items"]
        assert older["id"] == "platform:x|posts-day|2020-01-01", "a day that is named is shown"
        wrong = await client.get("/v1/money/windows?day=2020-02-30")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "day_malformed")


@pytest.mark.requirement("R-E2", "R-L1")
async def test_windows_come_in_pages(world: World):
    today = Treasury().day(await world.office.now_us())
    manager = await world.store(Role.MANAGER, "manager-of-pages")
    named = [f"recipient:page-{n}|day|{today}" for n in range(5)]
    await manager.commit(change(movements=tuple(Movement(windows=(one,), hold_micros=1) for one in named)))
    async with world.client() as client:
        found, cursor = list[str](), ""
        for _ in range(3):
            query = f"/v1/money/windows?scope=recipient:page-&limit=2&cursor={cursor}"
            page = (await client.get(query)).json()
            found += [one["id"] for one in page["items"]]
            cursor = page["next"]
        assert (found, cursor) == (named, "")
        assert (await client.get("/v1/money/windows?scope=a%00b&cursor=ImFcdTAwMDBiIg")).json()["items"] == []


@pytest.mark.requirement("R-E5", "R-L1")
async def test_what_breakers_of_money_see_can_be_measured(world: World):
    manager = await world.store(Role.MANAGER, "manager-of-money")
    today = Treasury().day(await world.office.now_us())
    windows = {"fleet": 250_000_000, f"agent:{world.samples.agents[0].id}": 16_000_000}
    spent = (Movement(windows=(f"{who}|day|{today}",), metered_micros=micros) for who, micros in windows.items())
    await manager.commit(change(movements=tuple(spent)))
    async with world.client() as client:
        told = (await client.get("/metrics")).text
    assert 'chimera_spent_of_day_ratio{within="day"} 0.25' in told
    assert 'chimera_spent_of_day_ratio{within="five_minutes"} 0.0' in told, "the first look has nothing before it"
    assert "chimera_scopes_beyond_day 1.0" in told
