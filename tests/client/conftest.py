"""The world of the API's tests, over one server for all clients of it."""

from tests.api.conftest import cluster, world

__all__ = ["cluster", "world"]
