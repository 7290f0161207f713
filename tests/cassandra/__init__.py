"""Real Apache Cassandra clusters for the tests, the benchmarks, the demo and people.

    from tests.cassandra import Cluster, ClusterOptions

    with Cluster(ClusterOptions(nodes=3)) as cluster:
        print(cluster.contact_points, cluster.port)   # ['127.0.10.1', …] 9042
        cluster.nodes[1].kill()                       # a crash
        cluster.nodes[1].restart()

By hand: ``python -m tests.cassandra up --nodes 3``, ``status``, ``kill 2``, ``start 2``, ``down``.

Only the standard library is used, and none of the packages under test, so that a bug in them
can neither hide behind this code nor break it. Needed on the machine: Linux or macOS, Java 17,
Maven (once per version, for the jars), and for TLS also ``openssl``.

The rooms: ``options`` (the shape of a cluster), ``paths``, ``locks`` and ``runs`` (the cache
folder), ``jars`` and ``tools`` (the server's jars, and Java), ``addresses`` (loopback subnets),
``config`` and ``jvm`` (a node's files and command line), ``tls``, ``process`` (pids that are safe
to signal), ``guard`` (ends a node whose owner died), ``probe`` (hand-made CQL frames), ``node``,
``cluster``, ``pool`` (one cluster per shape for a test run), ``state`` and ``cli`` (named clusters
for people).
"""

from __future__ import annotations

from tests.cassandra.cluster import Cluster
from tests.cassandra.errors import ClusterError, ServerUnavailable, StartError
from tests.cassandra.node import Node
from tests.cassandra.options import NO_RESTART, ClusterOptions
from tests.cassandra.pool import ClusterPool

__all__ = [
    "NO_RESTART",
    "Cluster",
    "ClusterError",
    "ClusterOptions",
    "ClusterPool",
    "Node",
    "ServerUnavailable",
    "StartError",
]
