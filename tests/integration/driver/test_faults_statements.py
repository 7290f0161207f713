"""Prepared statements, pages and conditional requests through the proxy, on a real node.

The numbers are those of ``docs/scenarios.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel, DriverException
from cql_driver.policies import RetryPolicy
from cql_driver.query import BatchStatement, SimpleStatement
from cql_protocol import PreparedResult, RawRows, ResultMetadata, WriteType, errors
from cql_protocol.messages import opcodes
from tests.integration.driver.faults import OFTEN, alive, all_links, read, through
from tests.integration.driver.support import new_name, until
from tests.proxy import (
    Answers,
    Drop,
    Forge,
    Frame,
    Nth,
    Opcode,
    Pass,
    Proxy,
    ProxyCluster,
    Statement,
)

if TYPE_CHECKING:
    from cql_driver.cluster import Session

# --- prepared statements -------------------------------------------------------------------------


def forgotten(frame: Frame) -> DriverException:
    """The error of a node that does not know the statement of an EXECUTE or a BATCH."""
    message = frame.message
    if frame.opcode == opcodes.EXECUTE:
        return errors.PreparedQueryNotFound("forgotten", message.query_id)
    ids = [e.statement for e in message.entries if isinstance(e.statement, bytes)]
    return errors.PreparedQueryNotFound("forgotten", ids[0])


@pytest.mark.parametrize("version", [4, 5])
def test_scenario_35_statements_that_the_node_forgot(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, version: int
) -> None:
    with through(proxies, keyspace, protocol_version=version) as session:
        update = session.prepare("UPDATE t SET v = ? WHERE k = ?")
        every = session.prepare("SELECT k FROM t")
        every.fetch_size = 15
        prepares = proxy.on_request(Opcode(opcodes.PREPARE), Pass())
        forget = Forge(forgotten)
        proxy.on_request(Opcode(opcodes.EXECUTE) & Statement("UPDATE"), forget, times=1)
        session.execute(update, ("v1", 1))
        assert prepares.used == 1
        batch = BatchStatement()
        batch.add(update, ("v2", 2))
        batch.add("UPDATE t SET v = 'v3' WHERE k = 3")
        proxy.on_request(Opcode(opcodes.BATCH), forget, times=1)
        session.execute(batch)
        assert prepares.used == 2
        pages = Opcode(opcodes.EXECUTE) & Statement("SELECT k FROM t")
        proxy.on_request(pages & Nth(2, 4), forget)
        assert sorted(row.k for row in session.execute(every)) == list(range(40))
        assert prepares.used == 4
        assert [frame.statement for frame in prepares.frames] == [
            "UPDATE t SET v = ? WHERE k = ?"
        ] * 2 + ["SELECT k FROM t"] * 2


def test_scenario_35_a_node_that_keeps_forgetting(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace) as session:
        update = session.prepare("UPDATE t SET v = ? WHERE k = ?")
        refused = proxy.on_request(Opcode(opcodes.EXECUTE), Forge(forgotten))
        with pytest.raises(errors.PreparedQueryNotFound):
            session.execute(update, ("wrong", 1))
        assert refused.used <= 4
        proxy.clear()
        assert read(session) == (1, "v1")


def test_scenario_35_another_id_is_one_error_and_nothing_is_executed(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    def another(frame: Frame) -> Any:
        result = frame.message
        assert isinstance(result, PreparedResult)
        return PreparedResult(
            b"\x01" * 16, result.metadata, result.result_metadata, result.result_metadata_id
        )

    with through(proxies, keyspace) as session:
        update = session.prepare("UPDATE t SET v = ? WHERE k = ?")
        executed = proxy.on_request(Opcode(opcodes.EXECUTE) & ~Nth(1), Pass())
        proxy.on_request(Opcode(opcodes.EXECUTE), Forge(forgotten), times=1)
        proxy.on_response(Answers(Opcode(opcodes.PREPARE)), Forge(another), times=1)
        with pytest.raises(DriverException, match="under another id"):
            session.execute(update, ("wrong", 1))
        assert executed.used == 0
        proxy.clear()
        assert read(session) == (1, "v1")


@contextmanager
def two_columns(session: Session) -> Iterator[str]:
    """A table of the test's own: ``k`` int, ``v`` text, one row."""
    name = new_name()
    session.execute(f"CREATE TABLE {name} (k int PRIMARY KEY, v text)")
    session.execute(f"INSERT INTO {name} (k, v) VALUES (1, 'a')")
    yield name
    session.execute(f"DROP TABLE {name}")


@pytest.mark.parametrize("version", [3, 4, 5])
def test_scenario_36_alter_table_that_nobody_is_told_of(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, version: int
) -> None:
    """The events of the change are lost: what the answers say must be enough."""
    options = {"protocol_version": version}
    with (
        through(proxies, keyspace, **options) as other,
        through(proxies, keyspace, **options) as session,
        two_columns(other) as table,
    ):
        select = session.prepare(f"SELECT * FROM {table} WHERE k = ?")
        assert tuple(session.execute(select, (1,)).one()) == (1, "a")
        proxy.on_response(Opcode(opcodes.EVENT), Drop())
        other.execute(f"ALTER TABLE {table} ADD aa int")
        other.execute(f"UPDATE {table} SET aa = 7 WHERE k = 1")
        for _ in range(3):
            row = session.execute(select, (1,)).one()
            assert (row.k, row.aa, row.v) == (1, 7, "a")
        other.execute(f"ALTER TABLE {table} DROP v")
        for _ in range(3):
            row = session.execute(select, (1,)).one()
            assert (row.k, row.aa) == (1, 7)
            assert row._fields == ("k", "aa")


def test_scenario_37_preparing_again_sends_each_statement_once(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        statements = [session.prepare(f"SELECT v AS v{n} FROM t WHERE k = ?") for n in range(60)]
        sent = proxy.on_request(Opcode(opcodes.PREPARE), Pass())
        [old] = all_links(session)
        proxy.shut()
        until(lambda: old.closed, "the connection is gone")
        proxy.heal()
        until(lambda: alive(session), "it is connected again")
        texts = [frame.statement for frame in sent.frames]
        assert sorted(texts) == sorted(statement.query_string for statement in statements)
        for number, statement in enumerate(statements):
            assert session.execute(statement, (number % 40,)).one()[0] == f"v{number % 40}"
        assert sent.used == 60


# --- pages ---------------------------------------------------------------------------------------


def test_scenario_10_a_thousand_empty_pages(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace) as session:
        statement = SimpleStatement("SELECT k FROM t", fetch_size=15)
        described: list[ResultMetadata] = []

        def empty(frame: Frame) -> RawRows:
            if frame.response:
                described.append(frame.message.metadata)
            return RawRows.from_cells(described[0], [])

        pages = Statement("SELECT k FROM t")
        proxy.on_response(pages, Forge(empty), times=1)
        forged = proxy.on_request(pages & ~Nth(1), Forge(empty), times=1000)
        # The first page was swallowed; the others come in the end.
        assert len(session.execute(statement).all()) == 25
        assert forged.used == 1000


# --- conditional requests ------------------------------------------------------------------------


def test_scenario_43_a_serial_read_stays_serial(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    class Lower(RetryPolicy):
        def on_read_timeout(self, *args: Any, **kwargs: Any) -> Any:
            return self.RETRY, ConsistencyLevel.ONE

    failure = errors.ReadTimeout(
        "x", False, consistency=8, received_responses=1, required_responses=2
    )
    for level in (ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL):
        with through(proxies, keyspace, profile={"retry_policy": Lower()}) as session:
            sent = proxy.on_request(Statement("SELECT k, v"), Pass())
            proxy.on_response(Statement("SELECT k, v"), Forge(failure), times=1)
            statement = SimpleStatement("SELECT k, v FROM t WHERE k = 1", consistency_level=level)
            assert tuple(session.execute(statement).one()) == (1, "v1")
            levels = [frame.message.parameters.consistency for frame in sent.frames]
            assert levels == [level] * 2


def test_scenario_43_a_conditional_write_is_not_repeated(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    failure = errors.WriteTimeout(
        "x", WriteType.CAS, consistency=8, received_responses=1, required_responses=2
    )
    with through(proxies, keyspace) as session:
        sent = proxy.on_request(Statement("IF v = 'v1'"), Pass())
        for error in (failure, errors.CASWriteUnknown("x"), errors.ServerError("x")):
            with (
                proxy.on_response(Statement("IF v = 'v1'"), Forge(error)),
                pytest.raises(type(error)),
            ):
                session.execute("UPDATE t SET v = 'v1' WHERE k = 1 IF v = 'v1'")
        assert sent.used == 3
