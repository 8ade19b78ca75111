"""Where words came from, and who may see them. A label is never taken off, and never widens what may happen. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

OPERATOR = "operator"
PLATFORM = "platform"
PUBLIC = "public"
_TOOL = "tool:"
SECRET = "secret"  # noqa: S105 – the name of a label, and no secret.
THREAT_HIGH = "threat:high"

Labels: TypeAlias = tuple[str, ...]

TRUSTED: Labels = (OPERATOR,)


def tool(name: str) -> str:
    """The label of what a tool returned."""
    return _TOOL + name


def union(*many: Iterable[str]) -> Labels:
    """All the labels, once each, in order: what is made from several sources carries every one of their labels."""
    return tuple(sorted({label for labels in many for label in labels}))


def is_threatening(labels: Iterable[str]) -> bool:
    """Whether something that was read on the way looked like an attack."""
    return THREAT_HIGH in labels


def is_secret(labels: Iterable[str]) -> bool:
    """Whether this may not leave the house, not even in the arguments of a read."""
    return SECRET in labels


def is_tainted(labels: Iterable[str]) -> bool:
    """Whether a stranger's words may have shaped this."""
    return any(label == PUBLIC or label.startswith(_TOOL) for label in labels)
