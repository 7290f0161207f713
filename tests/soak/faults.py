"""What happens to the nodes, and in which order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cassandra import Cluster, Node
    from tests.proxy import ProxyCluster

__all__ = ["KINDS", "Fault", "Faults"]

KINDS = ("kill", "hang", "restart", "partition")
DOWN = 5.0
"""Seconds for which a killed node stays away."""
START_TIMEOUT = 300.0
"""Seconds within which a node must be back; the processor is busy with those that work."""


@dataclass
class Fault:
    """One fault: times are those of `time.monotonic`."""

    kind: str
    node: int
    begun: float
    over: float = 0.0
    """When the node served clients again, and the nodes knew of each other."""


class Faults:
    """Does one thing after the other to nodes; `seed` says what and to which.

    :param proxies: what the driver reaches the nodes through; only they can partition.
    :param patience: seconds that a hang or a partition lasts.
    """

    def __init__(
        self,
        nodes: Cluster,
        proxies: ProxyCluster | None,
        kinds: Sequence[str],
        *,
        seed: int,
        patience: float = 20.0,
    ) -> None:
        self._nodes = nodes
        self._proxies = proxies
        self._patience = patience
        self.done: list[Fault] = []
        self._next = self._order(kinds, random.Random(seed))

    def _order(self, kinds: Sequence[str], chance: random.Random) -> Iterator[tuple[str, Node]]:
        """Each kind once, in random order, then again in another one."""
        while True:
            for kind in chance.sample(kinds, len(kinds)):
                yield kind, chance.choice(self._nodes.nodes)

    def one(self, tell: Callable[[str], None]) -> Fault:
        """Have the next fault, from its beginning until the node is back."""
        kind, node = next(self._next)
        fault = Fault(kind, node.number, time.monotonic())
        self.done.append(fault)
        tell(f"{kind} of node {node.number}")
        getattr(self, f"_{kind}")(node)
        fault.over = time.monotonic()
        tell(f"node {node.number} is back after {fault.over - fault.begun:.0f} s")
        return fault

    def _kill(self, node: Node) -> None:
        node.kill()
        self._gone(node)
        time.sleep(DOWN)
        self._start(node)

    def _restart(self, node: Node) -> None:
        node.stop()
        self._gone(node)
        self._start(node)

    def _gone(self, node: Node) -> None:
        """The driver is refused as it would be without a proxy."""
        if self._proxies is not None:
            self._proxies.of(node).shut()

    def _start(self, node: Node) -> None:
        node.start(START_TIMEOUT)
        if self._proxies is not None:
            self._proxies.of(node).heal()
        self._nodes.settle(START_TIMEOUT)

    def _hang(self, node: Node) -> None:
        node.hang()
        try:
            time.sleep(self._patience)
        finally:
            node.resume()

    def _partition(self, node: Node) -> None:
        assert self._proxies is not None
        proxy = self._proxies.of(node)
        proxy.partition()
        try:
            time.sleep(self._patience)
        finally:
            proxy.heal()
