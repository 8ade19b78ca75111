"""What a node of the directory remembers: other nodes by distance, and pointers by place. Bounded every way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from chimera.adapters.discovery.wire import CLOSEST, Node, distance, place_of
from chimera.domain.directory import Pointer
from chimera.domain.recent import Recent

BITS = 256
POINTERS_AT_MAX = 16
PLACES_MAX = 4_096
FAILURES_MAX = 2


class Neighbours:
    """Nodes that have answered us, a few at every distance. Those that were here first stay: age is hard to forge."""

    def __init__(self, own: bytes, *, per_host_max: int) -> None:
        self._own = place_of(own)
        self._per_host_max = per_host_max
        self._buckets: list[OrderedDict[bytes, Node]] = [OrderedDict() for _ in range(BITS + 1)]
        self._failures: dict[bytes, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def met(self, node: Node) -> None:
        """A node has answered us from where it says that it is."""
        if place_of(node.public) == self._own:
            return
        self._failures.pop(node.public, None)
        bucket = self._bucket_of(node)
        if node.public in bucket:
            bucket[node.public] = node
            bucket.move_to_end(node.public)
        elif len(bucket) < CLOSEST and self._from(node.host, bucket.values()) < self._per_host_max:
            bucket[node.public] = node

    def missed(self, node: Node) -> None:
        """A node did not answer where we met it; after a few times it is forgotten."""
        bucket = self._bucket_of(node)
        if bucket.get(node.public) != node:
            return
        self._failures[node.public] = self._failures.get(node.public, 0) + 1
        if self._failures[node.public] >= FAILURES_MAX:
            del bucket[node.public], self._failures[node.public]

    def known(self, node: Node) -> Node:
        """The node where we met it; as it was named, if we never did."""
        return self._bucket_of(node).get(node.public, node)

    def _bucket_of(self, node: Node) -> OrderedDict[bytes, Node]:
        return self._buckets[distance(self._own, place_of(node.public)).bit_length()]

    def closest(self, target: bytes, limit: int = CLOSEST) -> list[Node]:
        """The known nodes that are closest to a place."""
        every = (node for bucket in self._buckets for node in bucket.values())
        return sorted(every, key=lambda node: distance(place_of(node.public), target))[:limit]

    def _from(self, host: bytes, nodes: Iterable[Node]) -> int:
        # One machine fills no bucket. On the loopback, where tests live, every node has the same host.
        return sum(node.host == host for node in nodes)


class Pointers:
    """Pointers that were checked, the newest of each key. A full place keeps what it has, a full node what is near."""

    def __init__(self, own: bytes) -> None:
        self._own = own
        self._places: dict[bytes, OrderedDict[str, Pointer]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    def put(self, pointer: Pointer, *, now_us: int) -> bool:
        """Keep a pointer, unless a newer one of its key is here or there is no room."""
        if pointer.key not in self._places and not self._has_room(pointer.key, now_us=now_us):
            return False
        place = self._places.setdefault(pointer.key, OrderedDict())
        known = place.get(pointer.public)
        if known is not None and known.sequence > pointer.sequence:
            return False
        if known is None and len(place) >= POINTERS_AT_MAX:
            return False
        place[pointer.public] = pointer
        return True

    def _has_room(self, key: bytes, *, now_us: int) -> bool:
        """Whoever fills nodes with made-up subjects drives out only what does not belong there anyway."""
        if len(self._places) < PLACES_MAX:
            return True
        self.sweep(now_us=now_us)
        if len(self._places) < PLACES_MAX:
            return True
        farthest = max(self._places, key=lambda one: distance(one, self._own))
        if distance(key, self._own) >= distance(farthest, self._own):
            return False
        del self._places[farthest]
        return True

    def at(self, key: bytes, *, now_us: int) -> list[Pointer]:
        """What lies at a place and has not run out."""
        place = self._places.get(key)
        return [one for one in place.values() if now_us < one.expires_at_us] if place is not None else []

    def sweep(self, *, now_us: int) -> None:
        """Forget what has run out."""
        for key, place in list(self._places.items()):
            for public, one in list(place.items()):
                if one.expires_at_us <= now_us:
                    del place[public]
            if not place:
                del self._places[key]


class Sequences:
    """The highest sequence that was ever seen of each key at each place: what is older does not come back."""

    def __init__(self) -> None:
        self._highest: Recent[tuple[bytes, str], int] = Recent(PLACES_MAX)

    def in_force(self, place: bytes, pointers: Iterable[Pointer]) -> tuple[Pointer, ...]:
        """Those that are not older than what was seen before."""
        return tuple(one for one in pointers if self._is_newest(place, one))

    def _is_newest(self, place: bytes, pointer: Pointer) -> bool:
        highest = max(self._highest.get((place, pointer.public), 0), pointer.sequence)
        self._highest[place, pointer.public] = highest
        return pointer.sequence == highest
