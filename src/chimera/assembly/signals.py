"""The figures by which managers and workers are scaled, served for Prometheus by a manager process. Shows no record."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from chimera.adapters.valkey.dispatch import StreamDispatch
from chimera.domain.errors import Invalid
from chimera.ports.dispatch import Dispatch


class Signals:
    """Read off the dispatch of each slot that this process holds, at the moment when somebody asks."""

    def __init__(self) -> None:
        self._dispatches: dict[int, Dispatch] = {}
        self.registry = CollectorRegistry()
        for name, meaning, read in (
            ("chimera_dispatch_lag", "Assignments that wait for a worker process with room", self.lag),
            ("chimera_dispatch_room", "Assignments that workers would take at once", self.room),
            ("chimera_dispatch_slices_sent", "Slices sent to worker processes", self.sent),
            ("chimera_dispatch_resent", "Assignments sent again: a worker or the server was lost", self.resent),
            ("chimera_slots_held", "Slots of shards that this manager process holds", self.slots),
        ):
            Gauge(name, meaning, registry=self.registry).set_function(read)

    @contextlib.contextmanager
    def watched(self, slot: int, dispatch: Dispatch) -> Generator[None]:
        """While the block runs, this is the dispatch of that slot."""
        self._dispatches[slot] = dispatch
        try:
            yield
        finally:
            self._dispatches.pop(slot, None)

    def lag(self) -> float:
        """Of all slots together."""
        return sum(one.lag for one in self._streams())

    def room(self) -> float:
        """Every slot sees the same workers over Streams: what the one with most room sees. Own workers add up."""
        own = (one.room for one in tuple(self._dispatches.values()) if not isinstance(one, StreamDispatch))
        return max((one.room for one in self._streams()), default=0) + sum(own)

    def sent(self) -> float:
        """Of all slots together."""
        return sum(one.slices_sent for one in self._streams())

    def resent(self) -> float:
        """Of all slots together."""
        return sum(one.resent for one in self._streams())

    def slots(self) -> float:
        """How many."""
        return len(self._dispatches)

    def _streams(self) -> list[StreamDispatch]:
        return [one for one in tuple(self._dispatches.values()) if isinstance(one, StreamDispatch)]


@contextlib.contextmanager
def served(signals: Signals, address: str) -> Generator[int]:
    """At this address while the block runs, and on which port; nowhere, with port 0, where none was given."""
    if not address:
        yield 0
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65_536:
        raise Invalid("metrics_address_malformed", f"{address[:80]!r} is no host:port", where="CHIMERA_METRICS_ADDRESS",
                      remedy="write one such as 127.0.0.1:9000")  # fmt: skip
    server, thread = start_http_server(int(port), addr=host, registry=signals.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
