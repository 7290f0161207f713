"""``python -m tests.cassandra``: see :mod:`tests.cassandra.cli`."""

from __future__ import annotations

import sys

from tests.cassandra.cli import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m tests.cassandra"))
