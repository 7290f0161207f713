"""Prepared statements: what all that stand for one text share, and what each user sets."""

from __future__ import annotations

from threading import Lock

from cql_driver.query.bound import INHERITED, BoundStatement
from cql_driver.query.checks import CHECKS, FETCH_SIZE_UNSET, FetchSizeUnset
from cql_driver.query.markers import first_word
from cql_driver.query.snapshot import Snapshot, find_routing_indexes
from cql_protocol.enums import consistency_value_to_name
from cql_protocol.errors import UnsupportedOperation

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self

    from cql_protocol.messages import ColumnSpec, PreparedResult

__all__ = ["PreparedState", "PreparedStatement"]

_FIRST_WITH_UNSET = 4


class PreparedState:
    """What all `PreparedStatement` objects of one keyspace and text share.

    `query` is the text, `keyspace` the one it was prepared in (None: the tables' own),
    `snapshot` what the server last said of it. A snapshot is never changed but replaced, so
    any thread may read it without a lock. `renew` is None unless the schema has changed since:
    then it is to be called with this before values are bound.
    """

    __slots__ = ("query", "keyspace", "snapshot", "is_read", "renew", "_lock", "__weakref__")

    def __init__(self, query: str, keyspace: str | None, snapshot: Snapshot) -> None:
        self.query = query
        self.keyspace = keyspace
        self.snapshot = snapshot
        self.is_read = first_word(query) == "SELECT"
        self.renew: Callable[[PreparedState], object] | None = None
        self._lock = Lock()

    @classmethod
    def of(
        cls,
        query: str,
        keyspace: str | None,
        result: PreparedResult,
        cluster_metadata: Any = None,
    ) -> PreparedState:
        """Make one of the server's answer to PREPARE."""
        return cls(query, keyspace, Snapshot.of(result, cluster_metadata))

    def replace(self, snapshot: Snapshot) -> None:
        """Go by another snapshot from now on; requests made before keep theirs."""
        with self._lock:
            self.snapshot = snapshot
            self.renew = None

    def update_result(
        self, result_columns: Sequence[ColumnSpec] | None, metadata_id: bytes | None
    ) -> bool:
        """Take over new columns of the result with their id; say whether anything changed.

        An id without columns is ignored: the next rows could not be read by it.
        """
        if result_columns is None:
            return False
        with self._lock:  # a snapshot that another thread puts in must not get lost
            known = self.snapshot
            columns = tuple(result_columns)
            if known.metadata_id == (metadata_id or None) and known.result_columns == columns:
                return False
            self.snapshot = known.with_result(columns, metadata_id)
        return True

    def __repr__(self) -> str:
        return f"<PreparedState {self.query!r}>"


class PreparedFields:
    """What of a prepared statement is read for every request."""

    __slots__ = ("_inherited", "alters_requests", "protocol_version", "state")

    state: PreparedState
    """What it shares with the other statements of the same text."""
    protocol_version: int
    alters_requests: bool
    """Whether a message says otherwise than the session for an attribute that was set here."""
    _inherited: dict[str, Any]
    """The attributes that bound statements take over."""


class PreparedStatement(PreparedFields):
    """A statement that the server has parsed, and that needs only its values to run.

    Made by ``session.prepare()``; give it to ``session.execute()`` with the values, or `bind`
    them. Prepare a text once and keep the statement. These attributes are taken over by
    every statement bound after they are set:

    - `consistency_level`, `serial_consistency_level` (`ConsistencyLevel`)
    - `fetch_size`: rows of a page; None for all rows at once
    - `retry_policy`: an instance
    - `is_idempotent`: whether running it twice does no harm
    - `custom_payload`: sent along with every request

    `protocol_version` is the one it was prepared in. Raises `UnsupportedOperation` for a
    `column_encryption_policy`.

    Example::

        insert = session.prepare("INSERT INTO users (id, name) VALUES (?, ?)")
        insert.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        session.execute(insert, (uuid4(), "Zoë"))
    """

    retry_policy: Any = None
    consistency_level: int | None = None
    serial_consistency_level: int | None = None
    fetch_size: int | FetchSizeUnset | None = FETCH_SIZE_UNSET
    custom_payload: Mapping[str, bytes | None] | None = None
    is_idempotent: bool = False
    column_encryption_policy: Any = None

    def __init__(
        self,
        column_metadata: Sequence[ColumnSpec],
        query_id: bytes,
        routing_key_indexes: Sequence[int] | None,
        query: str,
        keyspace: str | None,
        protocol_version: int,
        result_metadata: Sequence[ColumnSpec] | None,
        result_metadata_id: bytes | None,
        is_lwt: bool = False,
        column_encryption_policy: Any = None,
    ) -> None:
        _refuse_encryption(column_encryption_policy)
        snapshot = Snapshot(
            query_id,
            column_metadata,
            routing_key_indexes or (),
            result_metadata,
            result_metadata_id,
            is_lwt,
        )
        self._share(PreparedState(query, keyspace, snapshot), protocol_version)

    @classmethod
    def of(cls, state: PreparedState, protocol_version: int) -> Self:
        """Make one that shares `state`, with attributes of its own."""
        self = cls.__new__(cls)
        self._share(state, protocol_version)
        return self

    def _share(self, state: PreparedState, protocol_version: int) -> None:
        self.state = state
        self.protocol_version = protocol_version
        self._inherited = {}
        self.alters_requests = False

    @classmethod
    def from_message(
        cls,
        query_id: bytes,
        column_metadata: Sequence[ColumnSpec],
        pk_indexes: Sequence[int] | None,
        cluster_metadata: Any,
        query: str,
        prepared_keyspace: str | None,
        protocol_version: int,
        result_metadata: Sequence[ColumnSpec] | None,
        result_metadata_id: bytes | None,
        is_lwt: bool,
        column_encryption_policy: Any = None,
    ) -> PreparedStatement:
        """Make one of what the server answered to PREPARE.

        Without `pk_indexes` (protocol 3 has none) the partition key is looked up in
        `cluster_metadata`; where that does not know the table, requests have no routing key.
        """
        return cls(
            column_metadata,
            query_id,
            pk_indexes or find_routing_indexes(column_metadata, cluster_metadata),
            query,
            prepared_keyspace,
            protocol_version,
            result_metadata,
            result_metadata_id,
            is_lwt,
            column_encryption_policy,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "column_encryption_policy":
            _refuse_encryption(value)
        check = CHECKS.get(name)
        if check is not None:
            check(value)
        object.__setattr__(self, name, value)
        if name in INHERITED:
            # Another dict, as bound statements may be made of this one right now.
            object.__setattr__(self, "_inherited", {**self._inherited, name: value})
            if name != "is_idempotent":
                object.__setattr__(self, "alters_requests", True)

    def bind(self, values: Sequence[Any] | Mapping[str, Any] | None) -> BoundStatement:
        """Return a statement with these values for its markers.

        `values` is a list or tuple in their order, or a dict by their names, whose other
        keys are ignored; None for none. On protocol 4 and newer what is missing stays as it is
        in the table (`UNSET_VALUE`); on protocol 3 that is an error.

        Raises `InvalidValueType` (a TypeError) and `ValueOutOfRange` (a ValueError) naming the
        column, its type and the value, and `InvalidValue` for what is missing, or null
        in the partition key.

        Example::

            bound = prepared.bind({"id": 1, "name": "Zoë"})
        """
        state = self.state
        if state.renew is not None:
            state.renew(state)
        snapshot = state.snapshot
        cells = snapshot.bind(
            () if values is None else values, self.protocol_version >= _FIRST_WITH_UNSET
        )
        bound = BoundStatement.__new__(BoundStatement)
        # Half the cost of assigning, or of update() with keywords.
        attributes = bound.__dict__
        attributes["prepared_statement"] = self
        attributes["snapshot"] = snapshot
        attributes["values"] = cells
        if self._inherited:
            attributes.update(self._inherited)
        return bound

    @property
    def query_string(self) -> str:
        """The text of the statement."""
        return self.state.query

    @property
    def keyspace(self) -> str | None:
        """The keyspace it was prepared in; None when only the text names one."""
        return self.state.keyspace

    @property
    def query_id(self) -> bytes:
        """The id by which the server knows the statement."""
        return self.state.snapshot.query_id

    @property
    def column_metadata(self) -> tuple[ColumnSpec, ...]:
        """Keyspace, table, name and type of each marker."""
        return self.state.snapshot.columns

    @property
    def routing_key_indexes(self) -> tuple[int, ...] | None:
        """For each column of the partition key the index of its marker; None when not known."""
        return self.state.snapshot.pk_indexes or None

    @property
    def result_metadata(self) -> tuple[ColumnSpec, ...] | None:
        """The columns of the rows it returns; None when they are not known."""
        return self.state.snapshot.result_columns

    @property
    def result_metadata_id(self) -> bytes | None:
        """The server's id of `result_metadata`, where it has one."""
        return self.state.snapshot.metadata_id

    @property
    def result_metadata_and_id(self) -> tuple[tuple[ColumnSpec, ...] | None, bytes | None]:
        """`result_metadata` and `result_metadata_id` that belong together."""
        snapshot = self.state.snapshot
        return snapshot.result_columns, snapshot.metadata_id

    def update_result_metadata(
        self, result_metadata: Sequence[ColumnSpec] | None, result_metadata_id: bytes | None
    ) -> None:
        """Replace the columns of the rows and their id, both at once, for all of this text.

        An id without columns is ignored.
        """
        self.state.update_result(result_metadata, result_metadata_id)

    @property
    def is_read(self) -> bool:
        """Whether the text is a SELECT."""
        return self.state.is_read

    def is_lwt(self) -> bool:
        """Say whether the server marked the statement as conditional (ScyllaDB)."""
        return self.state.snapshot.lwt

    def is_routing_key_index(self, i: int) -> bool:
        """Say whether the marker with index `i` holds a column of the partition key."""
        return i in self.state.snapshot.pk_indexes

    def __repr__(self) -> str:
        level = consistency_value_to_name(self.consistency_level)
        return f"<PreparedStatement query={self.state.query!r}, consistency={level}>"


def _refuse_encryption(policy: Any) -> None:
    if policy is not None:
        raise UnsupportedOperation(
            "column_encryption_policy: columns are not encrypted by this driver; "
            "encrypt values before they are bound"
        )
