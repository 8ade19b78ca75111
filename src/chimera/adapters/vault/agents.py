"""Agents' own keys, in the vault's folder: makes them, and signs short badges with them. They never leave."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.vault import keys
from chimera.domain import ids
from chimera.domain.badge import BADGE_SECONDS_MAX, BADGE_TASKS_MAX
from chimera.domain.errors import Refused

ALGORITHM, ISSUER = "EdDSA", "chimera"


class AgentKeys:
    """One Ed25519 key for each agent, encrypted at rest like the vault's own."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = secret

    def public(self, agent_id: str, *, anew: bool) -> str:
        """The public half. A new key takes the old one's place at once, and nothing signs with that again."""
        path = self._path(agent_id)
        if anew:
            path.unlink(missing_ok=True)
        key = keys.load_or_make(path, self._secret)
        return key.public_key().public_bytes_raw().hex()

    def badge(self, agent_id: str, *, tasks: Sequence[str], audience: str, seconds: int, now_us: int) -> str:
        """A token for these tasks, for this audience, for at most a quarter of an hour."""
        if not 0 < seconds <= BADGE_SECONDS_MAX or not 0 < len(tasks) <= BADGE_TASKS_MAX:
            raise Refused(
                "badge_too_wide",
                f"{len(tasks)} tasks for {seconds} seconds is too much",
                where=agent_id,
                remedy="ask for less",
            )
        now = now_us // 1_000_000
        claims = {"iss": ISSUER, "sub": agent_id, "aud": audience, "iat": now, "exp": now + seconds,
                  "jti": secrets.token_hex(16), "tasks": list(tasks)}  # fmt: skip
        key = self._key(agent_id)
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": keys.name_of(key.public_key())})

    def _key(self, agent_id: str) -> Ed25519PrivateKey:
        path = self._path(agent_id)
        if not path.exists():
            raise Refused("agent_without_key", "this agent has no key", where=agent_id, remedy="issue one")
        return keys.load_or_make(path, self._secret)

    def _path(self, agent_id: str) -> Path:
        # Parsed: nobody walks out of the folder by a name.
        return self._folder / f"{ids.parse(agent_id, where='agent')}.key"
