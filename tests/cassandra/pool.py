"""One cluster per shape for a whole test run, within a bound on nodes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from types import TracebackType

from tests.cassandra.cluster import Cluster
from tests.cassandra.errors import ClusterError
from tests.cassandra.jars import jar_folder
from tests.cassandra.options import DEFAULT_VERSION, ClusterOptions
from tests.cassandra.tools import find_java

DEFAULT_MAX_NODES = 6


def require_server() -> None:
    """Check that this machine can run Cassandra, and fetch it if it is not in the cache yet.

    :raises ServerUnavailable: what is missing.
    """
    find_java()
    jar_folder(DEFAULT_VERSION)


class ClusterPool:
    """Hands out clusters by shape and stops all of them at the end.

    When more than ``max_nodes`` nodes would be up (default 6, or ``CQL_TESTS_MAX_NODES``), the
    shapes asked for longest ago are stopped first; asked for again, they start anew and empty.
    So ask in the test, or in a fixture that lives no longer than a module.
    """

    def __init__(self, max_nodes: int | None = None) -> None:
        self._max_nodes = max_nodes or int(os.environ.get("CQL_TESTS_MAX_NODES", DEFAULT_MAX_NODES))
        # The order is that of use: the shape used last stands last.
        self._shared: dict[ClusterOptions, Cluster] = {}
        self._private: list[Cluster] = []
        self._pinned: set[ClusterOptions] = set()

    def get(self, options: ClusterOptions | None = None, *, pin: bool = False) -> Cluster:
        """The run's cluster of this shape, with all its nodes up; others use it too.

        Tests that take nodes down should have a cluster of their own (:meth:`private`); what
        they take down here is started again by the next call.

        :param pin: never stop this shape to make room.
        """
        options = options or ClusterOptions()
        if pin:
            self._pinned.add(options)
        cluster = self._shared.pop(options, None)
        if cluster is None or not cluster.nodes:
            self._make_room(options.nodes)
            cluster = Cluster(options)
            cluster.start()
        self._shared[options] = cluster
        cluster.heal()
        return cluster

    @contextlib.contextmanager
    def private(self, options: ClusterOptions | None = None) -> Iterator[Cluster]:
        """A new cluster for this caller only, stopped at the end of the ``with`` block."""
        options = options or ClusterOptions()
        self._make_room(options.nodes)
        cluster = Cluster(options)
        with cluster:
            self._private.append(cluster)
            try:
                yield cluster
            finally:
                self._private.remove(cluster)

    @property
    def nodes_up(self) -> int:
        """How many nodes of this pool exist now."""
        return sum(len(cluster.nodes) for cluster in [*self._shared.values(), *self._private])

    def _make_room(self, wanted: int) -> None:
        for options in list(self._shared):
            if self.nodes_up + wanted <= self._max_nodes:
                return
            if options not in self._pinned:
                self._shared.pop(options).stop()

    def close(self) -> None:
        """Stop every cluster.

        :raises ClusterError: some did not end; the others have been stopped all the same.
        """
        failed = []
        for cluster in [*self._private, *self._shared.values()]:
            try:
                cluster.stop()
            except ClusterError as error:
                failed.append(str(error))
        self._shared.clear()
        self._private.clear()
        if failed:
            raise ClusterError("; ".join(failed))

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
