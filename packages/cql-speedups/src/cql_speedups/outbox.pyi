from collections.abc import Callable, Mapping
from typing import Any

from cql_protocol import ClientConnection
from cql_protocol.messages import Request
from cql_protocol.streams import Receiver, StreamTable

class Outbox:
    bytes_sent: Callable[[int], object] | None
    closed: bool
    connection: ClientConnection
    endpoint: Any
    out: list[bytes]
    runtime: Any
    streams: StreamTable
    transport: Any
    def __init__(self, runtime: Any, connection: ClientConnection, endpoint: Any) -> None: ...
    def send(
        self,
        message: Request,
        receiver: Receiver,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> int: ...
    def flush(self) -> None: ...
