"""The record key of an act, from nothing but our key: the same act is the same record, however often it is sent. Pure.

A record key for posts has the form of a time. Ours say nothing about time: they are a hash in that form.
"""

from __future__ import annotations

import hashlib

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
LENGTH = 13
# Within these bounds it is a time that has been: 2023 to 2026. What is left still has 56 bits.
START_US = 1_672_531_200_000_000
SPAN_US = 3 * 365 * 86_400 * 1_000_000
CLOCK_IDS = 1_024


def record_key(key: str) -> str:
    """Thirteen characters that stand for a key of ours."""
    number = int.from_bytes(hashlib.sha256(b"chimera bluesky record\x00" + key.encode()).digest())
    at_us = START_US + (number >> 10) % SPAN_US
    value = at_us << 10 | number % CLOCK_IDS
    letters = [ALPHABET[value >> (5 * place) & 31] for place in range(LENGTH)]
    return "".join(reversed(letters))
