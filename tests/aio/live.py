"""`LiveNodes`: the simulation's nodes on real sockets, served by a thread of their own.

Use it like this::

    with LiveNodes(3) as nodes:
        async with AsyncCluster(**nodes.options) as cluster:
            ...
            nodes[1].rules.append(Rule(Drop(), text="INSERT"))   # see `tests.simulation`
            nodes.call(nodes[1].hang)                            # what touches connections

Nodes and their tables are those of `tests.simulation`; time and network are real.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar

from tests.simulation.cluster import SimCluster
from tests.simulation.node import NodeConnection, SimNode

__all__ = ["LiveNodes"]

_T = TypeVar("_T")

PATIENCE = 60.0
"""Seconds after which a test gives up."""


class _World:
    """Stands for the simulation's clock."""

    recording = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.random = random.Random(0)

    def note(self, *what: Any) -> None:
        """Forget it."""

    def after(self, delay: float, function: Callable[..., object], *args: Any) -> None:
        self._loop.call_later(delay, function, *args)

    def soon(self, owner: None, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._loop.call_soon(function, *args)


class _Network(dict[Any, SimNode]):
    """Stands for the simulation's network: nodes by their end point, each with its socket."""

    client_address = "127.0.0.1"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.world = _World(loop)
        self.listeners = self
        self.sockets: dict[Any, asyncio.Task[asyncio.Server]] = {}

    def retry(self) -> None:
        """Nothing waits for a node to listen."""

    def __setitem__(self, endpoint: Any, node: SimNode) -> None:
        super().__setitem__(endpoint, node)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(endpoint)
            sock.listen(512)
        except OSError:
            sock.close()
            raise
        serving = self._loop.create_server(lambda: _End(node), sock=sock)
        self.sockets[endpoint] = self._loop.create_task(serving)

    def __delitem__(self, endpoint: Any) -> None:
        super().__delitem__(endpoint)
        self.shut(endpoint)

    def shut(self, endpoint: Any) -> None:
        """Refuse connections from now on."""
        self.sockets.pop(endpoint).add_done_callback(lambda task: task.result().close())


class _End(asyncio.Protocol):
    """A node's end of a connection."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._connection: NodeConnection = self._node.accept(self)  # type: ignore[arg-type]
        self._connection.connection_made(self)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._connection.data_received(data)

    def connection_lost(self, error: BaseException | None) -> None:
        self._connection.connection_lost(error)

    # What the node calls.

    @property
    def closing(self) -> bool:
        return bool(self._transport.is_closing())

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def abort(self) -> None:
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()


class _Cluster(SimCluster):
    """Nodes on addresses of this machine."""

    def __init__(self, network: Any, subnet: str, nodes: int, **options: Any) -> None:
        self._subnet = subnet
        super().__init__(network, nodes, **options)

    def _add(self, dc: str) -> SimNode:
        node = super()._add(dc)
        node.address = f"127.{self._subnet}.{node.number}"
        return node


class LiveNodes:
    """A cluster of nodes that listen while this is entered."""

    cluster: _Cluster

    def __init__(self, nodes: int = 1, **options: Any) -> None:
        options.setdefault("replication", 1)
        self._arguments = (nodes, options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="nodes")

    def _serve(self) -> None:
        self._loop.run_forever()

    def __enter__(self) -> Self:
        self._thread.start()
        self._network = _Network(self._loop)
        try:
            self.cluster = self.call(self._make)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> _Cluster:
        nodes, options = self._arguments
        while True:  # until a subnet is free, in the whole of which nobody else listens
            subnet = f"{random.SystemRandom().randrange(100, 250)}.{random.randrange(256)}"
            try:
                return _Cluster(self._network, subnet, nodes, **options)
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise

    def __exit__(self, *args: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _end(self) -> None:
        for task in list(self._network.sockets.values()):
            (await task).close()
        for node in self._network.values():
            for connection in list(node.connections):
                connection.transport.abort()
        await asyncio.sleep(0.01)

    def __getitem__(self, number: int) -> SimNode:
        """Return a node by its number, from 1 on."""
        return self.cluster[number]

    @property
    def options(self) -> dict[str, Any]:
        """The parameters of a cluster that reaches these nodes, be the machine as slow as it is."""
        return {
            "contact_points": self.cluster.addresses(),
            "port": self.cluster.port,
            "connect_timeout": 60.0,
            "control_connection_timeout": 60.0,
            "sick_node_policy": None,
        }

    def call(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call a function in the thread of the nodes; return its result."""

        async def call() -> _T:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def kill(self, node: SimNode) -> None:
        """End a node: its connections are reset, and others refused."""
        self.call(self._network.shut, node.endpoint)
        self.call(self.cluster.kill, node)

    @property
    def connections(self) -> int:
        """How many connections clients have open."""
        return sum(len(node.connections) for node in self.cluster.nodes)

    def heal(self) -> None:
        """Have all nodes be as they were made."""
        for node in self.cluster.nodes:
            node.rules.clear()
            if node.hanging:
                self.call(node.resume)
            if node.endpoint not in self._network.sockets:
                self.call(self.cluster.start, node)
