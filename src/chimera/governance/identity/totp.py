"""Time-based one-time codes (RFC 6238, SHA-1, six digits, 30 seconds: what every app on a telephone speaks)."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS, DIGITS, SECRET_BYTES = 30, 6, 20
# One step to either side, for clocks that differ.
STEPS_BESIDE = 1


def _generator(secret: bytes) -> TOTP:
    # SHA-1 as RFC 6238 has it; nothing rests on collisions.
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303  # nosec B303


def address_of(secret: bytes, *, name: str) -> str:
    """What an app on a telephone takes as a QR code."""
    return _generator(secret).get_provisioning_uri(name, "Chimera")


def code_at(secret: bytes, step: int) -> str:
    """The code of a time step."""
    return _generator(secret).generate(step * STEP_SECONDS).decode()


def step_of(secret: bytes, code: str, *, now_us: int, after_step: int) -> int | None:
    """The step whose code this is, if it is near and later than the last that was used. No code is good twice."""
    now = now_us // 1_000_000 // STEP_SECONDS
    found = None
    for step in range(now - STEPS_BESIDE, now + STEPS_BESIDE + 1):
        matches = hmac.compare_digest(code_at(secret, step).encode(), code.strip().encode())
        if matches and step > after_step:
            found = step
    return found
