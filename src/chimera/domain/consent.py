"""What people's data may be used for, and what a person has said about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from chimera.domain import ids
from chimera.domain.record import Record


class Purpose(StrEnum):
    """What a use of somebody's data is for. A use that has none of these is refused."""

    ANSWER = "answer"
    CONTACT = "contact"
    LEARN = "learn"
    SHARE = "share"


class ConsentState(StrEnum):
    """What the person has said last."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"


# Whoever speaks to us may be answered until he says otherwise. Everything else has to be agreed to first.
NEEDS_CONSENT = frozenset({Purpose.CONTACT, Purpose.LEARN})
# `share` is telling others, in the arguments of a read as well: what comes from whom that is withdrawn is secret.
# What an arrival is for, by its kind. One of another kind may be kept by nobody's leave, and is not used.
PURPOSE_OF: Mapping[str, Purpose] = {"mention": Purpose.ANSWER, "reply": Purpose.ANSWER, "thanks": Purpose.ANSWER,
                                      "abuse": Purpose.ANSWER, "post": Purpose.CONTACT}  # fmt: skip


class Said(Struct, frozen=True, kw_only=True):
    """What one person, by keyed hash, has said about one purpose, and when: as little as must outlast every restore."""

    person: str
    purpose: Purpose
    state: ConsentState
    by: str
    at_us: int


class Consent(Record, frozen=True, kw_only=True):
    """One person's word about one purpose. The person is a keyed hash: it outlasts an erasure, as an opt-out must."""

    person: str
    purpose: Purpose
    by: str
    why: str
    at_us: int
    state: ConsentState

    @property
    def scope(self) -> str:
        return self.person


def consent_id(person: str, purpose: Purpose) -> str:
    """There is one for each person and purpose."""
    return ids.at_time(0, "consent", person, str(purpose))
