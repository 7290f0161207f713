"""`TwistedSession` on a real node, as cases for trial; ``CQL_TESTS_NODE`` says where it is."""

from __future__ import annotations

import os
import uuid
from typing import Any, NamedTuple

import pytest
from twisted.internet import defer, reactor, task
from twisted.trial.unittest import TestCase

from cql_driver.cluster import SchemaListener
from cql_driver.query import BatchStatement, SimpleStatement
from cql_protocol.errors import AlreadyExists, InvalidRequest, SyntaxException
from cql_reactors.twistedreactor import TwistedCluster, TwistedSession

ROWS = 2000


class Address(NamedTuple):
    street: str
    number: int


class Live(TestCase):
    timeout = 60

    async def setUp(self) -> None:
        address, port = os.environ["CQL_TESTS_NODE"].rsplit(":", 1)
        self.cluster = TwistedCluster([address], port=int(port))
        self.session: TwistedSession = await self.cluster.connect()
        self.keyspace = f"deferreds_{uuid.uuid4().hex[:8]}"
        await self.session.execute(
            f"CREATE KEYSPACE {self.keyspace} WITH replication = "
            "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        await self.session.set_keyspace(self.keyspace)
        await self.session.execute(
            "CREATE TABLE t (p int, c int, v text, tags map<text, int>, PRIMARY KEY (p, c))"
        )

    async def tearDown(self) -> None:
        try:
            await self.session.execute(f"DROP KEYSPACE {self.keyspace}", timeout=30)
        finally:
            await self.cluster.shutdown()

    async def test_rows(self) -> None:
        session = self.session
        insert = await session.prepare("INSERT INTO t (p, c, v, tags) VALUES (?, ?, ?, ?)")
        values = [(n % 2, n, f"v{n}", {"n": n}) for n in range(ROWS)]
        results = await session.execute_concurrent_with_args(insert, values)
        assert all(success for success, _ in results)
        session.default_fetch_size = 100
        rows = await (await session.execute("SELECT p, c, v, tags FROM t")).all()
        assert sorted(rows, key=lambda row: row.c) == values
        select = SimpleStatement("SELECT c FROM t WHERE p = 1", fetch_size=77)
        found = [row.c async for row in await session.execute(select)]
        assert found == list(range(1, ROWS, 2))
        first = await session.execute(select)
        more = await session.execute(select, paging_state=first.paging_state)
        assert more.one().c == 1 + 2 * 77

    async def test_conditions_batches_and_traces(self) -> None:
        session = self.session
        once = "INSERT INTO t (p, c) VALUES (1, 1) IF NOT EXISTS"
        assert (await session.execute(once)).was_applied
        assert not (await session.execute(once)).was_applied
        batch = BatchStatement()
        for number in range(10):
            batch.add("INSERT INTO t (p, c, v) VALUES (%s, %s, %s)", (2, number, "in a batch"))
        await session.execute(batch)
        result = await session.execute("SELECT count(*) FROM t WHERE p = 2", trace=True)
        assert result.one() == (10,)
        trace = await result.get_query_trace(max_wait_sec=10)
        assert trace.events
        assert len(await result.get_all_query_traces()) == 1

    async def test_errors(self) -> None:
        for statement, kind in (
            ("SELECT nonsense", SyntaxException),
            ("SELECT * FROM nowhere", InvalidRequest),
            ("CREATE TABLE t (p int PRIMARY KEY)", AlreadyExists),
            (f"USE {self.keyspace}_not", InvalidRequest),
        ):
            with pytest.raises(kind):
                await self.session.execute(statement)

    async def test_the_schema(self) -> None:
        cluster, session = self.cluster, self.session
        told: defer.Deferred[Any] = defer.Deferred()

        class Listener(SchemaListener):
            def on_added(self, entity: Any) -> None:
                if entity.name == "places":
                    told.callback(entity)

        await cluster.register_schema_listener(Listener())
        await session.execute("CREATE TYPE address (street text, number int)")
        await cluster.register_user_type(self.keyspace, "address", Address)
        await session.execute("CREATE TABLE places (id int PRIMARY KEY, at frozen<address>)")
        assert (await told).columns["at"].name == "at"
        insert = await session.prepare("INSERT INTO places (id, at) VALUES (?, ?)")
        await session.execute(insert, (1, Address("Elm", 7)))
        select = await session.prepare("SELECT * FROM places WHERE id = ?")
        assert (await session.execute(select, (1,))).one().at == Address("Elm", 7)
        await session.execute("ALTER TABLE places ADD name text")
        assert await session.wait_for_schema_agreement(10)
        assert (await session.execute(select, (1,))).one().name is None
        await cluster.refresh_table_metadata(self.keyspace, "places")
        assert "name" in cluster.metadata.keyspaces[self.keyspace].tables["places"].columns

    async def test_half_of_the_requests_are_cancelled(self) -> None:
        insert = await self.session.prepare("INSERT INTO t (p, c, v) VALUES (?, ?, ?)")
        values = [(1, n, str(n)) for n in range(500)]
        await self.session.execute_concurrent_with_args(insert, values)
        select = await self.session.prepare("SELECT v FROM t WHERE p = 1 AND c = ?")
        asked = [self.session.execute(select, (number,)) for number in range(500)]
        await task.deferLater(reactor, 0.005)
        for each in asked[::2]:
            each.addErrback(lambda failure: failure.trap(defer.CancelledError))
            each.cancel()
        for number in range(1, 500, 2):
            assert (await asked[number]).one().v == str(number)
