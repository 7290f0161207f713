"""Replication strategies: on which nodes of a ring the replicas of a range are.

The placement is the server's own (``calculateNaturalReplicas`` of Cassandra's classes in
``org.apache.cassandra.locator``), to the order of the replicas.

With transient replication a factor is written ``"3/1"``: three replicas, one of which is
transient and holds only what is not yet repaired. Cassandra reads from all of them, so all
count as replicas here; but a transient one cannot answer alone, so the full ones come first.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

from cql_driver.errors import InvalidArgument
from cql_driver.metadata.ring import Ring
from cql_protocol.identifiers import quote_text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from cql_driver.metadata.ring import Datacenter
    from cql_driver.pools.host import Host
    from cql_protocol.tokens import Token

__all__ = [
    "EverywhereStrategy",
    "LocalStrategy",
    "NetworkTopologyStrategy",
    "ReplicationFactor",
    "ReplicationStrategy",
    "SimpleStrategy",
    "replication_strategy",
]

_PREFIX = "org.apache.cassandra.locator."


class ReplicationFactor:
    """How many replicas a range has, and how many of those are transient.

    Example::

        >>> factor = ReplicationFactor.create("3/1")
        >>> factor.all_replicas, factor.full_replicas, factor.transient_replicas
        (3, 2, 1)
    """

    __slots__ = ("all_replicas", "full_replicas", "transient_replicas")

    def __init__(self, all_replicas: int, transient_replicas: int | None = None) -> None:
        self.all_replicas = all_replicas
        self.transient_replicas = transient_replicas
        self.full_replicas = all_replicas - (transient_replicas or 0)

    @staticmethod
    def create(rf: int | str) -> ReplicationFactor:
        """Read a factor as the server writes it: ``3``, ``"3"`` or ``"3/1"``.

        Raises `InvalidArgument` for anything else.
        """
        total, slash, transient = str(rf).partition("/")
        try:
            return ReplicationFactor(int(total), int(transient) if slash else None)
        except ValueError:
            raise InvalidArgument(
                f"replication factor {rf!r} is neither a number nor, like '3/1', "
                "a number and how many of those are transient"
            ) from None

    def __str__(self) -> str:
        if self.transient_replicas:
            return f"{self.all_replicas}/{self.transient_replicas}"
        return str(self.all_replicas)

    def __repr__(self) -> str:
        return f"ReplicationFactor({self.all_replicas!r}, {self.transient_replicas!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ReplicationFactor):
            return NotImplemented
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class ReplicationStrategy:
    """Base of the strategies, and the strategy of a class that this driver does not know.

    Of an unknown one only `name` and `options_map` are told: it has no replicas, so requests
    go to any node.
    """

    name = "ReplicationStrategy"
    """The server's class, without the package where that is Cassandra's own."""
    options_map: dict[str, str]
    """The options of the keyspace's replication, without the class."""

    def __init__(self, options_map: Mapping[str, Any] | None = None) -> None:
        self.options_map = {
            str(key): str(value) for key, value in (options_map or {}).items() if key != "class"
        }

    @classmethod
    def create(
        cls, strategy_class: str | None, options_map: Mapping[str, Any] | None
    ) -> ReplicationStrategy | None:
        """Make the strategy of the server's class of that name; None without a name.

        A class that is not known, or options that cannot be read, give a strategy without
        replicas.
        """
        if not strategy_class:
            return None
        return _strategy(strategy_class, tuple((options_map or {}).items()))

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two strategies that place replicas alike have in common; can be hashed."""
        return (self.name, *sorted(self.options_map.items()))

    def place(self, ring: Ring, position: int) -> tuple[Host, ...]:
        """Return the replicas of the range that ends with the token at an index of the ring."""
        return ()

    def replica_count(self, ring: Ring) -> int:
        """Return how many replicas `place` gives for each range."""
        return 0

    def make_token_replica_map(
        self, token_to_host_owner: Mapping[Token, Host], ring: Sequence[Token]
    ) -> dict[Token, tuple[Host, ...]]:
        """Return the replicas of every range of a ring, by the token that ends it.

        `ring` has all tokens in order, `token_to_host_owner` who owns each. Empty for
        strategies whose replicas are not told by the ring.
        """
        if not ring:
            return {}
        owners = [token_to_host_owner[token] for token in ring]
        whole = Ring(type(ring[0]), [token.value for token in ring], owners)
        if not self.replica_count(whole):
            return {}
        return {token: self.place(whole, index) for index, token in enumerate(ring)}

    def export_for_schema(self) -> str:
        """Return the map that stands behind ``WITH replication =`` in CREATE KEYSPACE."""
        return _written({"class": self.name, **self.options_map})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ReplicationStrategy):
            return NotImplemented
        return self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"<{self.export_for_schema()}>"


class SimpleStrategy(ReplicationStrategy):
    """The next `replication_factor` nodes around the ring, wherever they stand."""

    name = "SimpleStrategy"
    replication_factor_info: ReplicationFactor
    """The factor with its transient part."""

    def __init__(self, options_map: Mapping[str, Any]) -> None:
        super().__init__(options_map)
        factor = self.options_map.get("replication_factor")
        if factor is None:
            raise InvalidArgument("SimpleStrategy needs the option 'replication_factor'")
        self.replication_factor_info = ReplicationFactor.create(factor)

    @property
    def replication_factor(self) -> int:
        """The number of full replicas."""
        return self.replication_factor_info.full_replicas

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two strategies that place replicas alike have in common; can be hashed."""
        return (self.name, str(self.replication_factor_info))

    def place(self, ring: Ring, position: int) -> tuple[Host, ...]:
        """Return the replicas of the range that ends with the token at an index of the ring."""
        owners = ring.owners
        size = len(owners)
        wanted = self.replica_count(ring)
        chosen: dict[int, Host] = {}
        # Negative indexes go around the ring by themselves.
        for index in range(position - size, position):
            if len(chosen) >= wanted:
                break
            host = owners[index]
            chosen[host.key] = host
        return tuple(chosen.values())

    def replica_count(self, ring: Ring) -> int:
        """Return how many replicas `place` gives for each range."""
        return max(0, min(self.replication_factor_info.all_replicas, ring.node_count))

    def export_for_schema(self) -> str:
        """Return the map that stands behind ``WITH replication =`` in CREATE KEYSPACE."""
        return _written(
            {"class": self.name, "replication_factor": str(self.replication_factor_info)}
        )


class NetworkTopologyStrategy(ReplicationStrategy):
    """A number of replicas for each data centre, on different racks as far as there are any."""

    name = "NetworkTopologyStrategy"
    dc_replication_factors: dict[str, int]
    """The number of full replicas by data centre."""
    dc_replication_factors_info: dict[str, ReplicationFactor]
    """The factors with their transient parts by data centre."""

    def __init__(self, dc_replication_factors: Mapping[str, Any]) -> None:
        super().__init__(dc_replication_factors)
        self.dc_replication_factors_info = {
            name: ReplicationFactor.create(factor) for name, factor in self.options_map.items()
        }
        self.dc_replication_factors = {
            name: factor.full_replicas for name, factor in self.dc_replication_factors_info.items()
        }

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two strategies that place replicas alike have in common; can be hashed."""
        factors = self.dc_replication_factors_info
        return (self.name, *sorted((name, str(factor)) for name, factor in factors.items()))

    def place(self, ring: Ring, position: int) -> tuple[Host, ...]:
        """Return the replicas of the range that ends with the token at an index of the ring.

        Full replicas come first; then they are in the order of the ring.
        """
        found: list[tuple[bool, int, Host]] = []
        datacenters = ring.datacenters
        for name, factor in self.dc_replication_factors_info.items():
            datacenter = datacenters.get(name)
            if datacenter is not None and factor.all_replicas > 0:
                found += _place_in(ring, datacenter, factor, position)
        # No two have the same distance, so hosts are never compared.
        found.sort()
        return tuple([host for _, _, host in found])

    def replica_count(self, ring: Ring) -> int:
        """Return how many replicas `place` gives for each range."""
        datacenters = ring.datacenters
        return sum(
            max(0, min(factor.all_replicas, datacenters[name].node_count))
            for name, factor in self.dc_replication_factors_info.items()
            if name in datacenters
        )

    def export_for_schema(self) -> str:
        """Return the map that stands behind ``WITH replication =`` in CREATE KEYSPACE."""
        factors = sorted(self.dc_replication_factors_info.items())
        return _written({"class": self.name, **{name: str(rf) for name, rf in factors}})


def _place_in(
    ring: Ring, datacenter: Datacenter, factor: ReplicationFactor, position: int
) -> list[tuple[bool, int, Host]]:
    """Walk a data centre's tokens from `position` on; return (transient, distance, host).

    A rack that has a replica already gets another one only as often as there are fewer racks
    than replicas: the rest is kept for the racks that are still to come.
    """
    left = min(factor.all_replicas, datacenter.node_count)
    repeats = factor.all_replicas - datacenter.rack_count
    missing = factor.all_replicas - left
    transients = max((factor.transient_replicas or 0) - missing, 0)
    found: list[tuple[bool, int, Host]] = []
    nodes: set[int] = set()
    racks: set[tuple[str | None, str | None]] = set()
    owners, rack_of = ring.owners, ring.racks
    positions = datacenter.positions
    first = bisect_left(positions, position)
    # Negative indexes go around the ring by themselves.
    for index in range(first - len(positions), first):
        at = positions[index]
        host = owners[at]
        key = host.key
        if key in nodes:
            continue
        rack = rack_of[key]
        if rack in racks:
            if repeats <= 0:
                continue
            repeats -= 1
        racks.add(rack)
        nodes.add(key)
        found.append((left <= transients, (at - position) % len(owners), host))
        left -= 1
        if not left:
            break
    return found


class LocalStrategy(ReplicationStrategy):
    """Every node has data of its own, as in the keyspace ``system``: there are no replicas."""

    name = "LocalStrategy"

    def export_for_schema(self) -> str:
        """Return the map that stands behind ``WITH replication =`` in CREATE KEYSPACE."""
        return _written({"class": self.name})


class EverywhereStrategy(ReplicationStrategy):
    """Every node has everything, as in some keyspaces of ScyllaDB and DSE."""

    name = "EverywhereStrategy"

    def place(self, ring: Ring, position: int) -> tuple[Host, ...]:
        """Return all hosts, in the order of the ring from this index on."""
        owners = ring.owners[position:] + ring.owners[:position]
        return tuple({host.key: host for host in owners}.values())

    def replica_count(self, ring: Ring) -> int:
        """Return how many replicas `place` gives for each range."""
        return ring.node_count


_KNOWN: dict[str, Callable[[Mapping[str, Any]], ReplicationStrategy]] = {
    "SimpleStrategy": SimpleStrategy,
    "NetworkTopologyStrategy": NetworkTopologyStrategy,
    "LocalStrategy": LocalStrategy,
    "EverywhereStrategy": EverywhereStrategy,
}


@lru_cache(256)
def _strategy(strategy_class: str, options: tuple[tuple[str, Any], ...]) -> ReplicationStrategy:
    """Make a strategy; the keyspaces of a cluster have few different ones, so they share them."""
    name = strategy_class.removeprefix(_PREFIX)
    known = _KNOWN.get(name)
    if known is not None:
        try:
            return known(dict(options))
        except InvalidArgument:
            pass
    unknown = ReplicationStrategy(dict(options))
    unknown.name = name
    return unknown


def replication_strategy(options: Mapping[str, str]) -> ReplicationStrategy:
    """Return the strategy of the column ``replication`` of ``system_schema.keyspaces``.

    Example::

        >>> replication_strategy({"class": "SimpleStrategy", "replication_factor": "3"})
        <{'class': 'SimpleStrategy', 'replication_factor': '3'}>
    """
    created = ReplicationStrategy.create(options.get("class"), options)
    return created if created is not None else ReplicationStrategy(options)


def _written(options: Mapping[str, str]) -> str:
    entries = [f"{quote_text(key)}: {quote_text(value)}" for key, value in options.items()]
    return "{" + ", ".join(entries) + "}"
