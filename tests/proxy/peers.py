"""What the proxy's own tests put at its two ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cql_protocol import (
    Batch,
    ClientConnection,
    Execute,
    Options,
    Prepare,
    PreparedMetadata,
    PreparedResult,
    Query,
    Ready,
    Register,
    RequestReceived,
    ResultMetadata,
    ServerConnection,
    SetKeyspaceResult,
    Startup,
    State,
)
from cql_protocol.messages.base import Message
from cql_protocol.negotiation import startup
from tests.proxy.rules import Rule, Rules
from tests.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cql_protocol import DriverException
    from cql_protocol.messages import Response
    from tests.proxy.loop import LoopThread

__all__ = ["COMBINATIONS", "EchoServer", "Pair", "answer_of", "serve"]

COMBINATIONS = [
    (version, compression)
    for version in (3, 4, 5)
    for compression in (False, "lz4", "snappy")
    if (version, compression) != (5, "snappy")
]


def answer_of(server: ServerConnection, message: Message) -> Response | DriverException:
    """The answer of a node that tells what it was asked: the text comes as a keyspace's name."""
    if isinstance(message, Options):
        return server.supported()
    if isinstance(message, Startup | Register):
        return Ready()
    if isinstance(message, Prepare):
        return PreparedResult(
            message.query.encode()[:16].ljust(16), PreparedMetadata([]), ResultMetadata([])
        )
    if isinstance(message, Execute):
        return SetKeyspaceResult(f"executed {message.query_id.decode().strip()}")
    if isinstance(message, Batch):
        return SetKeyspaceResult(f"batch of {len(message.entries)}")
    assert isinstance(message, Query)
    return SetKeyspaceResult(message.query)


def serve(server: ServerConnection, data: bytes, heard: list[Any]) -> bytes:
    """Give bytes to a server's connection; note its requests, return the bytes of its answers."""
    server.receive_data(data)
    out = []
    while (event := server.next_event()) is not None:
        heard.append(event)
        if isinstance(event, RequestReceived):
            out.append(server.send(event.stream, answer_of(server, event.message)))
    return b"".join(out)


class _Pipe:
    """A `Wire` that keeps what is written."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.ended: str | None = None

    def write(self, data: bytes) -> None:
        self.data.append(data)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self, reset: bool) -> None:
        self.ended = "reset" if reset else "closed"

    def take(self) -> bytes:
        data = b"".join(self.data)
        self.data.clear()
        return data


class Pair:
    """A client, a tunnel and a server in memory; `turn` makes bytes go until none are left.

    `piece` cuts what is carried into pieces of so many bytes. Timers run when `elapse` is called.
    """

    def __init__(
        self,
        version: int = 5,
        compression: bool | str = False,
        piece: int = 0,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.client = ClientConnection(version)
        self.server = ServerConnection((3, 4, 5))
        self.rules = Rules()
        for rule in rules:
            self.rules.add(rule)
        self.to_client, self.to_node = _Pipe(), _Pipe()
        self.timers: list[tuple[float, Any, tuple[Any, ...]]] = []
        self.tunnel = Tunnel(
            self.rules, 1, self.to_client, self.to_node, call_later=self._call_later
        )
        self.heard: list[Any] = []
        self._piece = piece
        [supported] = self.ask(Options())
        [ready] = self.ask(startup(supported, version, compression=compression))
        assert ready == Ready()

    def _call_later(self, delay: float, action: Any, *args: Any) -> None:
        self.timers.append((delay, action, args))

    def _pieces(self, data: bytes) -> list[bytes]:
        size = self._piece or len(data) or 1
        return [data[at : at + size] for at in range(0, len(data), size)]

    def turn(self) -> None:
        while (to_node := self.to_node.take()) or self.to_client.data:
            answers = b""
            if self.server.state is not State.CLOSED:
                answers = b"".join(serve(self.server, p, self.heard) for p in self._pieces(to_node))
            for piece in self._pieces(answers):
                self.tunnel.from_node(piece)
            for piece in self._pieces(self.to_client.take()):
                self.client.receive_data(piece)

    def elapse(self) -> list[float]:
        """Run all timers; return their delays."""
        timers, self.timers = self.timers, []
        for _, action, args in timers:
            action(*args)
        self.turn()
        return [delay for delay, _, _ in timers]

    def send(self, *messages: Any) -> list[Any]:
        """Send requests in one write; return the list that their answers come into."""
        answers: list[Any] = []
        data = self.client.wrap([self.client.frame(m, answers.append) for m in messages])
        for piece in self._pieces(data):
            self.tunnel.from_client(piece)
        self.turn()
        return answers

    def ask(self, *messages: Any) -> list[Any]:
        """Send requests; return their answers, all of which came."""
        answers = self.send(*messages)
        assert len(answers) == len(messages)
        return answers


class EchoServer:
    """The same server on a socket: `address` is where it listens, `heard` what it was asked."""

    def __init__(self, thread: LoopThread) -> None:
        self.heard: list[Any] = []
        self.connections: list[_Served] = []
        self.lost: list[Exception | None] = []
        self._thread = thread
        done = asyncio.run_coroutine_threadsafe(self._listen(), thread.loop)
        self._server, self.address = done.result(10)

    async def _listen(self) -> tuple[asyncio.Server, tuple[str, int]]:
        loop = self._thread.loop
        server = await loop.create_server(lambda: _Served(self), "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()

    def close(self) -> None:
        self._thread.call(self._server.close)
        for connection in self.connections:
            self._thread.call(connection.transport.abort)


class _Served(asyncio.Protocol):
    transport: Any

    def __init__(self, owner: EchoServer) -> None:
        self.owner = owner
        self.server = ServerConnection((3, 4, 5))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.owner.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(serve(self.server, data, self.owner.heard))

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.lost.append(exc)
