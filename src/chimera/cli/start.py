"""`chimera`: loads the room of one command, and runs the command in it.

Knows nothing of commands. Imports hardly anything itself, for what it is about: how everything else is loaded.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module


def main() -> None:
    """The `chimera` command."""
    arguments = sys.argv[1:]
    # A thousand modules are loaded, and none is given up again: a fifth of a command's start went into looking.
    gc.disable()
    app = import_module("chimera.cli.rooms").app_for(arguments)
    output = import_module("chimera.cli.output")
    gc.freeze()
    gc.enable()
    sys.exit(output.run(app, arguments))


if __name__ == "__main__":
    main()
