"""The harness with the real `Cluster`: what any scenario does first, and leaves nothing of."""

from __future__ import annotations

from typing import Any

import pytest

from cql_protocol.errors import NoHostAvailable, OperationTimedOut
from tests.simulation import Delay, Drop, Rule, Simulation


def workload(seed: int, version: int = 5) -> list[Any]:
    """Write and read some rows through a slow node; return the record."""
    with Simulation(seed, versions=range(3, version + 1)) as sim:
        sim[2].rules.append(Rule(Delay(0.0, 0.02), chance=0.5))
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        select = session.prepare("SELECT k, v FROM t WHERE k = ?")
        for future in [session.execute_async(insert, (k, f"v{k}")) for k in range(20)]:
            future.result()
        assert [sim.cluster.t.count(k) for k in range(20)] == [1] * 20
        for k in range(20):
            assert [tuple(row) for row in session.execute(select, (k,))] == [(k, f"v{k}")]
        assert all(node.executed > 0 for node in sim.nodes)
        return sim.record


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_cluster_works_in_the_simulation_and_leaves_nothing(version: int) -> None:
    workload(1, version)


def test_the_same_seed_gives_the_same_run_of_the_driver() -> None:
    first, second = workload(7), workload(7)
    assert first == second
    assert workload(8) != first


def test_pages_are_fetched_one_by_one() -> None:
    with Simulation(2) as sim:
        for k in range(23):
            sim.cluster.t.add(k=k, v="x")
        sim.cluster.t.empty_pages = 3
        session = sim.connect("ks")
        session.default_fetch_size = 5
        assert [row.k for row in session.execute("SELECT k FROM t")] == list(range(23))


def test_a_lost_answer_is_a_time_out_of_virtual_time() -> None:
    with Simulation(3) as sim:
        for node in sim.nodes:
            node.rules.append(Rule(Drop(), text="INSERT"))
        session = sim.connect("ks")
        began = sim.time
        with pytest.raises(OperationTimedOut):
            session.execute("INSERT INTO t (k, v) VALUES (1, 'a')", timeout=3.0)
        assert 3.0 <= sim.time - began < 3.5
        assert sim.cluster.t.count(1) == 1


def test_a_cluster_of_dead_nodes_cannot_be_connected_to() -> None:
    with Simulation(4) as sim:
        for node in sim.nodes:
            node.kill()
        with pytest.raises(NoHostAvailable):
            sim.connect()
