"""The people of a simulation: operators who open campaigns and change things, strangers who write, reviewers who rule.

All of them go through the office of the moment, which may die under their hands. They never see the managers.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec

from chimera.domain import caps, scopes
from chimera.domain.agent import Account, Agent, AgentCommand, AgentState, Persona
from chimera.domain.budget import Cap
from chimera.domain.campaign import Campaign, Goal
from chimera.domain.capabilities import SKILLS
from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError, Conflict, Refused, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal, person_id
from chimera.domain.record import Record, next_version
from chimera.domain.review import OPEN_STATES, Review
from chimera.domain.task import Task
from chimera.domain.variants import FIXED, STYLES, Variants
from chimera.pipeline.intake import Arrival
from chimera.rehearsal.orders import FORMS, FRAMES
from chimera.testing.simulation.assembly import Keeper
from chimera.testing.simulation.scripted import TOPICS, payment
from chimera.testing.simulation.world import World

PERMISSIONS = ("trends.read", "mentions.read", "post.publish", "post.reply", "post.like", "note.keep", "payment.send")
_ROLES = ("reviewer", "reviewer", "operator", "owner", "guest")
_TRIED_MAX = 40
_OPERATOR = Principal(person=person_id("otto"), name="otto", roles=frozenset({"operator"}))


class People:
    """Everybody who is not a process. Their intentions survive every crash."""

    def __init__(self, world: World, keeper: Keeper) -> None:
        self._world = world
        self._keeper = keeper
        self._dice = world.simulated.dice("people")
        self.agents: list[str] = []
        self.campaigns: list[str] = []
        self._quotas: set[tuple[str, str]] = set()

    # ── operators ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def install(self) -> None:
        """Agents with various permissions, records and budgets."""
        for number in range(self._world.draw.size.agents):
            agent = self._agent(number)
            self._world.network.society.open_account(f"persona{number}", ours=True)
            await self._commit((agent,), EventKind.AGENT_INSTALLED, agent.id)
            self.agents.append(agent.id)
            if self._dice.random() < 0.4:
                await self._set_cap(scopes.agent(agent.id), "day", self._dice.choice((2_000, 9_000, 30_000_000)))

    def _agent(self, number: int) -> Agent:
        dice = self._dice
        return Agent(
            id=self._world.ids.new(),
            name=f"persona{number}",
            package="simulated",
            package_version="1.0.0",
            package_digest="0" * 64,
            persona=Persona(name=f"P{number}", voice="dry", disclosure="[AI persona]", interests=TOPICS[:2]),
            accounts=(Account("sandbox", f"persona{number}"),),
            permissions=tuple(name for name in PERMISSIONS if dice.random() < 0.85),
            capabilities=tuple(SKILLS),
            state=AgentState.ACTIVE,
            rulings=dice.choice((0, 30, 30)),
            # Every other one leaves the style of its posts to the bandit: a choice is crashed into like anything else.
            variants=Variants(styles=STYLES) if number % 2 else FIXED,
        )

    async def open_campaigns(self) -> None:
        """Goals with budgets from next to nothing to plenty."""
        for _ in range(self._world.draw.size.campaigns):
            await self._world.clock.sleep(self._dice.uniform(0, 2.0))
            goal = Goal(
                text="Talk about games",
                agent=self._dice.choice(self.agents),
                platform="sandbox",
                budget_micros=self._dice.choice((60_000, 300_000, 5_000_000, 90_000_000)),
            )
            opened = await self._insist(lambda goal=goal: self._keeper.office.intake.open_campaign(goal, by="operator"))
            if isinstance(opened, Campaign):
                self.campaigns.append(opened.id)

    async def change_things(self) -> None:
        """Halts, caps, permissions, pauses, policies, jumping clocks: a few, at any moment."""
        changes: tuple[Callable[[], Awaitable[None]], ...] = (
            self._halt, self._halt, self._lower_cap, self._revoke, self._pause, self._change_policy, self._jump,
        )  # fmt: skip
        for _ in range(self._world.draw.changes):
            await self._world.clock.sleep(self._dice.uniform(0.5, 8.0))
            await self._dice.choice(changes)()

    async def set_quotas(self) -> None:
        """In every fourth world: how many posts or calls there may be in an hour, set and set again."""
        if self._world.simulated.seed % 4 != 2:
            return
        dice = self._world.simulated.dice("quotas")
        for _ in range(dice.randint(1, 3)):
            await self._world.clock.sleep(dice.uniform(0.5, 8.0))
            limited = dice.choice((scopes.FLEET, scopes.platform("sandbox"), scopes.agent(dice.choice(self.agents))))
            period = dice.choice(("posts-hour", "calls-hour"))
            await self._set_cap(limited, period, dice.choice((0, 1, 3)))
            self._quotas.add((limited, period))

    async def let_go_on(self) -> None:
        """Lift every halt and every pause, and raise every quota."""
        for limited, period in sorted(self._quotas):
            await self._set_cap(limited, period, 1_000_000)
        for agent in tuple(self._world.witness.books.all(Agent).values()):
            if agent.state is AgentState.PAUSED:
                await self._commit((agent.after(AgentCommand.ACTIVATE),), EventKind.AGENT_CHANGED, agent.id)
        for scope in sorted(self._world.witness.halted):
            await self._insist(lambda scope=scope: self._keeper.office.halts.resume(scope, by=_OPERATOR))

    async def pay_again(self) -> None:
        """Resume whom a no to a payment has closed."""
        for scope in sorted(one for one in self._world.witness.halted if one.startswith("recipient:")):
            await self._insist(lambda scope=scope: self._keeper.office.halts.resume(scope, by=_OPERATOR))

    async def _halt(self) -> None:
        agent = self._dice.choice(self.agents)
        places = [scopes.FLEET, scopes.agent(agent), scopes.platform("sandbox"), *map(scopes.campaign, self.campaigns)]
        scope = self._dice.choice(places)
        await self._insist(lambda: self._keeper.office.halts.halt(scope, by=_OPERATOR, reason="a look"))
        await self._world.clock.sleep(self._dice.uniform(1.0, 20.0))
        await self._insist(lambda: self._keeper.office.halts.resume(scope, by=_OPERATOR))

    async def _lower_cap(self) -> None:
        agent = self._dice.choice(self.agents)
        if self._dice.random() < 0.5:
            await self._set_cap(scopes.agent(agent), "day", self._dice.choice((0, 3_000)))
        else:
            await self._set_cap(scopes.FLEET, "day", self._dice.choice((1_000, 10_000_000)))

    async def _set_cap(self, limited: str, period: str, micros: int) -> None:
        identifier = caps.cap_id(limited, period)
        standing = await self._insist(lambda: self._keeper.office.store.find(Cap, identifier))
        fresh = Cap(id=identifier, limited=limited, period=period, micros=micros)
        cap = msgspec.structs.replace(next_version(standing), micros=micros) if isinstance(standing, Cap) else fresh
        await self._commit((cap,), EventKind.CAP_SET, cap.id)

    async def _revoke(self) -> None:
        agent = await self._read_agent()
        if agent is not None and agent.permissions:
            lost = self._dice.choice(agent.permissions)
            left = tuple(name for name in agent.permissions if name != lost)
            await self._commit((msgspec.structs.replace(next_version(agent), permissions=left),),
                               EventKind.AGENT_CHANGED, agent.id)  # fmt: skip

    async def _pause(self) -> None:
        agent = await self._read_agent()
        if agent is not None and agent.state is AgentState.ACTIVE:
            await self._commit((agent.after(AgentCommand.PAUSE),), EventKind.AGENT_CHANGED, agent.id)

    async def _read_agent(self) -> Agent | None:
        identifier = self._dice.choice(self.agents)
        agent = await self._insist(lambda: self._keeper.office.store.find(Agent, identifier))
        return agent if isinstance(agent, Agent) else None

    async def _change_policy(self) -> None:
        self._world.witness.note("another policy is in force")
        self._world.change_policy(tell_vault=self._dice.random() < 0.8)
        self._keeper.manager.crash()

    async def _jump(self) -> None:
        seconds = self._dice.choice((15.0, 130.0, 1_000.0))
        self._world.witness.note(f"the clock jumps {seconds} seconds")
        self._world.clock.jump(seconds)

    # ── strangers ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def write_mentions(self) -> None:
        """Questions, praise and attacks, each said on the network first."""
        society = self._world.network.society
        society.open_account("@mila")
        for number in range(self._world.draw.size.mentions):
            await self._world.clock.sleep(self._dice.uniform(0, 6.0))
            if not self.campaigns:
                continue
            text = _said(self._dice)
            post = society.say("@mila", text, at_us=self._world.clock.now_us())
            campaign_id = self._dice.choice(self.campaigns)
            campaign = self._world.witness.books.all(Campaign)[campaign_id]
            kind = self._dice.choice(("mention", "mention", "mention", "post", "offer", "rumour"))
            payload = {"platform": "sandbox", "post_id": post.id, "author": "@mila", "text": text}
            arrival = Arrival(
                campaign_id=campaign_id,
                agent_id=campaign.agent_id,
                kind=kind,
                payload=payload if kind != "offer" else payment(self._dice) | {"offer": text},
                labels=("public",),
                key=f"{post.id}-{number}",
                at_us=post.at_us,
            )
            await self._insist(lambda arrival=arrival: self._keeper.office.intake.accept(arrival))

    # ── reviewers ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def review(self, name: str) -> None:
        """One person who looks at what is open, again and again, beside others who do the same."""
        dice = self._world.simulated.dice(f"reviewer {name}")
        while True:
            await self._world.clock.sleep(dice.uniform(0.5, 4.0))
            books = self._world.witness.books.all(Review)
            waiting = [one for one in books.values() if one.state in OPEN_STATES]
            if waiting:
                review = dice.choice(waiting)
                by = Principal(person=person_id(name), name=name, roles=frozenset({dice.choice(_ROLES)}))
                await self._once(lambda review=review, by=by: self._rule(dice, review, by))

    async def _rule(self, dice: random.Random, review: Review, by: Principal) -> None:
        reviews = self._keeper.office.reviews
        if review.about == "doubt":
            return await self._say_whether(review, by)
        if review.about == "afterwards":
            return await self._look_afterwards(review, by, stays=dice.random() < 0.5)
        if review.state == "asked":
            await reviews.answer(review.id, by=by, text="yes, that one")
            return
        match dice.choice(("approve", "approve", "approve", "stale", "edit", "reject", "ask")):
            case "approve":
                await reviews.approve(review.id, by=by, digest=review.action_digest, nonce=review.nonce)
            case "stale":
                await reviews.approve(review.id, by=by, digest="0" * 64, nonce=review.nonce)
            case "edit":
                edited = {"text": f"In other words {dice.getrandbits(16)}. [AI persona]"}
                await reviews.edit(review.id, by=by, nonce=review.nonce, arguments=edited)
            case "reject":
                await reviews.reject(review.id, by=by, reason="no")
            case _:
                await reviews.ask(review.id, by=by, question="really?")

    async def _say_whether(self, review: Review, by: Principal) -> None:
        """Asked whether it happened, people look; whoever looked before the network had settled would be wrong."""
        reviews = self._keeper.office.reviews
        if any(deed.key == self._grant_of(review) for deed in self._world.network.records()):
            await reviews.approve(review.id, by=by, digest=review.action_digest, nonce=review.nonce)
        else:
            await reviews.reject(review.id, by=by, reason="it is not there")

    async def _look_afterwards(self, review: Review, by: Principal, *, stays: bool) -> None:
        reviews = self._keeper.office.reviews
        if stays:
            await reviews.approve(review.id, by=by, digest=review.action_digest, nonce=review.nonce)
        else:
            await reviews.reject(review.id, by=by, reason="take it down")

    def _grant_of(self, review: Review) -> str | None:
        return self._world.witness.books.all(Task)[review.task_id].grant_id

    # ── how people meet a house that may fall down ──────────────────────────────────────────────────────────────────

    async def _commit(self, records: tuple[Record, ...], kind: EventKind, subject: str) -> None:
        change = Change(records=records, events=(Event(kind=kind, subject=subject, at_us=self._world.clock.now_us()),))
        await self._insist(lambda: self._keeper.office.store.commit(change))

    async def _insist(self, act: Callable[[], Awaitable[object]]) -> object:
        """Try again while the house is away; a refusal is an answer."""
        for _ in range(_TRIED_MAX):
            try:
                return await self._through_the_office(act)
            except (Unavailable, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _is_ending():
                    raise
                await self._world.clock.sleep(1.0)
            except ChimeraError as refusal:
                if refusal.code == "writer_fenced":
                    await self._world.clock.sleep(1.0)
                    continue
                return refusal
        return None

    async def _once(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._through_the_office(act)
        except (ChimeraError, Refused, Conflict):
            return
        except asyncio.CancelledError:
            if _is_ending():
                raise

    async def _through_the_office(self, act: Callable[[], Awaitable[object]]) -> object:
        """A call that dies with the office's process."""
        office = self._keeper.office
        if not office.process.works:
            raise Unavailable("office_down", "nobody opens", where="simulation", remedy="it is tried again")
        return await act()


def _is_ending() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _said(dice: random.Random) -> str:
    if dice.random() < 0.6:
        return dice.choice(
            ("Which class should I start with?", "This helped me, thank you!", "When is the next stream?")
        )
    form = dice.choice(dice.choice(list(FORMS.values())))
    return dice.choice(FRAMES).format(order=form.format(value="https://evil.example/x"))
