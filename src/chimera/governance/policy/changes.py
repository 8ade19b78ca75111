"""Changes of the fleet's rules: the office proposes, a person applies. Writes as the office; decides nothing else.

Applying is itself asked of the policy that stands. What is not sound, fails its own cases or breaks a rule of the house
is not applied.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.change import Change
from chimera.domain.decision import Allow, Approver
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.facts import ORDINARY, Deed
from chimera.domain.policy import PackFiles, Policy, PolicyCommand, PolicyState, policy_id
from chimera.governance.policy.cases import run_cases
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.lint import Complaint, errors, lint
from chimera.governance.policy.pack import pack_of
from chimera.ports.store import LIST_MAX, Reads, Store

APPLIERS = ("operator", "owner")
WHY_LENGTH_MAX = 2_000
LINTS_KEPT = 8


async def in_force(reads: Reads) -> Policy | None:
    """The version that a person put in force; None as long as the pack that is shipped decides."""
    found = await reads.list(Policy, states=(PolicyState.IN_FORCE,), limit=2)
    if len(found) > 1:
        raise Conflict("policies_in_force", "two versions of the policy say that they are in force", where="policy",
                       remedy="apply the one that is meant again")  # fmt: skip
    return found[0] if found else None


async def versions(reads: Reads) -> tuple[Policy, ...]:
    """Every version, by number."""
    found: list[Policy] = []
    while page := await reads.list(Policy, after=found[-1].id if found else "", limit=LIST_MAX):
        found.extend(page)
    return tuple(found)


def require_sound(files: PackFiles) -> PolicyEngine:
    """The engine of a pack that may be applied, or the first thing that is wrong with it."""
    engine = PolicyEngine(pack_of(files))
    wrong = [result for result in run_cases(engine, files.cases) if result.differs]
    if wrong:
        raise Invalid("policy_cases_fail", f"{len(wrong)} of {len(files.cases)} cases fail; {wrong[0].name}: "
                      f"{wrong[0].differs}", where="cases.yaml", remedy="chimera policy test shows all")  # fmt: skip
    broken = _house_rules_broken(replace(files, cases=()))
    if broken:
        raise Refused("policy_breaks_house_rule", f"{broken[0].rule}: {broken[0].says}", where="policy.cedar",
                      remedy=broken[0].remedy)  # fmt: skip
    return engine


@lru_cache(maxsize=LINTS_KEPT)
def _house_rules_broken(files: PackFiles) -> tuple[Complaint, ...]:
    """Kept for a while: a pack is looked at when it is proposed and when it is applied; its bytes alone decide."""
    return errors(lint(PolicyEngine(pack_of(files))))


class Policies:
    """One version after another; two people who apply at once do not both succeed."""

    def __init__(self, *, store: Store, shipped: PackFiles) -> None:
        self._store = store
        self._shipped = shipped

    async def propose(self, files: PackFiles, *, by: str, why: str) -> Policy:
        """Put a version on record. It decides nothing until it is applied."""
        canonical.require_reason(why, where="why")
        engine = require_sound(files)
        known = await versions(self._store) or (await self._record_shipped(),)
        if any(one.digest == engine.digest and one.state is not PolicyState.WITHDRAWN for one in known):
            raise Conflict("policy_known", "a version with exactly this content is on record", where=engine.digest[:16],
                           remedy="chimera policy list names it; apply that one")  # fmt: skip
        made = _version(files, engine.digest, number=known[-1].number + 1, at_us=await self._store.now_us())
        made = replace(made, proposed_by=by, why=why[:WHY_LENGTH_MAX])
        await self._write((made,), EventKind.POLICY_PROPOSED, made, by=by)
        return made

    async def apply(self, number: int, *, by: Approver, digest: str) -> Policy:
        """Put exactly the version that was looked at in force, and the one before out of it. Needs a person who may."""
        asked = await self.get(number)
        if asked.digest != digest:
            raise Conflict("policy_bytes_differ", "this version is not the one that was looked at", where=str(number),
                           remedy="look at it again: chimera policy show")  # fmt: skip
        if require_sound(asked.files).digest != digest:
            raise Conflict("policy_bytes_differ", "the record's digest is not that of its content", where=str(number),
                           remedy="propose it again from its folder")  # fmt: skip
        standing = await in_force(self._store)
        await self._require_permitted(standing, by)
        applied = replace(asked.after(PolicyCommand.APPLY), applied_by=by.name,
                          applied_at_us=await self._store.now_us())  # fmt: skip
        replaced = (standing.after(PolicyCommand.REPLACE),) if standing else ()
        await self._write((applied, *replaced), EventKind.POLICY_APPLIED, applied, by=by.name, role=by.role,
                          before=standing.digest if standing else "")  # fmt: skip
        return applied

    async def withdraw(self, number: int, *, by: str) -> Policy:
        """Take a proposal back."""
        withdrawn = (await self.get(number)).after(PolicyCommand.WITHDRAW)
        await self._write((withdrawn,), EventKind.POLICY_WITHDRAWN, withdrawn, by=by)
        return withdrawn

    async def get(self, number: int) -> Policy:
        """One version by its number."""
        found = await self._store.find(Policy, policy_id(number))
        if found is None:
            raise Missing("policy_unknown", f"there is no version {number}", where="policy",
                          remedy="chimera policy list names them")  # fmt: skip
        return found

    async def _record_shipped(self) -> Policy:
        """Version 1 is the pack that has decided until now: there is always a version to go back to."""
        digest, now_us = pack_of(self._shipped).digest, await self._store.now_us()
        first = replace(_version(self._shipped, digest, number=1, at_us=now_us), proposed_by="chimera",
                        why="the pack that is shipped", state=PolicyState.IN_FORCE, applied_by="chimera",
                        applied_at_us=now_us)  # fmt: skip
        await self._write((first,), EventKind.POLICY_APPLIED, first, by="chimera", role="", before="")
        return first

    async def _require_permitted(self, standing: Policy | None, by: Approver) -> None:
        """The rules that stand say who may change them. Where they cannot be read, only an owner may mend them."""
        if by.role not in APPLIERS:
            raise Refused("role_may_not_apply", f"a {by.role} may not change the policy", where="policy",
                          remedy="ask an operator or owner")  # fmt: skip
        try:
            engine = PolicyEngine(pack_of(standing.files if standing else self._shipped))
        except ChimeraError as error:
            if by.role == "owner":
                return
            raise Refused("role_may_not_apply", "the policy in force cannot be read; only an owner may replace it",
                          where="policy", remedy="ask an owner") from error  # fmt: skip
        decision = engine.decide(replace(ORDINARY, deed=Deed.GOVERN, approver=by.role))
        if not isinstance(decision, Allow):
            reasons = "; ".join(map(str, decision.reasons))
            raise Refused("policy_change_denied", f"the policy in force does not allow it: {reasons}", where="policy",
                          remedy="ask somebody with the role that it names")  # fmt: skip

    async def _write(self, records: tuple[Policy, ...], kind: EventKind, about: Policy, **data: str) -> None:
        event = Event(kind=kind, subject=about.id, at_us=await self._store.now_us(),
                      data={"number": about.number, "digest": about.digest, "name": about.files.name,
                            "release": about.files.release, **data})  # fmt: skip
        await self._store.commit(Change(records=records, events=(event,)))


def _version(files: PackFiles, digest: str, *, number: int, at_us: int) -> Policy:
    return Policy(id=policy_id(number), number=number, digest=digest, files=files, why="", proposed_by="",
                  proposed_at_us=at_us)  # fmt: skip
