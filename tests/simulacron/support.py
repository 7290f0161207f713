"""What the tests on Simulacron share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cql_driver.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy
from tests.integration.driver.support import in_flight, until
from tests.simulacron.fakes import FakeCluster

__all__ = ["SELECT", "coordinators", "in_flight", "session_of", "until"]

SELECT = "SELECT v FROM ks.t WHERE k = 1"


@contextmanager
def session_of(
    fakes: FakeCluster, policy: Any = None, *, profile: Any = None, **options: Any
) -> Iterator[Session]:
    """A session of a cluster of its own, all its pools filled; no connection is left of it.

    The first node of dc1 is the contact point. Simulacron offers compression, and cannot
    read what is compressed.
    """
    choices = {"request_timeout": 10.0, **(profile or {})}
    choices["load_balancing_policy"] = policy or DCAwareRoundRobinPolicy("dc1")
    options.setdefault("contact_points", [fakes.nodes[0].address])
    options.setdefault("compression", False)
    options.setdefault("reconnection_policy", ConstantReconnectionPolicy(0.2, None))
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(**choices)}
    with Cluster(execution_profiles=profiles, **options) as cluster:
        yield cluster.connect(wait_for_all_pools=True)
    until(lambda: not fakes.connections(), "no connection is left", timeout=10)


def coordinators(session: Session, statement: Any, count: int, *args: Any, **how: Any) -> list[str]:
    """Return the addresses of the nodes that answered a statement, run `count` times."""
    hosts = [
        session.execute(statement, *args, **how).response_future.coordinator_host
        for _ in range(count)
    ]
    return [host.address for host in hosts if host is not None]
