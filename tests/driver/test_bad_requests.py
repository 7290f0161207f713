"""What is wrong with a call on a connected session is told at once, and harms nothing.

Each case runs on one session with a real node. Those of `CALLS` are refused before anything is
sent; those of `ANSWERED` by the server. The session must work afterwards in any case.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cql_driver.errors import SessionShutdown
from cql_driver.query import BatchStatement, PreparedStatement
from cql_protocol.errors import DriverException, InvalidRequest
from tests.driver.bad_calls import CALLS, Case, Context, Wire

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

TABLE = (
    "CREATE TABLE {} (k int PRIMARY KEY, t text, b blob, big bigint, tiny tinyint, f float, "
    "d decimal, u uuid, tu timeuuid, ts timestamp, da date, ti time, du duration, i inet, "
    "bo boolean, l list<int>, s set<text>, m map<text, int>, tp tuple<int, text>, "
    "v vector<float, 3>)"
)


def _names() -> str:
    return f"bad_{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def shared(cassandra: Nodes) -> Iterator[Context]:
    wire = Wire()
    with Cluster(
        cassandra.contact_points,
        port=cassandra.port,
        observers=[wire],
        connect_timeout=30,
        idle_heartbeat_interval=0,
        max_schema_agreement_wait=60,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=30)},
    ) as cluster:
        session = cluster.connect(wait_for_all_pools=True)
        keyspace = _names()
        session.execute(
            f"CREATE KEYSPACE {keyspace} WITH replication = "
            "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        session.set_keyspace(keyspace)
        session.execute(TABLE.format("t"))
        yield Context(session, f"{keyspace}.t", wire)
        session.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture
def ctx(shared: Context) -> Iterator[Context]:
    yield shared
    session = shared.session
    assert session.execute(shared.select, (0,)).one().t == "zero"
    states = session.get_pool_state().values()
    assert [sum(state["in_flights"]) for state in states] == [0]
    assert [len(pool.all_links) for pool in session.get_pools()] == [1]


def _made_up() -> PreparedStatement:
    return PreparedStatement([], b"\1" * 16, [], "SELECT * FROM system.local", None, 5, None, None)


def _told(error: pytest.ExceptionInfo[DriverException], texts: tuple[str, ...]) -> None:
    message = str(error.value)
    for text in texts:
        assert text.lower() in message.lower(), f"{text!r} is not in {message!r}"
    assert len(message) < 600


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_sent(ctx: Context, name: str) -> None:
    call, texts = CALLS[name]
    before = ctx.wire.sent
    with pytest.raises(DriverException) as error:
        call(ctx)
    _told(error, texts)
    assert ctx.wire.sent == before


# --- what the server refuses -----------------------------------------------------------------

ANSWERED: dict[str, Case] = {
    "query-empty": (lambda c: c.session.execute(""), ()),
    "query-syntax": (lambda c: c.session.execute("SELEC"), ("SELEC",)),
    "query-nul": (lambda c: c.session.execute("SELECT '\0'"), ()),
    "query-markers-alone": (
        lambda c: c.session.execute(f"SELECT * FROM {c.table} WHERE k = ?"),
        (),
    ),
    "query-unknown-table": (lambda c: c.session.execute("SELECT * FROM nothing"), ("nothing",)),
    "prepare-syntax": (lambda c: c.session.prepare("SELEC"), ("SELEC",)),
    "prepare-unknown-column": (
        lambda c: c.session.prepare(f"SELECT nothing FROM {c.table}"),
        ("nothing",),
    ),
    "text-unknown-column": (
        lambda c: c.session.execute(f"INSERT INTO {c.table} (k, nothing) VALUES (?, ?)", (1, 2)),
        ("nothing",),
    ),
    "keyspace-unknown": (lambda c: c.session.set_keyspace("no_such"), ("no_such",)),
    "keyspace-quoted": (lambda c: c.session.set_keyspace('no "such"'), ("such",)),
    "paging-state-made-up": (lambda c: c.session.execute(c.paged, paging_state=b"\1\2\3"), ()),
    "prepared-made-up": (lambda c: c.session.execute(_made_up()), ("prepare it again",)),
    "too-many-markers": (
        lambda c: c.session.execute(
            f"SELECT * FROM {c.table} WHERE k IN ({', '.join('?' * 66000)})", tuple(range(66000))
        ),
        ("65535",),
    ),
    "value-null-in-list": (lambda c: c.insert("l", [None]), ()),
    "value-too-large": (lambda c: c.insert("b", bytes(17 << 20)), ()),
    "batch-too-large": (lambda c: c.session.execute(_large_batch(c)), ()),
    "batch-of-reads": (lambda c: c.session.execute(_batch_of_reads(c)), ()),
}


def _large_batch(c: Context) -> BatchStatement:
    batch = BatchStatement()
    for key in range(64):
        batch.add(c.inserts["b"], (key, bytes(1 << 20)))
    return batch


def _batch_of_reads(c: Context) -> BatchStatement:
    batch = BatchStatement()
    batch.add(c.select, (1,))
    return batch


@pytest.mark.parametrize("name", ANSWERED)
def test_what_the_server_refuses_is_an_error_of_the_tree(ctx: Context, name: str) -> None:
    call, texts = ANSWERED[name]
    with pytest.raises(DriverException) as error:
        call(ctx)
    for text in texts:
        assert text in str(error.value)


def test_callbacks_that_cannot_be_called(ctx: Context) -> None:
    future = ctx.session.execute_async(ctx.select, (0,))
    for add in (future.add_callback, future.add_errback):
        with pytest.raises(DriverException, match="fn=5"):
            add(5)  # type: ignore[arg-type]
    with pytest.raises(DriverException, match="None"):
        future.add_callbacks(print, None)  # type: ignore[arg-type]
    future.result()
    with pytest.raises(DriverException, match="has_more_pages"):
        future.start_fetching_next_page()
    with pytest.raises(DriverException, match="IF"):
        future.result().was_applied  # noqa: B018


def test_a_trace_is_asked_for_with_seconds(ctx: Context) -> None:
    result = ctx.session.execute(ctx.select, (0,), trace=True)
    for wait in ("x", -1, float("nan")):
        with pytest.raises(DriverException, match="max_wait"):
            result.get_query_trace(wait)  # type: ignore[arg-type]
    assert result.get_query_trace(20) is not None


def test_statements_of_another_cluster_work(ctx: Context, cassandra: Nodes) -> None:
    with (
        Cluster(cassandra.contact_points, port=cassandra.port, connect_timeout=30) as other,
        other.connect() as session,
    ):
        # The node knows its id, this cluster does not: it must be known, or prepared again.
        prepared = session.prepare(f"SELECT t FROM {ctx.table} WHERE k = ?")
        batch = BatchStatement()
        batch.add(session.prepare(f"INSERT INTO {ctx.table} (k, t) VALUES (?, ?)"), (7, "seven"))
    ctx.session.execute(batch)
    assert ctx.session.execute(prepared, (7,)).one().t == "seven"
    with pytest.raises(SessionShutdown):
        session.execute(prepared, (7,))


def test_a_host_of_another_cluster_object_is_taken_for_what_it_is(
    ctx: Context, cassandra: Nodes
) -> None:
    with Cluster(cassandra.contact_points, port=cassandra.port, connect_timeout=30) as other:
        other.connect()
        host = other.metadata.all_hosts()[0]
    result = ctx.session.execute(ctx.select, (0,), host=host)
    assert result.response_future.coordinator_host is ctx.cluster.metadata.all_hosts()[0]


@pytest.mark.parametrize("what", [5, "text", [("a", 1)], object()])
def test_timestamps_that_are_none(ctx: Context, what: Any) -> None:
    session = ctx.session
    generator, session.timestamp_generator = session.timestamp_generator, lambda: what
    try:
        if what == 5:
            ctx.insert("t", "x")
        else:
            with pytest.raises(DriverException, match="timestamp_generator"):
                ctx.insert("t", "x")
    finally:
        session.timestamp_generator = generator


def test_a_server_error_keeps_its_class(ctx: Context) -> None:
    with pytest.raises(InvalidRequest):
        ctx.session.set_keyspace("no_such")
    assert ctx.session.keyspace == ctx.table.partition(".")[0]


def test_there_are_as_many_cases_as_asked_for() -> None:
    assert len(CALLS) + len(ANSWERED) > 130
