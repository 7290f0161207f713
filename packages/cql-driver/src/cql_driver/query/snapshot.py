"""`Snapshot`: all that one answer of the server said of a prepared statement."""

from __future__ import annotations

from functools import cache
from struct import Struct
from struct import error as StructError

from cql_driver.query.unrolled import encoder, joiner
from cql_protocol.errors import InvalidValue, InvalidValueType
from cql_protocol.rows import bind_values
from cql_protocol.tokens import composite_key
from cql_protocol.types.base import show
from cql_protocol.values import UNSET

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from cql_driver.query.messages import Shape
    from cql_protocol.messages import ColumnSpec, PreparedResult
    from cql_protocol.types import CqlType
    from cql_protocol.wire import Value

__all__ = ["Snapshot", "find_routing_indexes"]

_MOST_STARTS = 64


# Functions in C that give what the type's own `encode` gives, or raise. After an error of any
# kind the values are bound once more by `bind_values`, which knows all the types take.
@cache
def _direct() -> dict[CqlType, Callable[[Any], bytes]]:
    from cql_protocol.types import BIGINT, COUNTER, INT, SMALLINT, TEXT, TINYINT

    numbers = (TINYINT, SMALLINT, INT, BIGINT, COUNTER)
    return {**{each: Struct(">" + each.struct_code).pack for each in numbers}, TEXT: str.encode}


_join_parts = Struct(">H").pack


class Snapshot:
    """What the server said of a prepared statement, with all that can be computed of it once.

    Immutable: a statement that is prepared anew, or whose result changes its columns, gets
    another one, and a request in flight keeps the one it was made by.

    - `query_id`: by which the server knows the statement
    - `columns`: the markers (`ColumnSpec`), `count` of them, and their `names`
    - `pk_indexes`: for each column of the partition key the index of its marker, or empty
    - `result_columns`: the columns of the rows, or None when they are not known
    - `metadata_id`: the server's id of `result_columns`; None without them
    - `lwt`: whether the server marked the statement as conditional
    - `keyspace`, `table`: of the first marker, or of the first column of the result

    Example::

        >>> from cql_protocol.messages import ColumnSpec
        >>> from cql_protocol.types import INT
        >>> snapshot = Snapshot(b"id", [ColumnSpec("ks", "t", "k", INT)], [0])
        >>> snapshot.bind([7])
        [b'\\x00\\x00\\x00\\x07']
    """

    __slots__ = (
        "query_id",
        "columns",
        "pk_indexes",
        "result_columns",
        "metadata_id",
        "lwt",
        "count",
        "names",
        "keyspace",
        "table",
        "starts",
        "shapes",
        "express",
        "join",
        "_encode",
        "_pairs",
    )

    def __init__(
        self,
        query_id: bytes,
        columns: Sequence[ColumnSpec] = (),
        pk_indexes: Sequence[int] = (),
        result_columns: Sequence[ColumnSpec] | None = None,
        metadata_id: bytes | None = None,
        lwt: bool = False,
    ) -> None:
        self.query_id = query_id
        self.columns = tuple(columns)
        self.pk_indexes = tuple(pk_indexes)
        self.result_columns = None if result_columns is None else tuple(result_columns)
        # An id of a description we do not have would make the server leave it out.
        self.metadata_id = (metadata_id or None) if self.result_columns is not None else None
        self.lwt = lwt
        self.count = len(self.columns)
        self.names = tuple(column.name for column in self.columns)
        first = next(iter(self.columns or self.result_columns or ()), None)
        self.keyspace: str | None = first.keyspace_name if first else None
        self.table: str | None = first.table_name if first else None
        self.starts: dict[int, bytes] = {}
        """How requests begin, by level and flags: kept by `messages.BoundExecute`."""
        self.shapes: dict[Any, Shape] = {}
        """Those of requests that were made, by what they were made of."""
        self.express: tuple[Any, ...] | None = None
        """What compiled code has made of the shape that was used last."""
        self._pairs = tuple((column.name, column.type) for column in self.columns)
        direct = _direct()
        self._encode = encoder(
            [direct.get(column.type) or column.type.encode for column in self.columns]
        )
        self.join = joiner(self.count)
        """What joins the parts of a body, when there is a quick way."""

    @classmethod
    def of(cls, result: PreparedResult, cluster_metadata: Any = None) -> Snapshot:
        """Make one of the server's answer to PREPARE.

        Where the answer does not tell the partition key (protocol 3), it is looked up in
        `cluster_metadata`, if that knows the table.
        """
        columns = result.metadata.columns
        pk_indexes = result.metadata.pk_indexes
        if not pk_indexes:
            pk_indexes = find_routing_indexes(columns, cluster_metadata)
        return cls(
            result.query_id,
            columns,
            pk_indexes,
            result.result_metadata.columns,
            result.result_metadata_id,
            result.metadata.lwt,
        )

    def with_result(
        self, result_columns: Sequence[ColumnSpec] | None, metadata_id: bytes | None
    ) -> Snapshot:
        """Return the same with other columns of the result, and their id."""
        return Snapshot(
            self.query_id, self.columns, self.pk_indexes, result_columns, metadata_id, self.lwt
        )

    def bind(
        self, values: Sequence[Any] | Mapping[str, Any], allow_unset: bool = True
    ) -> list[Value]:
        """Return the cells of the parameters: bytes, None for null, or `UNSET`.

        `values` is a list or tuple in the order of the markers, or a mapping by their names,
        whose other keys are ignored. Parameters without a value are `UNSET` with
        `allow_unset` (protocol 4 and newer), else an error that names them.

        Raises `InvalidValueType` or `ValueOutOfRange` naming the column, its type and the value,
        and `InvalidValue` when a column of the partition key would be null or unset.
        """
        kind = values.__class__
        cells: list[Value]
        if kind is tuple or kind is list:
            try:
                cells = self._encode(values)  # type: ignore[arg-type]
            except (StructError, TypeError, ValueError, OverflowError, InvalidValue):
                # Too many or too few values as well.
                cells = bind_values(self._pairs, values, allow_unset=allow_unset)
            else:
                if not allow_unset and UNSET in cells:
                    cells = bind_values(self._pairs, values, allow_unset=False)
        elif not hasattr(kind, "__iter__"):
            raise InvalidValueType(
                f"parameters are given in a list, a tuple or a dict, not as {show(values)}; "
                "a single one as (value,)"
            )
        else:
            cells = bind_values(self._pairs, values, allow_unset=allow_unset)
        for index in self.pk_indexes:
            if cells[index].__class__ is not bytes:
                self._refuse_key(cells, index)
        return cells

    def _refuse_key(self, cells: Sequence[Value], index: int) -> None:
        name, cql_type = self._pairs[index]
        what = "null" if cells[index] is None else "unset"
        raise InvalidValue(
            f"column {name!r} ({cql_type.name}) belongs to the partition key, so it cannot be "
            f"{what}: give it a value"
        )

    def routing_key(self, cells: Sequence[Value]) -> bytes | None:
        """Return the routing key that the cells make, None when they do not hold all of it.

        Raises `InvalidValue` for a column that is null or unset, `ValueOutOfRange` for one of
        more than 65535 bytes in a key of several columns.
        """
        indexes = self.pk_indexes
        if not indexes:
            return None
        if len(indexes) == 1:
            cell = cells[indexes[0]]
            if cell.__class__ is bytes:
                return cell
            self._refuse_key(cells, indexes[0])
        parts: list[bytes] = []
        for index in indexes:
            cell = cells[index]
            if cell.__class__ is not bytes:
                self._refuse_key(cells, index)
            size = len(cell)  # type: ignore[arg-type]
            if size > 0xFFFF:
                return composite_key([cells[at] for at in indexes])  # type: ignore[misc]
            parts += (_join_parts(size), cell, b"\0")  # type: ignore[arg-type]
        return b"".join(parts)

    def keep_shape(self, key: Any, shape: Shape) -> Shape:
        """Remember the shape of requests that are made of `key`, and return it."""
        if len(self.shapes) >= _MOST_STARTS:
            self.shapes = {}
        self.shapes[key] = shape
        return shape

    def keep_start(self, key: int, start: bytes) -> None:
        """Remember how requests with this level and these flags begin."""
        if len(self.starts) >= _MOST_STARTS:
            self.starts = {}
        self.starts[key] = start

    def __repr__(self) -> str:
        return f"<Snapshot {self.query_id.hex()} of {self.count} markers>"


def find_routing_indexes(columns: Sequence[ColumnSpec], cluster_metadata: Any) -> tuple[int, ...]:
    """Return for each column of the partition key the index of its marker, by the schema.

    Empty when the schema is not known (`cluster_metadata.keyspaces`), or when the markers do
    not cover the key.
    """
    if not columns:
        return ()
    keyspaces = getattr(cluster_metadata, "keyspaces", None)
    try:
        keyspace = keyspaces[columns[0].keyspace_name]  # type: ignore[index]
        key = [column.name for column in keyspace.tables[columns[0].table_name].partition_key]
    except (KeyError, TypeError, AttributeError):
        return ()
    places = {column.name: index for index, column in reversed(list(enumerate(columns)))}
    if not key or any(name not in places for name in key):
        return ()
    return tuple(places[name] for name in key)
