"""The checks of people, reviews, halts and the vault's own judgement that are removed on purpose. See mutant_table."""

from __future__ import annotations

from chimera.testing.mutant import Mutant

_DESK = ("tests/governance/identity/test_desk.py",)
_PERMITS = ("tests/governance/identity/test_permits.py",)
_TOGETHER = ("tests/governance/test_reviews_together.py",)
_VAULT = ("tests/governance/test_words.py",)
_AFTER = ("tests/swarm/test_take_down.py",)
_BREAKERS = ("tests/governance/test_breakers.py",)

PEOPLE: tuple[Mutant, ...] = (
    Mutant(
        check="log-in: tries are counted before they are looked at",
        file="governance/identity/desk.py",
        old="        await self._knocking.knock(name=name, address=address, now_us=now_us)\n",
        new="",
        tests=_DESK,
    ),
    Mutant(
        check="log-in: no code is good twice",
        file="governance/identity/totp.py",
        old="        if matches and step > after_step:\n",
        new="        if matches:\n",
        tests=_DESK,
    ),
    Mutant(
        check="sessions end: idle and absolute",
        file="governance/identity/desk.py",
        old="        if over or session.state is not PassState.OPEN:\n",
        new="        if session.state is not PassState.OPEN:\n",
        tests=_DESK,
    ),
    Mutant(
        check="tokens: revoked and expired open nothing",
        file="governance/identity/desk.py",
        old="        if token.state is not PassState.OPEN or self._clock.now_us() >= token.expires_at_us:\n",
        new="        if False:\n",
        tests=_DESK,
    ),
    Mutant(
        check="the token of this machine opens nothing from outside",
        file="governance/identity/desk.py",
        old=" or (token.is_local and not here):",
        new=":",
        tests=_DESK,
    ),
    Mutant(
        check="people who are disabled are not recognised",
        file="governance/identity/registry.py",
        old="        beside = (*await self._sessions_closed(person), *(token.closed() for token in tokens))\n",
        new="        beside = ()\n",
        also=(("governance/identity/desk.py",
               "        if person is None or person.state is not PersonState.ACTIVE:\n            raise Refused",
               "        if person is None:\n            raise Refused"),),
        tests=_DESK,
    ),
    Mutant(
        check="people pack: an error in a rule is a no",
        file="governance/identity/permits.py",
        old="result.decision is cedarpy.Decision.Allow and not errors",
        new="result.decision is cedarpy.Decision.Allow",
        tests=_PERMITS,
    ),
    Mutant(
        check="reviews: who may rule is asked",
        file="governance/reviews.py",
        old='        self._permits.require(by, "review.rule", about(review))\n',
        new="",
        tests=("tests/governance/test_reviews.py",),
    ),
    Mutant(
        check="reviews: an approval is bound to what was seen",
        file="governance/reviews.py",
        old="    if review.nonce != nonce:\n",
        new="    if False:\n",
        tests=_TOGETHER,
    ),
    Mutant(
        check="reviews: what is claimed is its claimer's",
        file="governance/reviews.py",
        old="        if claimed_counts and claim is not None and claim.person != by.person:\n",
        new="        if False:\n",
        tests=_TOGETHER,
    ),
    Mutant(
        check="two people: the desk wants another person",
        file="governance/reviews.py",
        old="        if first.person == by.person:\n",
        new="        if False:\n",
        tests=_TOGETHER,
    ),
    Mutant(
        check="two people: the gate counts too",
        file="governance/gate.py",
        old='    return "" if alone and quorum.needed(question, bands) > 1 else approver.role\n',
        new="    return approver.role\n",
        tests=_TOGETHER,
    ),
    Mutant(
        check="batches are for low risk",
        file="governance/reviews.py",
        old="            _require_low_risk(review)\n",
        new="",
        tests=_TOGETHER,
    ),
    Mutant(
        check="an approval of another task or agent is denied",
        file="swarm/rulings.py",
        old="    if asked != (task.id, task.agent_id, task.campaign_id) or review.task_id != task.id:\n",
        new="    if False:\n",
        tests=_AFTER,
    ),
    Mutant(
        check="a no to a payment closes its recipient",
        file="swarm/rulings.py",
        old="records=(*ending.records, halt), events=(told, *ending.events))\n",
        new="records=ending.records)\n",
        tests=_AFTER,
    ),
    Mutant(
        check="no draft has anything taken down",
        file="governance/gate.py",
        old="        if not _is_ordered_back(question, spec) and (unfit := _unfit_for(question, spec)):\n",
        new="        if question.action.kind != TAKE_DOWN and (unfit := _unfit_for(question, spec)):\n",
        also=(("governance/policy/packs/default/policy.cedar", '"retract", resource)\nwhen { context.approver == "" };',
               '"retract", resource)\nwhen { false };'),),
        tests=_AFTER,
    ),
    Mutant(
        check="the vault asks its own copy of the policy",
        file="adapters/vault/signer.py",
        old="        if self._policy is not None and not self._policy.permits(terms, words=words):\n",
        new="        if False:\n",
        tests=_VAULT,
    ),
    Mutant(
        check="the vault wants a person's word",
        file="governance/wording.py",
        old="    office.verify(bytes.fromhex(signature), said)\n",
        new="",
        tests=_VAULT,
    ),
    Mutant(
        check="a person's word has an end",
        file="governance/wording.py",
        old="        if now_us >= word.until_us or word.role not in RULERS:\n",
        new="        if word.role not in RULERS:\n",
        tests=_VAULT,
    ),
    Mutant(
        check="the vault counts to two",
        file="governance/policy/ceiling.py",
        old="        if len({word.person for word in words}) < quorum.needed_for(classes, self._policy.pack.bands):\n",
        new="        if not words:\n",
        tests=("tests/governance/test_ceiling.py",),
    ),
    Mutant(
        check="breakers: low confidence halts",
        file="governance/breakers.py",
        old="    if len(newest) < CONFIDENCE_SAMPLE or average >= CONFIDENCE_BP_MIN:\n",
        new="    if True:\n",
        tests=_BREAKERS,
    ),
    Mutant(
        check="breakers: what a person has lifted is not halted again for the same",
        file="governance/breakers.py",
        old=" if sign.at_us > since_us])",
        new="])",
        tests=_BREAKERS,
    ),
    Mutant(
        check="a halted tool is not used",
        file="swarm/roster.py",
        old="        if met := {scopes.FLEET, scopes.agent(agent_id), scopes.tool(tool)} & await self.halted():\n",
        new="        if met := frozenset[str]():\n",
        tests=("tests/governance/test_halts.py",),
    ),
    Mutant(
        check="a halt that the gate sees postpones",
        file="swarm/judging.py",
        old="        if question.halted:\n",
        new="        if False:\n",
        tests=("tests/governance/test_halts.py",),
    ),
)  # fmt: skip
