"""`Plan`: a statement bound to the tables of a store, ready to run again and again."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

from cql_protocol.errors import InvalidRequest, ProtocolViolation
from cql_protocol.messages import (
    ColumnSpec,
    PreparedMetadata,
    Response,
    ResultMetadata,
    SetKeyspaceResult,
    VoidResult,
    opcodes,
)
from cql_protocol.tokens import Murmur3Token, composite_key
from cql_protocol.types import BIGINT, BOOLEAN, INT
from cql_protocol.values import UNSET
from cql_protocol.wire import pack_int, write_bytes
from tests.simulation.store import Key, Row, Table, Tables, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cql_protocol.dialect import Dialect
    from cql_protocol.messages import QueryParameters
    from tests.simulation.statements import Marker, Statement

__all__ = ["Canned", "Plan"]

_VOID = VoidResult()
_ROWS = pack_int(2)
_state = struct.Struct(">II")
_TOKEN = "partition key token"


class Canned(Response):
    """A RESULT whose body is written already, with so many rows."""

    __slots__ = ("body", "count")
    opcode = opcodes.RESULT

    def __init__(self, body: bytes, count: int) -> None:
        self.body = body
        self.count = count
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        return self.body


class Plan:
    """A statement and the table it is about.

    `run(values, parameters, metadata_id)` carries it out and returns the answer, or raises
    the error that is the answer; `changes` tells whether that writes. `canned` remembers the
    answers of tables that are fixed while the plan lives.
    """

    __slots__ = (
        "_described",
        "_skipped",
        "canned",
        "changes",
        "columns",
        "markers",
        "metadata",
        "metadata_id",
        "run",
        "statement",
        "table",
    )

    run: Callable[[list[Any], QueryParameters, bytes | None], Response]

    def __init__(self, statement: Statement, keyspace: str | None, tables: Tables) -> None:
        self.statement = statement
        self.canned: dict[Any, Response] | None = None
        self.changes = statement.kind in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
        self.columns: tuple[ColumnSpec, ...] = ()
        self.markers: tuple[ColumnSpec, ...] = ()
        if statement.kind == "USE":
            self.run = self._use
            self.table = Table("", "", {}, ())
            if not tables.has(str(statement.keyspace)):
                raise InvalidRequest(f"Keyspace '{statement.keyspace}' does not exist")
        else:
            space = statement.keyspace if statement.keyspace is not None else keyspace
            self._bind(tables.table(space, statement.table))
            if self.table.fixed:
                self.canned = {}
        conditional = statement.conditional is not None
        self.metadata = PreparedMetadata(self.markers, self._pk_indexes(), conditional)
        self._describe()

    def _bind(self, table: Table) -> None:
        self.table = table
        statement = self.statement
        self.run = getattr(self, f"_{statement.kind.lower()}")
        if statement.kind == "SELECT":
            names = statement.columns if statement.columns is not None else list(table.columns)
            self.columns = tuple(map(self._column, names))
        elif statement.conditional is not None:
            self.columns = (ColumnSpec(table.keyspace, table.name, "[applied]", BOOLEAN),)
        named: list[tuple[str, Marker | str]] = [(n, t) for n, t, _ in statement.assignments]
        named += statement.conditions
        named += statement.conditional or ()
        for name, _ in named:
            if name not in table.columns:
                raise InvalidRequest(f"Undefined column name {name} in table {table.name}")
        named += [(_TOKEN, term) for _, term in statement.tokens]
        where = {id(term): name for name, term in named if not isinstance(term, str)}
        specs = []
        for marker in statement.markers:
            about = where.get(id(marker), "[limit]")
            column = BIGINT if about == _TOKEN else table.columns.get(about, INT)
            shown = marker.name or about
            specs.append(ColumnSpec(table.keyspace, table.name, shown, column))
        self.markers = tuple(specs)

    def _column(self, name: str) -> ColumnSpec:
        table = self.table
        if name in ("count(*)", "count(1)"):
            return ColumnSpec(table.keyspace, table.name, "count", BIGINT)
        if name not in table.columns:
            raise InvalidRequest(f"Undefined column name {name} in table {table.name}")
        return ColumnSpec(table.keyspace, table.name, name, table.columns[name])

    def _pk_indexes(self) -> tuple[int, ...]:
        """Return which markers are the partition key, () when they do not cover it."""
        statement = self.statement
        places = dict(statement.conditions)
        if statement.kind == "INSERT":
            places = {name: term for name, term, _ in statement.assignments}
        terms = [places.get(name) for name in self.table.partition_key]
        found = tuple(t.index for t in terms if t is not None and not isinstance(t, str))
        return found if len(found) == len(terms) else ()

    def _describe(self) -> None:
        """Write the description of the result's columns, once."""
        dialect: Any = None  # it matters only for a metadata id
        shown = repr((self.columns, self.table.salt))
        self.metadata_id = hashlib.md5(shown.encode()).digest()
        self._described = _ROWS + ResultMetadata(self.columns).encode(dialect)
        count = len(self.columns)
        self._skipped = _ROWS + ResultMetadata(column_count=count).encode(dialect)

    def result_metadata(self) -> ResultMetadata:
        """Return what PREPARE says of the result."""
        return ResultMetadata(self.columns)

    # --- running ---------------------------------------------------------------------------

    def _use(
        self, values: list[Any], parameters: QueryParameters, metadata_id: bytes | None
    ) -> Response:
        return SetKeyspaceResult(str(self.statement.keyspace))

    def _truncate(
        self, values: list[Any], parameters: QueryParameters, metadata_id: bytes | None
    ) -> Response:
        self.table.rows.clear()
        return _VOID

    def _insert(
        self, values: list[Any], parameters: QueryParameters, metadata_id: bytes | None
    ) -> Response:
        columns = self.table.columns
        given: Row = {}
        for name, term, _ in self.statement.assignments:
            cell = literal(term, columns[name], values)
            if cell is not UNSET:
                given[name] = cell
        key = self._key(given)
        rows = self.table.rows
        if self.statement.conditional is not None and key in rows:
            return self._applied(False)
        self._count(key)
        row = rows.get(key)
        if row is None:
            rows[key] = given
        else:
            row.update(given)
        return _VOID if self.statement.conditional is None else self._applied(True)

    def _update(
        self, values: list[Any], parameters: QueryParameters, metadata_id: bytes | None
    ) -> Response:
        table = self.table
        given = self._cells(self.statement.conditions, values)
        key = self._key(given)
        row = table.rows.get(key)
        wanted = self.statement.conditional
        if wanted is not None:
            fits = row is not None and self._cells(wanted, values).items() <= row.items()
            if not fits:
                return self._applied(False)
        self._count(key)
        if row is None:
            row = table.rows[key] = given
        for name, term, increment in self.statement.assignments:
            column = table.columns[name]
            cell = literal(term, column, values)
            if increment:
                before = row.get(name)
                old = 0 if before is None else column.decode(before)
                cell = column.encode(old + column.decode(cell))
            if cell is not UNSET:
                row[name] = cell
        return _VOID if wanted is None else self._applied(True)

    def _delete(
        self, values: list[Any], parameters: QueryParameters, metadata_id: bytes | None
    ) -> Response:
        given = self._cells(self.statement.conditions, values)
        doomed = [key for key, row in self._matching(given)]
        if self.statement.conditional is not None and not doomed:
            return self._applied(False)
        for key in doomed:
            self._count(key)
            del self.table.rows[key]
        return _VOID if self.statement.conditional is None else self._applied(True)

    def _select(
        self, values: list[Any], parameters: QueryParameters, metadata_id: bytes | None
    ) -> Response:
        given = self._cells(self.statement.conditions, values)
        rows = [row for _, row in self._matching(given)]
        for name, texts in self.statement.among:
            cells = [literal(text, self.table.columns[name], values) for text in texts]
            rows = [row for row in rows if row.get(name) in cells]
        for operator, term in self.statement.tokens:
            end = BIGINT.decode(literal(term, BIGINT, values))
            rows = [row for row in rows if (self._token(row) > end) == (operator == ">")]
        limit = self.statement.limit
        if limit is not None:
            cell = literal(limit, INT, values)
            rows = rows[: INT.decode(cell)]
        if self.columns and self.columns[0].name == "count":
            return self._page([[BIGINT.encode(len(rows))]], None, parameters, metadata_id)
        size, state = parameters.page_size, parameters.paging_state
        following = None
        if size is not None and size > 0:
            start, empty = self._begin(state)
            if empty:
                following, rows = _state.pack(start, empty - 1), []
            elif start + size < len(rows):
                following = _state.pack(start + size, self.table.empty_pages)
                rows = rows[start : start + size]
            else:
                rows = rows[start:]
        names = [column.name for column in self.columns]
        page = [[row.get(name) for name in names] for row in rows]
        return self._page(page, following, parameters, metadata_id)

    def _token(self, row: Row) -> int:
        cells: Any = [row[name] for name in self.table.partition_key]
        return Murmur3Token.hash_fn(composite_key(cells))

    def _begin(self, state: bytes | None) -> tuple[int, int]:
        """Return where a page begins, and how many empty pages come before it."""
        if state is None:
            return 0, self.table.empty_pages
        if len(state) != _state.size:
            raise ProtocolViolation("Invalid value for the paging state")
        start, empty = _state.unpack(state)
        return start, empty

    def _page(
        self,
        rows: list[list[bytes | None]],
        following: bytes | None,
        parameters: QueryParameters,
        metadata_id: bytes | None,
    ) -> Response:
        changed = metadata_id is not None and metadata_id != self.metadata_id
        body = b"".join(write_bytes(cell) for row in rows for cell in row)
        if following is None and not changed:
            head = self._skipped if parameters.skip_metadata else self._described
            return Canned(head + pack_int(len(rows)) + body, len(rows))
        shown = self.columns if changed or not parameters.skip_metadata else None
        new_id = self.metadata_id if changed else None
        return _Page(ResultMetadata(shown, following, new_id, len(self.columns)), len(rows), body)

    def _applied(self, done: bool) -> Response:
        body = pack_int(1) + write_bytes(BOOLEAN.encode(done))
        return Canned(self._described + body, 1)

    def _cells(self, terms: Iterable[tuple[str, Marker | str]], values: list[Any]) -> Row:
        columns = self.table.columns
        return {name: literal(term, columns[name], values) for name, term in terms}

    def _key(self, given: Row) -> Key:
        try:
            key = tuple([given[name] for name in self.table.key])
        except KeyError as exc:
            raise InvalidRequest(f"Some primary key parts are missing: {exc}") from None
        if None in key:
            raise InvalidRequest("Invalid null value in a primary key")
        return key

    def _matching(self, given: Row) -> Iterable[tuple[Key, Row]]:
        table = self.table
        if not given:
            return list(table.rows.items())
        if given.keys() == set(table.key):
            key = tuple([given[name] for name in table.key])
            row = table.rows.get(key)
            return [] if row is None else [(key, row)]
        wanted = given.items()
        return [item for item in table.rows.items() if wanted <= item[1].items()]

    def _count(self, key: Key) -> None:
        applied = self.table.applied
        applied[key] = applied.get(key, 0) + 1


class _Page(Response):
    """A page that says more than its rows: where the next begins, or another metadata id."""

    __slots__ = ("body", "count", "metadata")
    opcode = opcodes.RESULT

    def __init__(self, metadata: ResultMetadata, count: int, body: bytes) -> None:
        self.metadata = metadata
        self.count = count
        self.body = body
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        return _ROWS + self.metadata.encode(dialect) + pack_int(self.count) + self.body
