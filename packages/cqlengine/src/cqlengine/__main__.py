"""``python -m cqlengine``: plan and apply changes of the schema, and tell what was applied."""

from __future__ import annotations

import sys

from cqlengine.migrations.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
