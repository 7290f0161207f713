"""`Metadata`: what is known of a cluster: its hosts, its ring, its keyspaces."""

from __future__ import annotations

from bisect import bisect_left
from types import MappingProxyType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any
    from uuid import UUID

    from cql_driver.metadata.ring import ReplicaTable, Ring, TokenMap
    from cql_driver.metadata.schema import KeyspaceMetadata
    from cql_driver.pools.host import Host
    from cql_protocol.tokens import Token

__all__ = ["NO_VALID_REPLICA", "Metadata", "group_keys_by_replica"]


class _Snapshot:
    """Everything that readers see, made by a writer and then left as it is."""

    __slots__ = (
        "by_endpoint",
        "by_id",
        "cluster_name",
        "hash_fn",
        "keyspaces",
        "partitioner",
        "spreading",
        "tables",
        "token_class",
        "token_map",
    )

    def __init__(
        self,
        hosts: Iterable[Host],
        keyspaces: Mapping[str, KeyspaceMetadata],
        ring: Ring | None,
        previous: _Snapshot | None,
        names: tuple[str | None, str | None],
    ) -> None:
        self.by_endpoint = {host.endpoint: host for host in hosts}
        # By the bytes of their ids.
        self.by_id = {
            host.raw_id: host for host in self.by_endpoint.values() if host.raw_id is not None
        }
        self.keyspaces = MappingProxyType(dict(keyspaces))
        self.cluster_name, self.partitioner = names
        self.token_class: type[Token] | None = _token_class(self.partitioner)
        self.hash_fn: Callable[[bytes], Any] | None = None
        self.token_map: TokenMap | None = None
        self.tables: dict[str, ReplicaTable] = {}
        if ring is not None and ring.values:
            strategies = {
                name: keyspace.replication_strategy
                for name, keyspace in keyspaces.items()
                if keyspace.replication_strategy is not None
            }
            from cql_driver.metadata.ring import TokenMap

            before = None if previous is None else previous.token_map
            self.token_map = TokenMap(ring, strategies, before)
            self.tables = self.token_map.tables
            self.hash_fn = ring.token_class.hash_fn
        everyone = len(self.by_endpoint)
        self.spreading = frozenset(
            name for name, table in self.tables.items() if 0 < table.replica_count < everyone
        )


class Metadata:
    """What is known of the cluster. Any thread may read it, at any time, without a lock.

    Readers see one snapshot; the control connection replaces it as a whole when something
    changes. What is returned is never changed afterwards, so ask again for what is new.

    Example::

        for host in cluster.metadata.all_hosts():
            print(host.address, host.datacenter, host.rack, host.is_up)
        print(cluster.metadata.get_replicas("users", b"key"))
    """

    __slots__ = ("__dict__", "__weakref__", "spreading")  # this one is read by every request

    dbaas: bool = False
    """Whether the cluster is a cloud service that changes defaults; False for all we know."""

    def __init__(self) -> None:
        self._snapshot = _Snapshot((), {}, None, None, (None, None))
        self.spreading = self._snapshot.spreading
        """The keyspaces of which `spreads` is true."""

    # --- reading -----------------------------------------------------------------------------

    @property
    def cluster_name(self) -> str | None:
        """The name of the cluster, once connected."""
        return self._snapshot.cluster_name

    @property
    def partitioner(self) -> str | None:
        """The server's class that makes tokens of keys, once connected."""
        return self._snapshot.partitioner

    @property
    def keyspaces(self) -> Mapping[str, KeyspaceMetadata]:
        """The keyspaces by name; read-only."""
        return self._snapshot.keyspaces

    @property
    def token_map(self) -> TokenMap | None:
        """The ring with its replicas; None when tokens are not known or not wanted."""
        return self._snapshot.token_map

    def all_hosts(self) -> list[Host]:
        """Return all known hosts, whether up or down."""
        return list(self._snapshot.by_endpoint.values())

    def all_hosts_items(self) -> list[tuple[UUID, Host]]:
        """Return all hosts whose host id is known, with it."""
        found: list[tuple[Any, Host]]
        found = [(host.host_id, host) for host in self._snapshot.by_id.values()]
        return found

    def get_host(self, endpoint_or_address: Any, port: int | None = None) -> Host | None:
        """Return the host with an end point, or with an address (text); None if there is none.

        An address is compared with the one that the node tells to clients, then with the one
        the driver connects to; so is `port`, if it is given and the host's is known.

        Example::

            cluster.metadata.get_host("10.0.0.1")
        """
        if not isinstance(endpoint_or_address, str):
            return self._snapshot.by_endpoint.get(endpoint_or_address)
        hosts = list(self._snapshot.by_endpoint.values())
        for host in hosts:
            if host.broadcast_rpc_address == endpoint_or_address and port in (
                None,
                host.broadcast_rpc_port or port,
            ):
                return host
        for host in hosts:
            if host.address == endpoint_or_address and port in (None, host.endpoint.port):
                return host
        return None

    def get_host_by_host_id(self, host_id: UUID) -> Host | None:
        """Return the host with this id, or None."""
        return self._snapshot.by_id.get(getattr(host_id, "bytes", host_id))

    def can_support_partitioner(self) -> bool:
        """Say whether tokens of the cluster's partitioner can be computed here."""
        return self._snapshot.token_class is not None

    def get_replicas(self, keyspace: str, key: bytes) -> list[Host]:
        """Return the hosts that hold the partition with the routing key `key`.

        The primary replica comes first, transient ones last. Empty when the keyspace or the
        ring is not known.
        """
        token_map = self._snapshot.token_map
        if token_map is None:
            return []
        return token_map.get_replicas(keyspace, token_map.token_class.from_key(key))

    def token_of(self, routing_key: bytes) -> Any:
        """Return the value of the token of a routing key: for `replicas`; None without a ring."""
        hash_fn = self._snapshot.hash_fn
        return None if hash_fn is None else hash_fn(routing_key)

    def replicas(self, keyspace: str, token_value: Any) -> tuple[Host, ...]:
        """Return the replicas of a token, given its value, as `get_replicas` orders them.

        This is for load-balancing policies: it costs well below a microsecond.
        """
        table = self._snapshot.tables.get(keyspace)
        if table is None:
            return ()
        found = table.found[bisect_left(table.values, token_value)]
        return found if found is not None else table.work_out(token_value)

    def spreads(self, keyspace: str) -> bool:
        """Say whether some hosts are no replicas, so that the token tells which to ask.

        False also when nothing is known of the keyspace. The *order* of replicas depends on
        the token even when every host is one: conditional statements go by it.
        """
        return keyspace in self.spreading

    def export_schema_as_string(self) -> str:
        """Return the statements that create all keyspaces with what is in them, formatted.

        What was not loaded yet is asked of the server, as by `KeyspaceMetadata.tables`.
        """
        keyspaces = sorted(self._snapshot.keyspaces.items())
        return "\n\n".join([keyspace.export_as_string() for _, keyspace in keyspaces])

    # --- writing: on the loop ----------------------------------------------------------------

    def set_topology(
        self,
        hosts: Iterable[Host],
        partitioner: str | None,
        cluster_name: str | None,
        *,
        rebuild: bool = True,
        tokens: bool = True,
    ) -> None:
        """Replace hosts and ring; `rebuild=False` keeps the ring, ``tokens=False`` drops it."""
        everyone = list(hosts)
        ring = self._ring if tokens else None
        if tokens and (rebuild or ring is None or partitioner != self.partitioner):
            ring = _ring(partitioner, everyone)
        self._swap(hosts=everyone, ring=ring, names=(cluster_name, partitioner))

    def set_keyspaces(self, keyspaces: Mapping[str, KeyspaceMetadata]) -> None:
        """Replace the keyspaces; the replicas of those whose replication stays are kept."""
        self._swap(keyspaces=keyspaces)

    def rebuild_token_map(self, partitioner: str, token_map: Mapping[Host, Iterable[str]]) -> None:
        """Make the ring anew from each host's tokens, as the server writes them."""
        for host, tokens in token_map.items():
            host.tokens = tuple(tokens)
        ring = _ring(partitioner, token_map)
        self._swap(ring=ring, names=(self.cluster_name, partitioner))

    def add_or_return_host(self, host: Host) -> tuple[Host, bool]:
        """Add a host, unless one with its id or end point is known: that one is returned.

        The second of the pair says whether `host` was added. Its tokens count from the next
        rebuild of the ring on.
        """
        snapshot = self._snapshot
        known = None if host.raw_id is None else snapshot.by_id.get(host.raw_id)
        if known is None:
            known = snapshot.by_endpoint.get(host.endpoint)
        if known is not None:
            return known, False
        self._swap(hosts=[*snapshot.by_endpoint.values(), host])
        return host, True

    def update_host(self, host: Host, old_endpoint: Any) -> None:
        """Take over a host whose end point was `old_endpoint` and is another now."""
        others = [
            known
            for endpoint, known in self._snapshot.by_endpoint.items()
            if endpoint != old_endpoint and known is not host
        ]
        self._swap(hosts=[*others, host])

    def remove_host(self, host: Host) -> bool:
        """Forget a host; return whether it was known. The ring keeps it until it is rebuilt."""
        snapshot = self._snapshot
        left = [known for known in snapshot.by_endpoint.values() if known is not host]
        if len(left) == len(snapshot.by_endpoint):
            return False
        self._swap(hosts=left)
        return True

    def remove_host_by_host_id(self, host_id: UUID, endpoint: Any = None) -> bool:
        """Forget the host with this id (and end point, if given); return whether it was known."""
        host = self.get_host_by_host_id(host_id)
        if host is None or (endpoint is not None and host.endpoint != endpoint):
            return False
        return self.remove_host(host)

    @property
    def _ring(self) -> Ring | None:
        token_map = self._snapshot.token_map
        return None if token_map is None else token_map.ring_of_hosts

    def _swap(self, **changes: Any) -> None:
        old = self._snapshot
        new = _Snapshot(
            changes.get("hosts", old.by_endpoint.values()),
            changes.get("keyspaces", old.keyspaces),
            changes.get("ring", self._ring),
            old,
            changes.get("names", (old.cluster_name, old.partitioner)),
        )
        self._snapshot = new
        self.spreading = new.spreading


NO_VALID_REPLICA: Any = object()
"""The key of those keys that `group_keys_by_replica` finds no host for."""


def group_keys_by_replica(
    session: Any, keyspace: str, table: str, keys: Iterable[Sequence[Any]]
) -> dict[Any, list[Sequence[Any]]]:
    """Return partition keys by a host that has them, so that each host can be asked for its own.

    A key is a tuple of the values of the table's partition key. Of the replicas that are up and
    in use the nearest counts, and among these the one with the fewest keys so far; keys without
    one are under `NO_VALID_REPLICA`. Raises `InvalidArgument` for a table that is not there,
    and what binding raises for values that do not fit.

    Example::

        for host, keys in group_keys_by_replica(session, "shop", "users", [(1,), (2,)]).items():
            print(host, keys)
    """
    from cql_driver.errors import InvalidArgument
    from cql_protocol.rows import bind_values
    from cql_protocol.tokens import composite_key
    from cql_protocol.types import UserType
    from cql_protocol.types.parse_cql import parse_cql_type

    cluster = session.cluster
    space = cluster.metadata.keyspaces.get(keyspace)
    if space is None or table not in space.tables:
        raise InvalidArgument(f"there is no table {table!r} in keyspace {keyspace!r}")

    def user_type(name: str) -> Any:
        found = space.user_types.get(name)
        if found is None:
            return None
        types = [parse_cql_type(each, keyspace, user_type) for each in found.field_types]
        return UserType(keyspace, name, zip(found.field_names, types, strict=True))

    columns = [
        (column.name, parse_cql_type(column.cql_type, keyspace, user_type))
        for column in space.tables[table].partition_key
    ]
    found: dict[Any, list[Sequence[Any]]] = {}
    for key in keys:
        cells: Any = bind_values(columns, key, allow_unset=False)
        hosts = cluster.metadata.get_replicas(keyspace, composite_key(cells))
        used = [host for host in hosts if host.is_up is not False]
        distances = {host: cluster.profile_manager.distance(host) for host in used}
        choice = min(
            (host for host in used if distances[host] >= 0),
            key=lambda host: (distances[host], len(found.get(host, ()))),
            default=NO_VALID_REPLICA,
        )
        found.setdefault(choice, []).append(key)
    return found


def _token_class(partitioner: str | None) -> type[Token] | None:
    if partitioner is None:  # not connected yet
        return None
    from cql_protocol.tokens import token_class

    return token_class(partitioner)


def _ring(partitioner: str | None, hosts: Iterable[Host]) -> Ring | None:
    kind = _token_class(partitioner)
    if kind is None:
        return None
    from cql_driver.metadata.ring import Ring

    return Ring.of_hosts(kind, hosts)
