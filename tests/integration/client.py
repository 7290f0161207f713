"""A small blocking client over a plain socket, for tests of the codec against a real server.

It does one thing at a time on one connection, keeps no state beyond it, retries nothing, and
raises every error that the server answers.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from cql_protocol.connection import Answer, ClientConnection
from cql_protocol.errors import DriverException
from cql_protocol.messages import (
    Authenticate,
    AuthResponse,
    ColumnSpec,
    Event,
    Execute,
    Options,
    Prepare,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    Request,
    Supported,
)
from cql_protocol.negotiation import startup
from cql_protocol.rows import RowDecoder, bind_values
from cql_protocol.types import ReadOptions

READ_SIZE = 1 << 18
TIMEOUT = 60.0
WINDOW = 256

Rows = list[tuple[Any, ...]]
Cells = Sequence[bytes | None] | Mapping[str, bytes | None]


class Client:
    """One connection, handshake done. As a context manager it is closed at the end.

    `compression` is False, or the name of an algorithm; `credentials` are (user, password).

    >>> with Client("127.0.0.1", 9042, version=4) as client:   # doctest: +SKIP
    ...     client.rows("SELECT release_version FROM system.local")
    [('5.0.8',)]
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        version: int = 5,
        compression: bool | str = False,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.open(host, port, version)
        try:
            self._shake_hands(compression, credentials)
        except BaseException:
            self.close()
            raise

    def open(self, host: str, port: int, version: int) -> None:
        """Connect, and leave the handshake to the caller."""
        self.events: list[Event] = []
        self.strays: list[Any] = []
        """What came that nobody asked for and is no event."""
        self.received = 0
        """Bytes received so far."""
        self.connection = ClientConnection(version)
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _shake_hands(self, compression: bool | str, credentials: tuple[str, str] | None) -> None:
        supported = self.request(Options())
        assert isinstance(supported, Supported)
        answer = self.request(startup(supported, self.connection.version, compression=compression))
        if isinstance(answer, Authenticate):
            user, password = credentials or ("", "")
            self.request(AuthResponse(f"\0{user}\0{password}".encode()))

    # --- requests --------------------------------------------------------------------------

    def request(self, request: Request, **extras: Any) -> Any:
        """Send one request, wait for its answer and return it; an error is raised.

        `extras` are those of `ClientConnection.send`: tracing, custom_payload.
        """
        answers: list[Any] = []
        self.socket.sendall(self.connection.send(request, answers.append, **extras))
        while not answers:
            self.receive()
        if isinstance(answers[0], DriverException):
            raise answers[0]
        return answers[0]

    def query(self, cql: str, values: Cells = (), **options: Any) -> Any:
        """Run a statement and return the answer; `options` are those of QueryParameters."""
        return self.request(Query(cql, QueryParameters(values=values, **options)))

    def rows(self, cql: str, values: Cells = (), **options: Any) -> Rows:
        """Run a statement that has rows, and return those of its first page."""
        return decode(self.query(cql, values, **options))

    def make_keyspace(self, name: str, replication: int = 1) -> None:
        """Make a keyspace, empty even if there was one of the name, and use it."""
        self.query(f"DROP KEYSPACE IF EXISTS {name}")
        self.query(
            f"CREATE KEYSPACE {name} WITH replication = "
            f"{{'class': 'SimpleStrategy', 'replication_factor': {replication}}}"
        )
        self.query(f"USE {name}")

    def prepare(self, cql: str, keyspace: str | None = None) -> PreparedResult:
        """Prepare a statement on this connection's node."""
        prepared = self.request(Prepare(cql, keyspace))
        assert isinstance(prepared, PreparedResult)
        return prepared

    def execute(
        self,
        prepared: PreparedResult,
        values: Sequence[Any] | Mapping[str, Any] = (),
        **options: Any,
    ) -> Any:
        """Run a prepared statement with Python values and return the answer."""
        return self.request(bound(prepared, values, **options))

    def pipeline(self, requests: Iterable[Request], window: int = WINDOW) -> list[Any]:
        """Send all requests, at most `window` unanswered; return the answers in their order.

        Errors of the server stand among the answers.
        """
        connection = self.connection
        answers: list[Any] = []
        frames: list[bytes] = []
        try:
            for number, request in enumerate(requests):
                answers.append(None)
                frames.append(connection.frame(request, _Slot(answers, number)))
                if connection.streams.in_flight >= window:
                    self._flush(frames)
                    while connection.streams.in_flight > window // 2:
                        self.receive()
        finally:
            self._flush(frames)  # a request that cannot be made must not leave others unsent
        while connection.streams.in_flight:
            self.receive()
        return answers

    def pages(self, cql: str, page_size: int, **options: Any) -> Iterator[RawRows]:
        """Run a statement and yield its rows page by page."""
        state = None
        while True:
            page = self.query(cql, page_size=page_size, paging_state=state, **options)
            assert isinstance(page, RawRows)
            yield page
            state = page.metadata.paging_state
            if state is None:
                return

    def next_server_event(self) -> Event:
        """Return the next event of the server; wait for it as long as for an answer."""
        while not self.events:
            self.receive()
        return self.events.pop(0)

    # --- bytes -----------------------------------------------------------------------------

    def _flush(self, frames: list[bytes]) -> None:
        if frames:
            self.socket.sendall(self.connection.wrap(frames))
            frames.clear()

    def receive(self) -> None:
        """Wait for bytes and hand them to the connection."""
        data = self.socket.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.received += len(data)
        self.connection.receive_data(data)
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, Event):
                self.events.append(event)
            elif isinstance(event, Answer):
                self.strays.append(event)
            else:
                raise event.error

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Slot:
    """The receiver of one request of a pipeline: puts the answer where it belongs."""

    __slots__ = ("answers", "number")

    def __init__(self, answers: list[Any], number: int) -> None:
        self.answers = answers
        self.number = number

    def __call__(self, answer: object) -> None:
        self.answers[self.number] = answer


def bound(
    prepared: PreparedResult, values: Sequence[Any] | Mapping[str, Any] = (), **options: Any
) -> Execute:
    """Return the EXECUTE of a prepared statement with Python values, None and UNSET included."""
    columns = [(column.name, column.type) for column in prepared.metadata.columns]
    cells = bind_values(columns, values)
    parameters = QueryParameters(values=cells, **options)
    return Execute(prepared.query_id, parameters, prepared.result_metadata_id)


def decode(
    rows: RawRows,
    columns: Sequence[ColumnSpec] | None = None,
    options: ReadOptions | None = None,
) -> Rows:
    """Decode a page by `columns`, or by the description that came with it."""
    assert isinstance(rows, RawRows), rows
    described = rows.metadata.columns if columns is None else columns
    assert described is not None, "the rows came without the description of their columns"
    types = [column.type for column in described]
    return rows.decode(RowDecoder(types) if options is None else RowDecoder(types, options))
