"""From what a user wants to scan to a query and its partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET, checked_timeout
from cql_driver.cluster.session import Session
from cql_driver.cluster.session_base import SessionBase
from cql_driver.cluster.values import checked_name
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import SimpleStatement
from cql_driver.scans.connecting import Connector
from cql_driver.scans.partitions import ScanPartition, ScanQuery
from cql_driver.scans.splitting import bounds_of, split
from cql_protocol.identifiers import protect_name
from cql_protocol.tokens import Murmur3Token, token_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cql_driver.cluster.profiles import ExecutionProfile

__all__ = ["Planner", "checked_count", "lookup_of", "plan"]

_KEYS = (
    "SELECT column_name, kind, position FROM system_schema.columns "
    "WHERE keyspace_name = %s AND table_name = %s"
)
_PARTITIONS = 32
_PAGE_SIZE = 5000


def plan(
    session: Any,
    table: str,
    *,
    keyspace: str | None = None,
    columns: Iterable[str] | None = None,
    where: str | None = None,
    parameters: Sequence[Any] = (),
    partitions: int | None = None,
    page_size: int | None = None,
    row_factory: Any = None,
    execution_profile: Any = EXEC_PROFILE_DEFAULT,
    consistency_level: int | None = None,
    timeout: Any = NOT_SET,
    connect: Any = None,
) -> list[ScanPartition]:
    """Return the partitions of a table, for engines of others: Dask, Ray, a process pool.

    The parameters are those of `scan`; `partitions` is about how many there shall be, 32 when
    not given. Each can be read by itself: see `ScanPartition`.

    Example::

        with ProcessPoolExecutor() as pool:
            for count in pool.map(count_rows, plan(session, "shop.orders", partitions=100)):
                ...
    """
    chosen = (execution_profile, row_factory, consistency_level, timeout)
    planner = Planner(session, table, keyspace, columns, where, parameters, page_size, *chosen)
    wanted = checked_count("partitions", partitions, _PARTITIONS)
    return planner.partitions(lookup_of(session, planner), wanted, connect)


def lookup_of(session: Any, planner: Planner) -> list[Any]:
    """Ask for the columns of the table, on a session whose calls block."""
    if not isinstance(session, Session):
        raise InvalidArgumentType(
            f"session={session!r} is not a Session: give what Cluster.connect() returned, or use "
            "cql_driver.aio.scan with a session of asyncio"
        )
    return session.raw_rows(session.execute(*planner.lookup)._execution)


def checked_count(name: str, value: Any, default: int) -> int:
    """Return a number of at least 1; the default for None."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(f"{name}={value!r} is not an int")
    if value < 1:
        raise InvalidArgument(f"{name}={value}: at least 1")
    return value


class Planner:
    """What a user wants to scan, checked, but for what the schema says of it."""

    def __init__(
        self,
        session: Any,
        table: str,
        keyspace: str | None,
        columns: Iterable[str] | None,
        where: str | None,
        parameters: Sequence[Any],
        page_size: int | None,
        execution_profile: Any,
        row_factory: Any,
        consistency_level: int | None,
        timeout: Any,
    ) -> None:
        if not isinstance(session, SessionBase):
            raise InvalidArgumentType(f"session={session!r} is not a session of this driver")
        self._session = session
        self._keyspace, self._table = _names(session, table, keyspace)
        self._columns = _checked_columns(columns)
        self._where, self._parameters = _checked_filter(where, parameters)
        # A whole range at once would be too much, so there is no scan without pages.
        usual = session.default_fetch_size or _PAGE_SIZE
        self._page_size = checked_count("page_size", page_size, usual)
        changes: dict[str, Any] = {}
        if row_factory is not None:
            changes["row_factory"] = row_factory
        if consistency_level is not None:
            changes["consistency_level"] = consistency_level
        if timeout is not NOT_SET:
            changes["request_timeout"] = checked_timeout("timeout", timeout)
        self.profile: ExecutionProfile = session.execution_profile_clone_update(
            execution_profile, **changes
        )
        """The execution profile of all that is read."""
        self.lookup = SimpleStatement(_KEYS, fetch_size=None), (self._keyspace, self._table)
        """The statement, with its parameters, whose answer `partitions` needs."""

    def partitions(self, known: list[Any], wanted: int, connect: Any) -> list[ScanPartition]:
        """Return the partitions, given the columns that the table has.

        `known` are (name, kind, position). Raises `InvalidArgument` where the table does not
        exist, or cannot be cut.
        """
        metadata = self._session.cluster.metadata
        space = metadata.keyspaces.get(self._keyspace)
        strategy = None if space is None else type(space.replication_strategy).__name__
        if space is not None and (space.virtual or strategy == "LocalStrategy"):
            raise InvalidArgument(
                f"each node has tables of its own in the keyspace {self._keyspace}: read them by "
                "session.execute(..., host=...)"
            )
        if space is None or not known:
            raise InvalidArgument(f"there is no table {self._keyspace}.{self._table}")
        kind = token_class(metadata.partitioner)
        bounds = bounds_of(kind, metadata.partitioner)
        profile = self.profile
        choices = {
            "consistency_level": profile.consistency_level,
            "request_timeout": profile.request_timeout,
            "row_factory": profile.row_factory,
        }
        query = ScanQuery(
            *(self._keyspace, self._table, self._text(known), self._parameters, self._page_size),
            *(choices, kind is Murmur3Token, Connector(self._session, profile, connect)),
        )
        token_map = metadata.token_map
        ends = () if token_map is None else token_map.ring_of_hosts.values
        parts = split(ends, bounds, lambda end: metadata.replicas(self._keyspace, end), wanted)
        return [
            ScanPartition(n, part.ranges, tuple(str(host.address) for host in part.hosts), query)
            for n, part in enumerate(parts)
        ]

    def _text(self, known: list[Any]) -> str:
        names = {name for name, _, _ in known}
        unknown = [name for name in self._columns or () if name not in names]
        if unknown:
            raise InvalidArgument(
                f"{self._keyspace}.{self._table} has no column {unknown[0]!r}; it has "
                f"{', '.join(sorted(names))}"
            )
        keys = sorted((position, name) for name, kind, position in known if kind == _KEY)
        token = f"token({', '.join(protect_name(name) for _, name in keys)})"
        columns = "*" if self._columns is None else ", ".join(map(protect_name, self._columns))
        text = (
            f"SELECT {columns} FROM {protect_name(self._keyspace)}.{protect_name(self._table)} "
            f"WHERE {token} > ? AND {token} <= ?"
        )
        return text if self._where is None else f"{text} AND {self._where} ALLOW FILTERING"


_KEY = "partition_key"


def _names(session: Any, table: Any, keyspace: Any) -> tuple[str, str]:
    """Return keyspace and table; names have no dot, so one in `table` stands between them."""
    checked_name("table", table, "table")
    if keyspace is None:
        keyspace, dot, name = table.rpartition(".")
        if dot:
            table = name
        else:
            keyspace = getattr(session, "keyspace", None)
        if not keyspace:
            raise InvalidArgument(
                f"table={table!r} is in no keyspace: give 'keyspace.table', or keyspace=..."
            )
    checked_name("keyspace", keyspace, "keyspace")
    return keyspace, table


def _checked_columns(columns: Any) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, (str, bytes)) or not hasattr(columns, "__iter__"):
        raise InvalidArgumentType(f"columns={columns!r}: give a list of names")
    chosen = tuple(columns)
    if not chosen or not all(isinstance(name, str) for name in chosen):
        raise InvalidArgument(f"columns={columns!r}: give names of columns, or None for all")
    return chosen


def _checked_filter(where: Any, parameters: Any) -> tuple[str | None, tuple[Any, ...]]:
    if isinstance(parameters, (str, bytes)) or not hasattr(parameters, "__iter__"):
        raise InvalidArgumentType(f"parameters={parameters!r}: give a list of values")
    values = tuple(parameters)
    if where is None:
        if values:
            raise InvalidArgument("parameters are for the markers in where, which is not given")
        return None, ()
    if not isinstance(where, str):
        raise InvalidArgumentType(f"where={where!r} is not a str: give CQL such as 'price > ?'")
    return where, values
