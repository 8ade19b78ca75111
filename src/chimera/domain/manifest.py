"""What an agent package says of itself: the contract between whoever writes an agent and the house. Deny by default.

The published schema (`chimera agent schema`) is generated from these structs; docs/reference/manifest.md explains it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

from chimera.domain.agent import Account, Agent, Persona, Rule
from chimera.domain.brand import FACES_MAX
from chimera.domain.budget import AGENT_DAY_CAP_MICROS
from chimera.domain.capabilities import SKILLS
from chimera.domain.money import format_micros, parse_amount
from chimera.domain.permissions import PERMISSIONS
from chimera.domain.schedule import OpenHours, Schedule
from chimera.domain.stages import Handover, Stage
from chimera.domain.variants import MEDIA_KINDS, STYLES, Variants, in_minutes

POSTS_PER_DAY_MAX = 500
SCHEMA_ID = "urn:chimera:manifest:1"
PACKAGE_PATTERN = r"^[a-z][a-z0-9]*(\.[a-z][a-z0-9-]*)+$"
PACKAGE_FORM = "two words in lower case with a dot between them, such as studio.persona"


def _line(description: str, *, most: int = 200) -> Meta:
    return Meta(min_length=1, max_length=most, description=description)


def _form(pattern: str, form: str, description: str, *, most: int = 64) -> Meta:
    return Meta(pattern=pattern, max_length=most, description=description, extra_json_schema={"x-form": form})


def _choice(choices: dict[str, Any], description: str) -> Meta:
    return Meta(description=description, extra_json_schema={"enum": sorted(choices)})


def _among(choices: tuple[str, ...], description: str) -> Meta:
    return Meta(description=description, extra_json_schema={"enum": list(choices)})


Line: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
_CLOCK_FORM = 'hours and minutes in quotes, such as "09:30"'
Clock: TypeAlias = Annotated[str, _form(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", _CLOCK_FORM, "a time of day")]
_MODEL_FORM = "a model's name in lower case, such as offline"
ModelName: TypeAlias = Annotated[str, _form(r"^[a-z0-9][a-z0-9._:/-]*$", _MODEL_FORM, "a model", most=128)]
_FACE_FORM = "the name of a PNG, JPEG or WEBP file in the package"
FaceFile: TypeAlias = Annotated[
    str, _form(r"^[A-Za-z0-9_][A-Za-z0-9_./-]*\.(png|jpg|jpeg|webp)$", _FACE_FORM, "a reference image", most=100)
]


class Day(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Severity(StrEnum):
    """What follows when a rule of a constitution is broken."""

    REFUSE = "refuse"
    REVISE = "revise"
    PREFER = "prefer"


class IdentityPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which package this is, and who answers for it."""

    name: Annotated[str, _form(PACKAGE_PATTERN, PACKAGE_FORM, "the package's name, equal to its folder's")]
    version: Annotated[
        str,
        _form(
            r"^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}$",
            'three numbers in quotes, such as "1.0.0"',
            "raise it with every change",
        ),
    ]
    title: Annotated[str, _line("what it is, in one line")]
    owner: Annotated[str, _line("the person or team that answers for it")]


class CastPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A voice within the persona."""

    name: Annotated[str, _line("how the others call them", most=60)]
    voice: Annotated[str, _line("how they talk, and what about", most=500)]

    def __str__(self) -> str:
        return f"{self.name}: {self.voice}"


class PersonaPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the agent is in public."""

    name: Annotated[str, _line("the public name", most=100)]
    voice: Annotated[str, _line("how it writes; three sentences and two examples do more than adjectives", most=4_000)]
    disclosure: Annotated[str, _line("the words in every public text that say that an AI wrote it", most=60)]
    interests: Annotated[tuple[Line, ...], Meta(max_length=50, description="what it likes to talk about")] = ()
    avoid: Annotated[tuple[Line, ...], Meta(max_length=100, description="what it keeps away from")] = ()
    cast: Annotated[tuple[CastPart, ...], Meta(max_length=12, description="running characters, if any")] = ()
    references: Annotated[
        tuple[FaceFile, ...],
        Meta(max_length=FACES_MAX, description="pictures of the persona: every picture of it keeps this face"),
    ] = ()


class AccountPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Under which name on which network."""

    platform: Annotated[str, _form(r"^[a-z][a-z0-9_-]*$", "a network's name in lower case", "the network", most=32)]
    handle: Annotated[
        str,
        _form(
            r"^@[A-Za-z0-9_][A-Za-z0-9_.@-]*$", 'a handle in quotes, such as "@persona"', "the account's name", most=256
        ),
    ]


class BudgetPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much it may cost."""

    day: Annotated[
        str,
        _form(
            r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$",
            'an amount in quotes, such as "10.00"',
            "the most that it may cost in a day",
            most=20,
        ),
    ] = "10.00"
    currency: Annotated[Literal["USD"], Meta(description="the currency of the amounts")] = "USD"


class HoursPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it may begin something."""

    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7, description="on which days")]
    opens: Annotated[Clock, Meta(description="from when")]
    closes: Annotated[Clock, Meta(description="until when, on the same day")]


class SchedulePart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it works, and how much at most."""

    timezone: Annotated[
        str,
        _form(
            r"^[A-Za-z][A-Za-z0-9_+/-]*$",
            "a zone such as Europe/Paris",
            "whose clock the hours follow; the fleet's, if none is named",
        ),
    ] = ""
    hours: Annotated[
        tuple[HoursPart, ...], Meta(max_length=28, description="when it works; always, if there are none")
    ] = ()
    posts_per_day_max: Annotated[int, Meta(ge=0, le=POSTS_PER_DAY_MAX, description="the most posts in a day")] = 20


class HandoverPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stage that waits for a person."""

    stage: Annotated[Stage, Meta(description="which stage waits")]
    note: Annotated[str, _line("what the person is to look at", most=500)]
    deadline_hours: Annotated[int, Meta(ge=1, le=720, description="how long it waits; silence is a no")] = 24


class VariantsPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of its posts is tried out and learned; the first of each is what the others are compared with."""

    styles: Annotated[
        tuple[Annotated[str, _among(STYLES, "a style")], ...], Meta(max_length=8, description="how they are told")
    ] = ()
    media: Annotated[
        tuple[Annotated[str, _among(MEDIA_KINDS, "a kind of picture, or none")], ...],
        Meta(max_length=8, description="what goes with them; needs media.make"),
    ] = ()
    times: Annotated[
        tuple[Clock, ...], Meta(max_length=24, description="when they go out; as soon as they are ready, without any")
    ] = ()
    posts_per_day: Annotated[
        int, Meta(ge=1, le=POSTS_PER_DAY_MAX, description="of a plan, how many on one day, where there are times")
    ] = 3


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent's manifest. What is not in it, the agent does not have."""

    identity: IdentityPart
    persona: PersonaPart
    goals: Annotated[
        tuple[Annotated[str, _line("a goal", most=500)], ...],
        Meta(min_length=1, max_length=20, description="what it is for; plans are measured by them"),
    ]
    capabilities: Annotated[
        tuple[Annotated[str, _choice(SKILLS, "a skill")], ...],
        Meta(max_length=20, description="the skills that its tasks may use"),
    ]
    permissions: Annotated[
        tuple[Annotated[str, _choice(PERMISSIONS, "a permission")], ...],
        Meta(max_length=40, description="what it may do; what is not listed is denied"),
    ]
    accounts: Annotated[tuple[AccountPart, ...], Meta(max_length=16, description="its names on networks")] = ()
    feeds: Annotated[
        tuple[Annotated[str, _form(r"^https?://[^\s]+$", "an address with https://", "a feed", most=2_000)], ...],
        Meta(max_length=50, description="feeds that it follows: RSS, Atom or JSON Feed; needs web.read"),
    ] = ()
    models: Annotated[
        dict[str, Annotated[tuple[ModelName, ...], Meta(min_length=1, max_length=5)]],
        Meta(max_length=50, description="for a task type, the models to try in order"),
    ] = {}
    budget: BudgetPart = field(default_factory=BudgetPart)
    schedule: SchedulePart = field(default_factory=SchedulePart)
    constitution: Annotated[
        str,
        _form(
            r"^[A-Za-z0-9_-]+\.yaml$",
            "the name of a file in the package",
            "the file with the rules that it criticises itself by",
        ),
    ] = ""
    brand: Annotated[
        str,
        _form(
            r"^[A-Za-z0-9_-]+(\.yaml)?$",
            "a brand of the house, or the name of a .yaml file in the package",
            "the template of its pictures: colours, sizes, where things stand",
        ),
    ] = ""
    handover: Annotated[tuple[HandoverPart, ...], Meta(max_length=9, description="stages that wait for a person")] = ()
    variants: VariantsPart = field(default_factory=VariantsPart)

    @property
    def budget_micros_day(self) -> int:
        """The most that the agent may cost in a day."""
        return parse_amount(self.budget.day, where="budget.day")

    @property
    def exceeds_default_budget(self) -> bool:
        """Whether a person has to raise the budget for it."""
        return self.budget_micros_day > AGENT_DAY_CAP_MICROS


class RulePart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule that the agent criticises its own work by."""

    id: Annotated[str, _form(r"^[a-z][a-z0-9-]*$", "lower-case words with dashes", "how records name the rule")]
    severity: Annotated[Severity, Meta(description="refuse the work, revise it, or prefer another variant")]
    rule: Annotated[str, _line("the rule, in one sentence", most=500)]
    good: Annotated[tuple[Line, ...], Meta(max_length=5, description="texts that keep it")] = ()
    bad: Annotated[tuple[Line, ...], Meta(max_length=5, description="texts that break it")] = ()


class Constitution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one agent, beside the fleet's."""

    rules: Annotated[tuple[RulePart, ...], Meta(min_length=1, max_length=50, description="the rules, by id")]


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, as it is published."""
    # Through JSON and back: what the generator gives still holds tuples.
    schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Manifest)))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Manifest of a Chimera agent",
        **schema,
    }


def to_agent(manifest: Manifest, *, identifier: str, digest: str, constitution: Constitution | None = None) -> Agent:
    """The agent that a manifest describes, newly installed."""
    identity, persona = manifest.identity, manifest.persona
    return Agent(
        id=identifier,
        name=identity.name,
        package=identity.name,
        package_version=identity.version,
        package_digest=digest,
        persona=Persona(
            name=persona.name,
            voice=persona.voice,
            disclosure=persona.disclosure,
            interests=persona.interests,
            avoid=persona.avoid,
            cast=tuple(map(str, persona.cast)),
            rules=tuple(map(_rule, constitution.rules)) if constitution else (),
        ),
        accounts=tuple(Account(account.platform, account.handle) for account in manifest.accounts),
        permissions=tuple(sorted(manifest.permissions)),
        capabilities=tuple(sorted(manifest.capabilities)),
        goals=manifest.goals,
        budget_micros_day=manifest.budget_micros_day,
        schedule=_schedule(manifest.schedule),
        feeds=manifest.feeds,
        handovers=tuple(map(_handover, manifest.handover)),
        variants=_variants(manifest.variants),
    )


def _schedule(part: SchedulePart) -> Schedule:
    days = tuple(Day)
    hours = tuple(
        OpenHours(days=tuple(days.index(day) for day in one.days), opens_minute=in_minutes(one.opens),
                  closes_minute=in_minutes(one.closes))
        for one in part.hours
    )  # fmt: skip
    return Schedule(zone=part.timezone, hours=hours, posts_per_day_max=part.posts_per_day_max)


def _handover(part: HandoverPart) -> Handover:
    return Handover(stage=part.stage, note=part.note, seconds=part.deadline_hours * 3_600)


def _variants(part: VariantsPart) -> Variants:
    return Variants(styles=part.styles, media=part.media, minutes=tuple(map(in_minutes, part.times)),
                    posts_per_day=part.posts_per_day)  # fmt: skip


def _rule(part: RulePart) -> Rule:
    return Rule(id=part.id, severity=str(part.severity), rule=part.rule, good=part.good, bad=part.bad)


def budget_in_words(micros: int) -> str:
    """A day's budget for people."""
    return f"{format_micros(micros)} a day"
