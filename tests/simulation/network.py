"""`SimNetwork`: what is between the clients and the nodes, and what goes wrong there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tests.simulation.runtime import unknown_name
from tests.simulation.transport import Flow, SimTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Address, StreamProtocol, Transport
    from cql_driver.core.tls import TlsSettings
    from tests.simulation.runtime import SimRuntime
    from tests.simulation.world import World

__all__ = ["Listener", "SimNetwork"]


class Listener(Protocol):
    """Who takes connections at an address.

    `listening` is ``"yes"``, ``"no"`` (refused) or ``"silent"`` (the attempt never ends);
    `accept_delay` is in seconds, beside the way there and back.
    """

    listening: str
    accept_delay: float

    def accept(self, transport: SimTransport) -> StreamProtocol:
        """Take a connection."""


class SimNetwork:
    """Streams between addresses.

    - `delay`: one way, in seconds, as (least, most); `delays` has others by node's address
    - `bandwidth`: bytes a second of each stream, None for any number
    - `window`: bytes that may be under way on a stream in one direction
    - `pieces`: None, or (least, most): bytes arrive in pieces of such sizes
    - `reset_chance`, `silence_chance`: of each write, to break the stream (`chaos` turns
      them on) by a reset, or so that everything on it vanishes silently
    - `names`: what look-ups find: addresses, an `OSError`, or None for no answer ever
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.delay = (0.0002, 0.0008)
        self.delays: dict[str, tuple[float, float]] = {}
        self.bandwidth: float | None = None
        self.window = 256 * 1024
        self.pieces: tuple[int, int] | None = None
        self.reset_chance = 0.0
        self.silence_chance = 0.0
        self.chaos = False
        self.chaos_done = 0
        """How many streams were broken."""
        self.client_address = "10.0.255.1"
        self.names: dict[str, list[str] | OSError | None] = {}
        self.lookup_delay = 0.0
        self.listeners: dict[Address, Listener] = {}
        self.streams: dict[SimTransport, None] = {}
        """Both ends of all that are open."""
        self.tls_seen: list[tuple[Address, str | None]] = []
        self._apart: set[tuple[str, str]] = set()
        self._waiting: list[tuple[Any, ...]] = []
        self._doomed: dict[str, list[tuple[int, str, str]]] = {}
        self._failing: dict[str, list[OSError]] = {}

    # --- looking up and connecting ---------------------------------------------------------

    def lookup(self, host: str) -> list[str] | OSError | None:
        """Return what a look-up of `host` finds."""
        if host in self.names:
            return self.names[host]
        if host.replace(".", "").isdigit() or ":" in host:
            return [host]
        return unknown_name(host)

    def connect(
        self,
        client: SimRuntime,
        port: int,
        address: Address,
        protocol: StreamProtocol,
        pending: Pending[Transport],
        tls: TlsSettings | None,
        server_hostname: str | None,
    ) -> None:
        """Begin an attempt to connect."""
        target: Address = address if isinstance(address, str) else (address[0], int(address[1]))
        host = target if isinstance(target, str) else target[0]
        if tls is not None:
            self.tls_seen.append((target, server_hostname))
        self.world.note("connect", client.address, target)
        low, high = self.delays.get(host, self.delay)
        there_and_back = 2 * (low + (high - low) * self.world.random.random())
        listener = self.listeners.get(target)
        if listener is not None:
            there_and_back += listener.accept_delay
        args = (client, port, target, host, protocol, pending)
        self.world.after(there_and_back, self._connected, *args)

    def _connected(
        self,
        client: SimRuntime,
        port: int,
        target: Address,
        host: str,
        protocol: StreamProtocol,
        pending: Pending[Transport],
    ) -> None:
        """End an attempt to connect, in whichever way it ends."""
        if pending.done or client.stopped:
            return
        if self._apart and (client.address, host) in self._apart:
            self._waiting.append((client, port, target, host, protocol, pending))
            return
        listener = self.listeners.get(target)
        failing = self._failing.get(host)
        error: OSError | None = None
        if failing:
            error = failing.pop(0)
        elif listener is None or listener.listening == "no":
            error = ConnectionRefusedError(111, f"Connection refused: {target}")
        elif listener.listening == "silent":
            self._waiting.append((client, port, target, host, protocol, pending))
            return
        if error is not None:
            self.world.note("refused", target, type(error).__name__)
            pending.set_error(error)
            return
        assert listener is not None
        mine = self._pair(client, port, target, host, listener, protocol)
        protocol.connection_made(mine)
        pending.set_result(mine)
        if mine.closing:
            return
        self._doom(host, mine)

    def _pair(
        self,
        client: SimRuntime,
        port: int,
        target: Address,
        host: str,
        listener: Listener,
        protocol: StreamProtocol,
    ) -> SimTransport:
        """Make both ends of a stream, and tell the server's."""
        local = (client.address, port)
        client.connections_made += 1
        number = f"{client.address}:{port}"
        mine = SimTransport(self, client, local, target, f"{number}->{host}")
        theirs = SimTransport(self, None, target, local, f"{host}->{number}")
        delay = self.delays.get(host, self.delay)
        mine.out = theirs.inward = Flow(self, delay)
        mine.inward = theirs.out = Flow(self, delay)
        mine.out.sender = mine.inward.receiver = mine
        mine.out.receiver = mine.inward.sender = theirs
        mine.protocol = protocol
        self.streams[mine] = self.streams[theirs] = None
        client.transports[mine] = None
        self.world.note("connected", mine.name)
        theirs.protocol = listener.accept(theirs)
        theirs.protocol.connection_made(theirs)
        return mine

    # --- making things go wrong --------------------------------------------------------------

    def fail_connects(self, host: str, *errors: OSError) -> None:
        """Have the next attempts to connect to `host` fail, one by each error."""
        self._failing.setdefault(host, []).extend(errors)

    def cut_next(self, host: str, after: int, how: str = "reset", direction: str = "from") -> None:
        """Break the next stream to `host` after so many bytes ``"from"`` or ``"to"`` it.

        `how` is ``"reset"``, or ``"silence"``: everything later vanishes, both ways.
        """
        self._doomed.setdefault(host, []).append((after, how, direction))

    def _doom(self, host: str, mine: SimTransport) -> None:
        doomed = self._doomed.get(host)
        if doomed:
            after, how, direction = doomed.pop(0)
            flow = mine.inward if direction == "from" else mine.out
            flow.cut_after, flow.cut_by = after, how

    def clients_streams(self, host: str | None = None) -> list[SimTransport]:
        """Return the clients' ends of the open streams (to `host`)."""
        found = [s for s in self.streams if s.owner is not None and not s.closing]
        return [s for s in found if host is None or s.far == host]

    def break_streams(self, host: str | None = None, how: str = "reset") -> int:
        """Break all open streams (to `host`) by reset or silence; return how many."""
        streams = self.clients_streams(host)
        for mine in streams:
            theirs = mine.out.receiver
            self.world.note("cut", how, mine.name)
            if how == "reset":
                mine.broken("reset by the network")
                theirs.broken("reset by the network")
            else:
                mine.out.dead = mine.inward.dead = True
                mine.out.update()
                mine.inward.update()
        return len(streams)

    def partition(self, clients: Iterable[str], nodes: Iterable[str]) -> None:
        """Let nothing pass between these addresses, until `heal`.

        What is sent meanwhile arrives afterwards, as TCP has it; attempts to connect wait.
        """
        nodes = list(nodes)
        self._apart |= {pair for c in clients for n in nodes for pair in ((c, n), (n, c))}
        self.world.note("partition", len(self._apart) // 2)
        self._update_partitions()

    def heal(self) -> None:
        """End all partitions."""
        self._apart.clear()
        self.world.note("heal")
        self._update_partitions()
        self.retry()

    def retry(self) -> None:
        """Try again what tries to connect and got no answer."""
        waiting, self._waiting = self._waiting, []
        for args in waiting:
            self.world.after(self.delay[1], self._connected, *args)

    def _update_partitions(self) -> None:
        for stream in list(self.streams):
            held = (stream.near, stream.far) in self._apart
            if stream.out.held != held:
                stream.out.held = held
                # Not at once: what was held is under way again, and takes its time.
                if held:
                    stream.out.update()
                else:
                    self.world.after(stream.out.delay[1], stream.out.update)

    def set_delay(self, host: str, least: float, most: float | None = None) -> None:
        """Change the delay to and from a node, also of the streams that are open."""
        delay = self.delays[host] = (least, least if most is None else most)
        for mine in self.clients_streams(host):
            mine.out.delay = mine.inward.delay = delay

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Cut bytes into pieces of random sizes."""
        assert self.pieces is not None
        low, high = self.pieces
        at = 0
        while at < len(data):
            size = self.world.random.randint(low, high)
            yield data[at : at + size]
            at += size
