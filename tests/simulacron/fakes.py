"""`FakeCluster`: the nodes of a Simulacron cluster, what they answer, and what they were asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.simulacron.server import Simulacron

CQL_PORT = 9042
RACKS = 3


class Shape(NamedTuple):
    """How many nodes there are in each data centre, and what they are."""

    centres: Mapping[str, int]
    versions: Sequence[int] | None = (3, 4)
    """Protocol versions; None for what Simulacron has by itself, a beta of 5 among them."""
    release: str = "4.0.0"


class FakeNode(NamedTuple):
    """One node: ``path`` names it to Simulacron."""

    address: str
    dc: str
    rack: str
    token: int
    path: str


class Seen(NamedTuple):
    """A request as the log of a node has it; `when` is in milliseconds."""

    when: int
    node: FakeNode
    kind: str
    text: str
    frame: Mapping[str, Any]
    consistency: str | None
    decoded: Mapping[str, Any]
    """The values that were bound, by the names of their markers, as Simulacron reads them."""


Place = FakeNode | str | None
"""A node, a data centre by name, or (None) the whole cluster."""


class FakeCluster:
    """A cluster; as a context manager it is gone at the end.

    Data centres share the nodes' numbers in turn, and racks ``r1`` to ``r3`` take turns in
    each. A node has one token; those of all nodes divide the ring evenly.
    """

    def __init__(self, server: Simulacron, shape: Shape) -> None:
        self._server = server
        self.name = "fakes"
        self.nodes = _nodes(server, shape)
        told = server.ask("POST", "cluster", _cluster_body(self.name, self.nodes, shape))
        self.host_ids: dict[str, str] = {
            node.address: each["host_id"] for node, each in self._each(told)
        }
        """What each node calls itself, by address."""

    def __enter__(self) -> FakeCluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.ask("DELETE", "cluster")

    def at(self, address: str) -> FakeNode:
        """Return the node with this address."""
        return next(node for node in self.nodes if node.address == address)

    def of(self, place: Place) -> list[FakeNode]:
        """Return the nodes of a place."""
        return [node for node in self.nodes if place in (None, node, node.dc)]

    def _ask(self, method: str, what: str, place: Place = None, tail: str = "") -> Any:
        parts = [what, self.name]
        if place is not None:
            parts.append(place.path if isinstance(place, FakeNode) else place)
        return self._server.ask(method, "/".join(parts) + tail)

    # --- answers -----------------------------------------------------------------------------

    def prime(
        self,
        text: str,
        then: Mapping[str, Any],
        *,
        at: Place = None,
        params: Mapping[str, str] | None = None,
        levels: Sequence[str] = (),
    ) -> None:
        """Have a statement answered by `then`, at the levels of consistency named, or at all.

        `params` are the types of markers; their values do not matter.
        """
        when: dict[str, Any] = {"request": "query", "query": text}
        if params:
            when |= {"params": dict.fromkeys(params, "*"), "param_types": dict(params)}
        if levels:
            when["consistency_level"] = list(levels)
        self.prime_request(when, then, at=at)

    def prime_request(
        self, when: Mapping[str, Any], then: Mapping[str, Any], *, at: Place = None
    ) -> None:
        """Have requests of any kind answered by `then`."""
        parts = ["prime", self.name]
        if at is not None:
            parts.append(at.path if isinstance(at, FakeNode) else at)
        self._server.ask("POST", "/".join(parts), {"when": when, "then": then})

    def prime_keyspace(self, question: str, name: str, replicas: Mapping[str, int]) -> None:
        """Have all nodes tell of a keyspace with so many replicas in each data centre.

        `question` is the statement by which the driver asks for keyspaces: Simulacron has no
        tables, and knows statements by their text alone.
        """
        replication = {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy"}
        replication |= {dc: str(count) for dc, count in replicas.items()}
        row = {"keyspace_name": name, "durable_writes": True, "replication": replication}
        types = ["varchar", "boolean", "map<varchar,varchar>"]
        self.prime(question, rows([row], dict(zip(row, types, strict=True))))

    def forget(self, place: Place = None) -> None:
        """Forget what was primed."""
        self._ask("DELETE", "prime", place)

    # --- what was asked ----------------------------------------------------------------------

    def seen(self, text: str | None = None, *, kind: str | None = None) -> list[Seen]:
        """Return what the nodes were asked, in order; only this statement, or this opcode."""
        found = []
        for node, told in self._each(self._ask("GET", "log")):
            for query in told.get("queries") or ():
                seen = Seen(
                    query["received_timestamp"],
                    node,
                    query["type"],
                    query["query"],
                    query["frame"],
                    query["consistency_level"],
                    {k: v for each in query["decodedValues"] for k, v in each.items()},
                )
                if text in (None, seen.text) and kind in (None, seen.kind):
                    found.append(seen)
        return sorted(found, key=lambda seen: seen.when)

    def forget_seen(self) -> None:
        """Begin the logs anew."""
        self._ask("DELETE", "log")

    def connections(self, place: Place = None) -> Counter[str]:
        """Return how many connections each node has, by address; none where there are none."""
        told = self._each(self._ask("GET", "connections"))
        counts = Counter({node.address: len(each["connections"]) for node, each in told})
        wanted = {node.address for node in self.of(place)}
        return Counter({a: count for a, count in counts.items() if count and a in wanted})

    def _each(self, report: Any) -> list[tuple[FakeNode, Any]]:
        """Return (node, what is told of it) of a report on the whole cluster."""
        by_path = {node.path: node for node in self.nodes}
        return [
            (by_path[f"{centre['id']}/{node['id']}"], node)
            for centre in report["data_centers"]
            for node in centre["nodes"]
        ]

    # --- faults ------------------------------------------------------------------------------

    def stop(self, place: Place, how: str = "stop") -> None:
        """Listen no more: ``"stop"`` also drops connections, ``"unbind"`` keeps them.

        ``"reject_startup"`` accepts connections, and never answers STARTUP.
        """
        self._ask("DELETE", "listener", place, f"?type={how}")

    def start(self, place: Place) -> None:
        """Listen again."""
        self._ask("PUT", "listener", place)

    def pause(self, place: Place) -> None:
        """Hang: read nothing more from connections."""
        self._ask("PUT", "pause-reads", place)

    def resume(self, place: Place) -> None:
        """End a hang."""
        self._ask("DELETE", "pause-reads", place)

    def drop(self, place: Place, how: str = "disconnect") -> None:
        """Close connections: ``"disconnect"``, ``"shutdown_read"`` or ``"shutdown_write"``."""
        self._ask("DELETE", "connections", place, f"?type={how}")


def rows(found: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer of rows, for `FakeCluster.prime`."""
    return {"result": "success", "rows": list(found), "column_types": dict(types)}


def _nodes(server: Simulacron, shape: Shape) -> list[FakeNode]:
    """Return the nodes; those of all data centres alternate in the ring."""
    places = sorted(
        (number / count, dc_number, number, dc)
        for dc_number, (dc, count) in enumerate(shape.centres.items())
        for number in range(count)
    )
    step = (1 << 64) // len(places)
    return [
        FakeNode(
            address=server.subnet.address(index + 1),
            dc=dc,
            rack=f"r{number % RACKS + 1}",
            token=index * step - (1 << 63) + 1,
            path=f"{dc_number}/{number}",
        )
        for index, (_, dc_number, number, dc) in enumerate(places)
    ]


def _cluster_body(name: str, nodes: Sequence[FakeNode], shape: Shape) -> dict[str, Any]:
    """Return the description that Simulacron makes the cluster from; ids are needed."""
    more = {} if shape.versions is None else {"protocol_versions": list(shape.versions)}
    centres: list[dict[str, Any]] = [
        {"id": number, "name": dc, "nodes": []} for number, dc in enumerate(shape.centres)
    ]
    for node in nodes:
        dc_number, number = map(int, node.path.split("/"))
        centres[dc_number]["nodes"].append(
            {
                "id": number,
                "name": f"{node.dc}n{number}",
                "address": f"{node.address}:{CQL_PORT}",
                "peer_info": {"rack": node.rack, "tokens": str(node.token), **more},
            }
        )
    for centre in centres:
        centre["nodes"].sort(key=lambda node: node["id"])
    return {"id": 0, "name": name, "cassandra_version": shape.release, "data_centers": centres}
