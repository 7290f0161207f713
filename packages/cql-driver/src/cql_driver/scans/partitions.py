"""`ScanPartition`: a part of a table that can be read by itself, here or in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT
from cql_driver.scans.splitting import key_of_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.query import BoundStatement, PreparedStatement
    from cql_driver.scans.connecting import Connector
    from cql_driver.scans.splitting import Range

__all__ = ["ScanPartition", "ScanQuery"]


class ScanQuery:
    """What is asked of each range of a table, and how: all partitions of a scan share it.

    - `text`: the statement, whose first two markers are for the ends of a range
    - `parameters`: the values of the others
    - `choices`: what the execution profile has that matters to pages: consistency level,
      time-out and row factory
    - `routed`: whether a range can be sent to its replicas
    - `connector`: how to connect in another process
    """

    __slots__ = (
        "choices",
        "connector",
        "keyspace",
        "page_size",
        "parameters",
        "routed",
        "table",
        "text",
    )

    def __init__(
        self,
        keyspace: str,
        table: str,
        text: str,
        parameters: tuple[Any, ...],
        page_size: int,
        choices: dict[str, Any],
        routed: bool,
        connector: Connector,
    ) -> None:
        self.keyspace = keyspace
        self.table = table
        self.text = text
        self.parameters = parameters
        self.page_size = page_size
        self.choices = choices
        self.routed = routed
        self.connector = connector

    def __reduce__(self) -> tuple[Any, ...]:
        values = self.keyspace, self.table, self.text, self.parameters, self.page_size
        return ScanQuery, (*values, self.choices, self.routed, self.connector)

    def __repr__(self) -> str:
        return f"<ScanQuery {self.text!r}>"

    def with_rows(self, row_factory: Any) -> ScanQuery:
        """Return the same, with rows as this factory makes them."""
        choices = {**self.choices, "row_factory": row_factory}
        return ScanQuery(
            *(self.keyspace, self.table, self.text, self.parameters, self.page_size),
            *(choices, self.routed, self.connector),
        )

    def profile(self, session: Any) -> ExecutionProfile:
        """Return the execution profile for a session of another process."""
        clone: ExecutionProfile = session.execution_profile_clone_update(
            EXEC_PROFILE_DEFAULT, **self.choices
        )
        return clone

    def bind(self, prepared: PreparedStatement, range_: Range) -> BoundStatement:
        """Return the statement that reads a range."""
        bound = prepared.bind((*range_, *self.parameters))
        if self.routed:
            bound.routing_key = key_of_token(range_[1])
        bound.fetch_size = self.page_size
        bound.is_idempotent = True
        return bound


class ScanPartition:
    """A part of a table: ranges of tokens that common replicas have.

    `plan` returns all partitions of a table; together they hold each row once. One can be
    pickled, in some hundred bytes, and read in any process that reaches the cluster: it has in it
    how to connect, passwords included.

    - `index`: its number among the partitions of the plan
    - `ranges`: pairs of tokens: those above the first, up to and with the second
    - `replicas`: the addresses of the nodes that have all of it, the primary one first
    - `query`: the `ScanQuery`

    Example::

        for partition in plan(session, "flights"):
            pool.submit(count_rows, partition)     # which does: len(partition.rows())
    """

    __slots__ = ("index", "query", "ranges", "replicas")

    def __init__(
        self,
        index: int,
        ranges: tuple[Range, ...],
        replicas: tuple[str, ...],
        query: ScanQuery,
    ) -> None:
        self.index = index
        self.ranges = ranges
        self.replicas = replicas
        self.query = query

    def __reduce__(self) -> tuple[Any, ...]:
        return ScanPartition, (self.index, self.ranges, self.replicas, self.query)

    def __repr__(self) -> str:
        return f"<ScanPartition {self}>"

    def __str__(self) -> str:
        told = ", ".join(f"({start}, {end}]" for start, end in self.ranges)
        return f"{self.index} of {self.query.keyspace}.{self.query.table}, tokens {told}"

    def pages(self, session: Any = None, row_factory: Any = None) -> Iterator[Any]:
        """Iterate over the pages, each as the row factory makes it; empty ones are left out.

        While a page is used, the next is on its way. Without a `session` the process connects,
        once for all partitions of a cluster. Raises what a request raises.
        """
        from cql_driver.scans.blocking import pages_of
        from cql_driver.scans.connecting import session_of

        query = self.query if row_factory is None else self.query.with_rows(row_factory)
        if session is None:
            session = session_of(query.connector)
        return pages_of(session, query, self)

    def rows(self, session: Any = None, row_factory: Any = None) -> list[Any]:
        """Return all rows as a list."""
        return [row for page in self.pages(session, row_factory) for row in page]

    def to_arrow(self, session: Any = None) -> Any:
        """Return all rows as a `pyarrow.Table`, whose columns are there even without rows.

        See docs/columnar.md. Raises `DependencyException` without pyarrow.
        """
        from cql_driver.columnar.collectors import ArrowCollector

        return self._collected(session, ArrowCollector())

    def to_pandas(self, session: Any = None, **options: Any) -> Any:
        """Return all rows as a `pandas.DataFrame`; `options` go to `pyarrow.Table.to_pandas`."""
        from cql_driver.columnar.collectors import PandasCollector

        return self._collected(session, PandasCollector(options))

    def _collected(self, session: Any, collector: Any) -> Any:
        from cql_driver.scans.blocking import collected
        from cql_driver.scans.connecting import session_of

        if session is None:
            session = session_of(self.query.connector)
        return collected(session, self.query, self, collector)
