"""Loopback subnets: every cluster listens on addresses of its own, 127.0.C.1 to 127.0.C.5.

The ports stay 9042 and 7000 on every node, as in production, so nodes differ by address only.
A cluster owns a subnet as long as it holds that subnet's lock file. Named clusters outlive the
process that made them; their state files reserve their subnets instead.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from collections.abc import Collection
from pathlib import Path

from tests.cassandra.errors import ClusterError
from tests.cassandra.locks import FileLock
from tests.cassandra.options import MAX_NODES
from tests.cassandra.paths import subfolder

CQL_PORT = 9042
STORAGE_PORT = 7000
# 127.0.0.x and its neighbours are where people run servers of their own.
_SUBNETS = range(10, 250)


class Subnet:
    """A loopback subnet that this process owns until :meth:`release`."""

    __slots__ = ("_lock", "number")

    def __init__(self, number: int, lock: FileLock | None) -> None:
        self.number = number
        self._lock = lock

    def address(self, node: int) -> str:
        """The address of node ``node``, counted from 1."""
        return f"127.0.{self.number}.{node}"

    def release(self) -> None:
        """Let other clusters have the subnet."""
        if self._lock is not None:
            self._lock.release()


def allocate_subnet(
    nodes: int = MAX_NODES,
    *,
    reserved: Collection[int] | None = None,
    folder: Path | None = None,
) -> Subnet:
    """Take a subnet that no other cluster has and whose ports nobody listens on.

    :param nodes: how many addresses must be free.
    :param reserved: third octets not to take; those of the named clusters when None.
    :param folder: where the lock files are; the cache folder when None.
    :raises ClusterError: no subnet is free, with the reason of the last refusal.
    """
    folder = folder or subfolder("subnets")
    reserved = reserved_subnets() if reserved is None else reserved
    # Start at another place in each process: less contention, and two caches rarely meet.
    offset = os.getpid() % len(_SUBNETS)
    reason = "all are taken by other clusters"
    for step in range(len(_SUBNETS)):
        number = _SUBNETS[(offset + step) % len(_SUBNETS)]
        if number in reserved:
            continue
        lock = FileLock(folder / f"127.0.{number}.lock")
        if not lock.try_acquire():
            continue
        subnet = Subnet(number, lock)
        refused = _why_busy([subnet.address(node) for node in range(1, nodes + 1)])
        if refused is None:
            return subnet
        reason = refused
        subnet.release()
    raise ClusterError(f"no loopback subnet 127.0.C.0 is free for a cluster: {reason}")


def reserved_subnets() -> set[int]:
    """The subnets of named clusters, which keep them while all their nodes are down."""
    found = set()
    for path in subfolder("clusters").glob("*.json"):
        # It may be removed while we read the others.
        with contextlib.suppress(FileNotFoundError):
            found.add(int(json.loads(path.read_text())["subnet"]))
    return found


def _why_busy(addresses: list[str]) -> str | None:
    """None when both ports of all addresses can be bound, else the reason why not."""
    for address in addresses:
        for port in (CQL_PORT, STORAGE_PORT):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                # As the server does: connections in TIME_WAIT do not make an address busy.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, port))
                except OSError as error:
                    hint = ""
                    if error.errno == errno.EADDRNOTAVAIL:
                        hint = f" (on macOS: sudo ifconfig lo0 alias {address})"
                    return f"cannot bind {address}:{port}: {error.strerror}{hint}"
    return None
