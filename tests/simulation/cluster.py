"""`SimCluster`: nodes that share their tables, and tell clients of each other."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cql_protocol.messages import Event, SchemaChange, StatusChange, Supported, TopologyChange
from tests.simulation.node import SimNode
from tests.simulation.store import Store, Tables
from tests.simulation.system import PARTITIONER, Schema, make_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cql_protocol.messages import Message
    from tests.simulation.network import SimNetwork

__all__ = ["SimCluster"]

_DOMAIN = 1 << 64
_LOWEST = -(1 << 63)


class SimCluster:
    """A cluster.

    `nodes` is their number, or for each data centre its number of nodes; `racks` are given
    out in turn within a data centre. Tokens are spaced evenly over the ring, `vnodes` for
    each node. `users` maps names to passwords, None means no authentication. There are a
    keyspace ``ks`` (replicated `replication` times) with the tables ``t`` (k int, v text),
    ``w`` (p int, c int, v text; p the partition key) and ``c`` (k int, n bigint).
    """

    def __init__(
        self,
        network: SimNetwork,
        nodes: int | Mapping[str, int] = 3,
        *,
        racks: int = 1,
        replication: int | Mapping[str, str] = 3,
        vnodes: int = 1,
        versions: Sequence[int] = (3, 4, 5),
        compressions: Sequence[str] = (),
        users: Mapping[str, str] | None = None,
        release_version: str = "4.1.5",
        name: str = "Simulated Cluster",
    ) -> None:
        self.network = network
        self.world = network.world
        self.name = name
        self.port = 9042
        self.partitioner = PARTITIONER
        self.versions = tuple(versions)
        self.compressions = tuple(compressions)
        self.release_version = release_version
        self.users = None if users is None else dict(users)
        self.vnodes = vnodes
        self.racks = racks
        self.store = Store()
        self.schema = Schema(self.store)
        self.shape = 0
        """Counts changes of the nodes, and of what they tell of themselves."""
        self.schema_lag = 0.0
        """Seconds until the events about a change of the schema leave."""
        self.edit_supported: Callable[[SimNode, Supported], Supported] = lambda node, s: s
        self.nodes: list[SimNode] = []
        self.removed: list[SimNode] = []
        self.traces = 0
        self._epoch = 0
        self._numbers = 0
        self._make_tables(replication)
        for dc, count in self._counts(nodes).items():
            for _ in range(count):
                self._add(dc)
        self._space_tokens()
        for node in self.nodes:
            node.start()

    @staticmethod
    def _counts(nodes: int | Mapping[str, int]) -> Mapping[str, int]:
        return {"dc1": nodes} if isinstance(nodes, int) else nodes

    def _make_tables(self, replication: int | Mapping[str, str]) -> None:
        make_traces(self.store)
        self.store.keyspace("ks", replication)
        self.t = self.store.make("ks.t", "k int, v text")
        self.w = self.store.make("ks.w", "p int, c int, v text", "p", "c")
        self.c = self.store.make("ks.c", "k int, n bigint")

    def _add(self, dc: str) -> SimNode:
        self._numbers += 1
        within = sum(node.dc == dc for node in self.nodes)
        places = list(dict.fromkeys(n.dc for n in self.nodes))
        place = places.index(dc) + 1 if dc in places else len(places) + 1
        address = f"10.0.{place}.{self._numbers}"
        rack = f"rack{within % self.racks + 1}"
        node = SimNode(self, self._numbers, address, dc, rack)
        self.nodes.append(node)
        self.reshaped()
        return node

    def _space_tokens(self) -> None:
        count = len(self.nodes) * self.vnodes
        for index in range(count):
            node = self.nodes[index % len(self.nodes)]
            node.tokens.append(_LOWEST + 1 + index * (_DOMAIN // count))

    def __getitem__(self, number: int) -> SimNode:
        """Return a node by its number, from 1 on."""
        return next(node for node in self.nodes if node.number == number)

    def addresses(self) -> list[str]:
        """Return the addresses of the nodes."""
        return [node.address for node in self.nodes]

    def tables(self, keyspace: str | None) -> Tables:
        """Return where the tables of a keyspace are."""
        if self.schema.has(str(keyspace)):
            if self._epoch != self.store.epoch:
                self._epoch = self.store.epoch
                self.schema.forget()
            return self.schema
        return self.store

    def reshaped(self) -> None:
        """Have the nodes make anew what they tell of each other."""
        self.shape += 1

    # --- events ------------------------------------------------------------------------------

    def push(self, event: Event, nodes: Sequence[SimNode] | None = None) -> None:
        """Have the nodes that are up (or these) send an event to all who registered."""
        self.world.note("push", type(event).__name__, getattr(event, "change", ""))
        for node in self.nodes if nodes is None else nodes:
            if node.listening == "yes":
                for connection in list(node.connections):
                    connection.push(event)

    def status(self, node: SimNode, change: str) -> None:
        """Have the other nodes tell that one is ``UP`` or ``DOWN``."""
        others = [n for n in self.nodes if n is not node]
        self.push(StatusChange(change, node.address, node.port), others)

    def schema_changed(self, change: SchemaChange) -> None:
        """Have everybody told of a change of the schema."""
        if self.schema_lag:
            self.world.after(self.schema_lag, self.push, change)
        else:
            self.world.soon(None, self.push, (change,))

    def change(self, change: str, target: str, keyspace: str, name: str, *rows: Any) -> None:
        """Change what DDL of this simulation cannot, and have everybody told.

        `rows` are (system table, key, values): rows of ``system_schema`` to be put or, without
        values, to be removed. A function's name comes with its argument types, as in ``f(int)``.
        """
        for table, key, values in rows:
            self.store.keyspaces[keyspace].put(table, *key, **values)
        self.store.changed()
        name, bracket, types = name.rstrip(")").partition("(")
        arguments = [each for each in types.split(", ") if each] if bracket else None
        self.schema_changed(SchemaChange(change, target, keyspace, name, arguments))

    # --- nodes that come and go ----------------------------------------------------------------

    def add_node(self, dc: str | None = None, *, announce: bool = True) -> SimNode:
        """Add a node and start it; its token halves the widest gap in the ring."""
        tokens = sorted(token for node in self.nodes for token in node.tokens)
        gaps = [(b - a, a) for a, b in zip(tokens, [*tokens[1:], _LOWEST + _DOMAIN], strict=True)]
        width, start = max(gaps)
        node = self._add(self.nodes[0].dc if dc is None else dc)
        node.tokens.append(start + width // 2)
        node.start()
        if announce:
            others = [n for n in self.nodes if n is not node]
            self.push(TopologyChange("NEW_NODE", node.address, node.port), others)
            self.status(node, "UP")
        return node

    def remove_node(self, node: SimNode, *, announce: bool = True) -> None:
        """Take a node out of the cluster and stop it."""
        self.nodes.remove(node)
        self.removed.append(node)
        self.reshaped()
        node.kill()
        del self.network.listeners[node.endpoint]
        if announce:
            self.push(TopologyChange("REMOVED_NODE", node.address, node.port))

    def move_node(self, node: SimNode, address: str, *, announce: bool = True) -> None:
        """Restart a node with another address; its host id stays."""
        node.kill()
        del self.network.listeners[node.endpoint]
        node.address = address
        self.reshaped()
        node.start()
        if announce:
            self.status(node, "UP")

    def kill(self, node: SimNode, *, silently: bool = False, announce: bool = True) -> None:
        """Kill a node, of which the others tell a moment later."""
        node.kill(silently=silently)
        if announce:
            self.world.after(0.01, self.status, node, "DOWN")

    def start(self, node: SimNode, *, announce: bool = True) -> None:
        """Start a killed node again, of which the others tell a moment later."""
        node.restarts += 1
        self.reshaped()
        node.start()
        if announce:
            self.world.after(0.01, self.status, node, "UP")

    def trace(self, node: SimNode, message: Message) -> uuid.UUID:
        """Write the trace of a request; return its id."""
        self.traces += 1
        session = uuid.uuid5(uuid.NAMESPACE_OID, f"trace {self.traces}")
        self.store.table("system_traces", "sessions").add(
            session_id=session,
            client=self.network.client_address,
            command=type(message).__name__.upper(),
            coordinator=node.address,
            duration=1000,
            parameters={"query": str(getattr(message, "query", ""))},
            request="Execute CQL3 query",
            started_at=datetime(2024, 2, 29, 12, 0, self.traces % 60),
        )
        return session
