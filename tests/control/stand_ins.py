"""A cluster of plain data, links that answer from it, and an engine that notes its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from cql_driver.connection import DefaultEndPoint
from cql_driver.control import ControlConnection, HostRegistry
from cql_driver.core.pending import Pending
from cql_driver.core.procedures import sleep, spawn
from cql_driver.core.settings import Settings
from cql_driver.errors import ConnectionException, ConnectionShutdown
from cql_driver.metadata import Metadata
from cql_protocol.dialect import Dialect
from cql_protocol.errors import InvalidRequest, OperationTimedOut
from cql_protocol.messages import ColumnSpec, RawRows, Ready, Register, ResultMetadata
from cql_protocol.types import BOOLEAN, INET, INT, TEXT, MapType, SetType
from cql_protocol.types import UUID as UUID_TYPE
from tests.metadata.rings import Calm
from tests.simulation.runtime import SimRuntime
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from cql_driver.pools.host import Host

MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"
LATENCY = 0.01

TYPES: dict[str, Any] = {
    "peer": INET,
    "peer_port": INT,
    "rpc_address": INET,
    "rpc_port": INT,
    "native_address": INET,
    "native_port": INT,
    "broadcast_address": INET,
    "host_id": UUID_TYPE,
    "schema_version": UUID_TYPE,
    "tokens": SetType(TEXT),
    "durable_writes": BOOLEAN,
    "replication": MapType(TEXT, TEXT),
}


def rows(columns: Iterable[str], records: Iterable[dict[str, Any]]) -> RawRows:
    """Make an answer of some columns of the records; those not in `TYPES` are text."""
    names = list(columns)
    types = [TYPES.get(name, TEXT) for name in names]
    described = [ColumnSpec("system", "t", n, t) for n, t in zip(names, types, strict=True)]
    cells = [
        [
            None if record.get(name) is None else kind.encode(record[name])
            for name, kind in zip(names, types, strict=True)
        ]
        for record in records
    ]
    return RawRows.from_cells(ResultMetadata(described), cells)


class Node:
    """What one node of the stand-in cluster is and does."""

    def __init__(self, number: int, dc: str = "dc1", rack: str = "r1") -> None:
        self.address = f"10.0.0.{number}"
        self.port = 9042
        self.host_id: UUID | None = UUID(int=number)
        self.dc: str | None = dc
        self.rack: str | None = rack
        self.tokens: set[str] = {str(number * 100)}
        self.schema_version = UUID(int=99)
        self.up = True
        self.silent = False
        """Takes requests and does not answer."""
        self.errors: dict[str, Any] = {}
        """What it answers to queries of a table."""

    def record(self) -> dict[str, Any]:
        return {
            "peer": self.address,
            "peer_port": 7000,
            "rpc_address": self.address,
            "native_address": self.address,
            "native_port": self.port,
            "broadcast_address": self.address,
            "host_id": self.host_id,
            "data_center": self.dc,
            "rack": self.rack,
            "tokens": self.tokens,
            "release_version": "5.0.8",
            "schema_version": self.schema_version,
            "cluster_name": "stand-in",
            "partitioner": MURMUR3,
        }


PEER_COLUMNS = (
    *("peer", "data_center", "rack", "host_id"),
    *("tokens", "release_version", "schema_version"),
)
TABLES = {
    "system.local": ["broadcast_address", "cluster_name", "partitioner", *PEER_COLUMNS[1:]],
    "system.peers": [*PEER_COLUMNS, "rpc_address"],
    "system.peers_v2": [*PEER_COLUMNS, "peer_port", "native_address", "native_port"],
    "system_schema.keyspaces": ["keyspace_name", "durable_writes", "replication"],
    "system_virtual_schema.keyspaces": ["keyspace_name"],
}


class Nodes:
    """The nodes of the stand-in cluster by number; `has_v2` is Cassandra 4 and later."""

    def __init__(self, *numbers: int) -> None:
        self.by_number = {number: Node(number) for number in numbers}
        self.has_v2 = True
        self.keyspaces: dict[str, dict[str, str]] = {"ks": simple(2)}
        self.extra_peers: list[dict[str, Any]] = []

    def __getitem__(self, number: int) -> Node:
        return self.by_number[number]

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self.by_number.values()))

    def at(self, address: str) -> Node | None:
        return next((node for node in self if node.address == address), None)

    def answer(self, asked: Node, table: str) -> RawRows | Exception:
        if table in asked.errors:
            return asked.errors[table]
        if table == "system.peers_v2" and not self.has_v2:
            return InvalidRequest("unconfigured table peers_v2")
        records: list[dict[str, Any]]
        if table == "system_schema.keyspaces":
            records = [
                {"keyspace_name": name, "durable_writes": True, "replication": options}
                for name, options in self.keyspaces.items()
            ]
        elif table == "system_virtual_schema.keyspaces":
            if not self.has_v2:
                return InvalidRequest("keyspace system_virtual_schema does not exist")
            records = [{"keyspace_name": "system_views"}]
        elif table == "system.local":
            records = [asked.record()]
        else:
            records = [n.record() for n in self if n is not asked] + self.extra_peers
        return rows(TABLES[table], records)


def simple(factor: int) -> dict[str, str]:
    name = "org.apache.cassandra.locator.SimpleStrategy"
    return {"class": name, "replication_factor": str(factor)}


class StandInLink:
    """A link that is answered from `nodes`, `LATENCY` seconds later."""

    def __init__(self, engine: StandInEngine, node: Node, endpoint: Any, host: Host | None) -> None:
        self.engine = engine
        self.node = node
        self.endpoint = endpoint
        self.host = host
        self.dialect = Dialect(5)
        self.features = self.dialect.features
        self.closed = False
        self.on_event: Callable[[Any], object] | None = None
        self.on_closed: Callable[[Any, BaseException | None], object] | None = None
        self.asked: list[str] = []
        self.registered: list[str] = []
        self.waiting: list[Pending[Any]] = []

    def request(self, message: Any, timeout: float | None = None) -> Pending[Any]:
        pending: Pending[Any] = Pending()
        runtime = self.engine.runtime
        if self.closed:
            pending.set_error(ConnectionShutdown("closed"))
            return pending
        self.waiting.append(pending)
        answer: Any = Ready()
        if isinstance(message, Register):
            self.registered = message.event_types
        else:
            table = message.query.partition(" FROM ")[2].split()[0]
            self.asked.append(message.query)
            answer = self.engine.nodes.answer(self.node, table)
        if not self.node.silent:
            settle = pending.set_error if isinstance(answer, Exception) else pending.set_result
            timer = runtime.call_later(LATENCY, settle, answer)
            pending.add_done_callback(lambda _: timer.cancel())
        if timeout is not None:
            late = runtime.call_later(timeout, pending.set_error, OperationTimedOut("late"))
            pending.add_done_callback(lambda _: late.cancel())
        return pending

    def close(self, error: BaseException | None = None) -> None:
        if self.closed:
            return
        self.closed = True
        on_closed, self.on_closed = self.on_closed, None
        self.on_event = None
        if on_closed is not None:
            on_closed(self, error)
        for pending in self.waiting:
            pending.set_error(error or ConnectionShutdown("closed"))

    def tables(self) -> list[str]:
        """Return the tables that were asked for."""
        return [text.partition(" FROM ")[2].split()[0] for text in self.asked]


class StandInConnector:
    def __init__(self, engine: StandInEngine) -> None:
        self.engine = engine
        self.links: list[StandInLink] = []
        self.tried: list[str] = []

    async def open(
        self, endpoint: Any, host: Host | None = None, keyspace: str | None = None
    ) -> StandInLink:
        self.tried.append(endpoint.address)
        await sleep(self.engine.runtime, LATENCY)
        node = self.engine.nodes.at(endpoint.address)
        if node is None or not node.up:
            raise ConnectionException(f"cannot connect to {endpoint}: refused", endpoint)
        link = StandInLink(self.engine, node, endpoint, host)
        self.links.append(link)
        return link


class Names:
    """The network as far as `SimRuntime` needs one here: it looks names up."""

    lookup_delay = 0.0

    def __init__(self, world: World) -> None:
        self.world = world
        self.known: dict[str, list[str]] = {}

    def lookup(self, host: str) -> list[str] | OSError:
        if host.replace(".", "").isdigit():
            return [host]
        return self.known.get(host) or OSError(f"unknown name {host}")


class Backoff:
    """A reconnection policy: 1, 2, 4, 4, … seconds."""

    def new_schedule(self) -> Iterator[float]:
        yield from (1.0, 2.0)
        while True:
            yield 4.0


class StandInPreparer:
    """Notes what changes of the schema it is told of."""

    def __init__(self) -> None:
        self.changes: list[Any] = []

    def schema_changed(self, change: Any) -> None:
        self.changes.append(change)


class StandInEngine:
    """What the control side needs of an engine. `calls` are the hooks it called, in order."""

    def __init__(self, *numbers: int, contact: Iterable[str] = ("10.0.0.1",), **more: Any) -> None:
        self.nodes = Nodes(*numbers)
        self.world = World()
        self.names = Names(self.world)
        self.runtime = SimRuntime(self.names)  # type: ignore[arg-type]
        self.settings = Settings(
            contact_points=[DefaultEndPoint(address) for address in contact],
            conviction_policy_factory=Calm,
            reconnection_policy=Backoff(),
            **more,
        )
        self.connector = StandInConnector(self)
        self.metadata = Metadata()
        self.preparer = StandInPreparer()
        self.schema_changed = self.preparer.schema_changed
        self.hosts = HostRegistry(self)  # type: ignore[arg-type]
        self.control = ControlConnection(self)  # type: ignore[arg-type]
        self.sessions: set[Any] = {"a session"}
        self.closed: Any = None
        self.calls: list[tuple[Any, ...]] = []
        self.connected: set[str] = set()
        """Addresses of hosts that a pool is connected to."""
        self.pooled: dict[str, StandInLink] = {}
        """Connections of pools, by address."""
        self.ignored: set[str] = set()
        self.plan: list[str] | None = None
        """Addresses in the order of the query plan; None for all."""

    # --- for tests ---------------------------------------------------------------------------

    @property
    def link(self) -> StandInLink:
        link = self.control.link
        assert isinstance(link, StandInLink)
        return link

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a procedure to its end and return what it returns."""
        procedure = spawn(self.runtime, coroutine)
        self.world.run_until(procedure)
        return procedure.result()

    def connect(self) -> StandInLink:
        """Connect, and forget the calls of that."""
        self.run(self.control.connect())
        self.calls.clear()
        return self.link

    def tell(self, event: Any) -> None:
        """Have the control connection receive an event."""
        assert self.link.on_event is not None
        self.link.on_event(event)

    def lose_link(self) -> None:
        self.link.close(ConnectionShutdown("lost"))

    def host(self, number: int) -> Host:
        host = self.metadata.get_host_by_host_id(UUID(int=number))
        assert host is not None
        return host

    def addresses(self) -> list[str]:
        return sorted(host.address for host in self.metadata.all_hosts())

    def count(self, table: str) -> int:
        """Return how often a table was asked for, on all links."""
        return sum(link.tables().count(table) for link in self.connector.links)

    def end(self) -> list[str]:
        """Shut down, and return what is left on the loop."""
        self.closed = ConnectionShutdown("the cluster is shut down")
        self.control.shutdown()
        assert self.world.failures == []
        return self.runtime.leaks()

    # --- hooks -------------------------------------------------------------------------------

    def _note(self, name: str, host: Host, *more: Any) -> None:
        self.calls.append((name, host.address, *more))

    def host_added(self, host: Host) -> None:
        assert self.metadata.get_host(host.endpoint) is host
        self._note("added", host)

    def host_removed(self, host: Host) -> None:
        assert all(host is not known for known in self.metadata.all_hosts())
        self._note("removed", host)

    def host_up(self, host: Host) -> None:
        self._note("up", host, host.datacenter, host.rack)

    def host_down(self, host: Host) -> None:
        self._note("down", host, host.datacenter, host.rack)

    def host_moved(self, host: Host, old_endpoint: Any) -> None:
        assert self.metadata.get_host(old_endpoint) is not host
        self._note("moved", host, old_endpoint.address)

    def pools_try(self, host: Host) -> None:
        self._note("try", host)

    def update_pools(self) -> None:
        pass

    def has_connections(self, host: Host) -> bool:
        return host.address in self.connected

    def link_to(self, host: Host) -> StandInLink | None:
        if self.control.host is host:
            return self.link
        return self.pooled.get(host.address)

    def connections_for(self, host: Host) -> int:
        return 0 if host.address in self.ignored else 1

    def query_plan(self) -> list[Host]:
        hosts = {host.address: host for host in self.metadata.all_hosts()}
        return [hosts[address] for address in (hosts if self.plan is None else self.plan)]
