"""``python -m cql_driver``: tell what is installed, what of it is used, and why."""

from __future__ import annotations

import sys

from cql_driver.doctor import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
