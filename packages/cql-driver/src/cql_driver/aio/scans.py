"""`scan`: all rows of a table, read in parallel, on asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cql_driver.aio.session import AsyncSession
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.errors import InvalidArgumentType
from cql_driver.scans.blocking import CONCURRENCY, PER_READER, decoded, items
from cql_driver.scans.planning import Planner, checked_count
from cql_driver.scans.window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from cql_driver.core.execution import Execution
    from cql_driver.scans.partitions import ScanPartition

__all__ = ["AsyncScan", "scan"]


def scan(
    session: AsyncSession,
    table: str,
    *,
    keyspace: str | None = None,
    columns: Iterable[str] | None = None,
    where: str | None = None,
    parameters: Sequence[Any] = (),
    concurrency: int | None = None,
    partitions: int | None = None,
    page_size: int | None = None,
    row_factory: Callable[..., Any] | None = None,
    execution_profile: Any = EXEC_PROFILE_DEFAULT,
    consistency_level: int | None = None,
    timeout: Any = NOT_SET,
) -> AsyncScan:
    """Read a whole table, from its replicas in parallel; iterate over what is returned.

    The parameters are those of `cql_driver.scan`, but for what concerns processes. Nothing is
    asked of a server before the first row is.

    Example::

        async for row in scan(session, "shop.orders", columns=["id", "total"]):
            ...
    """
    if not isinstance(session, AsyncSession):
        raise InvalidArgumentType(
            f"session={session!r} is not an AsyncSession: give what AsyncCluster.connect() "
            "returned, or use cql_driver.scan with a session whose calls block"
        )
    chosen = (execution_profile, row_factory, consistency_level, timeout)
    planner = Planner(session, table, keyspace, columns, where, parameters, page_size, *chosen)
    window = checked_count("concurrency", concurrency, CONCURRENCY)
    wanted = checked_count("partitions", partitions, PER_READER * window)
    return AsyncScan(session, planner, window, wanted)


class AsyncScan:
    """The rows of a table that is being scanned: ``async for`` goes over them, once.

    Who leaves the loop early closes it, by ``async with`` or `aclose`; else pages that are in
    flight arrive for nobody. Where the wait for a row is cancelled, no row is lost: go on.
    `partitions` are the parts of the table, once the first row is there, of which `done` are read
    to their end. Tasks may not share it.

    Example::

        async with scan(session, "shop.orders") as rows:
            async for row in rows:
                if row.id == wanted:
                    break
    """

    def __init__(self, session: AsyncSession, planner: Planner, window: int, wanted: int) -> None:
        self.partitions: list[ScanPartition] = []
        self._session = session
        self._planner = planner
        self._sizes = window, wanted
        self._window: _AsyncWindow | None = None
        self._rows: Iterator[Any] = iter(())
        self._closed = False

    @property
    def done(self) -> int:
        """How many partitions are read to their end."""
        return 0 if self._window is None else self._window.done

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while True:
            for row in self._rows:
                return row
            page = await self._next_page()
            if page is None:
                raise StopAsyncIteration
            self._rows = iter(page)

    async def pages(self) -> AsyncIterator[Any]:
        """Iterate over pages, each a list of rows."""
        while (page := await self._next_page()) is not None:
            yield page

    async def _next_page(self) -> Any:
        if self._closed:
            return None
        try:
            window = self._window
            if window is None:
                window = self._window = await self._begin()
            taken = await window.next_execution()
            if taken is not None:
                return items(decoded(self._session, *taken))
        except Exception:
            await self.aclose()
            raise
        self._closed = True
        return None

    async def _begin(self) -> _AsyncWindow:
        session, planner = self._session, self._planner
        concurrency, wanted = self._sizes
        found = await session.execute(*planner.lookup)
        self.partitions = planner.partitions(session.raw_rows(found._execution), wanted, None)
        query = self.partitions[0].query
        prepared = await session.prepare(query.text)
        left = iter(self.partitions)
        return _AsyncWindow(session, query, prepared, planner.profile, left, concurrency)

    async def aclose(self) -> None:
        """Give up what is not read yet; nothing is left behind."""
        self._closed = True
        self._rows = iter(())
        if self._window is not None:
            self._window.close()

    async def __aenter__(self) -> AsyncScan:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.aclose()


class _AsyncWindow(Window):
    """A window whose pages a task waits for."""

    _reader: asyncio.Future[None] | None = None

    def start(self, execution: Execution) -> None:
        """Start the execution."""
        execution.start()

    def cancel(self, execution: Execution) -> None:
        """Give the execution up."""
        execution.cancel()

    def wake(self) -> None:
        """Rouse the task that waits for a page."""
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def next_execution(self) -> tuple[ScanPartition, Execution] | None:
        """Wait for a page; None after the last one."""
        self.session.check_loop()
        self.begin()
        while (taken := self.take()) is None:
            if not self.waits:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return taken
