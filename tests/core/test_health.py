"""`Health`: hosts that hang, time out or lag are asked last, and come back by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.observers import Observer
from cql_driver.policies import NeverSickNodePolicy
from cql_protocol.errors import OperationTimedOut
from tests.simulation import Simulation

if TYPE_CHECKING:
    from cql_driver.cluster import Session

READ = "SELECT v FROM t WHERE k = 1"
WRITE = "INSERT INTO t (k, v) VALUES (2, 'b')"


class Changes(Observer):
    """Notes what becomes of hosts."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def host_changed(self, host: Any, change: str) -> None:
        self.seen.append((host.address, change))


def connect(sim: Simulation, **options: Any) -> Session:
    sim.cluster.t.add(k=1, v="a")
    session = sim.connect("ks", **options)
    for _ in range(10):
        session.execute(READ)
    return session


def sick(session: Session) -> list[str]:
    return [host.address for host in session.hosts if host.is_sick]


def reads(session: Session, count: int, timeout: float | None) -> int:
    """Read one after the other, as a thread that blocks does; return how many timed out."""
    failed = 0
    for _ in range(count):
        try:
            session.execute(READ, timeout=timeout)
        except OperationTimedOut:
            failed += 1
    return failed


# --- silent --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "most"), [(0.1, 10), (0.3, 5), (1.0, 2), (10.0, 0), (None, 0)], ids=str
)
def test_scenario_55_a_hung_node_costs_a_few_requests(timeout: float | None, most: int) -> None:
    with Simulation(1) as sim:
        session = connect(sim)
        sim[2].hang()
        began = sim.time
        assert reads(session, 60, timeout) <= most
        assert sim.time - began < 2.0
        assert sick(session) == [sim[2].address]
        began = sim.time
        assert reads(session, 100, timeout) == 0
        assert sim.time - began < 1.0
        sim[2].resume()
        sim.run(0.1)
        assert sick(session) == []
        session.execute(READ)


def test_what_waits_for_a_silent_node_is_asked_elsewhere_once(caplog: Any) -> None:
    with Simulation(2) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes])
        sim[2].hang()
        futures = [session.execute_async(READ, timeout=None) for _ in range(30)]
        writes = [session.execute_async(WRITE, timeout=5.0) for _ in range(3)]
        sim.run(2.0)
        [write] = [write for write in writes if not write.execution.done]
        assert all(future.execution.done for future in futures)
        assert {future.result().one().v for future in futures} == {"a"}
        assert write.attempted_hosts == [session.cluster.metadata.get_host(sim[2].address)]
        sim[2].resume()
        sim.run(0.1)
        write.result()
        assert changes.seen[3:] == [(sim[2].address, "sick"), (sim[2].address, "well")]
        lines = [record.getMessage() for record in caplog.records if "sick" in record.msg]
        assert len(lines) == 1
        assert "nothing came" in lines[0]


def test_never() -> None:
    for policy in (None, NeverSickNodePolicy()):
        with Simulation(3) as sim:
            session = connect(sim, sick_node_policy=policy)
            sim[2].hang()
            assert reads(session, 30, 0.3) == 10
            assert sick(session) == []
            sim[2].resume()
