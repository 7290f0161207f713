"""Starts a node's Java process and ends it when the process that wanted it is gone.

A program of its own, run by path with the standard library only. Its standard input is a pipe whose
other end the owner holds, and whose first line says what to do, in JSON::

    {"command": [...], "log": "system.log", "attached": true, "owner": 4711, "remove": "folder"}

It answers with the pid of the new process. Attached, it stays: when the pipe ends (the kernel
closes it however the owner died) or its parent changes (a fork of the owner may still hold the
pipe), it kills the node, which works on a stopped process too, and removes the folder. Should the
guard itself be killed, Linux kills the node (PR_SET_PDEATHSIG). Not attached, the guard ends at
once and the node lives on.

A last word from the owner, any at all, ends node and guard and leaves the folder.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY = 0.25


def main() -> int:
    """Read the orders, start the node, keep watch."""
    orders: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    attached: bool = orders["attached"]
    with open(orders["log"], "ab") as log:
        child = subprocess.Popen(
            orders["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent() if attached else None,
        )
    os.write(1, b"%d\n" % child.pid)
    os.close(1)
    if not attached:
        child.returncode = 0  # It is meant to outlive us: no warning, no waiting.
        return 0
    orphaned = _watch(child, orders["owner"])
    child.send_signal(signal.SIGCONT)
    child.kill()
    child.wait()
    if orphaned and orders["remove"]:
        shutil.rmtree(orders["remove"], ignore_errors=True)
    return 0


def _watch(child: subprocess.Popen[bytes], owner: int) -> bool:
    """Wait for the end of the child, of the owner or of our task; True when the owner is gone."""
    while child.poll() is None:
        if os.getppid() != owner:
            return True
        readable, _, _ = select.select([0], [], [], _LOOK_EVERY)
        if readable:
            # A word from the owner dismisses us; the end of the pipe is the end of the owner.
            return not os.read(0, 512)
    return False


def _die_with_parent() -> Callable[[], None] | None:
    """A function for the child that asks Linux to kill it when the guard dies; else None."""
    if not sys.platform.startswith("linux"):
        return None
    # Loaded before the fork: the child should only make the call.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    guard = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != guard:  # It died between the fork and the call.
            os._exit(1)

    return ask


if __name__ == "__main__":
    sys.exit(main())
