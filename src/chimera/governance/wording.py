"""A person's word for exact bytes: signed by the office that recognised the person, read by the vault. Holds no key.

Whoever writes rows as a manager can put any name into a grant; a word is what it cannot make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Refused
from chimera.domain.grant import Terms
from chimera.domain.person import RULERS

DOMAIN = b"chimera.words.v2\x00"
BETWEEN = ";"
Sign: TypeAlias = Callable[[bytes], bytes]


class Word(Struct, frozen=True, kw_only=True):
    """One person's yes, as the office has signed it: who, in which role, and in which class of risk it was shown."""

    person: str
    name: str
    role: str
    risk: str
    until_us: int


def word_bytes(word: Word, *, task_id: str, digest: str) -> bytes:
    """What the office signs: who said yes, in which role, to which bytes of which task, shown as what, until when."""
    return DOMAIN + canonical.encode({**msgspec.to_builtins(word), "task": task_id, "digest": digest})


def given(sign: Sign, word: Word, *, task_id: str, digest: str) -> str:
    """The word, as it travels with the approver: itself and the signature."""
    said = msgspec.json.encode(word).hex()
    return f"{said} {sign(word_bytes(word, task_id=task_id, digest=digest)).hex()}"


def together(*words: str) -> str:
    """What several people said, as it travels."""
    return BETWEEN.join(word for word in words if word)


def require_words(terms: Terms, office: Ed25519PublicKey, *, now_us: int) -> tuple[Word, ...]:
    """Everybody's word for this grant; none when nobody is named. Else `Refused`: whoever is named has said it."""
    if not terms.approver and not terms.word:
        return ()
    try:
        words = tuple(_genuine(one, terms, office) for one in terms.word.split(BETWEEN))
    except (InvalidSignature, ValueError) as error:
        raise _no_word(terms, "the office has not signed that this person approved these bytes") from error
    if ", ".join(word.name for word in words) != terms.approver:
        raise _no_word(terms, "the office has signed it for somebody else")
    for word in words:
        if now_us >= word.until_us or word.role not in RULERS:
            raise _no_word(terms, "the word is too old, or of somebody who may not rule")
    return words


def _genuine(text: str, terms: Terms, office: Ed25519PublicKey) -> Word:
    content, signature = text.split(" ")
    word = msgspec.json.decode(bytes.fromhex(content), type=Word)
    said = word_bytes(word, task_id=terms.task_id, digest=terms.action_digest)
    office.verify(bytes.fromhex(signature), said)
    return word


def _no_word(terms: Terms, why: str) -> Refused:
    return Refused("vault_word_missing", why, where=terms.grant_id, remedy="a person rules again")
