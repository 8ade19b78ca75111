"""The tokens of outside agents: only their hashes are kept, in one file of the home. A token is shown once."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import msgspec

FILE = "agent-tokens.json"
PREFIX = "chm_"
TOKEN_BYTES = 32


class AgentTokens:
    """Read anew when the file has changed, so that taking a token back counts at once."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._read_ns = -1
        self._agents: dict[str, str] = {}

    def agent_of(self, token: str) -> str | None:
        """Whose token this is."""
        self._freshen()
        # Looked up by its hash: how long that takes says nothing about any token.
        return self._agents.get(_hash_of(token)) if token else None

    def issue(self, agent_id: str) -> str:
        """A new token for an agent. Nobody can read it again."""
        self._freshen()
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        self._write({**self._agents, _hash_of(token): agent_id})
        return token

    def take_back(self, agent_id: str) -> int:
        """No token of this agent is good any more; how many there were."""
        self._freshen()
        left = {token: owner for token, owner in self._agents.items() if owner != agent_id}
        count = len(self._agents) - len(left)
        self._write(left)
        return count

    def _freshen(self) -> None:
        try:
            changed_ns = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            self._agents, self._read_ns = {}, -1
            return
        if changed_ns != self._read_ns:
            self._agents = msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
            self._read_ns = changed_ns

    def _write(self, agents: dict[str, str]) -> None:
        draft = self._path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_bytes(msgspec.json.encode(agents))
        draft.replace(self._path)
        self._agents, self._read_ns = agents, self._path.stat().st_mtime_ns


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
