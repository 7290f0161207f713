"""Scenarios 33 to 37: USE, names of keyspaces, statements that nodes forget or that change."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.query import BatchStatement
from cql_protocol.errors import DriverException, InvalidRequest, PreparedQueryNotFound
from cql_protocol.messages import Prepare
from tests.scenarios.run import Run
from tests.simulation import Delay, Drop, Fail, Rule, Simulation, Unprepared

INSERT = "INSERT INTO t (k, v) VALUES (?, ?)"
SELECT = "SELECT k, v FROM t WHERE k = ?"


def two_keyspaces(sim: Simulation) -> None:
    sim.cluster.store.keyspace("ks2", 3)
    sim.cluster.store.make("ks2.t", "k int, v text")
    for keyspace in ("ks", "ks2"):
        sim.cluster.store.table(keyspace, "t").add(k=1, v=keyspace)


def read(session: Any, host: Any = None) -> str:
    return str(session.execute("SELECT v FROM t WHERE k = 1", host=host).one().v)


def check_keyspaces(session: Any) -> None:
    for link in session.pools.links():
        Run.check_keyspace(None, session.pools, link)  # type: ignore[arg-type]


def test_scenario_33_use_while_connections_are_being_made() -> None:
    with Simulation(33) as sim:
        two_keyspaces(sim)
        cluster = sim.new_cluster(connections_per_host=2, max_connections_per_host=2)
        session = cluster.connect("ks")  # at the first pool; the others are on their way
        session.set_keyspace("ks2")
        assert session.keyspace == "ks2"
        for _ in range(30):
            for host in cluster.metadata.all_hosts():
                try:
                    assert read(session, host) == "ks2"
                except DriverException as exc:
                    assert "no connection" in str(exc)  # noqa: PT017 - it is not there yet
            sim.run(0.0003)
        sim.run(1.0)
        assert len(session.pools.links()) == 6
        check_keyspaces(session)


def test_scenario_33_no_connection_is_lent_before_it_has_changed() -> None:
    with Simulation(33) as sim:
        two_keyspaces(sim)
        session = sim.connect("ks")
        sim[3].rules.append(Rule(Delay(0.5), text="USE"))
        future = session.execute_async(
            "USE ks2", host=session.cluster.metadata.get_host(sim[1].address)
        )
        sim.run(0.01)
        assert not future.execution.done
        futures = [session.execute_async("SELECT v FROM t WHERE k = 1") for _ in range(9)]
        assert [f.result().one().v for f in futures] == ["ks2"] * 9
        assert {f.coordinator_host.address for f in futures} == {sim[1].address, sim[2].address}
        future.result()
        assert len([p for p in session.pools.pools.values() if p.links]) == 3
        check_keyspaces(session)


def test_scenario_33_a_connection_that_does_not_change_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Simulation(33) as sim:
        two_keyspaces(sim)
        session = sim.connect("ks")
        for node in (sim[2], sim[3]):
            node.rules.append(Rule(Fail(InvalidRequest("not today")), text="USE", times=1))
        session.execute("USE ks2", host=session.cluster.metadata.get_host(sim[1].address))
        told = [r.getMessage() for r in caplog.records if "change to" in r.getMessage()]
        assert len(told) == 2  # each of them is told of
        assert all("not today" in text for text in told)
        sim.run(2.0)
        for host in session.cluster.metadata.all_hosts():
            assert read(session, host) == "ks2"
        check_keyspaces(session)


def test_scenario_33_two_uses_at_once_leave_no_connection_behind() -> None:
    with Simulation(33) as sim:
        two_keyspaces(sim)
        session = sim.connect("ks")
        hosts = session.cluster.metadata.all_hosts()
        for first in (0.0, 0.1):
            for node in sim.nodes:
                node.rules[:] = [Rule(Delay(first), text="USE", times=1)]
            futures = [
                session.execute_async(f"USE {keyspace}", host=host)
                for keyspace, host in zip(("ks2", "ks", "ks2"), hosts, strict=True)
            ]
            sim.run(2.0)
            assert all(f.execution.done for f in futures)
            assert all(len(pool.links) == 1 for pool in session.pools.pools.values())
            check_keyspaces(session)


def test_scenario_33_a_use_that_timed_out_leaves_no_connection_in_doubt() -> None:
    with Simulation(33, nodes=1) as sim:
        two_keyspaces(sim)
        session = sim.connect("ks")
        [link] = session.pools.links()
        sim[1].rules.append(Rule(Drop(), text="USE", times=1))
        with pytest.raises(DriverException):
            session.execute("USE ks2", timeout=0.1)
        sim.run(0.5)
        assert link.closed
        assert read(session) == "ks"
        check_keyspaces(session)


def test_scenario_33_a_congested_connection_is_not_lent_in_the_middle_of_its_change() -> None:
    with Simulation(33, nodes=2) as sim:
        two_keyspaces(sim)
        session = sim.connect("ks")
        host = session.cluster.metadata.get_host(sim[1].address)
        sim[2].rules.append(Rule(Delay(0.5), text="USE"))
        future = session.execute_async("USE ks2", host=host)
        sim.run(0.01)
        [pool] = [p for p in session.pools.pools.values() if p.host is not host]
        [link] = pool.all_links
        link.pause_writing()
        link.resume_writing()
        assert pool.links == []
        future.result()
        assert pool.links == [link]


@pytest.mark.parametrize("name", ['a"; DROP TABLE t; --', "MixedCase", "with space", '""'])
def test_scenario_34_names_of_keyspaces_are_escaped(name: str) -> None:
    with Simulation(34) as sim:
        sim.cluster.store.keyspace(name, 3)
        sim.cluster.store.keyspaces[name].tables["t"] = sim.cluster.t
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect(name)
        assert session.keyspace == name
        assert read(session) == "a"
        other = sim.connect("ks")
        other.set_keyspace(name)
        assert other.keyspace == name
        check_keyspaces(other)
        assert "t" in sim.cluster.store.keyspaces["ks"].tables


def test_scenario_35_statements_that_a_node_forgot() -> None:
    with Simulation(35, nodes=1) as sim:
        session = sim.connect("ks")
        insert, select = session.prepare(INSERT), session.prepare(SELECT)
        every = session.prepare("SELECT k FROM t")
        every.fetch_size = 2
        sim[1].forget_prepared()
        session.execute(insert, (1, "a"))
        assert session.execute(select, (1,)).one().v == "a"
        batch = BatchStatement()
        for k in range(2, 6):
            batch.add(insert, (k, "b"))
        sim[1].forget_prepared()
        session.execute(batch)
        assert [sim.cluster.t.count(k) for k in range(1, 6)] == [1] * 5
        result = session.execute(every)
        found = [row.k for row in result.current_rows]
        while result.has_more_pages:
            sim[1].forget_prepared()
            result.fetch_next_page()
            found += [row.k for row in result.current_rows]
        assert found == [1, 2, 3, 4, 5]


def test_scenario_35_another_id_is_one_error_and_nothing_is_executed() -> None:
    with Simulation(35, nodes=1) as sim:
        session = sim.connect("ks")
        insert = session.prepare(INSERT)
        batch = BatchStatement()
        batch.add(insert, (2, "b"))
        for statement, parameters in ((insert, (1, "a")), (batch, None)):
            sim[1].forget_prepared()
            sim[1].id_salt += b"another"
            before = len(sim[1].prepares)
            with pytest.raises(DriverException, match="under another id"):
                session.execute(statement, parameters)
            assert len(sim[1].prepares) == before + 1
        assert [sim.cluster.t.count(k) for k in (1, 2)] == [0, 0]


def test_scenario_35_a_node_that_keeps_forgetting() -> None:
    with Simulation(35, nodes=1) as sim:
        session = sim.connect("ks")
        insert = session.prepare(INSERT)
        sim[1].rules.append(Rule(Unprepared()))
        before = len(sim[1].prepares)
        with pytest.raises(PreparedQueryNotFound):
            session.execute(insert, (1, "a"))
        assert len(sim[1].prepares) == before + 2


def test_scenario_35_an_id_that_nobody_knows() -> None:
    with Simulation(35, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].rules.append(Rule(Fail(PreparedQueryNotFound("what?", b"no such id")), times=1))
        with pytest.raises(PreparedQueryNotFound):
            session.execute("INSERT INTO t (k, v) VALUES (1, 'a')")


@pytest.mark.parametrize("version", [3, 4, 5])
def test_scenario_36_alter_table_between_prepare_and_execute(version: int) -> None:
    with Simulation(36, nodes=1, versions=range(3, version + 1)) as sim:
        sim.cluster.t.add(k=1, v="a")
        sessions = [sim.connect("ks"), sim.connect("ks")]
        selects = [session.prepare("SELECT * FROM t WHERE k = ?") for session in sessions]
        for session, select in zip(sessions, selects, strict=True):
            assert tuple(session.execute(select, (1,)).one()) == (1, "a")
        sessions[0].execute("ALTER TABLE t ADD extra int")
        sessions[0].execute("INSERT INTO t (k, v, extra) VALUES (2, 'b', 7)")
        for _ in range(3):
            for session, select in zip(sessions, selects, strict=True):
                row = session.execute(select, (2,)).one()
                assert (row.k, row.v, row.extra) == (2, "b", 7)
        sessions[1].execute("ALTER TABLE t DROP extra")
        for session, select in zip(sessions, selects, strict=True):
            assert tuple(session.execute(select, (2,)).one()) == (2, "b")


def test_scenario_37_preparing_n_statements_again_sends_n_prepares() -> None:
    with Simulation(37, nodes=2) as sim:
        session = sim.connect("ks", prepare_on_all_hosts=False)
        for number in range(100):
            session.prepare(f"SELECT v FROM t WHERE k = ? LIMIT {number + 1}")
        sim.cluster.kill(sim[2])
        sim.run(2.0)
        sim[2].prepares.clear()
        sim.cluster.start(sim[2])
        sim.run(5.0)
        assert len(sim[2].prepares) == 100
        assert len(set(sim[2].prepares)) == 100


def test_scenario_37_a_connection_more_prepares_nothing_again() -> None:
    with Simulation(37, nodes=1) as sim:
        session = sim.connect("ks", max_connections_per_host=2)
        for number in range(10):
            session.prepare(f"SELECT v FROM t WHERE k = ? LIMIT {number + 1}")
        [pool] = session.pools.pools.values()
        pool.exhausted()
        sim.run(1.0)
        assert len(pool.links) == 2
        assert len(sim[1].prepares) == 10


def test_scenario_37_callers_at_once_share_one_prepare() -> None:
    with Simulation(37, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].rules.append(Rule(Delay(0.1), message=Prepare))
        futures = [session.execute_async(INSERT, (k, "x")) for k in range(20)]
        for future in futures:
            future.result()
        assert sim[1].prepares == [INSERT]
