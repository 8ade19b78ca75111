"""What differs between two packs: their rules, their bands, and what they would answer. Pure; applies nothing."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.confidence import Bands
from chimera.governance.policy import lint
from chimera.governance.policy.engine import PolicyEngine


class RulesChanged(Struct, frozen=True, kw_only=True):
    """Rules by name: new ones, those that are gone, and those that say something else."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    reworded: tuple[str, ...]


class Answer(Struct, frozen=True, kw_only=True):
    """One question that would be answered otherwise, in words."""

    about: str
    before: str
    after: str
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]


class Comparison(Struct, frozen=True, kw_only=True):
    """Two packs beside each other. `bands` are those before and after."""

    same: bool
    before: str
    after: str
    rules: RulesChanged
    bands: tuple[Bands, Bands]
    answers: tuple[Answer, ...]


def compared(before: PolicyEngine, after: PolicyEngine) -> Comparison:
    """Everything that differs."""
    return Comparison(
        same=before.digest == after.digest, before=before.digest, after=after.digest, rules=_rules(before, after),
        bands=(before.pack.bands, after.pack.bands), answers=tuple(map(_answer, lint.differences(before, after))),
    )  # fmt: skip


def _rules(before: PolicyEngine, after: PolicyEngine) -> RulesChanged:
    old, new = ({rule.name: rule for rule in one.pack.rules.values()} for one in (before, after))
    said = sorted(name for name in set(old) & set(new) if old[name] != new[name])
    return RulesChanged(added=tuple(sorted(set(new) - set(old))), removed=tuple(sorted(set(old) - set(new))),
                        reworded=tuple(said))  # fmt: skip


def _answer(one: lint.Changed) -> Answer:
    return Answer(about=lint.words_of(one.facts), before=one.before, after=one.after, rules_before=one.rules_before,
                  rules_after=one.rules_after)  # fmt: skip
