"""`Simulation`: a world with a network, a cluster, and as many clients as a test wants."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Self

from cql_driver.core.pending import Waitable
from cql_driver.policies import base as policies
from tests.simulation.client import RawClient
from tests.simulation.cluster import SimCluster
from tests.simulation.network import SimNetwork
from tests.simulation.runtime import SimRuntime
from tests.simulation.world import SimulationError, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.cluster import Cluster, Session
    from tests.simulation.node import SimNode

__all__ = ["Simulation"]

_SOURCES: tuple[Any, ...] = (random, policies._source)
"""What draws without asking the world: tests, users, and the driver."""


class Simulation:
    """Everything a test of the request core needs; see the package's text.

    `seed` decides all that is random, also what the driver draws by itself.
    The other arguments are those of `SimCluster`. Left normally, it shuts its clusters
    down and raises when something raised on the loop, or is left open (`check`).
    """

    def __init__(
        self,
        seed: int = 0,
        nodes: Any = 3,
        *,
        recording: bool = True,
        **cluster_options: Any,
    ) -> None:
        self.seed = seed
        self.world = World(seed, recording=recording)
        self.network = SimNetwork(self.world)
        self.cluster = SimCluster(self.network, nodes, **cluster_options)
        self.runtimes: list[SimRuntime] = []
        self.clusters: list[Cluster] = []
        self.runtime = self.new_runtime()
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = [source.getstate() for source in _SOURCES]
        for source in _SOURCES:
            source.seed(self.seed)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self.shutdown()
                self.check()
        finally:
            for source, state in zip(_SOURCES, self._before, strict=True):
                source.setstate(state)

    # --- short names -------------------------------------------------------------------------

    @property
    def nodes(self) -> list[SimNode]:
        """The nodes of the cluster."""
        return self.cluster.nodes

    @property
    def time(self) -> float:
        """The virtual clock, in seconds."""
        return self.world.time

    @property
    def record(self) -> list[Any]:
        """What happened, in order: equal for equal seeds."""
        return self.world.record

    def __getitem__(self, number: int) -> SimNode:
        """Return a node by its number, from 1 on."""
        return self.cluster[number]

    # --- clients -----------------------------------------------------------------------------

    def new_runtime(self) -> SimRuntime:
        """Return the runtime of another client, with an address of its own."""
        runtime = SimRuntime(self.network, f"10.0.255.{len(self.runtimes) + 1}")
        self.runtimes.append(runtime)
        return runtime

    def raw(self, node: int = 1, version: int = 5, **options: Any) -> RawClient:
        """Return a bare connection to a node, after its handshake."""
        client = RawClient(self.runtime, version)
        return client.open(self.cluster[node].endpoint, **options)

    def new_cluster(self, **options: Any) -> Cluster:
        """Return a `cql_driver.cluster.Cluster` of this world, which `shutdown` will close.

        All nodes are its contact points, unless `options` say otherwise.
        """
        from cql_driver.cluster import Cluster

        options = {
            "contact_points": self.cluster.addresses(),
            "runtime": self.runtime,
            **options,
        }
        cluster = Cluster(**options)
        self.clusters.append(cluster)
        return cluster

    def connect(self, keyspace: str | None = None, **options: Any) -> Session:
        """Connect a new cluster object to the nodes; return a session with all pools made."""
        return self.new_cluster(**options).connect(keyspace, wait_for_all_pools=True)

    # --- time --------------------------------------------------------------------------------

    def run(
        self, goal: float | Waitable | Callable[[], object] = 1.0, limit: float | None = None
    ) -> bool:
        """Make things happen: for so many seconds, or until something is done or true."""
        if isinstance(goal, int | float):
            self.world.run_for(goal)
            return True
        return self.world.run_until(goal, limit)

    def at(self, delay: float, action: Callable[..., object], *args: Any) -> None:
        """Do something in `delay` seconds, as a thread of the user would, beside the loop."""
        self.world.after(delay, self.world.outside, action, *args)

    # --- the end -----------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Shut all clusters down, and let the network come to rest."""
        for cluster in self.clusters:
            cluster.shutdown()
        if not self.world.stepping:
            self.world.run_for(0.1)

    def check(self) -> None:
        """Raise when a call on the loop raised, or when a client left something behind."""
        raised = [f"{f.function} raised {f.error!r}" for f in self.world.failures]
        counted = {what: raised.count(what) for what in raised}
        problems = [what if n == 1 else f"{what} ({n} times)" for what, n in counted.items()]
        for runtime in self.runtimes:
            left = runtime.left_at_stop if runtime.stopped else runtime.leaks()
            problems += [f"left behind: {what}" for what in left]
        if problems:
            listed = "\n".join(problems)
            error = SimulationError(f"seed {self.seed}:\n{listed}\n\n{self.world.story()}")
            if self.world.failures:
                raise error from self.world.failures[0].error
            raise error
