"""Statements that are bound to their values."""

from __future__ import annotations

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query.checks import FETCH_SIZE_UNSET, FetchSizeUnset, packed_routing_key
from cql_driver.query.messages import BoundExecute
from cql_driver.query.statement import Statement

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Self

    from cql_driver.query.prepared import PreparedStatement
    from cql_driver.query.snapshot import Snapshot
    from cql_driver.query.statement import Payload
    from cql_protocol.wire import Value

__all__ = ["INHERITED", "BoundStatement"]

INHERITED = frozenset(
    (
        "retry_policy",
        "consistency_level",
        "serial_consistency_level",
        "fetch_size",
        "custom_payload",
        "is_idempotent",
    )
)
"""Attributes that a bound statement takes over from the prepared one."""

_NOT_COMPUTED: Any = object()


class BoundStatement(Statement):
    """A prepared statement with the values of its markers: what ``prepared.bind()`` returns.

    `prepared_statement` is the one it was made of, whose attributes it has unless others are
    given; `values` are the encoded values in the order of the markers: bytes, None (null) or
    `UNSET_VALUE`. The other parameters are those of `Statement`; keyspace and table are
    those of the first marker, and the routing key is computed of the values.

    Example::

        bound = BoundStatement(prepared, consistency_level=ConsistencyLevel.ONE).bind((1, "Zoë"))
        session.execute(bound)
    """

    prepared_statement: PreparedStatement
    snapshot: Snapshot
    """What was known of the statement when the values were bound."""
    values: list[Value]

    _routing_key: bytes | None = _NOT_COMPUTED
    _keyspace: str | None = None
    _table: str | None = None

    def __init__(
        self,
        prepared_statement: PreparedStatement,
        retry_policy: Any = None,
        consistency_level: int | None = None,
        routing_key: bytes | Sequence[bytes] | None = None,
        serial_consistency_level: int | None = None,
        fetch_size: int | FetchSizeUnset | None = FETCH_SIZE_UNSET,
        keyspace: str | None = None,
        custom_payload: Payload | None = None,
    ) -> None:
        inherited = getattr(prepared_statement, "_inherited", None)
        if inherited is None:
            raise InvalidArgumentType(
                "prepared_statement is a PreparedStatement, which session.prepare() returns, not "
                f"{type(prepared_statement).__name__}"
            )
        self.__dict__.update(
            inherited,
            prepared_statement=prepared_statement,
            snapshot=prepared_statement.state.snapshot,
            values=[],
        )
        super().__init__(
            retry_policy,
            consistency_level,
            routing_key,
            serial_consistency_level,
            fetch_size,
            keyspace,
            custom_payload,
        )

    def bind(self, values: Sequence[Any] | Mapping[str, Any] | None) -> Self:
        """Take these values in place of those it has, and return itself.

        What `values` may be, and what is raised, is told at `PreparedStatement.bind`.
        """
        bound = self.prepared_statement.bind(values)
        own = self.__dict__
        if own.get("_given_key") is None:
            own.pop("_routing_key", None)
        own["snapshot"] = bound.snapshot
        own["values"] = bound.values
        return self

    @property
    def routing_key(self) -> bytes | None:
        """The encoded partition key, or None when the markers do not hold all of it."""
        key = self._routing_key
        if key is _NOT_COMPUTED:
            # Before the values are bound there is no key, but there will be.
            if not self.values:
                return None
            key = self.snapshot.routing_key(self.values)
            self.__dict__["_routing_key"] = key
        return key

    @routing_key.setter
    def routing_key(self, key: bytes | Sequence[bytes] | None) -> None:
        packed = packed_routing_key(key)
        self.__dict__["_given_key"] = packed
        self.__dict__["_routing_key"] = _NOT_COMPUTED if packed is None else packed

    @property
    def keyspace(self) -> str | None:
        """The keyspace of the table: that of the first marker, unless another one is given."""
        return self._keyspace or self.snapshot.keyspace or self.prepared_statement.keyspace

    @keyspace.setter
    def keyspace(self, name: str | None) -> None:
        self._keyspace = name

    @property
    def table(self) -> str | None:
        """The table of the first marker, unless another one is given."""
        return self._table or self.snapshot.table

    @table.setter
    def table(self, name: str | None) -> None:
        self._table = name

    @property
    def is_read(self) -> bool:  # type: ignore[override]
        """Whether the text is a SELECT."""
        return self.prepared_statement.state.is_read

    def is_lwt(self) -> bool:
        """Say whether the server marked the statement as conditional (ScyllaDB)."""
        return self.snapshot.lwt

    def checked_values(self) -> list[Value]:
        """Return `values`; raises `InvalidArgument` when none are bound yet."""
        if len(self.values) != self.snapshot.count:
            raise InvalidArgument(
                f"the statement has {self.snapshot.count} markers, but {len(self.values)} values "
                "are bound: call bind() before it is run"
            )
        return self.values

    def message(
        self,
        consistency: int,
        serial_consistency: int | None = None,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        timestamp: int | None = None,
    ) -> BoundExecute:
        """Return the EXECUTE that runs the statement."""
        snapshot = self.snapshot
        values = self.values
        if len(values) != snapshot.count:
            self.checked_values()
        return BoundExecute(
            snapshot,
            values,
            consistency,
            serial_consistency,
            page_size,
            paging_state,
            timestamp,
        )

    def _shown(self) -> str:
        return f"query={self.prepared_statement.query_string!r}, values={self.values!r}"
