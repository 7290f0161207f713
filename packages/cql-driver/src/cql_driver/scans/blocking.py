"""`scan`: all rows of a table, read in parallel; its calls block."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.cluster.session import Session
from cql_driver.core.pending import Waitable
from cql_driver.errors import InvalidArgumentType
from cql_driver.scans.planning import Planner, checked_count, lookup_of
from cql_driver.scans.window import Window, named
from cql_protocol.errors import DriverException
from cql_protocol.messages import RawRows, ResultMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from cql_driver.core.execution import Execution
    from cql_driver.scans.partitions import ScanPartition, ScanQuery

__all__ = [
    "BlockingWindow",
    "CONCURRENCY",
    "PER_READER",
    "Scan",
    "argument",
    "collected",
    "decoded",
    "items",
    "pages_of",
    "scan",
]

CONCURRENCY = 8
"""Pages that a scan has at most, in flight and at hand."""
PER_READER = 4
"""Partitions for each of them, so that none is left with much at the end."""


def scan(
    session: Session,
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
    processes: int = 1,
    function: Callable[[Any], Any] | None = None,
    connect: Callable[[], Session] | None = None,
) -> Scan:
    """Read a whole table, from its replicas in parallel; iterate over what is returned.

    Each row comes once, in no order. At most `concurrency` pages are in flight or not used yet.

    - `table`: its name, or ``keyspace.table``, as it is, unquoted
    - `columns`: names of columns, all when None
    - `where`: a condition in CQL for the server to filter by (``"price > ?"``), with the values of
      its markers in `parameters`; it costs the server as much as without
    - `concurrency`: 8, for all processes together
    - `partitions`: about how many parts, four for each of `concurrency` when not given
    - `page_size`: rows of a page; the session's when not given, 5,000 where that has none
    - `row_factory`, `consistency_level`, `timeout` (seconds for each page): those of
      `execution_profile` when not given
    - `processes`: more than 1 has so many processes read, and share the work of `function`
    - `function`: is called with each page, in the process that read it; what it returns is given
      in place of the page's rows
    - `connect`: for processes that cannot connect as this one did: a function of a module that
      returns a session

    Raises `InvalidArgument` for what cannot be scanned. While it is read it raises what a request
    raises, with a note that names the range, or `ScanWorkerDied`; nothing more is given then.

    Example::

        for row in scan(session, "shop.orders", columns=["id", "total"]):
            print(row.id)
        print(sum(scan(session, "shop.orders", function=sum_of_totals, processes=4)))
    """
    if function is not None and not callable(function):
        raise InvalidArgumentType(f"function={function!r} cannot be called: give one of a page")
    chosen = (execution_profile, row_factory, consistency_level, timeout)
    planner = Planner(session, table, keyspace, columns, where, parameters, page_size, *chosen)
    workers = checked_count("processes", processes, 1)
    window = max(workers, checked_count("concurrency", concurrency, CONCURRENCY))
    wanted = checked_count("partitions", partitions, PER_READER * window)
    planned = planner.partitions(lookup_of(session, planner), wanted, connect)
    return _begin(session, planner, planned, window, workers, function)


def _begin(
    session: Session,
    planner: Planner,
    planned: list[ScanPartition],
    window: int,
    workers: int,
    function: Any,
) -> Scan:
    """Return a scan by so many workers, each of which has its part of the window."""
    query = planned[0].query
    # Before any process is started: they tell what is wrong with the statement and its values.
    prepared = session.prepare(query.text)
    query.bind(prepared, planned[0].ranges[0])
    reading: Any
    if workers > 1:
        from cql_driver.scans.processes import Workers

        reading = Workers(session, planner.profile, planned, function)
        reading.open(workers, -(-window // workers))
    else:
        left = iter(planned)
        reading = BlockingWindow(session, query, prepared, planner.profile, left, window)
        reading.function = function
    return Scan(reading, planned)


class Scan:
    """The rows of a table that is being scanned: iterate over it, once.

    Close it where you may leave it early, by ``with`` or `close`; a ``for`` loop over the call
    itself does so. `partitions` are the parts of the table, of which `done` are read to their
    end. Threads may not share it.

    Example::

        with scan(session, "shop.orders") as rows:
            for row in rows:
                if row.id == wanted:
                    break
    """

    def __init__(self, reading: Any, partitions: list[ScanPartition]) -> None:
        self._reading = reading
        self.partitions = partitions
        # These must not hold this object, which would be a cycle, and so not be closed in time.
        self._pages = _pages(reading)
        self._rows: Iterator[Any] = chain.from_iterable(self._pages)

    def __repr__(self) -> str:
        query = self.partitions[0].query
        return (
            f"<Scan of {query.keyspace}.{query.table}, "
            f"{self.done} of {len(self.partitions)} partitions done>"
        )

    @property
    def done(self) -> int:
        """How many partitions are read to their end."""
        done: int = self._reading.done
        return done

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def __next__(self) -> Any:
        return next(self._rows)

    def pages(self) -> Iterator[Any]:
        """Iterate over pages, each a list of rows, or of what a function made of it."""
        return self._pages

    def close(self) -> None:
        """Give up what is not read yet; nothing is left behind."""
        self._pages.close()
        self._reading.close()  # in case that nobody has asked for a page
        self._rows = iter(())

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def _pages(reading: Any) -> Generator[Any, None, None]:
    """Give the pages of a window or of workers, and close it at the end, however that comes."""
    try:
        while (page := reading.next_page()) is not None:
            yield page
            del page
    finally:
        reading.close()


class BlockingWindow(Window):
    """A window whose pages a thread waits for, driving the loop meanwhile."""

    function: Callable[[Any], Any] | None = None
    """What is called with each page, and returns what is given in its place."""
    _round: Waitable | None = None

    def start(self, execution: Execution) -> None:
        """Have the loop start the execution, at once where nobody else drives it."""
        self.session.on_loop(execution.start)

    def cancel(self, execution: Execution) -> None:
        """Have the loop give the execution up."""
        try:
            self.session.on_loop(execution.cancel)
        except DriverException:
            pass  # the session is shut down, and with it the execution

    def wake(self) -> None:
        """Rouse the thread that waits for a page."""
        if self._round is not None:
            self._round.finish()

    def next_execution(self) -> tuple[ScanPartition, Execution] | None:
        """Wait for a page; None after the last one."""
        self.begin()
        while (taken := self.take()) is None:
            if not self._open:
                return None
            # Who appends a page looks for the round afterwards, and here it is the other way.
            round_ = self._round = Waitable()
            if self.waits:
                self.session.pools.engine.runtime.wait(round_)
            self._round = None
        return taken

    def next_page(self) -> Any:
        """Return what is to be given for a page, None after the last one."""
        taken = self.next_execution()
        if taken is None:
            return None
        partition, execution = taken
        page = decoded(self.session, partition, execution)
        if self.function is None:
            return items(page)
        return [self.function(argument(page, execution.options.row_factory))]


def decoded(session: Any, partition: ScanPartition, execution: Execution) -> Any:
    """Return a page as its row factory makes it; an error tells the partition."""
    try:
        return session.decode_page(execution)
    except Exception as exc:
        named(exc, partition)
        raise


def items(page: Any) -> Any:
    """Return what is to be given of a page: its rows, or itself where a handler made no rows."""
    return [page] if isinstance(page, Mapping) else page


def argument(page: Any, row_factory: Any) -> Any:
    """Return what a function is called with: a page, or the batch that a page was made."""
    return page[0] if hasattr(row_factory, "of_page") else page


def pages_of(session: Any, query: ScanQuery, partition: ScanPartition) -> Iterator[Any]:
    """Iterate over the pages of one partition."""
    return _pages(_window_of(session, query, partition))


def collected(session: Any, query: ScanQuery, partition: ScanPartition, collector: Any) -> Any:
    """Return what a collector of `cql_driver.columnar` makes of one partition."""
    window = _window_of(session, query, partition)
    try:
        pages = 0
        while (taken := window.next_execution()) is not None:
            execution = taken[1]
            _, names, decoder = session._decoder.shape(session.columns_of(execution))
            collector.add(execution.outcome, names, decoder)
            pages += 1
        columns = window.prepared.state.snapshot.result_columns
        if not pages and columns:
            _, names, decoder = session._decoder.shape(columns)
            collector.add(RawRows(ResultMetadata(columns), 0, b""), names, decoder)
        return collector.result()
    except Exception as exc:
        named(exc, partition)
        raise
    finally:
        window.close()


def _window_of(session: Any, query: ScanQuery, partition: ScanPartition) -> BlockingWindow:
    if not isinstance(session, Session):
        raise InvalidArgumentType(f"session={session!r} is not a Session: its calls must block")
    prepared = session.prepare(query.text)
    profile = query.profile(session)
    return BlockingWindow(session, query, prepared, profile, iter((partition,)), 1)
