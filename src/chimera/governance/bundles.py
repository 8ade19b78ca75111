"""Writes history as one file that an auditor verifies alone. Reads everything, changes nothing.

The format stands in docs/reference/audit-bundle.md; who verifies it is `governance/verify_bundle.py`, which knows
nothing of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from chimera.domain.checkpoint import Checkpoint
from chimera.governance.verify_bundle import FORMAT
from chimera.ports.store import LIST_MAX, Head, Reads


async def bundle_lines(reads: Reads, *, keys: Mapping[str, str]) -> AsyncGenerator[bytes]:
    """The lines of the file: header, checkpoints, and each chain's events with their index, page by page."""
    heads = await reads.heads()
    chains = [{"writer": head.writer, "seq": head.seq, "hash": head.hash.hex()} for head in heads]
    yield _line("bundle", format=FORMAT, made_at_us=await reads.now_us(), keys=dict(keys), chains=chains)
    ends = {head.writer: head.seq for head in heads}
    for checkpoint in await checkpoints(reads):
        # One that was signed after the heads were read is left for the next bundle.
        if all(head.seq <= ends.get(head.writer, 0) for head in checkpoint.heads):
            yield _line("checkpoint", **_checkpoint(checkpoint))
    for head in heads:
        async for line in _chain(reads, head):
            yield line
    yield _line("end")


async def checkpoints(reads: Reads) -> tuple[Checkpoint, ...]:
    """Every checkpoint, in order."""
    found: list[Checkpoint] = []
    while page := await reads.list(Checkpoint, after=found[-1].id if found else "", limit=LIST_MAX):
        found.extend(page)
    return tuple(found)


async def _chain(reads: Reads, head: Head) -> AsyncGenerator[bytes]:
    last = 0
    while last < head.seq:
        page = await reads.links(head.writer, after_seq=last, limit=min(LIST_MAX, head.seq - last))
        if not page:
            break
        for link in page:
            body = link.body.decode("utf-8", "surrogateescape")
            yield _line("event", writer=head.writer, seq=link.seq, hash=link.hash.hex(), body=body)
        digests = [hashlib.sha256(link.body).hexdigest() for link in page]
        yield _line("index", writer=head.writer, first=page[0].seq, digests=digests)
        last = page[-1].seq


def _checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "statement": msgspec.to_builtins(checkpoint.statement),
        "heads": msgspec.to_builtins(checkpoint.heads),
        "signature": checkpoint.signature,
        "key_id": checkpoint.key_id,
    }


def _line(kind: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"kind": kind, **fields}) + b"\n"
