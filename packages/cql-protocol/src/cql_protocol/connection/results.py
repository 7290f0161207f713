"""The shortest way for what a busy connection carries: plain results."""

from __future__ import annotations

from cql_protocol._accel import compiled
from cql_protocol.connection.base import HEADER_SIZE, LEAST_RESULT, unpack_result
from cql_protocol.errors import DriverException
from cql_protocol.messages.opcodes import RESULT
from cql_protocol.messages.results import DONE, VOID, decode_plain_result
from cql_protocol.streams import ORPHAN

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.connection.client import ClientConnection

__all__ = ["receive_results"]


def receive_results(connection: ClientConnection, data: bytes, at: int) -> int:
    """Give out results as long as they are plain; return where something else begins.

    The shortest way for what a busy connection carries; the others do the same to one frame.
    """
    streams = connection.streams
    waiting, free = streams.waiting, streams._free
    dialect, limit = connection.dialect, connection.max_frame_size
    plain = (0x80 | dialect.version) << 8
    size = len(data)
    while at + LEAST_RESULT <= size:
        head, stream, opcode, length, kind = unpack_result(data, at)
        end: int = at + HEADER_SIZE + length
        if head != plain or opcode != RESULT or not 4 <= length <= limit or end > size:
            break
        try:
            receiver = waiting[stream]
        except IndexError:
            break  # also when a receiver has closed the connection
        if receiver is None or receiver is ORPHAN:
            break
        if length == 4 and kind == VOID:
            response: Any = DONE
        else:
            try:
                response = decode_plain_result(data[at + HEADER_SIZE : end], dialect)
            except DriverException as exc:
                response = exc
        at = end
        try:
            # Nothing is called before, with whose return Ctrl-C could come and lose the receiver.
            waiting[stream] = None
            free.append(stream)
            receiver(response)
        except BaseException as exc:  # noqa: BLE001 - it must not harm the others
            connection._failed(stream, exc, receiver, response)
    return at


receive_results = compiled("frames", "receive_results", receive_results)
