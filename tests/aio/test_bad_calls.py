"""What is wrong with a call is told as the blocking API tells it, and nothing is sent."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncSession
from cql_driver.query import SimpleStatement
from cql_protocol.errors import DriverException
from tests.driver.bad_calls import CALLS, Context, Wire

if TYPE_CHECKING:
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes
    from tests.driver.bad_calls import Call

COLUMNS = (
    "k int, t text, b blob, big bigint, tiny tinyint, f float, d decimal, u uuid, tu timeuuid, "
    "ts timestamp, da date, ti time, du duration, i inet, bo boolean, l list<int>, s set<text>, "
    "m map<text, int>, tp tuple<int, text>, v vector<float, 3>"
)
BLOCKING = {"submit"} | {name for name in CALLS if name.startswith("concurrent-")}
"""Functions of the blocking API, and what is the same in both."""


class AsyncContext(Context):
    """A session on asyncio, its table, and statements on it."""

    session: Any

    def __init__(self, session: AsyncSession, wire: Wire) -> None:
        self.session = session
        self.table = "ks.bad"
        self.wire = wire
        self.columns = [column.split()[0] for column in COLUMNS.split(", ") if " " in column]
        self.statement = f"INSERT INTO {self.table} (k, t) VALUES (%s, %s)"
        self.named = f"INSERT INTO {self.table} (k, t) VALUES (%(k)s, %(t)s)"
        self.paged = SimpleStatement("SELECT * FROM system.local", fetch_size=10)

    async def prepare(self) -> None:
        self.select = await self.session.prepare(f"SELECT * FROM {self.table} WHERE k = ?")
        self.inserts = {}
        for name in self.columns[1:]:
            text = f"INSERT INTO {self.table} (k, {name}) VALUES (?, ?)"
            self.inserts[name] = await self.session.prepare(text)


async def _called(call: Call, context: AsyncContext) -> None:
    outcome: Any = call(context)
    if inspect.isawaitable(outcome):
        await outcome


async def test_nothing_is_sent(connect: Connect, nodes: LiveNodes) -> None:
    nodes.call(nodes.cluster.store.make, "ks.bad", COLUMNS)
    wire = Wire()
    async with connect(observers=[wire], idle_heartbeat_interval=0) as session:
        context = AsyncContext(session, wire)
        await context.prepare()
        wrong = {}
        for name in CALLS.keys() - BLOCKING:
            call, texts = CALLS[name]
            before = wire.sent
            with pytest.raises(DriverException) as error:
                await _called(call, context)
            message = str(error.value).lower()
            if wire.sent != before or not all(text.lower() in message for text in texts):
                wrong[name] = message
        assert wrong == {}
        await session.execute(context.select, (0,))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ((5,), ("statements_and_parameters", "pairs")),
        (("text",), ("statements_and_parameters", "pairs")),
        (([], 0), ("concurrency=0", "at least 1")),
        (([], "5"), ("concurrency='5'", "not an int")),
        (([5],), ("no pair", "(statement, None)")),
    ],
    ids=["number", "text", "none", "text-concurrency", "no-pairs"],
)
async def test_concurrent_execution(connect: Connect, what: Any, told: Any) -> None:
    async with connect() as session:
        with pytest.raises(DriverException) as error:
            async for _ in session.execute_concurrent(*what):
                pass
        assert all(text in str(error.value) for text in told)
