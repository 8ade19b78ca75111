"""The collector of unused memory, told once what a long-lived process needs. Changes nothing else."""

from __future__ import annotations

import gc

# So many more made than given up before the young are looked at. With fifty thousand a busy fleet was looked at all the
# time, 2 ms each: a twentieth of its work.
GC_THRESHOLDS = (250_000, 10, 40)


def settle_memory() -> None:
    """What is loaded by now stays: the collector need not look at it again, nor at every few hundred small structs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
