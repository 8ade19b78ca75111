"""Starts the simulated network as a process of its own: loads it, and lets it run. Knows nothing of networks.

Imports hardly anything itself, for what it is about: how everything else is loaded.
"""

from __future__ import annotations

import gc
from importlib import import_module


def main() -> None:
    """Serve until told to end."""
    # The protocol's two thousand classes stay for good: a quarter of the start went into looking whether they do.
    gc.disable()
    serve = import_module("chimera.connectors.sandbox.alone").main
    gc.freeze()
    gc.enable()
    serve()


if __name__ == "__main__":
    main()
