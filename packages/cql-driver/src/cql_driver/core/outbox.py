"""`Outbox`: the half of a connection that sends: what is to be written in one turn of the loop.

The compiled twin, `cql_speedups.express.Outbox`, also takes requests that were encoded when they
were made.
"""

from __future__ import annotations

from cql_protocol._accel import compiled
from cql_protocol.connection import State
from cql_protocol.errors import LocalProtocolError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cql_driver.core.runtime import Runtime, Transport
    from cql_protocol import ClientConnection
    from cql_protocol.errors import DriverException
    from cql_protocol.messages import Request
    from cql_protocol.streams import Receiver, StreamTable

__all__ = ["Outbox"]


class Outbox:
    """What leaves on a connection.

    Frames of one turn of the loop leave in one write; the first on an idle connection leaves at
    once, unless there were several in the turn before.
    """

    __slots__ = (
        "_gathers",
        "_sent",
        "bytes_sent",
        "closed",
        "connection",
        "endpoint",
        "out",
        "runtime",
        "streams",
        "transport",
    )

    def __init__(self, runtime: Runtime, connection: ClientConnection, endpoint: Any) -> None:
        self.runtime = runtime
        self.connection = connection
        self.streams: StreamTable = connection.streams
        self.endpoint = endpoint
        self.transport: Transport | None = None
        self.out: list[bytes] = []
        self.closed = False
        self.bytes_sent: Callable[[int], object] | None = None
        self._gathers = False
        self._sent = 0

    if TYPE_CHECKING:

        def broke(self) -> DriverException: ...  # noqa: D102 - what `Link` has

    def send(
        self,
        message: Request,
        receiver: Receiver,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> int:
        """Send a request and return its stream id; `receiver` gets the answer.

        Raises `LocalProtocolError` when it cannot be sent; then nothing is, and the receiver
        is not called.
        """
        connection = self.connection
        out = self.out
        at_once = not out and not self._gathers and len(self.streams) == 0
        try:
            frame = connection.frame(message, receiver, tracing, custom_payload)
        except LocalProtocolError as exc:
            if connection.state is not State.CLOSED:
                raise
            raise self.broke() from exc
        stream = connection.last_stream
        self._sent += 1
        if at_once:
            self._write(connection.wrap((frame,)))
        else:
            if not out:
                self.runtime.call_soon(self.flush)
            out.append(frame)
        return stream

    def flush(self) -> None:
        """Write what this turn has gathered."""
        out = self.out
        if out:
            self.out = []
            self._gathers = len(out) > 1
            if not self.closed:
                self._write(self.connection.wrap(out))

    def _write(self, data: bytes) -> None:
        if self.bytes_sent is not None:
            self.bytes_sent(len(data))
        assert self.transport is not None
        self.transport.write(data)


Outbox = compiled("outbox", "Outbox", Outbox)  # type: ignore[misc]
