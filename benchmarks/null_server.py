"""A server that has no database: it answers from memory, as cheaply as Python can::

    python -m benchmarks.null_server            # prints where it listens; Ctrl-C ends it

Its CPU time is taken from the same cores as the client's, so an EXECUTE costs it one look-up:
answers are made when a statement is prepared, and only the stream is filled in. It speaks
protocol 3 and 4, and 5 in segments, all of them also with lz4 where that is installed. What it
answered is told by the statement `canned.COUNTERS`, so that a client's count can be checked.

`NullServer` starts one in a process of its own; it ends when its parent does.
"""

from __future__ import annotations

import argparse
import errno
import os
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from benchmarks.canned import Answers
from benchmarks.made_up import PER_KEYSPACE, MadeUp
from cql_protocol import (
    Batch,
    Dialect,
    DriverException,
    Execute,
    Options,
    Prepare,
    Query,
    RawRows,
    Ready,
    Register,
    ResultMetadata,
    Startup,
    Supported,
    VoidResult,
)
from cql_protocol.compression import Compressor
from cql_protocol.connection.base import HEADER, load_compressor
from cql_protocol.errors import InvalidRequest, PreparedQueryNotFound, ProtocolViolation
from cql_protocol.messages import Response, opcodes
from cql_protocol.messages.codec import decode_request, encode_response
from cql_protocol.messages.opcodes import FLAG_COMPRESSED
from cql_protocol.registry import COMPRESSORS
from cql_protocol.segments import MAX_PAYLOAD, SegmentReader, SegmentWriter

ADDRESSES = [*((f"127.0.9.{last}", 9042) for last in range(1, 10)), ("127.0.0.1", 0)]
"""Where it tries to listen, in order; port 0 lets the system choose."""
VERSIONS = (3, 4, 5)
LIMIT = 1 << 28
READ_SIZE = 1 << 18
SKIP_METADATA = 0x02
KEY = slice(4, 27)
"""From the opcode of a frame to the end of a prepared statement's id, which has 16 bytes."""
REMEMBERED = 4096
LEAST_RUN = 8
"""Frames alike that are worth being answered at one stroke."""

Prepared = tuple[int, int, bytes, bytes]
"""Of an EXECUTE: its size, where the low byte of its flags is, and what is answered behind the
stream, with metadata and without."""


class Counter:
    """What a server has answered."""

    def __init__(self) -> None:
        self.answered = 0

    def read(self) -> tuple[int, int]:
        """Return the number of requests, and the CPU time in microseconds."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return self.answered, int((used.ru_utime + used.ru_stime) * 1e6)


class Session:
    """One client's connection: bytes in, bytes out.

    A request is answered by `_answer`; EXECUTEs that were seen before by `_cut` itself.
    """

    def __init__(self, answers: Answers, counter: Counter) -> None:
        self._answers = answers
        self._counter = counter
        self._dialect = Dialect(max(VERSIONS))
        self._compressor: Compressor | None = None
        self._reader: SegmentReader | None = None
        self._writer = SegmentWriter()
        self._rest = b""
        self._known: dict[bytes, Prepared] = {}

    def receive(self, data: bytes) -> bytes:
        """Take bytes and return the answers to the requests that they complete."""
        out: list[bytes | bytearray] = []
        if self._reader is None:
            self._cut(data, out)
            if self._reader is None or not self._rest:
                return b"".join(out)
            # The client went on in segments before it had the answer to STARTUP.
            data, self._rest = self._rest, b""
            return b"".join(out) + self.receive(data)
        for payload, _ in self._reader.feed(data):
            self._cut(payload, out)
        return self._writer.wrap(out)

    def _cut(self, data: bytes, out: list[bytes | bytearray]) -> None:
        """Answer the frames of `data`, and keep what is left."""
        if self._rest:
            data = self._rest + data
        at, size, hits, single_until = 0, len(data), 0, 0
        known = self._known
        head = bytes((0x80 | self._dialect.version, self._frame_flags()))
        while size - at >= HEADER.size:
            entry = known.get(data[at + 4 : at + 27])
            if entry is not None and not data[at + 1]:
                length, flags_at, full, bare = entry
                if size - at < length:
                    break
                tail = bare if data[at + flags_at] & SKIP_METADATA else full
                count = 1
                if at >= single_until and size - at >= LEAST_RUN * length:
                    most = MAX_PAYLOAD // (4 + len(tail))  # what fits in a segment
                    count = _run_of(data, at, length, flags_at, most)
                if count > 1:
                    out.append(_answers_of(data, at, length, count, head, tail))
                else:
                    single_until = max(single_until, at + LEAST_RUN * length)
                    out.append(head + data[at + 2 : at + 4] + tail)
                hits += count
                at += length * count
                continue
            version, flags, stream, opcode, length = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if end > size:
                break
            out.append(self._slow(version, flags, stream, opcode, data[at:end]))
            at = end
            if opcode == opcodes.STARTUP:
                head = bytes((0x80 | self._dialect.version, self._frame_flags()))
                if self._reader is not None:
                    break
        self._rest = data[at:]
        self._counter.answered += hits

    def _frame_flags(self) -> int:
        packed = self._compressor is not None and self._dialect.version < 5
        return FLAG_COMPRESSED if packed else 0

    def _slow(self, version: int, flags: int, stream: int, opcode: int, frame: bytes) -> bytes:
        """Answer one frame by decoding it."""
        if version not in VERSIONS:
            self._dialect = Dialect(max(VERSIONS))
            spoken = ", ".join(f"{v}/v{v}" for v in VERSIONS)
            why = f"Invalid or unsupported protocol version ({version}); supported are ({spoken})"
            return self._frame(stream, ProtocolViolation(why))
        if version != self._dialect.version:
            self._dialect = Dialect(version)
        body = frame[HEADER.size :]
        try:
            if flags & FLAG_COMPRESSED and self._compressor is not None and version < 5:
                body = self._compressor.decompress(body, LIMIT)
                flags &= ~FLAG_COMPRESSED
                frame = HEADER.pack(version, flags, stream, opcode, len(body)) + body
                if entry := self._known.get(frame[KEY]):
                    self._counter.answered += 1
                    tail = entry[3] if frame[entry[1]] & SKIP_METADATA else entry[2]
                    return bytes((0x80 | version, FLAG_COMPRESSED)) + frame[2:4] + tail
            message, _ = decode_request(opcode, flags, body, self._dialect)
            if isinstance(message, Startup):
                return self._start(stream, message)
            response = self._answer(message)
            if isinstance(message, Execute) and not flags:
                self._remember(frame, message)
        except DriverException as error:
            return self._frame(stream, ProtocolViolation(str(error)))
        return self._frame(stream, response)

    def _start(self, stream: int, message: Startup) -> bytes:
        """Agree to what the client wants; from protocol 5 on segments follow the answer."""
        name = message.options.get("COMPRESSION")
        version = self._dialect.version
        compressor = load_compressor(name, version) if name else None
        answer = self._frame(stream, Ready())
        self._compressor = compressor
        if version >= 5:
            self._reader = SegmentReader(compressor)  # type: ignore[arg-type]
            self._writer = SegmentWriter(compressor)  # type: ignore[arg-type]
        return answer

    def _answer(self, message: object) -> Response | DriverException:
        if isinstance(message, Execute):
            text = self._answers.text_of(message.query_id)
            if text is None:
                return PreparedQueryNotFound("it was not prepared here", message.query_id)
            self._counter.answered += self._answers.counts(text)
            return _without_metadata(self._answers.query(text), message.parameters.skip_metadata)
        if isinstance(message, Query):
            given = message.parameters
            response = self._answers.query(message.query, given.page_size, given.paging_state)
            self._counter.answered += self._answers.counts(message.query)
            return response
        if isinstance(message, Batch):
            self._counter.answered += 1
            return VoidResult()
        if isinstance(message, Prepare):
            return self._answers.prepare(message.query)
        if isinstance(message, Options):
            return _supported()
        if isinstance(message, Register):
            return Ready()
        return InvalidRequest("a request that a null server has no answer for")

    def _remember(self, frame: bytes, message: Execute) -> None:
        """Have the answer at hand for EXECUTEs of this size and statement."""
        text = self._answers.text_of(message.query_id)
        if text is None or len(message.query_id) != 16 or not self._answers.counts(text):
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        at = HEADER.size + 18
        if self._dialect.metadata_id:
            at += 2 + int.from_bytes(frame[at : at + 2], "big")
        at += 5 if self._dialect.int_flags else 2
        response = self._answers.query(text)
        full, bare = (
            self._frame(0, _without_metadata(response, skip))[4:] for skip in (False, True)
        )
        self._known[frame[KEY]] = (len(frame), at, full, bare)

    def _frame(self, stream: int, response: Response | DriverException) -> bytes:
        opcode, flags, body = encode_response(response, self._dialect)
        version = self._dialect.version
        if self._compressor is not None and version < 5:
            body = self._compressor.compress(body)
            flags |= FLAG_COMPRESSED
        return HEADER.pack(0x80 | version, flags, stream, opcode, len(body)) + body


def _run_of(data: bytes, at: int, length: int, flags_at: int, most: int) -> int:
    """Return how many frames like the one at `at` follow each other, itself counted; 1 if few.

    They are alike in what decides the answer: size, statement, and the flags.
    """
    count = min((len(data) - at) // length, most)
    places = (1, flags_at, *range(KEY.start, KEY.stop))
    while count >= LEAST_RUN:
        end = at + count * length
        if all(data[at + j : end : length].count(data[at + j]) == count for j in places):
            return count
        count //= 2
    return 1


def _answers_of(
    data: bytes, at: int, length: int, count: int, head: bytes, tail: bytes
) -> bytearray:
    """Return the answers to `count` frames that are alike, with their streams filled in."""
    answers = bytearray((head + b"\0\0" + tail) * count)
    end, size = at + count * length, 4 + len(tail)
    answers[2::size] = data[at + 2 : end : length]
    answers[3::size] = data[at + 3 : end : length]
    return answers


def _without_metadata(response: Response, skip: bool) -> Response:
    if not skip or not isinstance(response, RawRows):
        return response
    metadata = ResultMetadata(column_count=response.metadata.column_count)
    return RawRows(metadata, response.row_count, response.body, response.offset)


def _supported() -> Supported:
    compressions = [name for name in ("lz4",) if _loads(name)]
    return Supported(
        {
            "PROTOCOL_VERSIONS": [f"{v}/v{v}" for v in VERSIONS],
            "COMPRESSION": compressions,
            "CQL_VERSION": ["3.4.7"],
        }
    )


def _loads(name: str) -> bool:
    try:
        COMPRESSORS.load(name)
    except DriverException:
        return False
    return True


# --------------------------------------------------------------------------------- sockets


def listen(places: Iterable[tuple[str, int]]) -> socket.socket:
    """Return a socket that listens at the first place that is free."""
    reason: OSError | None = None
    for place in places:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(place)
        except OSError as error:
            sock.close()
            if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                raise
            reason = error
            continue
        sock.listen(512)
        sock.setblocking(False)
        return sock
    raise SystemExit(f"null server: no address is free: {reason}")


class Loop:
    """Serves every client of one listening socket in one thread.

    Bytes that a client does not take are kept, and nothing more is read from it until they
    are gone.
    """

    def __init__(self, listener: socket.socket, made_up: MadeUp) -> None:
        host, port = listener.getsockname()
        self._listener = listener
        self._counter = Counter()
        self._answers = Answers(host, port, self._counter.read, made_up)
        self._poller = select.epoll() if hasattr(select, "epoll") else select.poll()
        self._clients: dict[int, tuple[socket.socket, Session]] = {}
        self._unsent: dict[int, bytes] = {}
        # The numbers of events are those of poll() in both.
        self._poller.register(listener.fileno(), select.POLLIN)

    def run(self, until: int | None = None) -> None:
        """Serve until the file `until` ends (for ever when it is None)."""
        poll, clients, unsent = self._poller.poll, self._clients, self._unsent
        if until is not None:
            self._poller.register(until, select.POLLIN)
        while True:
            for number, _ in poll():
                if number in unsent:
                    self._send(number, unsent.pop(number))
                    continue
                client = clients.get(number)
                if client is None:
                    if number == until and not os.read(number, 4096):
                        return
                    if number == self._listener.fileno():
                        self._accept()
                    continue
                sock, session = client
                try:
                    data = sock.recv(READ_SIZE)
                    if not data:
                        self._drop(number)
                    elif out := session.receive(data):
                        sent = sock.send(out)
                        if sent < len(out):
                            self._wait(number, out[sent:])
                except BlockingIOError:
                    continue
                except (OSError, DriverException):
                    self._drop(number)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[sock.fileno()] = (sock, Session(self._answers, self._counter))
        self._poller.register(sock.fileno(), select.POLLIN)

    def _wait(self, number: int, data: bytes) -> None:
        self._unsent[number] = data
        self._poller.modify(number, select.POLLOUT)

    def _send(self, number: int, data: bytes) -> None:
        try:
            sent = self._clients[number][0].send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(number)
            return
        if sent < len(data):
            self._wait(number, data[sent:])
        else:
            self._poller.modify(number, select.POLLIN)

    def _drop(self, number: int) -> None:
        self._poller.unregister(number)
        self._unsent.pop(number, None)
        self._clients.pop(number)[0].close()


class NullServer:
    """A null server in a process of its own; as a context manager it ends at the end.

    `address` and `port` tell where it listens. It tells of `tables` made-up tables.
    """

    address: str
    port: int

    def __init__(self, tables: int = 0, per_keyspace: int = PER_KEYSPACE) -> None:
        self._options = ["--tables", str(tables), "--per-keyspace", str(per_keyspace)]

    def __enter__(self) -> NullServer:
        root = Path(__file__).resolve().parents[1]
        # It runs the fastest code there is, whatever is measured.
        environment = {k: v for k, v in os.environ.items() if k != "CQL_PROTOCOL_IMPL"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.null_server", "--attached", *self._options],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        if len(words) != 2:
            self.__exit__(None, None, None)
            raise RuntimeError("the null server did not start; its reason is printed above")
        self.address, self.port = words[0], int(words[1])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()


def main() -> None:
    """Listen, say where, and serve."""
    parser = argparse.ArgumentParser(description="Answer CQL requests from memory.")
    parser.add_argument("--address", help="where to listen (default: the first free 127.0.9.N)")
    parser.add_argument("--port", type=int, default=9042)
    parser.add_argument("--attached", action="store_true", help="end when standard input ends")
    parser.add_argument("--tables", type=int, default=0, help="made-up ones to tell of")
    parser.add_argument("--per-keyspace", type=int, default=PER_KEYSPACE, help="tables in each")
    options = parser.parse_args()
    places = [(options.address, options.port)] if options.address else ADDRESSES
    listener = listen(places)
    print(*listener.getsockname(), flush=True)
    try:
        made_up = MadeUp(options.tables, options.per_keyspace)
        Loop(listener, made_up).run(sys.stdin.fileno() if options.attached else None)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
