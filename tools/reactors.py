"""Run the driver's tests on real nodes on each reactor, in environments made by hatch::

    tools/reactors.py [gevent twisted ...] [arguments of pytest]

Every environment has the framework of its reactor and no other. Without names all six have their
turn; the status is that of the worst.
"""

from __future__ import annotations

import subprocess
import sys
import time

REACTORS = ("asyncio", "asyncore", "eventlet", "gevent", "libev", "twisted")


def main(arguments: list[str]) -> int:
    """Run them one after the other, and tell of each in the end."""
    count = 0
    while count < len(arguments) and arguments[count] in REACTORS:
        count += 1
    names, rest = arguments[:count] or REACTORS, arguments[count:]
    told = []
    worst = 0
    for name in names:
        started = time.monotonic()
        command = [sys.executable, "-m", "hatch", "-e", f"reactor.{name}", "run", "suite", *rest]
        status = subprocess.run(command, check=False).returncode
        worst = max(worst, abs(status))
        verdict = "passed" if status == 0 else f"FAILED (status {status})"
        told.append(f"{name:10} {verdict}, {time.monotonic() - started:.0f} s")
    print("\n==== the blocking API on each reactor ====")
    print("\n".join(told))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
