"""Merkle trees: one signature for many leaves, and a path that proves one of them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec import Struct

_LEAF = b"\x00"
_NODE = b"\x01"


class Neighbour(Struct, frozen=True, array_like=True):
    """One neighbour on the way up, and whether it stands on the left."""

    left: bool
    digest: str


def leaf_of(data: bytes) -> str:
    """The digest of a leaf; prefixed, so that no node can pose as one."""
    return hashlib.sha256(_LEAF + data).hexdigest()


def _node_of(left: str, right: str) -> str:
    return hashlib.sha256(_NODE + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def _level_above(level: Sequence[str]) -> list[str]:
    paired = [_node_of(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return [*paired, level[-1]] if len(level) % 2 else paired


def levels_of(leaves: Sequence[str]) -> list[list[str]]:
    """Every level of the tree, leaves first, root last. An odd one out rises unpaired."""
    assert leaves, "a tree has at least one leaf"
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        levels.append(_level_above(levels[-1]))
    return levels


def root_of(leaves: Sequence[str]) -> str:
    """The digest that stands for all leaves in their order."""
    return levels_of(leaves)[-1][0]


def paths_of(levels: Sequence[Sequence[str]]) -> list[tuple[Neighbour, ...]]:
    """Of every leaf, the neighbours that lead from it to the root: its own, and then those of the node above it."""
    paths: list[tuple[Neighbour, ...]] = [()]
    for level in reversed(levels[:-1]):
        above, paths = paths, []
        for index in range(len(level)):
            neighbour = index ^ 1
            own = (Neighbour(left=neighbour < index, digest=level[neighbour]),) if neighbour < len(level) else ()
            paths.append((*own, *above[index // 2]))
    return paths


def climb(leaf: str, path: Sequence[Neighbour]) -> str:
    """The root that a leaf and its path lead to."""
    digest = leaf
    for step in path:
        digest = _node_of(step.digest, digest) if step.left else _node_of(digest, step.digest)
    return digest
