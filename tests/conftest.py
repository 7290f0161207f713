"""Fixtures that all tests share: real Cassandra clusters (the code is in ``tests/cassandra``)."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.cassandra import Cluster, ClusterPool

# A busy machine makes any example slow; no test of this suite is about time.
# A build server tries the same examples each time, so that the same commit gives the same
# answer; whoever runs the suite by hand tries others.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

_CLUSTER_FIXTURES = {"cassandra", "clusters"}
_ONCE = {"launcher", "packaging", "reactors", "runtimes", "simulacron", "soak"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses a cluster, so that ``-m "not integration"`` leaves none behind.

    Tests that run nothing that has two implementations are marked ``once``, and so are those
    whose time is the servers'.
    """
    for item in items:
        if _CLUSTER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)
        if _ONCE.intersection(item.path.parts):
            item.add_marker(pytest.mark.once)
    if os.environ.get("PYTEST_XDIST_WORKER"):
        from tests.parallel import first_the_long_ones

        first_the_long_ones(items)


def pytest_collection_finish() -> None:
    """Have the collector pass over what was collected.

    These are 400,000 objects, which live as long as the process. Hundreds of tests run the
    collector to see what they leave behind, which took a quarter of a second each time.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together what shares nodes, whatever ``--dist`` says."""
    from tests.parallel import Scheduler

    return Scheduler(config, log)


@pytest.fixture(autouse=True)
def _every_test_hears_what_is_said_seldom() -> None:
    """Forget which lines other tests have had the driver log."""
    from cql_driver.logs import seldom

    seldom.forget()


@pytest.fixture(scope="session")
def clusters() -> Iterator[ClusterPool]:
    """Real clusters by shape: ``clusters.get(ClusterOptions(nodes=3))``, ``clusters.private(…)``.

    Skips where no server can be had, and fails there when ``CI`` is set. With pytest-xdist every
    worker has clusters of its own, on subnets of their own.
    """
    from tests.cassandra import ClusterPool
    from tests.cassandra.pool import require_server
    from tests.servers import had

    had(require_server, "Cassandra")
    with ClusterPool() as pool:
        yield pool


@pytest.fixture(scope="session")
def cassandra(clusters: ClusterPool) -> Cluster:
    """A cluster of one node, shared by the whole run: use a keyspace of your own in it.

    It must not be killed or restarted, since it would not remember its schema.
    """
    from tests.cassandra import NO_RESTART, ClusterOptions

    return clusters.get(ClusterOptions(jvm=NO_RESTART), pin=True)
