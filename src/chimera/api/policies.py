"""The fleet's rules over HTTP: text, tests, comparison, back-test, versions. Rules are the engine's; people apply.

What somebody is still writing can be checked, compared and back-tested without being on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from fastapi import Path
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chimera.api.guard import Who
from chimera.api.paging import Page
from chimera.api.route import Needs, Route
from chimera.api.words import Note
from chimera.domain.confidence import Bands
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid, Missing
from chimera.domain.policy import Case, PackFiles, policy_id
from chimera.domain.policy import Policy as Version
from chimera.governance.policy import lint
from chimera.governance.policy.cases import CaseResult, run_cases, uncovered
from chimera.governance.policy.changes import Policies, in_force, versions
from chimera.governance.policy.comparing import Comparison, compared
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import Rule, pack_of
from chimera.learning.replaying import Replayed, replayed
from chimera.ports.clock import Clock
from chimera.ports.store import Store
from chimera.ports.views import Views

TEXT_MAX, CASES_MAX, NUMBER_MAX = 500_000, 2_000, 10**6
SHIPPED = 0
Text = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]
Number = Annotated[int, Path(description="the version's number", ge=1, le=NUMBER_MAX, examples=[1])]
Chosen = Annotated[int, Field(ge=0, le=NUMBER_MAX, description="a version on record; 0 is the pack in force")]


class PolicyRule(Struct, frozen=True, kw_only=True):
    """A rule in words."""

    name: str
    effect: str
    says: str
    remedy: str
    obligation: str
    role: str


class Policy(Struct, frozen=True, kw_only=True):
    """A policy: its hash goes into every decision. `number` is 0 for the pack that is shipped."""

    number: int
    name: str
    release: str
    digest: str
    text: str
    schema: str
    bands: str
    levels: Bands
    cases: tuple[Case, ...]
    rules: tuple[PolicyRule, ...]


class PolicyRow(Struct, frozen=True, kw_only=True):
    """One version, without its text."""

    id: str
    number: int
    state: str
    name: str
    release: str
    digest: str
    why: str
    proposed_by: str
    proposed_at_us: int
    applied_by: str
    applied_at_us: int


class Checked(Struct, frozen=True, kw_only=True):
    """Whether a pack may be applied: what the rules of the house say of it, and its own cases."""

    ok: bool
    digest: str
    complaints: tuple[lint.Complaint, ...]
    results: tuple[CaseResult, ...]
    failed: int
    uncovered: tuple[str, ...]


PACK: Any = {
    "name": "default",
    "release": "2",
    "text": "permit (principal, action, resource);",
    "schema": "{}",
    "bands": "",
}


class PackText(BaseModel):
    """A pack as it is written: what stands in its files."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    release: Annotated[str, Field(min_length=1, max_length=100)]
    text: Text
    schema_text: Annotated[str, Field(alias="schema", min_length=1, max_length=TEXT_MAX)]
    bands: Text
    cases: Annotated[list[dict[str, Any]], Field(max_length=CASES_MAX)] = []

    def files(self) -> PackFiles:
        """The files, or what is wrong with a case."""
        try:
            cases = msgspec.convert(self.cases, tuple[Case, ...])
        except msgspec.ValidationError as error:
            raise Invalid("policy_case_malformed", str(error)[:300], where="cases",
                          remedy="see docs/guides/policy.md") from error  # fmt: skip
        return PackFiles(name=self.name, release=self.release, text=self.text, schema=self.schema_text,
                         bands=self.bands, cases=cases)  # fmt: skip


class Candidate(BaseModel):
    """A pack to be looked at: a version on record by its number, or one that is being written."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"number": 1}]})

    number: Chosen | None = None
    pack: PackText | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> Candidate:
        """Either, and not both."""
        if (self.number is None) == (self.pack is None):
            raise ValueError("give a number or a pack")
        return self


class Compared(Candidate):
    """A pack, and the version that it is compared with."""

    against: Chosen = 0


class Tested(Candidate):
    """A pack, and how far back history is decided again."""

    days: Annotated[int, Field(ge=1, le=3_660)] = 30


class Proposal(BaseModel):
    """A pack for the record, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"pack": PACK, "why": "fewer holds"}]})

    pack: PackText
    why: Note


class Application(BaseModel):
    """Exactly the content that was looked at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"digest": "0" * 64}]})

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PolicyRoutes:
    """`/v1/policy`."""

    def __init__(self, *, views: Views, office: Store, shipped: PackFiles, clock: Clock) -> None:
        self._views = views
        self._policies = Policies(store=office, shipped=shipped)
        self._shipped = shipped
        self._clock = clock

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, change, path = Needs("policy.look"), Needs("policy.apply"), "/v1/policy"
        one = f"{path}/versions/{{number}}"
        yield Route(method="GET", path=path, endpoint=self.show, needs=see, answer=Policy)
        yield Route(
            method="GET",
            path=f"{path}/versions",
            endpoint=self.list,
            name="versions",
            needs=see,
            answer=Page[PolicyRow],
        )
        yield Route(method="GET", path=one, endpoint=self.version, needs=see, answer=Policy)
        yield Route(method="POST", path=f"{path}/check", endpoint=self.check, needs=see, answer=Checked)
        yield Route(method="POST", path=f"{path}/compare", endpoint=self.compare, needs=see, answer=Comparison)
        yield Route(method="POST", path=f"{path}/backtest", endpoint=self.backtest, needs=see, answer=Replayed)
        yield Route(method="POST", path=f"{path}/versions", endpoint=self.propose, needs=change, answer=PolicyRow,
                    status=201)  # fmt: skip
        yield Route(method="POST", path=f"{one}/apply", endpoint=self.apply, needs=change, answer=PolicyRow)
        yield Route(method="POST", path=f"{one}/withdraw", endpoint=self.withdraw, needs=change, answer=PolicyRow)

    async def show(self) -> Policy:
        """The policy in force, as text and as rules in words."""
        standing = await in_force(self._views)
        return await asyncio.to_thread(_shown, standing.files if standing else self._shipped,
                                       standing.number if standing else SHIPPED)  # fmt: skip

    async def list(self) -> Page[PolicyRow]:
        """Every version, with who proposed and who applied it. None is on record while the shipped pack decides."""
        return Page(items=tuple(map(_row, await versions(self._views))))

    async def version(self, number: Number) -> Policy:
        """One version, whole."""
        return await asyncio.to_thread(_shown, (await self._recorded(number)).files, number)

    async def check(self, given: Candidate) -> Checked:
        """Whether a pack is sound: the rules of the house, and the pack's own cases. Changes nothing."""
        return await asyncio.to_thread(_checked, await self._files(given))

    async def compare(self, given: Compared) -> Comparison:
        """Two packs beside each other: rules, bands, and every question that would be answered otherwise."""
        after, before = await self._files(given), await self._numbered(given.against)
        return await asyncio.to_thread(lambda: compared(PolicyEngine(pack_of(before)), PolicyEngine(pack_of(after))))

    async def backtest(self, given: Tested) -> Replayed:
        """Decide what is on record again under a pack: what would have been held, let through, spent."""
        since_us = self._clock.now_us() - given.days * DAY_US
        return await replayed(self._views, await self._files(given), clock=self._clock, since_us=since_us)

    async def propose(self, given: Proposal, who: Who) -> PolicyRow:
        """Put a pack on record as a new version. It decides nothing until somebody applies it."""
        return _row(await self._policies.propose(given.pack.files(), by=who.name, why=given.why))

    async def apply(self, number: Number, given: Application, who: Who) -> PolicyRow:
        """Put exactly the version that was looked at in force; a running fleet decides by it within a second."""
        return _row(await self._policies.apply(number, by=who.approver, digest=given.digest))

    async def withdraw(self, number: Number, who: Who) -> PolicyRow:
        """Take a proposal back."""
        return _row(await self._policies.withdraw(number, by=who.name))

    async def _files(self, given: Candidate) -> PackFiles:
        if given.pack is not None:
            return given.pack.files()
        assert given.number is not None, "one of both was given"
        return await self._numbered(given.number)

    async def _numbered(self, number: int) -> PackFiles:
        if number != SHIPPED:
            return (await self._recorded(number)).files
        standing = await in_force(self._views)
        return standing.files if standing else self._shipped

    async def _recorded(self, number: int) -> Version:
        found = await self._views.find(Version, policy_id(number))
        if found is None:
            raise Missing("policy_unknown", f"there is no version {number}", where="number",
                          remedy="GET /v1/policy/versions names them")  # fmt: skip
        return found


def _shown(files: PackFiles, number: int) -> Policy:
    pack = pack_of(files)
    return Policy(number=number, name=files.name, release=files.release, digest=pack.digest, text=files.text,
                       schema=files.schema, bands=files.bands, levels=pack.bands, cases=files.cases,
                       rules=tuple(map(_rule, sorted(pack.rules.values(), key=lambda rule: rule.name))))  # fmt: skip


def _rule(rule: Rule) -> PolicyRule:
    return PolicyRule(name=rule.name, effect=rule.effect, says=rule.says, remedy=rule.remedy,
                      obligation=rule.obligation, role=rule.role)  # fmt: skip


def _row(policy: Version) -> PolicyRow:
    return PolicyRow(
        id=policy.id, number=policy.number, state=str(policy.state), name=policy.files.name,
        release=policy.files.release, digest=policy.digest, why=policy.why, proposed_by=policy.proposed_by,
        proposed_at_us=policy.proposed_at_us, applied_by=policy.applied_by, applied_at_us=policy.applied_at_us,
    )  # fmt: skip


def _checked(files: PackFiles) -> Checked:
    engine = PolicyEngine(pack_of(files))
    complaints, results = lint.lint(engine), run_cases(engine, files.cases)
    failed = sum(bool(one.differs) for one in results)
    return Checked(ok=not failed and not lint.errors(complaints), digest=engine.digest, complaints=complaints,
                   results=results, failed=failed, uncovered=uncovered(engine, results))  # fmt: skip
