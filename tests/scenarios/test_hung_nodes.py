"""Scenario 56: what a node that hung does when it goes on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cql_driver.query import SimpleStatement
from cql_protocol.errors import OperationTimedOut
from tests.scenarios.hosts import host_of
from tests.simulation import Simulation


def settled(session: Any) -> bool:
    """Say whether no request is in flight, and no answer still to come."""
    return all(link.in_flight == link.orphans == 0 for link in session.pools.links())


@pytest.mark.parametrize("seconds", [1.5, 15.0])
def test_scenario_56_nothing_is_answered_nor_written_twice(seconds: float) -> None:
    with Simulation(56) as sim:
        session = sim.connect("ks")
        host, before = host_of(session, sim[2]), session.pools.links()
        ended: Counter[int] = Counter()
        outcomes: dict[int, Any] = {}

        def note(outcome: Any, key: int) -> None:
            ended[key] += 1
            outcomes[key] = outcome

        insert = "INSERT INTO t (k, v) VALUES (%s, 'a')"
        sim[2].hang()
        futures = []
        for key in range(40):
            # Half of them ask this node, whatever is known of it.
            pinned = {"host": host} if key % 2 else {}
            future = session.execute_async(insert, (key,), timeout=1.0, **pinned)
            future.add_callbacks(note, note, callback_args=(key,), errback_args=(key,))
            futures.append(future)
        sim.run(seconds)
        assert set(ended.values()) == {1}
        assert all(isinstance(outcomes[key], OperationTimedOut) for key in range(1, 40, 2))
        sim[2].resume()
        sim.run(lambda: settled(session), limit=5.0)
        # The late answers free their streams and reach nobody.
        assert set(ended.values()) == {1}
        assert {sim.cluster.t.count(key) for key in range(40)} <= {0, 1}
        assert all(sim.cluster.t.count(key) == 1 for key in range(1, 40, 2))
        assert session.pools.links() == before
        read = "SELECT k FROM t WHERE k = %s"
        for key in range(1, 40, 2):
            assert session.execute(read, (key,), host=host).one().k == key


def test_scenario_56_each_page_has_a_time_out_of_its_own() -> None:
    with Simulation(56) as sim:
        for key in range(6):
            sim.cluster.t.add(k=key, v="a")
        session = sim.connect("ks")
        host = host_of(session, sim[2])
        # The time that the application takes between two pages is its own.
        result = session.execute(
            SimpleStatement("SELECT k FROM t", fetch_size=2), timeout=1.0, host=host
        )
        seen = [row.k for row in result.current_rows]
        sim.run(5.0)
        for _ in range(3):
            sim[2].hang()
            began = sim.time
            with pytest.raises(OperationTimedOut):
                result.fetch_next_page()
            assert 1.0 <= sim.time - began < 1.1
            sim[2].resume()
            sim.run(lambda: settled(session), limit=5.0)
        while result.has_more_pages:
            result.fetch_next_page()
            seen += [row.k for row in result.current_rows]
        assert sorted(seen) == list(range(6))
