"""Starts everything on this machine: `python main.py` is `chimera up`. Decides nothing itself."""

import sys

from chimera.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "up")
    sys.exit(main())
