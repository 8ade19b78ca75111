"""Rehearses the versions of an installed agent before the same crowds and keeps what came of each.

What differs between versions is what their manifests let them choose: how often, when, and whether with pictures.
Writes scorecards and nothing else: no version is installed, preferred or retired by what it scored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.agent import Agent
from chimera.domain.change import Change
from chimera.domain.edition import Edition
from chimera.domain.errors import Missing
from chimera.domain.event import Event, EventKind
from chimera.domain.manifest import SchedulePart
from chimera.domain.scorecard import Scorecard, Trial, scorecard_id
from chimera.ports.store import Store
from chimera.rehearsal.habits import HOURS
from chimera.rehearsal.week import Outcome, Version, Week
from chimera.skills.desk import PICTURES

VERSIONS_MAX = 4
BASELINE = Version(name="by chance", chooses="by chance", pictures=False)
Live = Callable[[Week], Awaitable[tuple[Outcome, ...]]]


class Rehearsals:
    """Writes as the office. Has the store, the scenarios, and what lives them."""

    def __init__(self, *, store: Store, read: Callable[[str], Week], live: Live) -> None:
        self._store = store
        self._read = read
        self._live = live

    async def rehearse(self, agent_id: str, scenario: str, *, by: str) -> tuple[Scorecard, ...]:
        """A card for each of the latest versions of an agent; what was rehearsed already is not rehearsed again."""
        agent = await self._store.get(Agent, agent_id)
        editions = await self._latest(agent)
        week = replace(self._read(scenario), versions=(BASELINE,))
        wanted = {self._card_id(one, week): one for one in editions}
        known = {one.id: one for one in await self._store.get_many(Scorecard, [*wanted])}
        if new := {card: one for card, one in wanted.items() if card not in known}:
            known |= {one.id: one for one in await self._rehearsed(new, week, by=by)}
        return tuple(known[card] for card in wanted)

    async def _latest(self, agent: Agent) -> Sequence[Edition]:
        found = sorted(await self._store.list(Edition, scope=agent.id), key=lambda one: one.installed_at_us)
        if not found:
            raise Missing("edition_missing", "no version's manifest is on record", where=agent.name,
                          remedy="install its package again under a higher version")  # fmt: skip
        in_force = [one for one in found if one.digest == agent.package_digest]
        others = [one for one in found if one.digest != agent.package_digest]
        return [*others[-(VERSIONS_MAX - len(in_force)) :], *in_force]

    async def _rehearsed(self, new: Mapping[str, Edition], week: Week, *, by: str) -> tuple[Scorecard, ...]:
        lived = replace(week, versions=(*(version_of(one, week) for one in new.values()), BASELINE))
        outcomes = await self._live(lived)
        now_us = await self._store.now_us()
        cards = tuple(
            Scorecard(
                id=card, agent_id=one.agent_id, package_version=one.package_version, digest=one.digest,
                scenario=week.name, days=week.days, people=week.habits.people,
                posts_per_day=lived.posts_of(version), hours=len(version.hours) or HOURS, pictures=version.pictures,
                trials=trials_of(outcomes, version.name), rehearsed_by=by, rehearsed_at_us=now_us,
            )
            for (card, one), version in zip(new.items(), lived.versions, strict=False)
        )  # fmt: skip
        await self._store.commit(Change(records=cards, events=tuple(map(_event, cards))))
        return cards

    @staticmethod
    def _card_id(edition: Edition, week: Week) -> str:
        scenario = canonical.sha256_hex(msgspec.json.encode(week, order="sorted"))
        return scorecard_id(edition.agent_id, digest=edition.digest, scenario_digest=scenario)


def version_of(edition: Edition, week: Week) -> Version:
    """What a manifest lets a version choose. A scenario's posts are the most that anybody writes in it."""
    manifest = edition.as_manifest()
    return Version(name=edition.digest, pictures=PICTURES in manifest.permissions, hours=_hours_of(manifest.schedule),
                   posts_per_day=min(week.posts_per_day, manifest.schedule.posts_per_day_max))  # fmt: skip


def _hours_of(schedule: SchedulePart) -> tuple[int, ...]:
    """The hours of a day that begin while it works, on any of its days; none when it always works."""
    spans = [(int(part.opens[:2]) + (part.opens[3:] > "00"), int(part.closes[:2])) for part in schedule.hours]
    found = sorted({hour for first, last in spans for hour in range(first, max(last, first + 1)) if hour < HOURS})
    return () if len(found) == HOURS else tuple(found)


def trials_of(outcomes: Sequence[Outcome], version: str) -> tuple[Trial, ...]:
    """A version's outcomes, crowd by crowd, beside those of choosing by chance."""
    chance = {one.seed: one for one in outcomes if one.version == BASELINE.name}
    return tuple(
        Trial(seed=one.seed, posts=one.posts, impressions=one.impressions, engagements=one.engagements,
              chance_impressions=chance[one.seed].impressions, chance_engagements=chance[one.seed].engagements)
        for one in outcomes if one.version == version
    )  # fmt: skip


def _event(card: Scorecard) -> Event:
    return Event(
        kind=EventKind.AGENT_REHEARSED, subject=card.agent_id, at_us=card.rehearsed_at_us,
        data={"card": card.id, "version": card.package_version, "digest": card.digest, "scenario": card.scenario,
              "impressions": sum(one.impressions for one in card.trials),
              "engagements": sum(one.engagements for one in card.trials), "by": card.rehearsed_by},
    )  # fmt: skip
