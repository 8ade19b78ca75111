"""History over HTTP: events by kind, record and time; chains as raw bytes, so that a browser can hash them itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from fastapi import Query
from msgspec import Struct

from chimera.api import history
from chimera.api.guard import Who
from chimera.api.history import EventLine
from chimera.api.paging import PAGE, Page, Places
from chimera.api.retelling import Retelling
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, Limit
from chimera.domain import ids
from chimera.domain.errors import Missing
from chimera.domain.event import GENESIS, Flaw
from chimera.domain.kinds import KINDS
from chimera.governance import audit
from chimera.ports.store import LIST_MAX, Head
from chimera.ports.views import Views

LIFE_MAX = 500
# How people come in, what is planted among reviews and private notes have doors of their own.
_KEPT_APART = frozenset({"person", "session", "token", "knocks", "decoy", "remark", "agent_key"})
SHOWN = {name: kind for name, kind in KINDS.items() if name not in _KEPT_APART}
Kind = Annotated[str, Query(description="such as ACTION_DENIED", max_length=64, pattern=r"^[A-Z_]*$")]
Chain = Annotated[str, Query(description="one writer's chain", max_length=500)]
Moment = Annotated[int, Query(description="microseconds since 1970", ge=0, le=10**17)]


class RawLink(Struct, frozen=True, kw_only=True):
    """One link. `body` is base64 of the very bytes: hash = sha256(previous ‖ sequence, 8 bytes big ‖ sha256(body))."""

    sequence: int
    body: str
    hash: str


class ChainSlice(Struct, frozen=True, kw_only=True):
    """A part of a chain. `previous` is the hash before its first link, 64 zeros at the beginning."""

    chain: str
    previous: str
    links: tuple[RawLink, ...]
    head_sequence: int
    head_hash: str
    next: str = ""


class ChainShown(Struct, frozen=True, kw_only=True):
    """A writer and how far it has come."""

    chain: str
    epoch: int
    sequence: int
    hash: str


class Chains(Struct, frozen=True, kw_only=True):
    """Every chain."""

    chains: tuple[ChainShown, ...]


class AuditAnswer(Struct, frozen=True, kw_only=True):
    """Whether history verifies, as the server read it."""

    verified: bool
    chains: int
    events: int
    flaws: tuple[Flaw, ...]


class Life(Struct, frozen=True, kw_only=True):
    """A record as it is now, and the events that name it."""

    kind: str
    id: str
    version: int
    state: str
    record: dict[str, Any]
    events: tuple[EventLine, ...]


class ChainRoutes:
    """`/v1/events` and `/v1/audit`."""

    def __init__(self, *, views: Views, retelling: Retelling, places: Places) -> None:
        self._views = views
        self._retelling = retelling
        self._places = places

    def routes(self) -> Iterator[Route]:
        """What is served."""
        audit_read = Needs("audit.look")
        yield Route(method="GET", path="/v1/events", endpoint=self.events, name="list", needs=Needs("fleet.look"),
                    answer=Page[EventLine])  # fmt: skip
        yield Route(method="GET", path="/v1/audit/chains", endpoint=self.chains, needs=audit_read, answer=Chains)
        yield Route(method="GET", path="/v1/audit/chain", endpoint=self.slice, needs=audit_read, answer=ChainSlice)
        yield Route(method="POST", path="/v1/audit/verify", endpoint=self.verify, needs=audit_read, answer=AuditAnswer)
        yield Route(method="GET", path="/v1/audit/records/{kind}/{record_id}", endpoint=self.life, needs=audit_read,
                    answer=Life)  # fmt: skip

    async def events(
        self, kind: Kind = "", record: Annotated[str, Query(max_length=36, pattern=r"^[0-9a-f-]*$")] = "",
        chain: Chain = "", since_us: Moment = 0, until_us: Moment = 0, cursor: Cursor = "", limit: Limit = PAGE,
        *, who: Who,
    ) -> Page[EventLine]:  # fmt: skip
        """Events, newest first. A page may be short or empty and still have a `next`: so much is looked at at once.

        Where they stand in the chains is told to whoever may read those, and asking by `chain` needs the same.
        """
        sought = history.Sought(kind=kind, record=record, chain=chain.replace("\x00", ""), since_us=since_us,
                                until_us=until_us, limit=limit)  # fmt: skip
        before = self._places.decode(cursor) or {}
        found = await self._retelling.newest(who, sought, before=before)
        done = {name: 1 for name in before if name not in found.next}
        return Page(items=found.events, next=self._places.encode(found.next | done) if found.next else "")

    async def chains(self) -> Chains:
        """Every chain with its head."""
        return Chains(chains=tuple(_shown(head) for head in await self._views.heads()))

    async def slice(
        self, chain: Annotated[str, Query(max_length=500)],
        after: Annotated[int, Query(description="the sequence before the first", ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = LIST_MAX,
    ) -> ChainSlice:  # fmt: skip
        """Raw links of one chain, for whoever wants to hash them himself."""
        head = next((one for one in await self._views.heads() if one.writer == chain), None)
        if head is None:
            raise Missing("chain_unknown", "there is no such chain", where="chain", remedy="see /v1/audit/chains")
        before = await self._views.links(chain, after_seq=after - 1, limit=1) if after else ()
        links = await self._views.links(chain, after_seq=after, limit=limit)
        return ChainSlice(
            chain=chain, previous=(before[0].hash if before else GENESIS).hex(), head_sequence=head.seq,
            head_hash=head.hash.hex(), next=str(links[-1].seq) if len(links) == limit else "",
            links=tuple(RawLink(sequence=one.seq, body=base64.b64encode(one.body).decode(), hash=one.hash.hex())
                        for one in links),
        )  # fmt: skip

    async def verify(self, _who: Who) -> AuditAnswer:
        """Read every chain from its beginning on the server. A browser does the same by itself, from the raw bytes."""
        report = await audit.verify_history(self._views)
        return AuditAnswer(verified=report.verified, chains=report.chains, events=report.events, flaws=report.flaws)

    async def life(self, kind: str, record_id: Id) -> Life:
        """A record of any kind, and the events that name it."""
        found = SHOWN.get(kind)
        if found is None:
            raise Missing("kind_unknown", "there is no such kind of record", where="kind",
                          remedy=f"one of {', '.join(SHOWN)}")  # fmt: skip
        record = await self._views.get(found, record_id)
        since_us = max(0, ids.at_us(record_id) - 1_000_000)
        events = await history.about(self._views, record_id, since_us=since_us, limit=LIFE_MAX)
        return Life(kind=kind, id=record.id, version=record.version, state=record.state_name,
                    record=msgspec.to_builtins(record), events=events)  # fmt: skip


def _shown(head: Head) -> ChainShown:
    return ChainShown(chain=head.writer, epoch=head.epoch, sequence=head.seq, hash=head.hash.hex())
