"""Sessions of several asyncio drivers under one face, and the ways in which they are used.

It runs in the environment of each driver, so it imports nothing but the standard library and
that driver. `open_session` connects one; a pattern takes a `Work`, the number of requests and
how many may be in flight, and returns the latencies of every `SAMPLE`-th request in seconds.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

import schema

SAMPLE = 16
TIMEOUT = 60.0

Execute = Callable[[Any, tuple[Any, ...]], Awaitable[Any]]


class Work(NamedTuple):
    """A statement and what its answer must look like."""

    execute: Execute
    """takes the prepared statement and its values, and returns what is awaited"""
    prepared: Any
    values: Callable[[int], tuple[Any, ...]]
    """the values of request number N"""
    check: Callable[[Any], None]
    """takes the result, reads its rows and raises when they are wrong"""
    concurrent: Callable[..., AsyncIterable[Any]] | None
    """what the driver has for many statements at once, if anything"""


class Session:
    """A connected session of one driver; `AsyncSession` of this tree as it is."""

    def __init__(self, cluster: Any, session: Any) -> None:
        self._cluster = cluster
        self._session = session
        self.execute: Execute = session.execute
        self.concurrent = getattr(session, "execute_concurrent_with_args", None)

    async def prepare(self, text: str) -> Any:
        """Return the statement, prepared."""
        return await self._session.prepare(text)

    async def close(self) -> None:
        """Close the session and all that belongs to it."""
        await self._cluster.shutdown()

    def name_of(self, result: Any) -> object:
        """Read the one row of a result and return the name in it."""
        (row,) = result
        return row.name

    async def works(self) -> dict[str, Work]:
        """Return what can be asked for, by the name of the workload."""
        insert, select = [
            await self.prepare(text) for text in (schema.INSERT_ITEM, schema.SELECT_ITEM)
        ]
        return {
            "insert": Work(self.execute, insert, schema.item, _nothing, self.concurrent),
            "select": Work(self.execute, select, _key, self._check_row, self.concurrent),
        }

    async def pages(self, kind: str) -> Work:
        """Return the work that reads pages as rows of a kind: tuples, named (tuples) or dicts."""
        prepared = await self.prepare(schema.SELECT_PAGE)

        def check(result: Any) -> None:
            assert len(self.rows_of(result, kind)) == schema.PAGE_ROWS

        return Work(self.execute, prepared, lambda _: (0,), check, None)

    def rows_of(self, result: Any, kind: str) -> list[Any]:
        """Return the rows of a result, of this kind."""
        raise NotImplementedError(f"rows as {kind} are not measured with this driver")

    def _check_row(self, result: Any) -> None:
        assert self.name_of(result)


class FuturesSession(Session):
    """A driver with threads and callbacks, each request wrapped in a future of the loop."""

    def __init__(self, cluster: Any, session: Any) -> None:
        super().__init__(cluster, session)
        self._loop = asyncio.get_running_loop()
        self.execute = self._execute

    async def prepare(self, text: str) -> Any:
        return await asyncio.to_thread(self._session.prepare, text)

    async def close(self) -> None:
        await asyncio.to_thread(self._cluster.shutdown)

    def _execute(self, prepared: Any, values: tuple[Any, ...]) -> Awaitable[Any]:
        future = self._loop.create_future()
        response = self._session.execute_async(prepared, values)
        response.add_callbacks(self._answered, self._failed, (future,), {}, (future,), {})
        return future

    def _answered(self, rows: Any, future: asyncio.Future[Any]) -> None:
        self._loop.call_soon_threadsafe(_resolve, future, rows, None)

    def _failed(self, error: BaseException, future: asyncio.Future[Any]) -> None:
        self._loop.call_soon_threadsafe(_resolve, future, None, error)


class AcsyllaSession(Session):
    """acsylla, whose statements are bound by their owner."""

    def __init__(self, cluster: Any, session: Any) -> None:
        super().__init__(cluster, session)
        self.execute = self._execute

    async def prepare(self, text: str) -> Any:
        return await self._session.create_prepared(text)

    async def close(self) -> None:
        await self._session.close()

    def _execute(self, prepared: Any, values: tuple[Any, ...]) -> Awaitable[Any]:
        statement = prepared.bind()
        statement.bind_list(list(values))
        return self._session.execute(statement)  # type: ignore[no-any-return]

    def name_of(self, result: Any) -> object:
        return result.first().as_tuple()[1]

    def rows_of(self, result: Any, kind: str) -> list[Any]:
        if kind == "tuples":
            return [row.as_tuple() for row in result]
        if kind == "named":
            return [row.as_named_tuple() for row in result]
        return [row.as_dict() for row in result]


class ScyllapySession(Session):
    """scyllapy, whose rows are dicts."""

    def name_of(self, result: Any) -> object:
        return result.first()["name"]

    def rows_of(self, result: Any, kind: str) -> list[Any]:
        if kind != "dicts":
            raise NotImplementedError("its rows are dicts")
        rows: list[Any] = result.all()
        return rows


class RustSession(Session):
    """scylladb-rs-driver, whose rows are dicts."""

    async def close(self) -> None:
        """Do nothing: its session ends with the process."""

    def name_of(self, result: Any) -> object:
        (row,) = result.iter_current_page()
        return row["name"]

    def rows_of(self, result: Any, kind: str) -> list[Any]:
        if kind != "dicts":
            raise NotImplementedError("its rows are dicts")
        return list(result.iter_current_page())


def _resolve(future: asyncio.Future[Any], rows: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(rows)
    else:
        future.set_exception(error)


def _key(number: int) -> tuple[int]:
    return (number % schema.ITEM_COUNT,)


def _nothing(result: Any) -> None:
    pass


# --------------------------------------------------------------------------- connecting


async def open_session(root: str, options: dict[str, Any]) -> Session:
    """Connect with the driver whose package is `root`."""
    contact_points, port = options["contact_points"], options["port"]
    if root == "acsylla":
        acsylla = importlib.import_module(root)
        cluster = acsylla.create_cluster(contact_points, port=port, protocol_version=4)
        return AcsyllaSession(cluster, await cluster.create_session())
    if root == "scyllapy":
        scyllapy = importlib.import_module(root)
        session = scyllapy.Scylla([f"{host}:{port}" for host in contact_points])
        await session.startup()
        return ScyllapySession(session, session)
    if root == "scylla":
        builder = importlib.import_module("scylla.session_builder").SessionBuilder()
        session = await builder.contact_points([(host, port) for host in contact_points]).connect()
        return RustSession(session, session)
    given: dict[str, Any] = {
        "port": port,
        "protocol_version": options.get("protocol", 4),
        "compression": options.get("compression") or False,
    }
    if root == "cql_driver":
        aio = importlib.import_module("cql_driver.aio")
        cluster = aio.AsyncCluster(contact_points, **given)
        return Session(cluster, await cluster.connect())
    logging.getLogger(root).setLevel(logging.ERROR)  # it warns of a server that has no shards
    cluster = importlib.import_module(f"{root}.cluster").Cluster(contact_points, **given)
    session = await asyncio.to_thread(cluster.connect)
    session.default_timeout = TIMEOUT
    return FuturesSession(cluster, session)


# ----------------------------------------------------------------------------- patterns


async def loops(work: Work, requests: int, concurrency: int) -> list[float]:
    """Have `concurrency` tasks await one request after the other."""
    latencies: list[float] = []
    numbers = iter(range(requests))
    count = min(concurrency, requests)
    await asyncio.gather(*(_one_after_the_other(work, numbers, latencies) for _ in range(count)))
    return latencies


async def _one_after_the_other(work: Work, numbers: Iterable[int], latencies: list[float]) -> None:
    execute, prepared, values, check, _ = work
    for number in numbers:
        if number % SAMPLE:
            check(await execute(prepared, values(number)))
        else:
            begin = perf_counter()
            check(await execute(prepared, values(number)))
            latencies.append(perf_counter() - begin)


async def tasks(work: Work, requests: int, concurrency: int) -> list[float]:
    """Have a task of its own for each request, at most `concurrency` at once."""
    latencies: list[float] = []
    gate = asyncio.Semaphore(concurrency)
    async with asyncio.TaskGroup() as group:
        for number in range(requests):
            await gate.acquire()
            group.create_task(_one_by_a_gate(work, number, gate, latencies))
    return latencies


async def _one_by_a_gate(
    work: Work, number: int, gate: asyncio.Semaphore, latencies: list[float]
) -> None:
    try:
        await _one_after_the_other(work, (number,), latencies)
    finally:
        gate.release()


async def concurrent(work: Work, requests: int, concurrency: int) -> list[float]:
    """Hand values to the driver's own function for many statements."""
    assert work.concurrent is not None
    arguments: Iterator[tuple[Any, ...]] = map(work.values, range(requests))
    count = 0
    async for success, result in work.concurrent(work.prepared, arguments, concurrency=concurrency):
        assert success, result
        work.check(result)
        count += 1
    assert count == requests, f"{count} results of {requests} requests"
    return []


PATTERNS: dict[str, Callable[[Work, int, int], Awaitable[list[float]]]] = {
    "loops": loops,
    "tasks": tasks,
    "concurrent": concurrent,
}
