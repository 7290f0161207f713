"""A client of a few hand-made frames, to see that a server really answers.

Protocol v4, whose frames stand bare on the stream (native_protocol_v4.spec, sections 2 and 4).
It is written by hand, on purpose: the packages under test must not vouch for themselves.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from types import TracebackType

from tests.cassandra.errors import ClusterError

ERROR, STARTUP, READY, AUTHENTICATE, OPTIONS = 0x00, 0x01, 0x02, 0x03, 0x05
SUPPORTED, QUERY, RESULT, AUTH_RESPONSE, AUTH_SUCCESS = 0x06, 0x07, 0x08, 0x0F, 0x10
_VERSION = 4
_CONSISTENCY_ONE = 1
_ROWS = 2
_GLOBAL_TABLE, _MORE_PAGES, _NO_METADATA = 1, 2, 4


class Probe:
    """One connection to a server, used as a context manager.

    :param timeout: seconds for the connection and for each answer; ``TimeoutError`` after.
    :param tls: a context, for a server that wants TLS.
    """

    def __init__(
        self, address: str, port: int, *, timeout: float = 5.0, tls: ssl.SSLContext | None = None
    ) -> None:
        plain = socket.create_connection((address, port), timeout=timeout)
        try:
            self._socket = tls.wrap_socket(plain, server_hostname=address) if tls else plain
        except BaseException:
            plain.close()
            raise

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def request(self, opcode: int, body: bytes = b"") -> tuple[int, bytes]:
        """Send one frame and return opcode and body of the answer."""
        self._socket.sendall(struct.pack(">BBhBI", _VERSION, 0, 0, opcode, len(body)) + body)
        _, _, _, answer, length = struct.unpack(">BBhBI", self._read(9))
        return answer, self._read(length)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the server closed the connection")
            data += piece
        return data

    def options(self) -> bytes:
        """The body of the SUPPORTED answer to OPTIONS."""
        opcode, body = self.request(OPTIONS)
        if opcode != SUPPORTED:
            raise ClusterError(f"OPTIONS was answered by opcode {opcode:#x}")
        return body

    def startup(self) -> int:
        """Send STARTUP and return the answer's opcode: READY or AUTHENTICATE."""
        opcode, _ = self.request(STARTUP, struct.pack(">H", 1) + _text("CQL_VERSION", "3.0.0"))
        return opcode

    def login(self, username: str, password: str) -> None:
        """STARTUP, and a login by password if the server asks for it.

        :raises ClusterError: the server refused.
        """
        opcode = self.startup()
        body = b""
        if opcode == AUTHENTICATE:
            token = f"\0{username}\0{password}".encode()
            opcode, body = self.request(AUTH_RESPONSE, struct.pack(">i", len(token)) + token)
        if opcode not in (READY, AUTH_SUCCESS):
            raise ClusterError(f"the server refused the login: {_error(opcode, body)}")

    def query(self, cql: str) -> list[list[bytes | None]]:
        """Run a query at consistency ONE and return its rows, cells as raw bytes.

        Only columns of simple types can be read (no collections).

        :raises ClusterError: the server answered with an error.
        """
        text = cql.encode()
        body = struct.pack(">I", len(text)) + text + struct.pack(">HB", _CONSISTENCY_ONE, 0)
        opcode, answer = self.request(QUERY, body)
        if opcode != RESULT:
            raise ClusterError(f"{cql!r} failed: {_error(opcode, answer)}")
        return _rows(answer) if struct.unpack_from(">i", answer)[0] == _ROWS else []


def _text(*words: str) -> bytes:
    """[string]s, one after the other."""
    return b"".join(struct.pack(">H", len(word)) + word.encode() for word in words)


def _error(opcode: int, body: bytes) -> str:
    if opcode != ERROR:
        return f"opcode {opcode:#x}"
    code, length = struct.unpack_from(">iH", body)
    return f"error {code:#06x}: {body[6 : 6 + length].decode(errors='replace')}"


def _rows(body: bytes) -> list[list[bytes | None]]:
    """The rows of a RESULT of kind Rows (section 4.2.5.2)."""
    flags, columns = struct.unpack_from(">ii", body, 4)
    position = 12
    if flags & _MORE_PAGES:
        position += 4 + max(0, struct.unpack_from(">i", body, position)[0])
    if not flags & _NO_METADATA:
        names = 2 if flags & _GLOBAL_TABLE else 0
        position = _skip_strings(body, position, names)
        for _ in range(columns):
            # Keyspace and table unless global, the column's name, and a type without parameters.
            position = _skip_strings(body, position, 3 - names) + 2
    count = struct.unpack_from(">i", body, position)[0]
    cells = _cells(body, position + 4)
    return [[next(cells) for _ in range(columns)] for _ in range(count)]


def _skip_strings(body: bytes, position: int, count: int) -> int:
    for _ in range(count):
        position += 2 + struct.unpack_from(">H", body, position)[0]
    return position


def _cells(body: bytes, position: int) -> Iterator[bytes | None]:
    while True:
        length = struct.unpack_from(">i", body, position)[0]
        position += 4
        if length < 0:
            yield None
        else:
            yield body[position : position + length]
            position += length
