"""Statements and a schema that changes: prepared ones that read it, and those that change it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cql_driver import InvalidRequest
from cql_protocol.errors import InvalidValueType, OperationTimedOut
from cql_protocol.messages import Prepare, Query
from tests.control.schemas import other_session, put_function, put_type
from tests.simulation import Delay, Drop, Rule, Simulation

# --- prepared statements -------------------------------------------------------------------------


def prepares(sim: Simulation) -> list[str]:
    """Texts that are prepared from now on."""
    texts: list[str] = []

    def note(event: Any) -> bool:
        texts.append(event.message.query)
        return False

    for node in sim.nodes:
        node.rules.append(Rule(Drop(), message=Prepare, where=note))
    return texts


@pytest.mark.parametrize("version", [3, 4, 5])
def test_statements_are_prepared_anew_after_their_table_changed(version: int) -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks", protocol_version=version)
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        other = session.prepare("SELECT v FROM w WHERE p = ?")
        session.execute(insert, (1, "one"))
        texts = prepares(sim)
        client = other_session(sim)
        client.execute("DROP TABLE t")
        client.execute("CREATE TABLE t (k int PRIMARY KEY, v int)")
        sim.run(0.1)
        assert texts == []
        with pytest.raises(InvalidValueType, match="column 'v'"):
            insert.bind((1, "one"))
        session.execute(insert, (1, 1))
        session.execute(other, (1,))
        assert texts == ["INSERT INTO t (k, v) VALUES (?, ?)"]
        assert insert.routing_key_indexes == (0,)
        client.execute("ALTER TABLE t ADD more int")
        sim.run(0.1)
        again = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        session.execute(again, (2, 2))
        session.execute(insert, (3, 3))
        assert len(texts) == 2


def test_who_binds_on_the_loop_does_not_wait() -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        other_session(sim).execute("ALTER TABLE t ADD more int")
        sim.run(0.1)
        texts = prepares(sim)
        rows = [session.execute_async("SELECT * FROM t") for _ in range(5)]
        for number, future in enumerate(rows):
            future.add_callback(lambda _, n=number: session.execute_async(insert, (n, "x")))
        sim.run(1)
        assert [sim.cluster.store.table("ks", "t").count(n) for n in range(5)] == [1] * 5
        assert texts == ["INSERT INTO t (k, v) VALUES (?, ?)"]


def test_values_that_are_given_on_the_loop_are_bound_by_what_the_table_is_now() -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        other_session(sim).execute("DROP TABLE t")
        other_session(sim).execute("CREATE TABLE t (k int PRIMARY KEY, v int)")
        sim.run(0.1)
        texts = prepares(sim)
        errors: list[Any] = []

        def go_on(_: Any) -> None:
            for key in range(3):
                session.execute_async(insert, (key, 7)).add_errback(errors.append)
            session.execute_async(insert, (3, "x")).add_errback(errors.append)

        session.execute_async("SELECT * FROM t").add_callback(go_on)
        sim.run(1)
        assert [type(error) for error in errors] == [InvalidValueType]
        rows = session.execute("SELECT k, v FROM t")
        assert sorted(rows) == [(key, 7) for key in range(3)]
        assert texts == ["INSERT INTO t (k, v) VALUES (?, ?)"]


def test_statements_are_prepared_anew_while_the_control_connection_is_away() -> None:
    with Simulation(1, nodes=1, versions=(3, 4)) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        other_session(sim).execute("ALTER TABLE t ADD more int")
        sim.run(0.1)
        texts = prepares(sim)
        control = session.pools.engine.control
        assert control.link is not None
        control.reconnect()
        assert control.link is None
        insert.bind((1, "x"))
        assert texts == ["INSERT INTO t (k, v) VALUES (?, ?)"]
        assert session.prepare("SELECT v FROM t").protocol_version == 4


def test_a_policy_that_raises_does_not_end_preparing_anew(monkeypatch: Any) -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        engine = session.pools.engine
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        other_session(sim).execute("ALTER TABLE t ADD more int")
        sim.run(0.1)
        texts = prepares(sim)
        monkeypatch.setattr(engine, "query_plan", lambda: 1 / 0)
        session.execute_async("SELECT * FROM t").add_callback(lambda _: insert.bind((1, "x")))
        sim.run(1)
        monkeypatch.undo()
        assert texts == []
        insert.bind((2, "y"))
        assert texts == ["INSERT INTO t (k, v) VALUES (?, ?)"]


def test_values_that_were_bound_before_are_not_taken_for_something_else() -> None:
    with Simulation(1) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        bound = insert.bind((1, "four"))
        session.execute("DROP TABLE t")
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v int)")
        for node in sim.nodes:
            node.forget_prepared()
        with pytest.raises(InvalidRequest, match="bind them anew"):
            session.execute(bound)
        session.execute(insert, (1, 4))
        assert sim.cluster.store.table("ks", "t").value("v", 1) == 4


def test_a_type_or_function_concerns_statements_that_use_it() -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        statements = [session.prepare("SELECT count(*) FROM t LIMIT ?")]
        statements.append(session.prepare("SELECT v FROM t LIMIT ?"))
        texts = prepares(sim)
        put_type(sim, "pair", "a")
        put_function(sim, "f", "int")
        sim.run(0.1)
        for statement in statements:
            session.execute(statement, (1,))
        assert texts == []
        put_function(sim, "count", "int")
        sim.run(0.1)
        for statement in statements:
            session.execute(statement, (1,))
        assert texts == ["SELECT count(*) FROM t LIMIT ?"]


def test_when_it_cannot_be_prepared_anew_the_request_tells_why() -> None:
    with Simulation(1) as sim:
        session = sim.connect("ks")
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        session.execute("DROP TABLE t")
        for node in sim.nodes:
            node.forget_prepared()
        for _ in range(2):
            with pytest.raises(InvalidRequest, match="unconfigured table t"):
                session.execute(select, (1,))
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        assert session.execute(select, (1,)).one() is None


# --- agreement -----------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [2.0, None])
def test_scenario_38_changing_the_schema_from_callbacks_never_deadlocks(timeout: Any) -> None:
    with Simulation(38) as sim:
        session = sim.connect("ks", control_connection_timeout=timeout)
        done: list[Any] = []

        def another(_: Any) -> None:
            number = len(done)
            done.append(number)
            if number < 10:
                text = f"CREATE TABLE made{number} (k int PRIMARY KEY)"
                session.execute_async(text).add_callbacks(another, done.append)

        session.execute_async("SELECT * FROM t").add_callbacks(another, done.append)
        sim.run(lambda: len(done) >= 11, limit=30.0)
        assert done == list(range(11))


@pytest.mark.parametrize("timeout", [2.0, None])
def test_scenario_38_a_connection_that_closes_in_the_middle(timeout: Any) -> None:
    with Simulation(38) as sim:
        session = sim.connect("ks", control_connection_timeout=timeout)
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.5), text="system.local", message=Query))
        future = session.execute_async("CREATE TABLE made (k int PRIMARY KEY)", timeout=20.0)
        sim.run(0.3)
        sim.network.break_streams()
        begin = sim.time
        future.result()
        assert sim.time - begin < 15.0
        sim.run(5)
        assert "made" in session.cluster.metadata.keyspaces["ks"].tables


def test_scenario_38_a_statement_that_waits_for_agreement_keeps_its_time_out() -> None:
    with Simulation(38) as sim:
        session = sim.connect("ks")
        sim[2].schema_version = uuid.uuid4()
        begin = sim.time
        future = session.execute_async("CREATE TABLE made (k int PRIMARY KEY)", timeout=1.0)
        assert future.result().one() is None
        assert 0.9 <= sim.time - begin <= 1.2
        assert not future.is_schema_agreed
        for node in sim.nodes:
            node.rules.append(Rule(Drop(), text="CREATE TABLE"))
        with pytest.raises(OperationTimedOut, match=r"timeout=1\.0"):
            session.execute("CREATE TABLE never (k int PRIMARY KEY)", timeout=1.0)
