"""`Preparer`: one PREPARE for all who ask at once, the bound of the cache, hosts that come up."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.core.prepare import PreparedCache
from cql_driver.query import SimpleStatement
from cql_protocol.errors import (
    DriverException,
    InvalidRequest,
    NoHostAvailable,
    OperationTimedOut,
    Overloaded,
    SyntaxException,
)
from cql_protocol.messages import Prepare
from tests.simulation import Delay, Drop, Fail, Rule, Simulation

SELECT = "SELECT v FROM t WHERE k = ?"


def preparing(session: Any, count: int = 1, patience: float | None = 5.0) -> list[Any]:
    """Begin to prepare the same text, as several threads at once would."""
    from cql_driver.core.procedures import spawn

    runtime = session.pools.engine.runtime
    return [spawn(runtime, session.prepare_on_loop(SELECT, None, patience)) for _ in range(count)]


def test_callers_at_once_share_one_prepare() -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].rules.append(Rule(Delay(0.1), message=Prepare))
        asked = preparing(session, 20)
        sim.run(0.5)
        states = {id(pending.result().state) for pending in asked}
        assert len(states) == 1
        assert sim[1].prepares == [SELECT]
        assert session.prepare(SELECT).state is asked[0].result().state
        assert sim[1].prepares == [SELECT]


def test_what_is_wrong_with_the_text_is_told_to_all_of_them() -> None:
    with Simulation(2, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].rules.append(Rule(Fail(InvalidRequest("no"), delay=0.1), message=Prepare, times=1))
        asked = preparing(session, 3)
        sim.run(0.5)
        assert [type(pending.error) for pending in asked] == [InvalidRequest] * 3
        assert session.prepare(SELECT).query_string == SELECT


def test_impatience_of_one_is_not_the_others() -> None:
    with Simulation(3, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].rules.append(Rule(Delay(0.3), message=Prepare))
        [hasty] = preparing(session, patience=0.01)
        patient = preparing(session, 3, patience=5.0)
        [middle] = preparing(session, patience=0.1)
        sim.run(2.0)
        assert isinstance(hasty.error, NoHostAvailable)
        assert isinstance(middle.error, (NoHostAvailable, OperationTimedOut))
        assert [pending.error for pending in patient] == [None] * 3


def test_who_waits_for_ever_does_not_make_others_wait_for_ever() -> None:
    with Simulation(4, nodes=1) as sim:
        session = sim.connect("ks", connect_timeout=1.0)
        sim[1].rules.append(Rule(Drop(), message=Prepare, times=1))
        [endless] = preparing(session, patience=None)
        sim.run(0.1)
        [other] = preparing(session, patience=5.0)
        sim.run(2.0)
        assert isinstance(endless.error, NoHostAvailable)
        assert other.error is None


def test_another_host_is_asked_where_the_first_cannot() -> None:
    with Simulation(5) as sim:
        session = sim.connect("ks", prepare_on_all_hosts=False)
        for node in sim.nodes[:2]:
            node.rules.append(Rule(Fail(Overloaded("no")), message=Prepare))
        assert session.prepare(SELECT).query_string == SELECT
        for node in sim.nodes:
            node.rules[:] = [Rule(Fail(SyntaxException("no")), message=Prepare)]
        with pytest.raises(SyntaxException):
            session.prepare("SELECT v FROM t WHERE k = ? LIMIT 1")
        assert sum(rule.used for node in sim.nodes for rule in node.rules) == 1


def test_preparing_waits_for_a_place_as_requests_do() -> None:
    with Simulation(6, nodes=1) as sim:
        session = sim.connect("ks", max_requests_per_connection=1, max_connections_per_host=1)
        sim[1].rules.append(Rule(Delay(0.5), text="INSERT"))
        busy = session.execute_async("INSERT INTO t (k, v) VALUES (1, 'x')")
        assert session.execute(SimpleStatement(SELECT), (1,)).one().v == "x"
        assert busy.execution.done


def test_the_cache_is_bound_and_forgets_the_longest_unused() -> None:
    with Simulation(7, nodes=1) as sim:
        session = sim.connect("ks", prepared_cache_size=3)
        texts = [f"SELECT v FROM t WHERE k = ? LIMIT {n + 1}" for n in range(4)]
        for text in texts[:3]:
            session.prepare(text)
        session.prepare(texts[0])
        session.prepare(texts[3])
        cache: PreparedCache = session.pools.engine.preparer.cache
        assert [state.query for state in cache.states()] == [texts[2], texts[0], texts[3]]
        before = len(sim[1].prepares)
        session.prepare(texts[0])
        assert len(sim[1].prepares) == before
        session.prepare(texts[1])
        assert len(sim[1].prepares) == before + 1


def test_a_new_statement_is_given_to_all_hosts() -> None:
    with Simulation(8) as sim:
        session = sim.connect("ks")
        select = session.prepare(SELECT)
        sim.run(0.1)
        assert [node.prepares for node in sim.nodes] == [[SELECT]] * 3
        for host in session.cluster.metadata.all_hosts():
            session.execute(select, (1,), host=host)
        assert [node.prepares for node in sim.nodes] == [[SELECT]] * 3


@pytest.mark.parametrize("again", [True, False])
def test_a_host_that_comes_up_is_given_what_is_in_use(again: bool) -> None:
    with Simulation(9) as sim:
        session = sim.connect("ks", reprepare_on_up=again)
        for n in range(5):
            session.prepare(f"SELECT v FROM t WHERE k = ? LIMIT {n + 1}")
        sim.run(0.1)
        sim.cluster.kill(sim[3])
        sim.run(1.0)
        sim[3].prepares.clear()
        sim.cluster.start(sim[3])
        sim.run(5.0)
        assert len(sim[3].prepares) == 5 * again


def test_another_id_is_one_error() -> None:
    with Simulation(10, nodes=1) as sim:
        session = sim.connect("ks")
        select = session.prepare(SELECT)
        sim[1].forget_prepared()
        sim[1].id_salt = b"x"
        executed = sim[1].executed
        with pytest.raises(DriverException, match="under another id"):
            session.execute(select, (1,))
        assert sim[1].executed == executed
        assert sim[1].prepares == [SELECT, SELECT]
