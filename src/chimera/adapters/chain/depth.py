"""How deep this process may recurse, said again after web3 was imported.

py_ecc, which web3 and eth-account bring, sets the interpreter's limit to 100,000 for its own arithmetic. At that depth
a hostile nesting of brackets no longer raises RecursionError: the stack ends first, and the process with it.
"""

from __future__ import annotations

import sys

DEPTH_MAX = 1_000


def keep_recursion_shallow() -> None:
    """For each module that imports web3 or eth-account, right after its imports."""
    sys.setrecursionlimit(DEPTH_MAX)
