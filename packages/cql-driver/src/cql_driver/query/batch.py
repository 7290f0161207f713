"""Batches: several statements in one request."""

from __future__ import annotations

from functools import cache

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query.bound import BoundStatement
from cql_driver.query.checks import MOST_ITEMS, check_custom_payload
from cql_driver.query.markers import marker_style
from cql_driver.query.messages import TextBatch
from cql_driver.query.prepared import PreparedStatement
from cql_driver.query.statement import HostTargetingStatement, SimpleStatement, Statement
from cql_protocol.enums import BatchType
from cql_protocol.literals.markers import substitute
from cql_protocol.messages import BatchEntry, QueryParameters

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from cql_driver.encoder import Encoder
    from cql_driver.query.statement import Parameters, Payload
    from cql_protocol.messages import Batch

__all__ = ["BatchStatement"]

_UNPREPARED = b""


@cache
def _encoder() -> Encoder:
    from cql_driver.encoder import Encoder

    return Encoder()


class _Unprepared:
    """A statement with server markers and parameters, which waits to be prepared."""

    __slots__ = ("keyspace", "parameters", "text")

    def __init__(self, text: str, parameters: Any, keyspace: str | None) -> None:
        self.text = text
        self.parameters = parameters
        self.keyspace = keyspace


class BatchStatement(Statement):
    """Statements that are sent, and applied, together.

    - `batch_type`: `BatchType.LOGGED` (all or none), ``UNLOGGED`` or ``COUNTER``
    - `session`: whose encoder writes parameters into statements that are not prepared

    The other parameters are those of `Statement`. Levels and policies of the statements in
    it do not matter, only those of the batch. Their custom payloads are sent merged. It is
    routed by the first of its statements that has a routing key. A batch is not faster than
    its statements one by one, unless they are all for one partition.

    Raises `InvalidArgument` when `batch_type` is none.

    Example::

        batch = BatchStatement(consistency_level=ConsistencyLevel.QUORUM)
        batch.add(insert_user, (1, "Zoë"))
        batch.add("DELETE FROM drafts WHERE user = %s", (1,))
        session.execute(batch)
    """

    batch_type: BatchType

    _keyspace: str | None = None
    _table: str | None = None
    _payload: Payload | None = None

    def __init__(
        self,
        batch_type: BatchType | int = BatchType.LOGGED,
        retry_policy: Any = None,
        consistency_level: int | None = None,
        serial_consistency_level: int | None = None,
        session: Any = None,
        custom_payload: Payload | None = None,
    ) -> None:
        try:
            self.batch_type = BatchType(batch_type)
        except ValueError:
            raise InvalidArgument(
                f"batch_type is {batch_type!r}: use BatchType.LOGGED, UNLOGGED or COUNTER"
            ) from None
        self._session = session
        self.clear()
        super().__init__(
            retry_policy=retry_policy,
            consistency_level=consistency_level,
            serial_consistency_level=serial_consistency_level,
            custom_payload=custom_payload,
        )

    def clear(self) -> None:
        """Take all statements out, and what came with them: payloads, routing key and table.

        What was given to the batch itself stays. Do not clear a batch that is being executed.
        """
        self._entries: list[BatchEntry] = []
        self._bound: dict[bytes, PreparedStatement] = {}
        self._unprepared: dict[int, _Unprepared] = {}
        self._text_keyspaces: set[str | None] = set()
        self._router: Statement | None = None
        self._added_payload: dict[str, bytes | None] = {}
        self._lwt = False

    def add(
        self,
        statement: str | SimpleStatement | PreparedStatement | BoundStatement,
        parameters: Parameters | None = None,
    ) -> None:
        """Add a statement with its parameters.

        A prepared statement is bound to them. In a text ``%s`` and ``%(name)s`` markers are
        replaced by the driver; with ``?`` or ``:name`` markers and parameters the session
        prepares it before the batch is sent. A bound statement has its values already.

        Raises `InvalidArgument` for the 65,536th statement and for parameters of a bound
        one, `InvalidArgumentType` for what cannot be in a batch, and what binding raises.
        """
        if len(self._entries) >= MOST_ITEMS:
            raise InvalidArgument(
                f"a batch has at most {MOST_ITEMS:,} statements: run them in several batches"
            )
        if type(statement) is HostTargetingStatement:  # type: ignore[comparison-overlap]
            statement = statement.inner_statement
        if isinstance(statement, str):
            self._add_text(statement, parameters, None)
        elif isinstance(statement, SimpleStatement):
            payload = self._merged(statement)
            self._add_text(statement.query_string, parameters, statement.keyspace)
            self._take(statement, payload)
        elif isinstance(statement, PreparedStatement):
            self._add_bound(statement.bind(parameters))
        elif isinstance(statement, BoundStatement):
            if parameters:
                raise InvalidArgument(
                    "parameters cannot be given with a BoundStatement, which has its values: "
                    "add the PreparedStatement with them"
                )
            self._add_bound(statement)
        else:
            raise InvalidArgumentType(
                "a batch is made of texts, simple, prepared and bound statements, not of "
                f"{type(statement).__name__}"
            )

    def add_all(self, statements: Iterable[Any], parameters: Iterable[Parameters | None]) -> None:
        """Add each of `statements` with the parameters at its place in `parameters`.

        Raises `InvalidArgument` when there are not as many of both, before any is added.
        """
        statements = _listed("statements", statements)
        parameters = _listed("parameters", parameters)
        if len(statements) != len(parameters):
            raise InvalidArgument(
                f"{len(statements)} statements, but parameters for {len(parameters)}: "
                "give None for a statement without"
            )
        for statement, values in zip(statements, parameters, strict=True):
            self.add(statement, values)

    def _add_text(self, text: str, parameters: Any, keyspace: str | None) -> None:
        if parameters is None or (isinstance(parameters, (list, tuple, dict)) and not parameters):
            self._entries.append(BatchEntry(text))
        elif marker_style(text) == "server":
            self._unprepared[len(self._entries)] = _Unprepared(text, parameters, keyspace)
            self._entries.append(BatchEntry(_UNPREPARED))
            return
        else:
            encoder = getattr(self._session, "encoder", None) or _encoder()
            written = substitute(text, parameters, encoder.cql_encode_all_types)
            self._entries.append(BatchEntry(written))
        self._text_keyspaces.add(keyspace)

    def _add_bound(self, bound: BoundStatement, index: int | None = None) -> None:
        payload = self._merged(bound)
        entry = BatchEntry(bound.snapshot.query_id, bound.checked_values())
        if index is None:
            self._entries.append(entry)
        else:
            self._entries[index] = entry
        self._bound[bound.snapshot.query_id] = bound.prepared_statement
        self._take(bound, payload)

    def _merged(self, statement: Statement) -> dict[str, bytes | None]:
        """Return the payload of all with that of a statement; raises when it is too large."""
        if not statement.custom_payload:
            return self._added_payload
        merged = {**self._added_payload, **statement.custom_payload}
        check_custom_payload({**(self._payload or {}), **merged})
        return merged

    def _take(self, statement: Statement, payload: dict[str, bytes | None]) -> None:
        """Take over what a statement says of the whole batch."""
        self._added_payload = payload
        self._lwt = self._lwt or statement.is_lwt()
        if self._router is None and statement.routing_key is not None:
            self._router = statement

    # --- statements that are to be prepared

    def entries_to_prepare(self) -> list[tuple[int, str, str | None]]:
        """Return place, text and keyspace (or None) of each statement that is to be prepared."""
        return [(at, entry.text, entry.keyspace) for at, entry in self._unprepared.items()]

    def prepared_as(self, index: int, prepared: PreparedStatement) -> None:
        """Bind the statement at `index`, which `entries_to_prepare` named, now it is prepared.

        Raises what binding raises; the statement waits on then.
        """
        entry = self._unprepared.get(index)
        if entry is None:
            raise InvalidArgument(f"statement {index} of the batch does not wait to be prepared")
        self._add_bound(prepared.bind(entry.parameters), index)
        del self._unprepared[index]

    def prepared_statement(self, query_id: bytes) -> PreparedStatement | None:
        """Return the prepared statement of the batch with this id, which a node may not know."""
        return self._bound.get(query_id)

    def prepared_statements(self) -> list[PreparedStatement]:
        """Return every prepared statement of the batch, each once."""
        return list(self._bound.values())

    # --- what a session reads

    @property
    def routing_key(self) -> bytes | None:
        """The key given, else that of the first statement which has one."""
        if self._routing_key is not None or self._router is None:
            return self._routing_key
        return self._router.routing_key

    @routing_key.setter
    def routing_key(self, key: bytes | Sequence[bytes] | None) -> None:
        Statement.routing_key.__set__(self, key)  # type: ignore[attr-defined]

    @property
    def keyspace(self) -> str | None:
        """The keyspace given, else that of the statement which has the routing key."""
        if self._keyspace is not None or self._router is None:
            return self._keyspace
        return self._router.keyspace

    @keyspace.setter
    def keyspace(self, name: str | None) -> None:
        self._keyspace = name

    @property
    def table(self) -> str | None:
        """The table given, else that of the statement which has the routing key."""
        if self._table is not None or self._router is None:
            return self._table
        return self._router.table

    @table.setter
    def table(self, name: str | None) -> None:
        self._table = name

    @property
    def custom_payload(self) -> Mapping[str, bytes | None] | None:
        """The payload given and those of the statements, of which the later ones win."""
        if not self._added_payload:
            return self._payload
        return {**(self._payload or {}), **self._added_payload}

    @custom_payload.setter
    def custom_payload(self, payload: Payload | None) -> None:
        self._payload = payload

    def is_lwt(self) -> bool:
        """Say whether the server marked one of the statements as conditional (ScyllaDB)."""
        return self._lwt

    def __len__(self) -> int:
        return len(self._entries)

    def message(
        self,
        consistency: int,
        serial_consistency: int | None = None,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        timestamp: int | None = None,
    ) -> Batch:
        """Return the BATCH; pages there are none. Statements must be prepared that need it."""
        if self._unprepared:
            text = next(iter(self._unprepared.values())).text
            raise InvalidArgument(
                f"the batch has statements that are not prepared yet: {text!r}; "
                "session.execute() prepares them"
            )
        parameters = QueryParameters(
            consistency,
            serial_consistency=serial_consistency,
            timestamp=timestamp,
            keyspace=self._sent_keyspace(),
        )
        return TextBatch(self._entries, self.batch_type, parameters)

    def _sent_keyspace(self) -> str | None:
        """Return the keyspace in which the server looks up names without one.

        It holds for all texts of the batch, so it is sent only when all of them have the same.
        """
        if self._keyspace is not None or len(self._text_keyspaces) != 1:
            return self._keyspace
        return next(iter(self._text_keyspaces))

    def _shown(self) -> str:
        return f"type={self.batch_type.name}, statements={len(self)}"


def _listed(name: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgumentType(f"{name} is a list, not {type(value).__name__}")
    return list(value)
