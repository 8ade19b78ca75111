"""The checks that are removed on purpose, one at a time: where each stands, what stands there without it, who notices.

A mutant is exact text. When the code has moved on and the text is no longer there, the run fails and says so.
"""

from __future__ import annotations

from chimera.testing.mutant import Mutant
from chimera.testing.mutant_people import PEOPLE

_EFFECTS = ("tests/pipeline/test_effects.py",)
_STORE = ("tests/adapters/memory",)
_SEALING = ("tests/pipeline/test_sealing.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        check="single use: a grant's seal is taken once",
        file="pipeline/effects.py",
        old="        if seal.state is not SealState.READY:\n",
        new="        if False:\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="single use, in the database: one performance per grant",
        file="adapters/memory/store.py",
        old='            and seal.state == "ready"\n',
        new="",
        tests=_STORE,
    ),
    Mutant(
        check="expiry: effects refuses a grant that is over",
        file="pipeline/effects.py",
        old="        if await self._store.now_us() >= grant.terms.expires_at_us:\n            raise",
        new="        if False:\n            raise",
        tests=_EFFECTS,
    ),
    Mutant(
        check="expiry, in the database: no performance of a grant that is over",
        file="adapters/memory/store.py",
        old="            and grant.due_us > self._clock.now_us()\n",
        new="",
        tests=_STORE,
    ),
    Mutant(
        check="halt at the gate",
        file="governance/gate.py",
        old="halted=bool(question.halted),",
        new="halted=False,",
        tests=("tests/governance/test_gate.py",),
    ),
    Mutant(
        check="halt at effects",
        file="pipeline/effects.py",
        old="        halted = await self._store.halted()\n        if met := halted.intersection(_scopes_of(grant)):\n"
        '            raise Refused("halted", f"{min(met)} is halted", where=grant.id, remedy="chimera resume")\n\n'
        "    async def _start(",
        new="\n    async def _start(",
        tests=("tests/pipeline/test_effects.py::test_a_halt_is_looked_at_before_anything_is_tried",),
    ),
    Mutant(
        check="halt in the database: nothing begins in a halted scope",
        file="adapters/memory/store.py",
        old="            raise refusals.halted(scope)\n",
        new="            pass\n",
        tests=_STORE,
        seeds=40,
    ),
    Mutant(
        check="fencing: whoever was opened anew elsewhere writes nothing",
        file="adapters/memory/store.py",
        old="        if self._chain.epoch != self._epoch:\n",
        new="        if False:\n",
        tests=_STORE,
    ),
    Mutant(
        check="compare-and-set: a record is written on the version it was made from",
        file="adapters/memory/store.py",
        old="            if (0 if old is None else old.version) != row.version - 1:\n",
        new="            if False:\n",
        tests=_STORE,
    ),
    Mutant(
        check="chain link: a changed event is found",
        file="domain/event.py",
        old="        if link_hash(after.hash, link.seq, link.body) != link.hash:\n",
        new="        if False:\n",
        tests=("tests/domain/test_event.py",),
    ),
    Mutant(
        check="seal: the signature is the vault's",
        file="governance/sealing.py",
        old="            key.verify(bytes.fromhex(batch.signature), signed_bytes(batch.root, batch.count))\n",
        new="            signed_bytes(batch.root, batch.count)\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="seal: the path leads from these terms to the sealed root",
        file="governance/sealing.py",
        old="        if merkle.climb(grant.terms.leaf, seal.path) != batch.root:\n",
        new="        if False:\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="seal: the bytes are those that were granted",
        file="governance/sealing.py",
        old="        if grant.action.digest != grant.terms.action_digest:\n",
        new="        if False:\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="seal: the vault signed the root that we computed",
        file="pipeline/sealing.py",
        old="        if levels[-1][0] != signed.root:\n",
        new="        if False:\n",
        tests=_SEALING,
    ),
    Mutant(
        check="schema: output that does not match is not passed on",
        file="pipeline/judge.py",
        old="        findings = list(self._contracts.output_findings(spec, draft.output))\n",
        new="        findings: list[str] = []\n",
        tests=("tests/pipeline/test_worker_judge.py",),
    ),
    Mutant(
        check="schema: a judge that cannot be understood has not accepted",
        file="pipeline/judge.py",
        old="        return Verdict(accepted=False, confidence_bp=0, findings=(error.message,)",
        new="        return Verdict(accepted=True, confidence_bp=9_500, findings=(error.message,)",
        tests=("tests/pipeline/test_worker_judge.py",),
    ),
    Mutant(
        check="order of dependencies: a task waits for all that it awaits",
        file="domain/task.py",
        old="        opened = next_version(self) if self.pending > 1 else self.after(TaskCommand.OPEN)\n",
        new="        opened = self.after(TaskCommand.OPEN)\n",
        tests=("tests/domain/test_task.py",),
        seeds=60,
    ),
    Mutant(
        check="plans: a cyclic one is refused",
        file="domain/plan.py",
        old="    _require_acyclic(plan)\n",
        new="",
        tests=("tests/pipeline/test_planner.py",),
    ),
    Mutant(
        check="release of holds: what was not spent is given back",
        file="pipeline/settling/settle.py",
        old="        released, movements = hold.released()\n        return (released,), movements\n",
        new="        return (), ()\n",
        tests=("tests/pipeline/test_settle.py",),
    ),
    Mutant(
        check="quotas: an act takes one of each that it falls under",
        file="swarm/court.py",
        old="        return msgspec.structs.replace(occasion, quotas=counted) if counted else occasion\n",
        new="        return occasion\n",
        tests=("tests/swarm/test_quotas.py",),
    ),
    Mutant(
        check="quotas: what was not done is given back",
        file="domain/budget.py",
        old="release_micros=1, metered_micros=counts",
        new="metered_micros=counts",
        tests=("tests/swarm/test_quotas.py",),
    ),
    Mutant(
        check="version of policy: the vault seals under its own only",
        file="adapters/vault/signer.py",
        old="        if terms.policy_digest != self._policy_digest:\n",
        new="        if False:\n",
        tests=_SEALING,
    ),
    Mutant(
        check="the vault's own cap",
        file="adapters/vault/signer.py",
        old="        if before + micros > self._cap_micros_day:\n",
        new="        if False:\n",
        tests=_SEALING,
    ),
    Mutant(
        check="over budget: a hold without room is refused",
        file="adapters/memory/store.py",
        old="            if movement.hold_micros > window.room_micros:\n",
        new="            if False:\n",
        also=(("domain/budget.py", "    if movement.hold_micros > window.room_micros:\n", "    if False:\n"),),
        tests=(*_STORE, "tests/domain/test_properties.py"),
    ),
    Mutant(
        check="rights of roles: a role writes what it may",
        file="adapters/memory/store.py",
        old='                raise refusals.not_permitted(f"{row.verb} {row.kind} {row.state}")\n',
        new="                pass\n",
        tests=_STORE,
    ),
    Mutant(
        check="permissions at the gate",
        file="governance/gate.py",
        old="permitted=action.kind in question.permissions,",
        new="permitted=True,",
        tests=("tests/governance/test_gate.py",),
    ),
    Mutant(
        check="capabilities at the gate",
        file="governance/gate.py",
        old="    if spec.skill not in question.capabilities:\n",
        new="    if False:\n",
        tests=("tests/governance/test_gate.py",),
    ),
    Mutant(
        check="capabilities in plans",
        file="domain/plan.py",
        old="    _require_capable(plan, specs, capabilities)\n",
        new="",
        tests=("tests/pipeline/test_planner.py",),
    ),
    Mutant(
        check="permissions at effects, and that the agent is active",
        file="pipeline/effects.py",
        old="        if grant.action.kind not in allowed:\n",
        new="        if False:\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="the right account, at the gate",
        file="governance/gate.py",
        old="    if not action.is_internal and not owns(accounts, platform=action.platform, handle=action.account):\n",
        new="    if False:\n",
        tests=("tests/governance/test_gate.py",),
    ),
    Mutant(
        check="the right account, at effects",
        file="pipeline/effects.py",
        old="        if not owns(agent.accounts, platform=grant.action.platform, handle=grant.action.account):\n",
        new="        if False:\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="a policy that errs is a no",
        file="governance/policy/engine.py",
        old="        if errors or result.decision is cedarpy.Decision.NoDecision:\n",
        new="        if False:\n",
        tests=("tests/governance/test_gate.py",),
    ),
    Mutant(
        check="labels: a draft carries every label of what its lease could read",
        file="swarm/provenance.py",
        old="    return replace(draft, labels=labels.union(draft.labels, *sources))\n",
        new="    return draft\n",
        tests=("tests/swarm/test_provenance.py",),
    ),
    Mutant(
        check="a resend that is declined proves nothing",
        file="pipeline/effects.py",
        old="            if isinstance(outcome, Published):\n"
        "                return await self._finish(performance, outcome.receipt)\n",
        new="            if isinstance(outcome, Published):\n"
        "                return await self._finish(performance, outcome.receipt)\n"
        '            return await self._fail(performance, "declined", later=True)\n',
        tests=_EFFECTS,
        seeds=150,
    ),
    Mutant(
        check="absence is proved only after the deadline and the settling time",
        file="pipeline/effects.py",
        old="        await self._clock.sleep(max(0, settled_us - await self._store.now_us()) / 1_000_000)\n",
        new="        assert settled_us\n",
        tests=_EFFECTS,
    ),
    Mutant(
        check="nothing is sent past the deadline",
        file="adapters/rehearsal/publisher.py",
        old='            return Rejected("deadline_passed", later=True)\n',
        new="            left = CALL_SECONDS_MAX\n",
        tests=("tests/adapters/test_publishers.py",),
    ),
    Mutant(
        check="an approval is bound to the bytes that were shown",
        file="governance/reviews.py",
        old="    if review.action_digest != digest:\n",
        new="    if False:\n",
        tests=("tests/governance/test_reviews.py",),
    ),
    Mutant(
        check="the gate is asked again after a ruling",
        file="swarm/rulings.py",
        old="        ruling = gate.decide(question)\n        if not isinstance(ruling.decision, Allow):\n",
        new='        ruling = Ruling(decision=Allow((Reason("ruled", "ruled"),)), policy_digest=gate.policy_digest)\n'
        "        if False:\n",
        tests=("tests/swarm/test_rulings.py",),
    ),
    Mutant(
        check="policy: an error in the answer to a supposition is a no",
        file="governance/policy/engine.py",
        old="            if not supposed.clean:\n                return Deny(_reasons(supposed))\n",
        new="",
        tests=("tests/governance/test_policy_packs.py::test_an_error_in_the_answer_to_a_supposition_is_a_no",),
    ),
    Mutant(
        check="policy: a word that an attribute never is",
        file="governance/policy/vocabulary.py",
        old="            if attribute in VALUES and word not in VALUES[attribute]:\n",
        new="            if False:\n",
        tests=("tests/governance/test_policy_packs.py::test_a_word_that_is_never_met_is_found_wherever_it_stands",),
    ),
    Mutant(
        check="policy: exactly the version that was looked at is applied",
        file="governance/policy/changes.py",
        old="        if asked.digest != digest:\n",
        new="        if False:\n",
        also=(
            (
                "governance/policy/changes.py",
                "        if require_sound(asked.files).digest != digest:\n",
                "        if require_sound(asked.files) is None:\n",
            ),
        ),
        tests=("tests/governance/test_policy_changes.py::test_exactly_what_was_looked_at",),
    ),
    Mutant(
        check="policy: only who may applies it",
        file="governance/policy/changes.py",
        old="        if not isinstance(decision, Allow):\n",
        new="        if False:\n",
        tests=("tests/governance/test_policy_changes.py::test_the_policy_that_stands_says_who_may_change_it",),
    ),
    Mutant(
        check="policy: a pack that breaks a rule of the house is not applied",
        file="governance/policy/changes.py",
        old="    if broken:\n",
        new="    if False:\n",
        tests=("tests/governance/test_policy_changes.py::test_what_is_not_sound_is_not_even_proposed",),
    ),
    Mutant(
        check="policy: a version that cannot be read shuts the gate",
        file="governance/gate.py",
        old="        if self._shut:\n",
        new="        if False:\n",
        tests=("tests/governance/test_policy_changes.py::test_what_cannot_be_read_shuts_the_gate_until_it_can",),
    ),
    Mutant(
        check="policy: the vault hears of another one from the office alone",
        file="adapters/vault/server.py",
        old='    "manager": (SealRequest, HelloRequest, BadgeRequest),\n',
        new='    "manager": (SealRequest, HelloRequest, BadgeRequest, PolicyRequest),\n',
        tests=("tests/adapters/vault/test_server.py::test_what_is_not_answered",),
    ),
    Mutant(
        check="obligation: what went out under it is looked at afterwards",
        file="pipeline/settling/settle.py",
        old="        owed = await self._owed(granted) if REVIEW_AFTER in grant.obligations else ()\n",
        new="        owed: tuple[Review, ...] = ()\n",
        tests=(
            "tests/governance/test_policy_changes.py::test_what_went_out_under_an_obligation_is_looked_at_afterwards",
        ),
    ),
    Mutant(
        check="checkpoint: the vault signs no history that goes back",
        file="adapters/vault/notary.py",
        old="            if head is None or head.seq < seq:\n",
        new="            if head is None:\n",
        tests=("tests/governance/test_checkpoints_and_bundles.py::test_the_vault_signs_no_history_that_goes_back",),
    ),
    Mutant(
        check="checkpoint: a chain that was cut off behind what was signed",
        file="governance/audit.py",
        old="    if signed and (end := max(signed)) > head.seq:\n",
        new="    if False:\n        end = 0\n",
        tests=("tests/governance/test_checkpoints_and_bundles.py::test_a_tail_that_was_cut_off_is_found",),
    ),
    Mutant(
        check="checkpoint: a chain that was computed anew",
        file="governance/audit.py",
        old="        if stated is not None and stated[0] != link.hash.hex():\n",
        new="        if False and stated is not None:\n",
        tests=("tests/governance/test_checkpoints_and_bundles.py::test_a_chain_that_was_computed_anew_is_found",),
    ),
    Mutant(
        check="bundle: signatures are those of the key that is trusted",
        file="governance/verify_bundle.py",
        old="        if not is_signed(row, keys):\n",
        new="        if False:\n",
        tests=(
            "tests/governance/test_checkpoints_and_bundles.py::"
            "test_another_key_convinces_nobody_who_knows_the_right_one",
        ),
    ),
    *PEOPLE,
)
