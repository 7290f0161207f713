"""Requests of the mapper: what is sent for them, blocking and awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cql_driver import ConsistencyLevel, OperationTimedOut
from cql_driver.aio import AsyncCluster
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, Session
from cql_driver.query import SimpleStatement, dict_factory
from cql_protocol import Batch, Execute, Prepare, Query
from cqlengine.connection import (
    Connection,
    aexecute,
    execute,
    find_connection,
    register_connection,
    sessions,
)
from cqlengine.connection.batches import TimedBatch
from cqlengine.errors import CQLEngineException
from cqlengine.operators import EqualsOperator
from cqlengine.query.requests import BatchParts, Request
from cqlengine.statements import SelectStatement, WhereClause
from tests.aio.live import LiveNodes
from tests.simulation import Drop, Rule

READ = "SELECT v FROM ks.t WHERE k = ?"
WRITE = "INSERT INTO ks.t (k, v) VALUES (?, ?)"

Run = Callable[[Request], Any]


@pytest.fixture(params=["blocking", "awaited"])
def run(request: pytest.FixtureRequest, hosts: list[str], options: dict[str, Any]) -> Iterator[Run]:
    """A function that runs a request by a connection, and returns its result."""
    connection = register_connection(
        "x", hosts, lazy_connect=True, cluster_options=options, default=True
    )
    if request.param == "blocking":
        yield connection.execute
        return

    async def wait(request: Request) -> Any:
        return await connection.aexecute(request)

    with asyncio.Runner() as runner:
        yield lambda request: runner.run(wait(request))
        runner.run(connection.aclose())


def sent(messages: list[Any], kind: type) -> list[Any]:
    """The messages of a kind that are not about the system's tables."""
    return [m for m in messages if isinstance(m, kind) and "system" not in getattr(m, "query", "")]


def test_a_text_is_prepared_once(run: Run, messages: list[Any]) -> None:
    for _ in range(3):
        assert list(run(Request(READ, (1,)))) == [("a",)]
        run(Request(WRITE, (1, "a"), is_idempotent=True))
    assert {m.query for m in sent(messages, Prepare)} == {READ, WRITE}
    assert len(sent(messages, Prepare)) == 2
    assert len(sent(messages, Execute)) == 6


def test_choices_of_a_request(run: Run, messages: list[Any]) -> None:
    run(Request(READ, (1,)))
    run(Request(READ, (1,), consistency=ConsistencyLevel.ALL))
    run(Request(READ, (1,), consistency=ConsistencyLevel.ALL, fetch_size=7))
    run(Request(READ, (1,), fetch_size=None))
    found = [(m.parameters.consistency, m.parameters.page_size) for m in sent(messages, Execute)]
    one, every = ConsistencyLevel.LOCAL_ONE, ConsistencyLevel.ALL
    assert found == [(one, 5000), (every, 5000), (every, 7), (one, None)]


def test_a_request_has_its_own_time(run: Run, nodes: LiveNodes) -> None:
    run(Request(READ, (1,)))
    nodes[1].rules.append(Rule(Drop(), message=Execute))
    with pytest.raises(OperationTimedOut):
        run(Request(READ, (1,), timeout=0.05))


def test_what_is_not_prepared(run: Run, messages: list[Any]) -> None:
    text = "SELECT v FROM ks.t WHERE k = 1"
    assert list(run(Request(text, prepared=False))) == [("a",)]
    assert [m.query for m in sent(messages, Query)] == [text]
    assert not sent(messages, Prepare)


def test_a_batch_has_a_time_and_a_kind(run: Run, messages: list[Any]) -> None:
    entries = [(WRITE, (2, "b")), (WRITE, (3, "c"))]
    run(Request("", batch=BatchParts(entries, "UNLOGGED", timestamp=1234)))
    run(Request("", batch=BatchParts(entries), consistency=ConsistencyLevel.QUORUM))
    first, second = sent(messages, Batch)
    assert (first.batch_type, first.parameters.timestamp) == (1, 1234)
    assert second.batch_type == 0
    assert second.parameters.timestamp != 1234
    assert second.parameters.consistency == ConsistencyLevel.QUORUM
    assert len(first.entries) == 2
    assert len(sent(messages, Prepare)) == 1
    assert [row[0] for k in (2, 3) for row in run(Request(READ, (k,)))] == ["b", "c"]


def test_names_of_kinds_of_batches() -> None:
    assert TimedBatch("Counter").batch_type == 2
    assert TimedBatch("").batch_type == TimedBatch(None).batch_type == 0
    with pytest.raises(CQLEngineException, match="use BatchType"):
        TimedBatch("half")


def test_a_text_without_a_keyspace_is_not_kept(plain: Session) -> None:
    connection = find_connection(plain)
    unqualified = Request("SELECT v FROM t WHERE k = ?", (1,))
    assert connection.execute(unqualified).all() == [("a",)]
    use = connection.connected()
    assert use.known(unqualified.text, False) is None
    connection.execute(Request(READ, (1,)))
    assert use.known(READ, False) is not None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (READ, True),
        (WRITE, True),
        ('UPDATE "Ks"."T" SET "v" = ? WHERE "k" = ?', True),
        ("DELETE FROM ks.t WHERE k = ?", True),
        ("SELECT v FROM t WHERE k = ?", False),
        ("INSERT INTO t (k, v) VALUES (?, ?)", False),
        ('UPDATE t SET "a.b" = ? WHERE k = ?', False),
        ("TRUNCATE t", False),
    ],
)
def test_whether_a_text_names_a_keyspace(text: str, named: bool) -> None:
    assert sessions._names_keyspace(text) is named


def test_kept_statements_are_bounded(plain: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_STATEMENTS", 3)
    connection = find_connection(plain)
    texts = [f"SELECT v FROM ks.t WHERE k = ? LIMIT {n}" for n in range(1, 7)]
    for text in texts:
        assert connection.execute(Request(text, (1,))).all() == [("a",)]
    use = connection.connected()
    assert [text for text in texts if use.known(text, False)] == texts[-3:]


def test_an_idempotent_request_says_so(plain: Session) -> None:
    connection = find_connection(plain)
    connection.execute(Request(READ, (1,), is_idempotent=True))
    statement = connection.connected().known(READ, True)
    assert statement is not None
    assert statement.is_idempotent
    # It goes the shortest way, and still says so when somebody asks, as a retry policy does.
    future = plain.execute_async(statement, (1,))
    assert future.result().one().v == "a"
    assert future.query.is_idempotent


def test_changes_of_the_profile_are_followed(plain: Session, messages: list[Any]) -> None:
    connection = find_connection(plain)
    profile = plain.get_execution_profile(EXEC_PROFILE_DEFAULT)
    for level in (ConsistencyLevel.TWO, ConsistencyLevel.THREE):
        profile.consistency_level = level
        connection.execute(Request(READ, (1,)))
        connection.execute(Request(READ, (1,), consistency=ConsistencyLevel.ONE))
    levels = [m.parameters.consistency for m in sent(messages, Execute)]
    assert levels == [2, 1, 3, 1]


def test_the_level_of_a_connection(
    hosts: list[str], options: dict[str, Any], plain: Session, messages: list[Any]
) -> None:
    given = ExecutionProfile(row_factory=dict_factory)
    options = {**options, "execution_profiles": {EXEC_PROFILE_DEFAULT: given}}
    own = register_connection("x", hosts, "QUORUM", cluster_options=options)
    own.execute(Request(READ, (1,)))
    own.execute(Request(READ, (1,), consistency=ConsistencyLevel.ONE))
    own.session.execute("SELECT v FROM ks.t WHERE k = 1")
    assert given.consistency_level == ConsistencyLevel.LOCAL_ONE
    other = Connection.from_session("y", plain, consistency=ConsistencyLevel.ALL)
    other.execute(Request(READ, (1,)))
    plain.execute(READ, (1,))
    found = [m.parameters.consistency for m in messages if isinstance(m, (Execute, Query))]
    assert found == [4, 1, 4, 5, 10]


def test_execute_gives_dicts(run: Run, messages: list[Any]) -> None:
    assert execute(READ, (1,)).all() == [{"v": "a"}]
    assert execute("SELECT v FROM ks.t WHERE k = %s", (1,)).all() == [{"v": "a"}]
    assert execute("SELECT v FROM ks.t WHERE k = %(k)s", {"k": 1}, 4).all() == [{"v": "a"}]
    assert sent(messages, Query)[-1].parameters.consistency == 4


def test_execute_takes_statements(run: Run, messages: list[Any]) -> None:
    where = [WhereClause("k", EqualsOperator(), 1)]
    statement = SelectStatement("ks.t", ["v"], where=where, limit=5)
    assert execute(statement).all() == [{"v": "a"}]
    simple = SimpleStatement("SELECT v FROM ks.t WHERE k = 1", consistency_level=1)
    assert execute(simple).all() == execute(simple, consistency_level=5).all() == [{"v": "a"}]
    assert [m.parameters.consistency for m in sent(messages, Query)] == [1, 5]
    assert simple.consistency_level == 1


def test_aexecute_gives_dicts(hosts: list[str], options: dict[str, Any]) -> None:
    register_connection("x", hosts, lazy_connect=True, cluster_options=options)

    async def main() -> list[Any]:
        return [row async for row in await aexecute(READ, (1,), connection="x")]

    assert asyncio.run(main()) == [{"v": "a"}]


def test_the_other_kind_of_calls_is_refused(plain: Session, nodes: LiveNodes) -> None:
    async def main() -> None:
        with pytest.raises(CQLEngineException, match="give an AsyncSession by using"):
            await find_connection(plain).aexecute(Request(READ, (1,)))
        async with AsyncCluster(**nodes.options) as cluster, cluster.connect() as session:
            connection = find_connection(session)
            assert await (await connection.aexecute(Request(READ, (1,)))).all() == [("a",)]
            with pytest.raises(CQLEngineException, match="await the verb with the letter a"):
                connection.execute(Request(READ, (1,)))

    asyncio.run(main())


def test_a_given_session_and_hosts(
    plain: Session, hosts: list[str], options: dict[str, Any]
) -> None:
    connection = register_connection("x", hosts, cluster_options=options, session=plain)

    async def main() -> Any:
        return await (await connection.aexecute(Request(READ, (1,)))).all()

    assert connection.execute(Request(READ, (1,))).all() == [("a",)]
    assert connection.session is plain
    assert asyncio.run(main()) == [("a",)]
    connection.close()
    assert not plain.is_shutdown


def test_threads_share_an_attempt(
    nodes: LiveNodes, hosts: list[str], options: dict[str, Any]
) -> None:
    connection = register_connection("x", hosts, lazy_connect=True, cluster_options=options)
    found: list[Any] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        found.append(connection.execute(Request(READ, (1,))).all())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    before = nodes[1].connections_accepted
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[("a",)]] * 8
    assert nodes[1].connections_accepted - before == 2  # of one cluster: control and pool
