"""The client's end of a connection."""

from __future__ import annotations

from collections import deque

from cql_protocol.connection.base import (
    DEFAULT_MAX_FRAME_SIZE,
    HEADER_SIZE,
    Connection,
    pack_header,
    unpack_header,
)
from cql_protocol.connection.results import receive_results
from cql_protocol.connection.segmented import receive_segments
from cql_protocol.connection.states import State, after_request, after_response
from cql_protocol.dialect import Dialect, Features
from cql_protocol.errors import (
    ConnectionClosed,
    DriverException,
    LocalProtocolError,
    ProtocolVersionUnsupported,
    ProtocolViolation,
    RemoteProtocolError,
)
from cql_protocol.messages import Event, Request, Response, Startup, Supported, opcodes
from cql_protocol.messages.base import Record
from cql_protocol.messages.codec import decode_response
from cql_protocol.messages.opcodes import FLAG_BETA, FLAG_CUSTOM_PAYLOAD, FLAG_TRACING
from cql_protocol.streams import MAX_STREAMS, ORPHAN, StreamTable
from cql_protocol.wire import write_bytes_map

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cql_protocol.streams import Receiver

__all__ = ["Answer", "ClientConnection", "ReceiverFailed"]

_PAYLOAD_ALLOWED = (opcodes.QUERY, opcodes.PREPARE, opcodes.EXECUTE, opcodes.BATCH)


class Answer(Record):
    """The answer to a request that was sent without a receiver."""

    __slots__ = ("response", "stream")

    def __init__(self, stream: int, response: Response | DriverException) -> None:
        self.stream = stream
        self.response = response


class ReceiverFailed(Record):
    """A receiver raised `error` when it was given its answer; the connection is unharmed.

    `stream` is -1 when it was told of the connection's end.
    """

    __slots__ = ("error", "stream")

    def __init__(self, stream: int, error: Exception) -> None:
        self.stream = stream
        self.error = error


class _Queue:
    """The receiver of a request that was sent without one: makes its answer an event."""

    __slots__ = ("events", "stream")

    def __init__(self, events: deque[Answer | ReceiverFailed | Event]) -> None:
        self.events = events
        self.stream = -1

    def __call__(self, response: Response | DriverException) -> None:
        self.events.append(Answer(self.stream, response))


class ClientConnection(Connection):
    """A client's connection: requests in, bytes out; bytes in, answers out.

    Each request takes a stream id and may name a *receiver*, which is called once with the
    answer: a `Response`, or an exception (the server's error; `RemoteProtocolError` when
    the answer is malformed; `ConnectionClosed` when none will come). Answers to requests
    without a receiver, the server's events, failures of receivers, and answers that belong
    to no request (on stream -1, or where nothing was asked) are queued for `next_event`.

    `allow_beta` opts in to versions that the server calls beta. `max_frame_size` bounds
    each frame, compressed or not, in bytes. Not safe for use by several threads at once.

    Example::

        connection = ClientConnection(version=5)
        sock.sendall(connection.send(Startup()))
        connection.receive_data(sock.recv(65536))
        print(connection.next_event())
    """

    __slots__ = ("_beta_flag", "_events", "_interrupt", "last_stream", "streams")

    def __init__(
        self,
        version: int = 5,
        *,
        allow_beta: bool = False,
        max_frame_size: int = DEFAULT_MAX_FRAME_SIZE,
        max_streams: int = MAX_STREAMS,
    ) -> None:
        super().__init__(Dialect(version), Features(), max_frame_size)
        self._beta_flag = FLAG_BETA if allow_beta else 0
        self._events: deque[Answer | ReceiverFailed | Event] = deque()
        self._interrupt: BaseException | None = None
        self.streams = StreamTable(max_streams)
        self.last_stream = -1
        """The stream id of the request that was sent last."""

    # --- sending ---------------------------------------------------------------------------

    def send(
        self,
        request: Request,
        receiver: Receiver | None = None,
        *,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> bytes:
        """Return the bytes that carry `request`; `last_stream` is its stream id then.

        With `tracing` the server records a trace, whose id comes with the answer.
        Raises `LocalProtocolError` when the request cannot be sent here and now; then
        nothing has changed, and no stream id is lost.
        """
        return self.wrap((self.frame(request, receiver, tracing, custom_payload),))

    def frame(
        self,
        request: Request,
        receiver: Receiver | None = None,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> bytes:
        """Do as `send`, but return the bare frame: `wrap` those that leave together."""
        opcode = request.opcode
        if (
            self.state is _READY
            and opcode in _ANY_TIME
            and receiver is not None
            and not tracing
            and custom_payload is None
            and self.compressor is None
        ):
            # What a busy connection carries: the same as below, by the shortest way.
            body = request.encode(self.dialect)
            size = len(body)
            free = self.streams._free
            if free and size <= self.max_frame_size:
                stream = free[-1]
                frame = pack_header(self.dialect.version, self._beta_flag, stream, opcode, size)
                frame += body
                self.streams.waiting[free.pop()] = receiver
                self.last_stream = stream
                return frame
        return self._any_frame(opcode, request, receiver, tracing, custom_payload)

    def _any_frame(
        self,
        opcode: int,
        request: Request,
        receiver: Receiver | None,
        tracing: bool,
        custom_payload: Mapping[str, bytes | None] | None,
    ) -> bytes:
        following = self.state
        compressor = dialect = None
        if following is not State.READY or opcode not in _ANY_TIME:
            following = after_request(following, opcode)
            if isinstance(request, Startup):
                compressor, dialect = self._agreed(request)
        body = request.encode(self.dialect)
        flags = self._beta_flag
        if tracing:
            flags |= FLAG_TRACING
        if custom_payload is not None:
            flags |= FLAG_CUSTOM_PAYLOAD
            body = self._payload(opcode, custom_payload) + body
        if receiver is None:
            receiver = _Queue(self._events)
        stream = self.streams.take(receiver)
        try:
            if self.compressor is None and len(body) <= self.max_frame_size:
                frame = pack_header(self.dialect.version, flags, stream, opcode, len(body)) + body
            else:
                frame = self._frame(0, flags, stream, opcode, body)
        except BaseException:
            self.streams.release(stream)
            raise
        if receiver.__class__ is _Queue:
            receiver.stream = stream
        if dialect is not None:
            self.compressor, self.dialect = compressor, dialect
        self.state = following
        self.last_stream = stream
        return frame

    def _payload(self, opcode: int, payload: Mapping[str, bytes | None]) -> bytes:
        if self.version < 4:
            raise LocalProtocolError("a custom payload needs protocol 4, this connection speaks 3")
        if opcode not in _PAYLOAD_ALLOWED:
            raise LocalProtocolError(f"{opcodes.NAMES[opcode]} cannot carry a custom payload")
        return write_bytes_map(payload)

    def orphan(self, stream: int) -> None:
        """Stop waiting for the answer on `stream`; its late answer only frees the id."""
        self.streams.orphan(stream)

    # --- receiving -------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> None:
        """Take bytes that came from the server, and give each answer to its receiver.

        Raises `RemoteProtocolError` when the stream of bytes is broken beyond repair: the
        connection is then closed, and everything waiting on it has been told. What a
        receiver raises becomes an event; only an interrupt (`KeyboardInterrupt`, a
        cancellation) is raised from here, once every answer at hand is given.
        """
        super().receive_data(data)
        self._raise_interrupt()

    @property
    def has_events(self) -> bool:
        """Whether `next_event` has something to give."""
        return bool(self._events)

    def next_event(self) -> Answer | ReceiverFailed | Event | None:
        """Return the next event in order, or None when more bytes are needed."""
        return self._events.popleft() if self._events else None

    def close(self, error: BaseException | None = None) -> None:
        """End the connection and tell every request that waits: `error`, or a plain end."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        left = self.streams.drain()[::-1]
        while left:
            try:
                while left:
                    self._tell(left[-1], -1, _told_of_the_end(error))
                    del left[-1]
            except BaseException as exc:  # noqa: BLE001 - Ctrl-C between two of them
                self._interrupt = self._interrupt or exc
        self._raise_interrupt()

    def _receive_frames(self, data: bytes) -> None:
        data = self._inbox.add(data)
        at, size = 0, len(data)
        while at < size:
            if self.state is State.READY:
                at = receive_results(self, data, at)
            if at < size:
                at = self._receive_frame(data, at)

    def _receive_frame(self, data: bytes, at: int) -> int:
        """Handle the frame that begins at `at`; return where the next one does.

        That is the end of `data` when nothing more is to be done with it.
        """
        inbox = self._inbox
        size = len(data)
        if size - at < HEADER_SIZE:
            inbox.keep(data[at:], HEADER_SIZE)
            return size
        version, flags, stream, opcode, length = unpack_header(data, at)
        foreign = version != 0x80 | self.version
        if foreign and self._ended_by(version):
            return size
        start = at + HEADER_SIZE
        if not 0 <= length <= self.max_frame_size:
            self._check_length(length)
        end: int = start + length
        if end > size:
            inbox.keep(data[at:], HEADER_SIZE + length)
            return size
        body = data[start:end]
        if foreign:
            self._foreign_version(version, opcode, body)
            return size
        receiver = self.streams.release(stream) if stream >= 0 else None
        if receiver is ORPHAN:
            return end
        if self.state is State.CLOSED:
            return size
        segmented = self._segments_in
        self._handle(receiver, stream, flags, opcode, body)
        if self._segments_in is not segmented:
            # READY or AUTHENTICATE has just ended the part without segments.
            assert self._segments_in is not None
            receive_segments(self, self._segments_in, data[end:])
            return size
        return end

    def _handle(
        self, receiver: Receiver | None, stream: int, flags: int, opcode: int, body: bytes
    ) -> None:
        """Decode one frame and give it to whom it concerns."""
        response: Response | DriverException
        try:
            if receiver is None and stream >= 0:
                raise RemoteProtocolError(f"an answer on stream {stream}, where nothing was asked")
            if opcode == opcodes.EVENT and stream >= 0:
                raise RemoteProtocolError("an EVENT instead of an answer")
            if flags:
                body = self._decompress(flags, body)
            response = decode_response(opcode, flags, body, self.dialect)
            if receiver is not None and (self.state is not State.READY or opcode not in _COMMON):
                response = self._move(opcode, response)
        except DriverException as exc:
            response = exc
        if receiver is not None:
            self._tell(receiver, stream, response)
        elif isinstance(response, Event):
            self._events.append(response)
        else:
            self._events.append(Answer(stream, response))

    def _move(
        self, opcode: int, response: Response | DriverException
    ) -> Response | DriverException:
        """Follow a response that answers the handshake, take over what it says, return it."""
        before = self.state
        if isinstance(response, ProtocolViolation) and _refuses_version(response.message):
            response = self._unsupported(response, 0)
        self.state = after_response(before, opcode)
        if isinstance(response, Supported):
            self.features = Features.from_supported(response.options)
        elif before is State.STARTING:
            self._settle(response if isinstance(response, DriverException) else None)
        return response

    def _ended_by(self, version: int) -> bool:
        """Check a frame of another version: it can only be the server refusing ours.

        Returns whether the connection is over, since the rest cannot be read: the frames of
        version 1 and 2 have a shorter header.
        """
        offered = version & 0x7F
        if not version & 0x80:
            raise RemoteProtocolError(f"a request frame (0x{version:02x}) from the server")
        if self.state not in (State.NEW, State.STARTING):
            raise RemoteProtocolError(
                f"a frame of protocol {offered} on a connection of protocol {self.version}"
            )
        if offered < 3:
            refusal = RemoteProtocolError(f"the server speaks protocol {offered} only")
            self.close(self._unsupported(refusal, offered))
            return True
        return False

    def _foreign_version(self, version: int, opcode: int, body: bytes) -> None:
        """End the connection that a server refused in its own version."""
        if opcode != opcodes.ERROR:
            raise RemoteProtocolError(f"{opcodes.NAMES.get(opcode, opcode)} of another version")
        refusal = decode_response(opcode, 0, body, self.dialect)
        assert isinstance(refusal, DriverException)
        self.close(self._unsupported(refusal, version & 0x7F))

    def _unsupported(self, refusal: DriverException, offered: int) -> ProtocolVersionUnsupported:
        error = ProtocolVersionUnsupported(refusal.message)
        error.code, error.requested, error.offered = refusal.code, self.version, offered
        return error

    def _tell(self, receiver: Receiver, stream: int, response: object) -> None:
        """Give a receiver its answer; what it raises must not harm the others."""
        try:
            receiver(response)
        except BaseException as exc:  # noqa: BLE001 - see `_failed`
            self._failed(stream, exc, receiver, response)

    def _failed(
        self, stream: int, error: BaseException, receiver: Receiver, response: object
    ) -> None:
        """Make an event of what a receiver raised; an interrupt is raised when all are told.

        Ctrl-C has hit the thread that reads, and the answer may be somebody else's, who would
        wait for ever: it is given once more.
        """
        if isinstance(error, Exception):
            self._events.append(ReceiverFailed(stream, error))
            return
        self._interrupt = self._interrupt or error
        try:
            receiver(response)
        except Exception as exc:  # noqa: BLE001 - as above
            self._events.append(ReceiverFailed(stream, exc))
        except BaseException:  # noqa: BLE001 - the first one is raised
            pass

    def _raise_interrupt(self) -> None:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            raise interrupt


def _told_of_the_end(error: BaseException | None) -> BaseException:
    """Return what a request is told when its connection ends."""
    if isinstance(error, DriverException) and type(error) is not RemoteProtocolError:
        return error
    # What broke the stream says nothing of their requests.
    why = "it was closed" if error is None else error
    told = ConnectionClosed(f"the connection ended before the answer: {why}")
    told.__cause__ = error
    return told


def _refuses_version(message: str) -> bool:
    """Say so of an error in a frame of our own version, where only its text can tell."""
    return "protocol version" in message or "version of the protocol" in message


_READY = State.READY
_COMMON = (opcodes.RESULT, opcodes.ERROR)
_ANY_TIME = frozenset((opcodes.QUERY, opcodes.PREPARE, opcodes.EXECUTE, opcodes.BATCH))
"""Requests that change nothing in the state of a connection that is ready."""
