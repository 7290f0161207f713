"""`Ring`: who owns which token. `TokenMap`: which nodes hold what of a keyspace.

Both are part of a snapshot: a change of the topology makes new ones, so that readers need no
lock. Replicas are worked out when a token range is first asked for, and remembered. A ring of
256,000 tokens would else hold up the loop for a second at each change.
"""

from __future__ import annotations

from bisect import bisect_left

from cql_driver.logs import get_logger

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from cql_driver.metadata.replication import ReplicationStrategy
    from cql_driver.pools.host import Host
    from cql_protocol.tokens import Token

__all__ = ["Datacenter", "ReplicaTable", "Ring", "TokenMap"]

log = get_logger("cql_driver.metadata")

_MOST_SHARED = 4096
"""Above this many different tuples of a table, sharing would cost more than it saves."""


class Datacenter:
    """The part of a ring that belongs to one data centre.

    `positions` are the indexes of its tokens in the ring, in order; `node_count` and
    `rack_count` say how many nodes and racks own them.
    """

    __slots__ = ("node_count", "positions", "rack_count")

    def __init__(self, positions: list[int], node_count: int, rack_count: int) -> None:
        self.positions = positions
        self.node_count = node_count
        self.rack_count = rack_count


class Ring:
    """The tokens of a cluster in order, and the host that owns each.

    `values` are the raw values of the tokens (ints, or bytes with ByteOrderedPartitioner).
    Data centre and rack of the hosts are taken when the ring is made.
    """

    __slots__ = ("_datacenters", "node_count", "owners", "racks", "token_class", "values")

    def __init__(
        self, token_class: type[Token], values: Sequence[Any], owners: Sequence[Host]
    ) -> None:
        self.token_class = token_class
        self.values = list(values)
        self.owners = list(owners)
        distinct = {host.key: host for host in self.owners}
        self.node_count = len(distinct)
        self.racks = {key: (host.datacenter, host.rack) for key, host in distinct.items()}
        self._datacenters: dict[str | None, Datacenter] | None = None

    @classmethod
    def of_hosts(cls, token_class: type[Token], hosts: Iterable[Host]) -> Ring:
        """Make the ring from what `Host.tokens` says.

        A token that cannot be read is left out, and told in the log.
        """
        owned: dict[Any, Host] = {}
        read = token_class.from_string
        for host in hosts:
            for text in host.tokens:
                try:
                    owned[read(text).value] = host
                except ValueError:
                    log.warning("%s has token %r, which is no %s", host, text, token_class.__name__)
        values = sorted(owned)
        return cls(token_class, values, [owned[value] for value in values])

    @property
    def datacenters(self) -> dict[str | None, Datacenter]:
        """The parts of the ring by the name of their data centre."""
        found = self._datacenters
        if found is None:
            found = self._datacenters = self._by_datacenter()
        return found

    def _by_datacenter(self) -> dict[str | None, Datacenter]:
        racks = self.racks
        positions: dict[str | None, list[int]] = {}
        for index, host in enumerate(self.owners):
            name = racks[host.key][0]
            if name in positions:
                positions[name].append(index)
            else:
                positions[name] = [index]
        locations = list(racks.values())
        return {
            name: Datacenter(
                indexes,
                sum(datacenter == name for datacenter, _ in locations),
                len({rack for datacenter, rack in locations if datacenter == name}),
            )
            for name, indexes in positions.items()
        }


class ReplicaTable:
    """The replicas of every range of a ring, by one replication strategy.

    `found` has a place for each token of the ring and one for what wraps around; a place is
    None until it was asked for. `replica_count` is how many replicas a range has.
    """

    __slots__ = ("_shared", "found", "replica_count", "ring", "strategy", "values")

    def __init__(self, ring: Ring, strategy: ReplicationStrategy) -> None:
        self.ring = ring
        self.strategy = strategy
        self.values = ring.values
        self.replica_count = strategy.replica_count(ring)
        self.found: list[tuple[Host, ...] | None] = [None] * (len(ring.values) + 1)
        self._shared: dict[tuple[int, ...], tuple[Host, ...]] = {}

    def replicas(self, token_value: Any) -> tuple[Host, ...]:
        """Return the replicas of the token with this value, the primary one first."""
        found = self.found[bisect_left(self.values, token_value)]
        return found if found is not None else self.work_out(token_value)

    def work_out(self, token_value: Any) -> tuple[Host, ...]:
        """Place the replicas of the range that a token falls into, and remember them."""
        size = len(self.values)
        if not size:
            return ()
        place = bisect_left(self.values, token_value)
        found = self.strategy.place(self.ring, place % size)
        shared = self._shared
        if len(shared) < _MOST_SHARED:
            found = shared.setdefault(tuple([host.key for host in found]), found)
        # Two threads may come here at once: they write the same.
        self.found[place] = found
        return found


class TokenMap:
    """Which hosts hold which partitions: the ring, with each keyspace's replication on it.

    Immutable: a change of topology or replication makes a new one, which takes over the
    tables of keyspaces that it did not concern.
    """

    __slots__ = ("ring_of_hosts", "tables")

    def __init__(
        self,
        ring: Ring,
        strategies: Mapping[str, ReplicationStrategy],
        previous: TokenMap | None = None,
    ) -> None:
        self.ring_of_hosts = ring
        known: dict[Any, ReplicaTable] = {}
        if previous is not None and previous.ring_of_hosts is ring:
            known = {table.strategy.identity: table for table in previous.tables.values()}
        self.tables: dict[str, ReplicaTable] = {}
        for keyspace, strategy in strategies.items():
            table = known.get(strategy.identity)
            if table is None:
                table = known[strategy.identity] = ReplicaTable(ring, strategy)
            if table.replica_count:
                self.tables[keyspace] = table

    @property
    def token_class(self) -> type[Token]:
        """The class of the cluster's tokens."""
        return self.ring_of_hosts.token_class

    @property
    def ring(self) -> list[Token]:
        """All tokens, in order; made anew at each access."""
        return [self.token_class(value) for value in self.ring_of_hosts.values]

    @property
    def token_to_host_owner(self) -> dict[Token, Host]:
        """The host that owns each token; made anew at each access."""
        return dict(zip(self.ring, self.ring_of_hosts.owners, strict=True))

    def get_replicas(self, keyspace: str, token: Token) -> list[Host]:
        """Return the hosts that hold the partitions with this token, the primary one first.

        Empty for a keyspace that is not known, or whose data has no certain place.
        """
        table = self.tables.get(keyspace)
        return [] if table is None else list(table.replicas(token.value))
