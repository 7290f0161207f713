"""Concurrent execution: order, bounds, streaming, errors; on the simulated cluster."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import InvalidRequest
from cql_driver.cluster import ExecutionProfile, ResultSet
from cql_driver.concurrent import (
    ExecutionResult,
    execute_concurrent,
    execute_concurrent_with_args,
)
from cql_driver.core.execution import Execution
from cql_driver.errors import InvalidArgumentType
from cql_driver.query import dict_factory
from cql_protocol.messages import Execute
from tests.simulation import Delay, Fail, Rule, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

INSERT = "INSERT INTO ks.t (k, v) VALUES (?, ?)"
SELECT = "SELECT k, v FROM ks.t WHERE k = ?"


@pytest.fixture
def sim() -> Iterator[Simulation]:
    with Simulation(seed=11, nodes=3) as sim:
        yield sim


def _filled(session: Any, count: int) -> Any:
    insert = session.prepare(INSERT)
    execute_concurrent_with_args(session, insert, [(k, f"v{k}") for k in range(count)])
    return session.prepare(SELECT)


def test_results_come_in_the_order_of_the_statements(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 500)
    results = execute_concurrent_with_args(session, select, [(k,) for k in range(500)])
    assert isinstance(results, list)
    assert [r.result_or_exc.one().v for r in results] == [f"v{k}" for k in range(500)]
    assert all(success for success, _ in results)
    assert isinstance(results[0], ExecutionResult)
    assert isinstance(results[0].result_or_exc, ResultSet)


def test_statements_of_all_kinds_can_be_mixed(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 3)
    statements = [(select, (1,)), (select.bind((2,)), None), (SELECT, (0,)), [select, (1,)]]
    results = execute_concurrent(session, statements)
    assert [r.result_or_exc.one().v for r in results] == ["v1", "v2", "v0", "v1"]


@pytest.mark.parametrize("generator", [False, True])
@pytest.mark.parametrize("concurrency", [1, 7, 100])
def test_no_more_than_that_many_are_in_flight(
    sim: Simulation, concurrency: int, generator: bool
) -> None:
    session = sim.connect("ks")
    select = _filled(session, 1)
    sim.run(1.0)  # it is prepared on the other nodes meanwhile
    for number, node in enumerate(sim.nodes):  # else all answers come together
        node.rules.append(Rule(Delay(0.001 * number), message=Execute))
    most = 0

    def parameters() -> Iterator[tuple[int]]:
        nonlocal most
        for _ in range(400):
            links = session.pools.links()
            most = max(most, sum(link.in_flight for link in links))
            yield (0,)

    results = execute_concurrent_with_args(
        session, select, parameters(), concurrency=concurrency, results_generator=generator
    )
    assert len(list(results)) == 400
    assert concurrency // 2 <= most <= concurrency


def test_streamed_statements_and_results_are_held_no_longer_than_needed(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 1)
    before = _executions_alive()
    taken = 0

    def endless() -> Iterator[tuple[int]]:
        nonlocal taken
        while True:
            taken += 1
            yield (0,)

    results = execute_concurrent_with_args(
        session, select, endless(), concurrency=50, results_generator=True
    )
    for given, _result in enumerate(results, 1):
        assert taken <= given + 50
        if given == 5000:
            break
    assert _executions_alive() - before <= 60
    results.close()  # type: ignore[union-attr]


def _executions_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, Execution) for thing in gc.get_objects())


def test_the_first_error_is_raised_and_nothing_more_is_started(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 1)
    for number in (1, 2, 3):
        sim[number].rules.append(Rule(Fail(InvalidRequest("no")), text="SELECT k, v", times=1))
    taken = 0

    def parameters() -> Iterator[tuple[int]]:
        nonlocal taken
        for _ in range(100_000):
            taken += 1
            yield (0,)

    with pytest.raises(InvalidRequest, match="no"):
        execute_concurrent_with_args(session, select, parameters(), concurrency=10)
    assert taken < 100
    assert session.execute(select, (0,)).one().v == "v0"


def test_errors_can_be_results(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 1)
    parameters = [(0,), ("no number",), (0,)]
    results = execute_concurrent_with_args(session, select, parameters, raise_on_first_error=False)
    assert [success for success, _ in results] == [True, False, True]
    assert "'k'" in str(results[1].result_or_exc)  # type: ignore[index]
    with pytest.raises(InvalidArgumentType, match="no pair"):
        execute_concurrent(session, [select])  # type: ignore[list-item]


@pytest.mark.parametrize("generator", [False, True])
def test_endless_failures_do_not_pile_up(sim: Simulation, generator: bool) -> None:
    session = sim.connect("ks")
    select = _filled(session, 1)
    results = execute_concurrent_with_args(
        session,
        select,
        (("x",) for _ in range(3000)),
        concurrency=5,
        raise_on_first_error=False,
        results_generator=generator,
    )
    assert sum(not success for success, _ in results) == 3000


def test_what_the_iterable_raises_is_raised(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 1)

    def broken() -> Iterator[tuple[int]]:
        yield (0,)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute_concurrent_with_args(session, select, broken())
    assert session.execute(select, (0,)).one().v == "v0"


def test_the_execution_profile_counts(sim: Simulation) -> None:
    session = sim.connect("ks")
    select = _filled(session, 2)
    profile = ExecutionProfile(row_factory=dict_factory)
    profile.load_balancing_policy = session.get_execution_profile(
        next(iter(session.cluster.profile_manager.profiles))
    ).load_balancing_policy
    results = session.execute_concurrent_with_args(select, [(1,)], execution_profile=profile)
    assert results[0].result_or_exc.one() == {"k": 1, "v": "v1"}


def test_a_hundred_thousand_that_end_at_once_need_no_stack(sim: Simulation) -> None:
    session = sim.connect("ks")
    session.shutdown()
    results = execute_concurrent(
        session,
        (("SELECT k, v FROM ks.t", None) for _ in range(100_000)),
        raise_on_first_error=False,
        results_generator=True,
    )
    assert sum(not success for success, _ in results) == 100_000


@pytest.mark.parametrize("generator", [False, True])
def test_listeners_are_told_of_requests(sim: Simulation, generator: bool) -> None:
    session = sim.connect("ks")
    select = _filled(session, 3)
    told: list[Any] = []
    session.add_request_init_listener(
        lambda future: future.add_callbacks(
            lambda rows: told.append(rows[0].k), lambda error: told.append(type(error))
        )
    )
    keys = [(k,) for k in range(3)]
    found = execute_concurrent_with_args(session, select, keys, results_generator=generator)
    assert len(list(found)) == 3
    sim.run(1.0)  # callbacks come at the end of a turn, when who waits may be gone
    assert sorted(told) == [0, 1, 2]
    del told[:]
    statements = [("SELECT * FROM ks.nothing", None)]
    list(execute_concurrent(session, statements, raise_on_first_error=False))
    sim.run(1.0)
    assert told == [InvalidRequest]
