"""`Tunnel`: one connection through a proxy, without any I/O of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_protocol.connection.base import load_compressor, pack_header
from cql_protocol.dialect import Dialect, Features
from cql_protocol.errors import DriverException, RemoteProtocolError
from cql_protocol.messages import Event, PreparedResult, Response, opcodes
from cql_protocol.messages.codec import encode_response
from tests.proxy.frames import Frame, Side

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from cql_protocol.compression import Compressor
    from tests.proxy.frames import Wire
    from tests.proxy.rules import Rules

__all__ = ["Tunnel"]

_GREETINGS = (opcodes.READY, opcodes.AUTHENTICATE)
"""The answers to STARTUP after which protocol 5 travels in segments."""


class Tunnel:
    """One client's connection to one node: follows what is said, and applies the rules.

    `number` counts the proxy's connections from 1. `registered` tells whether the client asked
    for events here (the control connection does). `texts` are the statements that were prepared,
    by their ids. `call_later` and `call_soon_threadsafe` are those of the loop.
    """

    def __init__(
        self,
        rules: Rules,
        number: int,
        client: Wire,
        node: Wire,
        *,
        texts: MutableMapping[bytes, str] | None = None,
        call_later: Callable[..., object] | None = None,
        call_soon_threadsafe: Callable[..., object] | None = None,
    ) -> None:
        self.rules = rules
        self.number = number
        self.client = Side(client)
        self.node = Side(node)
        self.texts: MutableMapping[bytes, str] = {} if texts is None else texts
        self.dialect = Dialect(5)
        self.compressor: Compressor | None = None
        self.registered = False
        self.closed = False
        self.error: RemoteProtocolError | None = None
        """Why the proxy had to end the connection: a peer sent what is no frame."""
        self.call_later = call_later
        self.call_soon_threadsafe = call_soon_threadsafe
        self._features = Features()
        self._asked: dict[int, Frame] = {}
        self._startup: Any = None
        self._receiving = False

    def __repr__(self) -> str:
        return f"<Tunnel {self.number}{' closed' if self.closed else ''}>"

    # --- what comes --------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._receive(self.client, data)

    def from_node(self, data: bytes) -> None:
        """Take bytes of the node."""
        self._receive(self.node, data)

    def _receive(self, side: Side, data: bytes) -> None:
        if self.closed:
            return
        self._receiving = True
        try:
            side.cut(data, self._take)
        except RemoteProtocolError as error:
            self.error = error
            self.cut()
        finally:
            self._receiving = False
        self.flush()

    def _take(self, head: tuple[int, int, int, int], body: bytes) -> None:
        if self.closed:
            return
        frame = Frame(self, head, body)
        if frame.response:
            self._follow_response(frame)
        else:
            self._follow_request(frame)
        rule = self.rules.find(frame)
        if rule is None:
            self.forward(frame)
        else:
            rule.reaction.react(self, frame)

    def _follow_request(self, frame: Frame) -> None:
        self._asked[frame.stream] = frame
        if frame.opcode == opcodes.REGISTER:
            self.registered = True
        elif frame.opcode == opcodes.STARTUP and frame.version in (3, 4, 5):
            self.dialect = Dialect(frame.version)
            options = self._startup = frame.message.options
            self.dialect = Dialect(frame.version, self._features.enabled_by(options))

    def _follow_response(self, frame: Frame) -> None:
        request = frame.request = self._asked.get(frame.stream)
        if request is None:
            return
        if frame.opcode == opcodes.SUPPORTED:
            self._features = Features.from_supported(frame.message.options)
        elif frame.opcode in _GREETINGS and request.opcode == opcodes.STARTUP:
            name = self._startup.get("COMPRESSION")
            self.compressor = load_compressor(name, frame.version) if name else None
            if frame.version >= 5:
                self.node.settle(self.compressor)
        elif frame.opcode == opcodes.RESULT and request.opcode == opcodes.PREPARE:
            prepared = frame.message
            if isinstance(prepared, PreparedResult):
                self.texts[prepared.query_id] = request.statement

    # --- what reactions do -------------------------------------------------------------------

    def forward(self, frame: Frame, as_bytes: bytes | None = None) -> None:
        """Have a frame go on its way, or the frame that is `as_bytes` in its place."""
        if self.closed:
            return
        side = self.client if frame.response else self.node
        side.put(bytes(frame) if as_bytes is None else as_bytes)
        if not self._receiving:
            side.flush()
        if frame.response and frame.opcode in _GREETINGS:
            self._greeted(frame)

    def _greeted(self, frame: Frame) -> None:
        """The client changes over to segments once it hears that it is welcome."""
        if self.node.settled and not self.client.settled:
            self.client.settle(self.compressor)

    def answer(self, frame: Frame, message: Response | DriverException) -> None:
        """Tell the client `message` as the answer to a request, or in place of a response."""
        if not self.closed:
            self._put_response(-1 if isinstance(message, Event) else frame.stream, message)

    def push(self, event: Event) -> None:
        """Tell the client of an event."""
        if not self.closed:
            self._put_response(-1, event)

    def _put_response(self, stream: int, message: Response | DriverException) -> None:
        opcode, flags, body = encode_response(message, self.dialect)
        version = 0x80 | self.dialect.version
        self.client.put(pack_header(version, flags, stream, opcode, len(body)) + body)
        if not self._receiving:
            self.client.flush()

    def write(self, frame: Frame, change: Callable[[bytes], bytes]) -> None:
        """Send what `change` makes of the bytes on the wire that carry a frame."""
        if not self.closed:
            side = self.client if frame.response else self.node
            side.flush()
            side.write(change(side.pack(bytes(frame))))

    def later(self, delay: float, action: Callable[..., None], *args: Any) -> None:
        """Do something after `delay` seconds, unless the connection has ended by then."""
        assert self.call_later is not None, "this tunnel has no clock"
        self.call_later(delay, self._unless_closed, action, *args)

    def _unless_closed(self, action: Callable[..., None], *args: Any) -> None:
        if not self.closed:
            action(*args)

    def cut(self, *, reset: bool = True) -> None:
        """End the connection at once, both ways: by a reset, or as a peer that closes it."""
        if not self.closed:
            self.closed = True
            for side in (self.client, self.node):
                if not reset:
                    side.flush()
                side.wire.abort(reset)

    # --- what the proxy does -----------------------------------------------------------------

    def flush(self) -> None:
        """Send what goes."""
        if not self.closed:
            self.client.flush()
            self.node.flush()

    def freeze(self) -> None:
        """Keep back what goes, until `thaw`."""
        self.client.frozen = self.node.frozen = True

    def thaw(self) -> None:
        """Send what was kept back."""
        if not self.closed:
            self.client.thaw()
            self.node.thaw()
