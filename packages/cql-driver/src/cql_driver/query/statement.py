"""What all statements have in common, and the statement that is sent as text."""

from __future__ import annotations

from cql_driver.errors import InvalidArgumentType
from cql_driver.query.checks import (
    CHECKS,
    FETCH_SIZE_UNSET,
    FetchSizeUnset,
    check_query_string,
    packed_routing_key,
)
from cql_driver.query.markers import first_word, marker_style
from cql_driver.query.messages import TextQuery
from cql_protocol.enums import consistency_value_to_name
from cql_protocol.literals.markers import substitute
from cql_protocol.messages import QueryParameters

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cql_driver.query.snapshot import Snapshot
    from cql_protocol.messages import Request

    Payload = Mapping[str, bytes | None]
    Parameters = Sequence[Any] | Mapping[str, Any]

__all__ = ["HostTargetingStatement", "SimpleStatement", "Statement", "bind_params"]


class Statement:
    """What is to be run, and how: the base of all statements.

    - `retry_policy`: an instance that decides on retries of this statement, instead of the
      execution profile's
    - `consistency_level`: how many replicas must answer (`ConsistencyLevel`)
    - `routing_key`: the encoded partition key, by which a token-aware policy finds the
      replicas; bytes, or a list of the encoded values of the key's columns
    - `serial_consistency_level`: the level of the serial phase of a conditional statement
    - `fetch_size`: rows of a page; None for all rows at once
    - `keyspace`: the keyspace the statement belongs to: for routing, and on protocol 5 the
      one in which names without a keyspace are looked up
    - `custom_payload`: what is sent along with the request, str to bytes (protocol 4)
    - `is_idempotent`: whether running it twice does no harm. Only then it is repeated after
      an error that leaves open whether it ran, or started a second time to save time
    - `table`: the table it belongs to, for routing by tablets

    Whatever is None goes by the execution profile, `fetch_size` by the session unless it is
    given. All of them can be assigned later too; `InvalidArgument` or `InvalidArgumentType`
    tells what is wrong at once.
    """

    retry_policy: Any = None
    consistency_level: int | None = None
    serial_consistency_level: int | None = None
    fetch_size: int | FetchSizeUnset | None = FETCH_SIZE_UNSET
    keyspace: str | None = None
    table: str | None = None
    custom_payload: Payload | None = None
    is_idempotent: bool = False
    is_read: bool = False
    """Whether the statement only reads, so that repeating it does no harm."""

    snapshot: Snapshot | None = None
    """What the server said of it, when it is bound."""
    _routing_key: bytes | None = None

    # What is not given stays an attribute of the class: making a statement costs little, and
    # reading an attribute costs no call.

    def __init__(
        self,
        retry_policy: Any = None,
        consistency_level: int | None = None,
        routing_key: bytes | Sequence[bytes] | None = None,
        serial_consistency_level: int | None = None,
        fetch_size: int | FetchSizeUnset | None = FETCH_SIZE_UNSET,
        keyspace: str | None = None,
        custom_payload: Payload | None = None,
        is_idempotent: bool = False,
        table: str | None = None,
    ) -> None:
        if retry_policy is not None:
            self.retry_policy = retry_policy
        if consistency_level is not None:
            self.consistency_level = consistency_level
        if routing_key is not None:
            self.routing_key = routing_key
        if serial_consistency_level is not None:
            self.serial_consistency_level = serial_consistency_level
        if fetch_size is not FETCH_SIZE_UNSET:
            self.fetch_size = fetch_size
        if keyspace is not None:
            self.keyspace = keyspace
        if custom_payload is not None:
            self.custom_payload = custom_payload
        if is_idempotent:
            self.is_idempotent = is_idempotent
        if table is not None:
            self.table = table

    def __setattr__(self, name: str, value: Any) -> None:
        check = CHECKS.get(name)
        if check is not None:
            check(value)
        object.__setattr__(self, name, value)

    @property
    def routing_key(self) -> bytes | None:
        """The encoded partition key, or None; may be assigned as a list of its columns' values."""
        return self._routing_key

    @routing_key.setter
    def routing_key(self, key: bytes | Sequence[bytes] | None) -> None:
        self._routing_key = packed_routing_key(key)

    def is_lwt(self) -> bool:
        """Say whether the server marked the statement as conditional (ScyllaDB)."""
        return False

    def message(
        self,
        consistency: int,
        serial_consistency: int | None = None,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        timestamp: int | None = None,
    ) -> Request:
        """Return the request that runs the statement, with the levels and the page given.

        `timestamp` is the default write time in microseconds since the epoch.
        """
        raise NotImplementedError(f"{type(self).__name__} is no statement that can be sent")

    def _shown(self) -> str:
        return ""

    def __repr__(self) -> str:
        level = consistency_value_to_name(self.consistency_level)
        return f"<{type(self).__name__} {self._shown()}, consistency={level}>"


class SimpleStatement(Statement):
    """A statement that is sent as text, unprepared.

    `query_string` may have ``%s`` or ``%(name)s`` markers, in whose place the driver writes
    the parameters given to ``session.execute()``; then a percent sign is written ``%%``.
    With ``?`` or ``:name`` markers the session prepares the statement before it is run. The
    other parameters are those of `Statement`.

    Raises `InvalidArgumentType` when `query_string` is not a str.

    Example::

        statement = SimpleStatement(
            "SELECT * FROM users", consistency_level=ConsistencyLevel.LOCAL_ONE, fetch_size=100
        )
        for row in session.execute(statement):
            ...
    """

    _query_string: str

    def __init__(
        self,
        query_string: str,
        retry_policy: Any = None,
        consistency_level: int | None = None,
        routing_key: bytes | Sequence[bytes] | None = None,
        serial_consistency_level: int | None = None,
        fetch_size: int | FetchSizeUnset | None = FETCH_SIZE_UNSET,
        keyspace: str | None = None,
        custom_payload: Payload | None = None,
        is_idempotent: bool = False,
    ) -> None:
        check_query_string(query_string)
        self._query_string = query_string
        super().__init__(
            retry_policy,
            consistency_level,
            routing_key,
            serial_consistency_level,
            fetch_size,
            keyspace,
            custom_payload,
            is_idempotent,
        )

    @property
    def query_string(self) -> str:
        """The text of the statement."""
        return self._query_string

    @property
    def is_read(self) -> bool:  # type: ignore[override]
        """Whether the text is a SELECT."""
        return first_word(self._query_string) == "SELECT"

    @property
    def marker_style(self) -> str:
        """Which markers the text has: ``"none"``, ``"percent"`` or ``"server"``.

        Raises `InvalidArgument` when it has both.
        """
        return marker_style(self._query_string)

    def message(
        self,
        consistency: int,
        serial_consistency: int | None = None,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        timestamp: int | None = None,
        text: str | None = None,
    ) -> Request:
        """Return the QUERY that runs the statement, or `text`: itself with its markers replaced."""
        parameters = QueryParameters(
            consistency,
            page_size=page_size,
            paging_state=paging_state,
            serial_consistency=serial_consistency,
            timestamp=timestamp,
            keyspace=self.keyspace,
        )
        return TextQuery(self._query_string if text is None else text, parameters)

    def _shown(self) -> str:
        return f"query={self._query_string!r}"


def bind_params(query: str, params: Parameters | None, encoder: Any) -> str:
    """Return `query` with its ``%s`` or ``%(name)s`` markers replaced by CQL text.

    `encoder` is an `Encoder`, or a `LiteralEncoder`. Raises `InvalidValue` when markers and
    parameters do not match, and `InvalidValueType` for a value without CQL text.

    Example::

        >>> from cql_driver.encoder import Encoder
        >>> bind_params("SELECT * FROM t WHERE a = %s", ["it's"], Encoder())
        "SELECT * FROM t WHERE a = 'it''s'"
    """
    literal = getattr(encoder, "cql_encode_all_types", None) or encoder.literal
    return substitute(query, params, literal)


class HostTargetingStatement:
    """A statement of any kind, with the host that is to run it.

    Wraps `inner_statement` without changing it; everything but `target_host` is read from it,
    and `isinstance` takes it for what it wraps. A load-balancing policy that knows
    `target_host` tries that host first.
    """

    # Not a subclass: the statement's own attributes must not be copied, since they can change.

    def __init__(self, inner_statement: Any, target_host: Any) -> None:
        if not hasattr(inner_statement, "consistency_level"):
            raise InvalidArgumentType(
                f"inner_statement is a statement, not {type(inner_statement).__name__}"
            )
        self.inner_statement = inner_statement
        self.target_host = target_host

    @property
    def __class__(self) -> Any:
        return type(self.__dict__["inner_statement"])

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise AttributeError("the class of a statement cannot be changed")

    def __getattr__(self, name: str) -> Any:
        if name == "inner_statement":  # a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self.inner_statement, name)

    def __repr__(self) -> str:
        return f"<HostTargetingStatement of {self.inner_statement!r} for {self.target_host}>"
