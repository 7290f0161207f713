"""The measured process of `benchmarks.memory`: it imports nothing but one driver::

    python benchmarks/memory_worker.py cql_driver 10000 200

It prints a JSON object: what is there before and after, of each thing that is done.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP = 20
"""A share of the work that is done before anything is measured: 1 / WARM_UP."""


def state() -> dict[str, int]:
    """Return what this process holds: threads, sockets, and resident bytes."""
    for _ in range(3):
        gc.collect()
    return {
        "threads": threading.active_count(),
        "tasks": len(list(Path("/proc/self/task").iterdir())),
        "sockets": sum(_is_socket(link) for link in Path("/proc/self/fd").iterdir()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "resident": int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(),
    }


def _is_socket(link: Path) -> bool:
    try:
        return os.readlink(link).startswith("socket:")
    except OSError:
        return False


def create(root: Any, count: int) -> None:
    """Make clusters and drop them."""
    for _ in range(count):
        root.Cluster(["127.0.0.1"], protocol_version=4)


def fail(root: Any, count: int) -> None:
    """Connect to a port where nobody listens."""
    with socket.socket() as taken:
        # Bound and not listening: nobody else can listen there meanwhile.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for _ in range(count):
            cluster = root.Cluster(["127.0.0.1"], port=port, protocol_version=4)
            try:
                cluster.connect()
            except root.NoHostAvailable:
                cluster.shutdown()
            else:
                raise AssertionError("a connection to a closed port")


def main() -> None:
    """Do both, each once for warming up, and print the states."""
    root = importlib.import_module(f"{sys.argv[1]}.cluster")
    steps: list[tuple[str, Callable[[Any, int], None], int]] = [
        ("created and dropped", create, int(sys.argv[2])),
        ("failed to connect", fail, int(sys.argv[3])),
    ]
    for _, act, count in steps:
        act(root, max(count // WARM_UP, 1))
    result = {}
    for name, act, count in steps:
        before = state()
        act(root, count)
        result[name] = {"count": count, "before": before, "after": state()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
