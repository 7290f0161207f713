"""200 threads on one session for a minute, while a node is killed and restarted."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from cql_driver.policies import ConstantReconnectionPolicy
from tests.integration.driver.soak import Soak, disturb
from tests.integration.driver.support import connected, keyspace_of

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

SECONDS = float(os.environ.get("CQL_TESTS_SOAK_SECONDS", "60"))


@pytest.mark.slow
@pytest.mark.once
def test_a_minute_of_200_threads_and_a_node_that_dies(three: Nodes) -> None:
    before = set(threading.enumerate())
    with (
        connected(three, reconnection_policy=ConstantReconnectionPolicy(1, None)) as session,
        keyspace_of(session, 3),
    ):
        soak = Soak(session, threads=200, seed=4)
        soak.start()
        try:
            disturb(three, SECONDS, max(1, round(SECONDS / 60)), seed=4)
        finally:
            soak.finish()
        print(soak.report())
        soak.verify()
        assert soak.calls["write"] > 1000
    assert set(threading.enumerate()) == before
