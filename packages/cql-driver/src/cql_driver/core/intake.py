"""`Intake`: the half of a connection that receives."""

from __future__ import annotations

from cql_driver.core.outbox import Outbox
from cql_protocol._accel import compiled
from cql_protocol.errors import RemoteProtocolError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.runtime import Runtime
    from cql_protocol import ClientConnection

__all__ = ["Intake"]


class Intake(Outbox):
    """What comes on a connection, given to whom it concerns."""

    __slots__ = ("bytes_received", "heard", "on_data")

    def __init__(self, runtime: Runtime, connection: ClientConnection, endpoint: Any) -> None:
        super().__init__(runtime, connection, endpoint)
        self.heard = 1
        """How many times something came."""
        self.bytes_received: Callable[[int], object] | None = None
        self.on_data: Callable[[], object] | None = None
        """Called after answers were given out, so that what waits for a stream can go."""

    if TYPE_CHECKING:
        # What `Link` has.
        def _broken_by(self, error: RemoteProtocolError) -> None: ...
        def _handle_events(self) -> None: ...

    def data_received(self, data: bytes) -> None:
        """Give each answer to its receiver, then events, then let go what waits."""
        if self.closed:
            return
        self.heard += 1
        if self.bytes_received is not None:
            self.bytes_received(len(data))
        connection = self.connection
        try:
            connection.receive_data(data)
        except RemoteProtocolError as exc:
            self._broken_by(exc)
            return
        if connection.has_events:
            self._handle_events()
        if self.on_data is not None:
            self.on_data()


Intake = compiled("intake", "Intake", Intake)  # type: ignore[misc]
