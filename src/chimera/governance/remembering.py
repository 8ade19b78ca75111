"""What may be remembered, and how: no secrets, nothing that looked like an attack, labels kept. Pure."""

from __future__ import annotations

from chimera.domain.errors import Invalid, Refused
from chimera.domain.labels import Labels, is_secret, is_threatening
from chimera.domain.memory import TEXT_CHARS_MAX, Memory
from chimera.domain.work import Material
from chimera.governance.privacy.mask import redact

IMPORTANCE_BP_MAX = 10_000


def worded(text: str, labels: Labels, *, importance_bp: int) -> str:
    """The words as they may be kept: personal data and secrets are masked; or `Refused`."""
    if is_threatening(labels):
        raise Refused(
            "memory_not_kept",
            "what looked like an attack is not remembered",
            where="memory",
            remedy="keep it elsewhere",
        )
    if is_secret(labels):
        raise Refused(
            "memory_not_kept",
            "what may not leave the house is not remembered",
            where="memory",
            remedy="keep it elsewhere",
        )
    if not 0 <= importance_bp <= IMPORTANCE_BP_MAX or not text.strip() or len(text) > TEXT_CHARS_MAX:
        raise Invalid("memory_malformed", "a memory has 1 to 2000 characters and an importance of 0 to 10000",
                      where="memory", remedy="shorten it")  # fmt: skip
    return redact(text)


def material_of(memory: Memory) -> Material:
    """A memory as a model reads it: data with the labels that it came with, never an instruction."""
    return Material(
        name=f"memory.{memory.kind}",
        content={"text": memory.text, "at_us": memory.at_us},
        labels=memory.labels,
    )
