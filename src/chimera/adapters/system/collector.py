"""The collector of unused memory, told once what a long-lived process needs. Changes nothing else."""

from __future__ import annotations

import gc

GC_THRESHOLDS = (50_000, 20, 100)


def settle_memory() -> None:
    """What is loaded by now stays: the collector need not look at it again, nor at every few hundred small structs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
