"""`Proxy`: sockets between clients and one node."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.proxy.loop import LoopThread
from tests.proxy.rules import Rule, Rules, TakesRules
from tests.proxy.sockets import End, Filler
from tests.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from cql_protocol.errors import RemoteProtocolError
    from cql_protocol.messages import Event

__all__ = ["Proxy"]

_HUNG = "the proxy is hung"
_CONNECTING = "not connected to the node yet"


class Proxy(TakesRules):
    """Takes connections at `address` and passes them on to the node at `target`.

    Both are pairs (host, port) of this machine. `thread` is the loop it runs on, its own when
    not given; `texts` the prepared statements, which the proxies of a cluster share. All methods
    may be called from any thread, also by conditions and reactions. A context manager.

    `opened` counts the connections, `tunnels` are those that are open, `errors` tells of those
    that were ended because a peer sent what is no frame, `refused` counts the attempts to
    connect to the node that failed (the client's connection is reset then).
    """

    def __init__(
        self,
        target: tuple[str, int],
        address: tuple[str, int],
        *,
        thread: LoopThread | None = None,
        texts: MutableMapping[bytes, str] | None = None,
    ) -> None:
        self.target = target
        self.address = address
        self.rules = Rules()
        self.opened = 0
        self.refused = 0
        self.errors: list[RemoteProtocolError] = []
        self.texts: MutableMapping[bytes, str] = {} if texts is None else texts
        self.state = "open"
        """``"open"``, ``"hung"``, ``"partitioned"``, ``"shut"`` or ``"closed"``."""
        self._own_thread = thread is None
        self._thread = LoopThread() if thread is None else thread
        self._open: dict[Tunnel, tuple[End, End]] = {}
        self._listener: socket.socket | None = None
        self._filler: Filler | None = None
        self._thread.call(self._listen)

    def __repr__(self) -> str:
        host, port = self.address
        return f"<Proxy {host}:{port} to {self.target[0]}:{self.target[1]}, {self.state}>"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    @property
    def tunnels(self) -> list[Tunnel]:
        """The connections that are open, oldest first."""
        return self._thread.call(lambda: list(self._open))

    # --- rules -------------------------------------------------------------------------------

    def add(self, rule: Rule) -> Rule:
        """Add a rule, which other proxies may have as well."""
        self._thread.call(self.rules.add, rule)
        return rule

    def clear(self) -> None:
        """End all rules."""
        self._thread.call(self.rules.clear)

    def push(self, event: Event) -> int:
        """Send an event to the clients that asked for events; return how many did."""
        return self._thread.call(self._push, event)

    def _push(self, event: Event) -> int:
        asked = [tunnel for tunnel in self._open if tunnel.registered]
        for tunnel in asked:
            tunnel.push(event)
        return len(asked)

    # --- the whole proxy ---------------------------------------------------------------------

    def hang(self) -> None:
        """Pass nothing on, as if the node were stopped: connections are still taken."""
        self._thread.call(self._stand_still, "hung")

    def partition(self) -> None:
        """Pass nothing on, as if the cable were cut: attempts to connect get no answer."""
        self._thread.call(self._stand_still, "partitioned")

    def shut(self) -> None:
        """End all connections and refuse others, as if the node's process were dead."""
        self._thread.call(self._shut)

    def heal(self) -> None:
        """End `hang`, `partition` or `shut`. What was on its way goes on."""
        self._thread.call(self._heal)

    def cut(self, *tunnels: Tunnel, reset: bool = True) -> int:
        """End these connections, or all that are open; return how many that is."""
        return self._thread.call(self._cut, tunnels, reset)

    def close(self) -> None:
        """End everything."""
        if self.state != "closed":
            self._thread.call(self._shut)
            self.state = "closed"
            if self._own_thread:
                self._thread.close()

    def _stand_still(self, state: str) -> None:
        self._heal()
        assert self._listener is not None
        self.state = state
        self._thread.loop.remove_reader(self._listener)
        if state == "partitioned":
            self._filler = Filler(self._listener)
        for tunnel, ends in self._open.items():
            tunnel.freeze()
            for end in ends:
                end.pause(_HUNG)

    def _shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            self._thread.loop.remove_reader(listener)
            for sock in self._end_filler():
                sock.close()
            listener.close()
        self._cut((), True)
        self.state = "shut"

    def _heal(self) -> None:
        if self.state == "closed":
            raise RuntimeError(f"{self} is closed")
        if self.state == "shut":
            self._listen()
        elif self.state in ("hung", "partitioned"):
            for tunnel, ends in list(self._open.items()):
                tunnel.thaw()
                for end in ends:
                    end.go_on(_HUNG)
            assert self._listener is not None
            self.state = "open"
            for sock in self._end_filler():
                self._thread.spawn(self._open_tunnel(sock))
            self._thread.loop.add_reader(self._listener, self._accept)
        self.state = "open"

    def _end_filler(self) -> list[socket.socket]:
        filler, self._filler = self._filler, None
        return [] if filler is None else filler.end()

    def _cut(self, tunnels: Sequence[Tunnel], reset: bool) -> int:
        chosen = [tunnel for tunnel in self._open if not tunnels or tunnel in tunnels]
        for tunnel in chosen:
            tunnel.cut(reset=reset)
        return len(chosen)

    # --- connections -------------------------------------------------------------------------

    def _listen(self) -> None:
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self.address)
            listener.listen(128)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self.address = listener.getsockname()
        self._listener = listener
        self._thread.loop.add_reader(listener, self._accept)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self._thread.spawn(self._open_tunnel(sock))

    async def _open_tunnel(self, sock: socket.socket) -> None:
        loop = self._thread.loop
        sock.setblocking(False)
        client: End = End(lambda data: tunnel.from_client(data), self._lost)
        node: End = End(lambda data: tunnel.from_node(data), self._lost)
        client.other, node.other = node, client
        self.opened += 1
        tunnel = Tunnel(
            self.rules,
            self.opened,
            client,
            node,
            texts=self.texts,
            call_later=loop.call_later,
            call_soon_threadsafe=loop.call_soon_threadsafe,
        )
        client.tunnel = node.tunnel = tunnel
        self._open[tunnel] = client, node
        client.pause(_CONNECTING)
        if self.state in ("hung", "partitioned"):
            tunnel.freeze()
            client.pause(_HUNG)
            node.pause(_HUNG)
        try:
            await loop.connect_accepted_socket(lambda: client, sock)
            await loop.create_connection(lambda: node, *self.target)
        except OSError:
            self.refused += 1
            tunnel.cut()
        if tunnel.closed or client.transport.is_closing():
            self._open.pop(tunnel, None)
            client.abort(True)
            node.abort(True)
        else:
            client.go_on(_CONNECTING)

    def _lost(self, end: End, exc: Exception | None) -> None:
        """One stream has ended: so does the other, in the same way."""
        tunnel = end.tunnel
        if self._open.pop(tunnel, None) is None:
            return
        if tunnel.error is not None:
            self.errors.append(tunnel.error)
        if not tunnel.closed:
            tunnel.flush()
            tunnel.closed = True
            assert end.other is not None
            if exc is None:
                end.other.close()
            else:
                end.other.abort(True)
