"""The system tables of simulated nodes, with the columns of Cassandra 4.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_protocol.errors import InvalidRequest
from cql_protocol.types.parse_cql import parse_cql_type
from tests.simulation.store import Store, Table

if TYPE_CHECKING:
    from tests.simulation.node import SimNode

__all__ = ["Schema", "System", "make_traces"]

PARTITIONER = "org.apache.cassandra.dht.Murmur3Partitioner"

_NODE = (
    "data_center text, host_id uuid, rack text, release_version text, schema_version uuid, "
    "tokens set<text>, dse_version text"
)
_OPTIONS = (
    "bloom_filter_fp_chance double, caching map<text text>, cdc boolean, comment text, "
    "compaction map<text text>, compression map<text text>, crc_check_chance double, "
    "dclocal_read_repair_chance double, default_time_to_live int, extensions map<text blob>, "
    "gc_grace_seconds int, id uuid, max_index_interval int, memtable_flush_period_in_ms int, "
    "min_index_interval int, read_repair_chance double, speculative_retry text, "
    "additional_write_policy text, read_repair text, memtable text"
)
_COLUMN = (
    "keyspace_name text, table_name text, column_name text, clustering_order text, "
    "column_name_bytes blob, kind text, position int, type text"
)
_SYSTEM = {
    "local": (
        (
            f"key text, {_NODE}, bootstrapped text, broadcast_address inet, broadcast_port int, "
            "cluster_name text, cql_version text, gossip_generation int, listen_address inet, "
            "listen_port int, native_protocol_version text, partitioner text, rpc_address inet, "
            "rpc_port int, truncated_at map<uuid blob>"
        ),
        "key",
    ),
    "peers": (f"peer inet, {_NODE}, preferred_ip inet, rpc_address inet", "peer"),
    "peers_v2": (
        (
            f"peer inet, peer_port int, {_NODE}, preferred_ip inet, preferred_port int, "
            "native_address inet, native_port int"
        ),
        "peer peer_port",
    ),
}
_SCHEMA = {
    "keyspaces": (
        "keyspace_name text, durable_writes boolean, replication map<text text>",
        "keyspace_name",
    ),
    "tables": (
        f"keyspace_name text, table_name text, flags set<text>, {_OPTIONS}",
        "keyspace_name table_name",
    ),
    "columns": (_COLUMN, "keyspace_name table_name column_name"),
    "dropped_columns": (
        (
            "keyspace_name text, table_name text, column_name text, dropped_time timestamp, "
            "kind text, type text"
        ),
        "keyspace_name table_name column_name",
    ),
    "types": (
        "keyspace_name text, type_name text, field_names list<text>, field_types list<text>",
        "keyspace_name type_name",
    ),
    "indexes": (
        "keyspace_name text, table_name text, index_name text, kind text, options map<text text>",
        "keyspace_name table_name index_name",
    ),
    "triggers": (
        "keyspace_name text, table_name text, trigger_name text, options map<text text>",
        "keyspace_name table_name trigger_name",
    ),
    "views": (
        (
            "keyspace_name text, view_name text, base_table_id uuid, base_table_name text, "
            f"include_all_columns boolean, where_clause text, {_OPTIONS}"
        ),
        "keyspace_name view_name",
    ),
    "functions": (
        (
            "keyspace_name text, function_name text, argument_types list<text>, "
            "argument_names list<text>, body text, called_on_null_input boolean, language text, "
            "return_type text"
        ),
        "keyspace_name function_name argument_types",
    ),
    "aggregates": (
        (
            "keyspace_name text, aggregate_name text, argument_types list<text>, final_func text, "
            "initcond text, return_type text, state_func text, state_type text"
        ),
        "keyspace_name aggregate_name argument_types",
    ),
}
_VIRTUAL = {
    "keyspaces": ("keyspace_name text", "keyspace_name"),
    "tables": ("keyspace_name text, table_name text, comment text", "keyspace_name table_name"),
    "columns": (_COLUMN, "keyspace_name table_name column_name"),
}
_TRACES = {
    "sessions": (
        (
            "session_id uuid, client inet, command text, coordinator inet, coordinator_port int, "
            "duration int, parameters map<text text>, request text, started_at timestamp"
        ),
        "session_id",
    ),
    "events": (
        (
            "session_id uuid, event_id timeuuid, activity text, source inet, source_port int, "
            "source_elapsed int, thread text"
        ),
        "session_id event_id",
    ),
}


def _table(keyspace: str, name: str, columns: str, key: str) -> Table:
    """Make a table; types with two parameters are written without their comma."""
    types = {}
    for column in columns.split(", "):
        column_name, _, type_name = column.partition(" ")
        types[column_name] = parse_cql_type(type_name.replace(" ", ", "))
    table = Table(keyspace, name, types, (key.split()[0],), tuple(key.split()[1:]))
    table.fixed = True
    return table


def make_traces(store: Store) -> None:
    """Add the tables that traces are written to."""
    tables = store.keyspace("system_traces", 2).tables
    for name, (columns, key) in _TRACES.items():
        tables[name] = _table("system_traces", name, columns, key)
        tables[name].fixed = False


class System:
    """The keyspace ``system`` of one node, made anew when the cluster's shape changes."""

    def __init__(self, node: SimNode) -> None:
        self._node = node
        self._tables: dict[str, Table] = {}

    def has(self, keyspace: str) -> bool:
        """Say whether it is this one."""
        return keyspace == "system"

    def table(self, keyspace: str | None, name: str) -> Table:
        """Return a table with its rows."""
        found = self._tables.get(name)
        if found is None:
            modern = self._node.release_version >= "4"
            if name not in _SYSTEM or (name == "peers_v2" and not modern):
                raise InvalidRequest(f"unconfigured table {name}")
            found = self._tables[name] = _table("system", name, *_SYSTEM[name])
            if not modern:
                for column in [c for c in found.columns if c.endswith("_port")]:
                    del found.columns[column]
            if name == "local":
                self._fill(found, [self._local()])
            else:
                rows = [self._peer(peer, name) for peer in self._node.peers()]
                if self._node.edit_peers is not None:
                    self._node.edit_peers(name, rows)
                self._fill(found, rows)
        return found

    def forget(self) -> None:
        """Make the tables anew when they are asked for next."""
        self._tables.clear()

    @staticmethod
    def _fill(table: Table, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            table.add(**{name: value for name, value in row.items() if name in table.columns})

    def _common(self, node: SimNode) -> dict[str, Any]:
        return {
            "data_center": node.dc,
            "rack": node.rack,
            "host_id": node.host_id,
            "release_version": node.release_version,
            "schema_version": node.schema_version,
            "tokens": {str(token) for token in node.tokens} or None,
        }

    def _local(self) -> dict[str, Any]:
        node = self._node
        return {
            **self._common(node),
            "key": "local",
            "bootstrapped": "COMPLETED",
            "broadcast_address": node.address,
            "broadcast_port": 7000,
            "listen_address": node.address,
            "listen_port": 7000,
            "rpc_address": node.address,
            "rpc_port": node.port,
            "cluster_name": node.cluster.name,
            "partitioner": node.cluster.partitioner,
            "cql_version": "3.4.6",
            "native_protocol_version": str(max(node.versions)),
            "gossip_generation": 1 + node.restarts,
        }

    def _peer(self, peer: SimNode, table: str) -> dict[str, Any]:
        row = {**self._common(peer), "peer": peer.address}
        if table == "peers":
            return {**row, "rpc_address": peer.address}
        ports = {"peer_port": 7000, "native_port": peer.port}
        return {**row, **ports, "native_address": peer.address}


class Schema:
    """The keyspaces ``system_schema`` and ``system_virtual_schema``, as the store is now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: dict[tuple[str, str], Table] = {}

    def has(self, keyspace: str) -> bool:
        """Say whether it is one of these."""
        return keyspace in ("system_schema", "system_virtual_schema")

    def table(self, keyspace: str | None, name: str) -> Table:
        """Return a table with its rows."""
        space = str(keyspace)
        found = self._tables.get((space, name))
        if found is None:
            known = _VIRTUAL if space == "system_virtual_schema" else _SCHEMA
            if name not in known:
                raise InvalidRequest(f"unconfigured table {name}")
            found = self._tables[space, name] = _table(space, name, *known[name])
            fill = getattr(self, f"_fill_{name}", None)
            if space == "system_schema":
                if fill is not None:
                    fill(found)
                self._fill_entities(found)
            elif name == "keyspaces":
                found.add(keyspace_name="system_views")
            elif name == "tables":
                found.add(keyspace_name="system_views", table_name="clients", comment="")
            else:
                named = {"keyspace_name": "system_views", "table_name": "clients"}
                column = {"kind": "partition_key", "position": 0, "clustering_order": "none"}
                found.add(**named, column_name="address", type="inet", **column)
        return found

    def _fill_entities(self, table: Table) -> None:
        """Add what tests have put into keyspaces."""
        for keyspace in self._store.keyspaces.values():
            for values in keyspace.entities.get(table.name, {}).values():
                table.add(keyspace_name=keyspace.name, **values)

    def forget(self) -> None:
        """Make the tables anew when they are asked for next."""
        self._tables.clear()

    def _fill_keyspaces(self, table: Table) -> None:
        local = {"class": "org.apache.cassandra.locator.LocalStrategy"}
        for name in ("system", "system_schema"):
            table.add(keyspace_name=name, durable_writes=True, replication=local)
        for keyspace in self._store.keyspaces.values():
            replication = keyspace.replication
            table.add(keyspace_name=keyspace.name, durable_writes=True, replication=replication)

    def _fill_tables(self, table: Table) -> None:
        for found in self._user_tables():
            table.add(
                keyspace_name=found.keyspace,
                table_name=found.name,
                id=found.id,
                flags={"compound"},
                comment="",
                caching={"keys": "ALL", "rows_per_partition": "NONE"},
                compaction={"class": "SizeTieredCompactionStrategy"},
                compression={"class": "LZ4Compressor"},
                gc_grace_seconds=864000,
                default_time_to_live=0,
                extensions={},
            )

    def _fill_columns(self, table: Table) -> None:
        for found in self._user_tables():
            for name, column in found.columns.items():
                kind, position = "regular", -1
                if name in found.partition_key:
                    kind, position = "partition_key", found.partition_key.index(name)
                elif name in found.clustering:
                    kind, position = "clustering", found.clustering.index(name)
                table.add(
                    keyspace_name=found.keyspace,
                    table_name=found.name,
                    column_name=name,
                    column_name_bytes=name.encode(),
                    clustering_order="asc" if kind == "clustering" else "none",
                    kind=kind,
                    position=position,
                    type=column.name,
                )

    def _user_tables(self) -> list[Table]:
        spaces = self._store.keyspaces.values()
        return [table for space in spaces for table in space.tables.values()]
