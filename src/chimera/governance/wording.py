"""A person's word for exact bytes: signed by the office that recognised the person, read by the vault. Holds no key.

Whoever writes rows as a manager can put any name into a grant; a word is what it cannot make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera.domain import canonical
from chimera.domain.decision import Approver
from chimera.domain.errors import Refused
from chimera.domain.grant import Terms
from chimera.domain.person import RULERS

DOMAIN = b"chimera.words.v1\x00"
Sign: TypeAlias = Callable[[bytes], bytes]


def word_bytes(*, task_id: str, digest: str, names: str, role: str, until_us: int) -> bytes:
    """What the office signs: who said yes, in which role, to which bytes of which task, until when."""
    said = {"task": task_id, "digest": digest, "names": names, "role": role, "until_us": until_us}
    return DOMAIN + canonical.encode(said)


def given(sign: Sign, by: Approver, *, task_id: str, digest: str, until_us: int) -> str:
    """The word, as it travels with the approver: role, time, signature."""
    said = word_bytes(task_id=task_id, digest=digest, names=by.names, role=by.role, until_us=until_us)
    return f"{by.role} {until_us} {sign(said).hex()}"


def require_word(terms: Terms, office: Ed25519PublicKey, *, now_us: int) -> str:
    """The role in which somebody gave their word for this grant; empty when nobody is named. Else `Refused`."""
    if not terms.approver and not terms.word:
        return ""
    try:
        role, until, signature = terms.word.split(" ")
        said = word_bytes(task_id=terms.task_id, digest=terms.action_digest, names=terms.approver, role=role,
                          until_us=int(until))  # fmt: skip
        office.verify(bytes.fromhex(signature), said)
    except (InvalidSignature, ValueError) as error:
        raise _no_word(terms, "the office has not signed that this person approved these bytes") from error
    if now_us >= int(until) or role not in RULERS:
        raise _no_word(terms, "the word is too old, or of somebody who may not rule")
    return role


def _no_word(terms: Terms, why: str) -> Refused:
    return Refused("vault_word_missing", why, where=terms.grant_id, remedy="a person rules again")
