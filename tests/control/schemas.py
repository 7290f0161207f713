"""A simulated cluster whose schema is watched: what the tests of the schema share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.cluster.schema import SchemaListener
from cql_driver.metadata.schema import same_schema
from tests.simulation import Rule, Simulation
from tests.simulation.faults import Reaction

if TYPE_CHECKING:
    from cql_driver.cluster import Cluster, Session

KINDS = ("tables", "views", "user_types", "functions", "aggregates")


class Asked(Reaction):
    """Notes the tables of ``system_schema`` that are asked for, and answers."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def react(self, node: Any, connection: Any, event: Any) -> None:
        self.texts.append(event.message.query)
        node.serve(connection, event)

    def tables(self) -> list[str]:
        """Return the system tables asked for since the last call, but for the keyspaces'."""
        texts, self.texts[:] = list(self.texts), []
        found = [text.partition(" FROM ")[2].split()[0] for text in texts]
        return sorted(name.partition(".")[2] for name in found if "keyspaces" not in name)


class Mirror(SchemaListener):
    """Does to a picture of its own what it is told; `errors` are calls that do not fit it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.errors: list[Exception] = []
        self.known: dict[tuple[str, ...], Any] = {}

    def on_added(self, entity: Any) -> None:
        self._take("added", None, entity)

    def on_changed(self, old: Any, new: Any) -> None:
        self._take("changed", old, new)

    def on_dropped(self, entity: Any) -> None:
        self._take("dropped", entity, None)

    def _take(self, what: str, old: Any, new: Any) -> None:
        self.calls.append((what, (new or old).name))
        try:
            if what == "changed":
                assert key_of(old) == key_of(new)
                assert same_schema(self.known[key_of(old)], old)
                assert not same_schema(old, new)
                self.known[key_of(new)] = new
            elif what == "dropped":
                for key in parts(old):
                    del self.known[key]
            else:
                assert not parts(new).keys() & self.known.keys()
                self.known.update(parts(new))
        except Exception as exc:
            self.errors.append(exc)
            raise

    def copy(self, cluster: Cluster) -> Mirror:
        """Begin with what a cluster shows now."""
        self.known = everything(cluster)
        return self


def key_of(entity: Any) -> tuple[str, ...]:
    """Return what names an entity in a cluster."""
    space = getattr(entity, "keyspace_name", None) or getattr(entity, "keyspace", "")
    return (type(entity).__name__, space, getattr(entity, "signature", entity.name))


def parts(entity: Any) -> dict[tuple[str, ...], Any]:
    """Return an entity, and what is in it if it is a keyspace, by `key_of`."""
    found = [entity]
    if type(entity).__name__ == "KeyspaceMetadata":
        found += [one for kind in KINDS for one in getattr(entity, kind).values()]
    return {key_of(one): one for one in found}


def everything(cluster: Cluster) -> dict[tuple[str, ...], Any]:
    """Return all that a cluster shows, by `key_of`."""
    found: dict[tuple[str, ...], Any] = {}
    for keyspace in cluster.metadata.keyspaces.values():
        found.update(parts(keyspace))
    return found


def assert_same(one: dict[tuple[str, ...], Any], other: dict[tuple[str, ...], Any]) -> None:
    """Hold that two pictures show the same, down to indexes and the views of tables."""
    assert sorted(one) == sorted(other)
    different = [key for key in one if not same_schema(one[key], other[key])]
    assert different == [], [(vars(one[key]), vars(other[key])) for key in different]


def assert_complete(cluster: Cluster, fresh: Cluster) -> None:
    """Hold that a cluster shows what one that was connected just now does."""
    assert_same(everything(cluster), everything(fresh))
    for name, keyspace in cluster.metadata.keyspaces.items():
        other = fresh.metadata.keyspaces[name]
        assert keyspace.export_as_string() == other.export_as_string()
        for table, found in keyspace.tables.items():
            views = found.views
            assert all(keyspace.views[view] is views[view] for view in views)
            assert views.keys() == other.tables[table].views.keys()
        assert keyspace.indexes.keys() == other.indexes.keys()


def watched(sim: Simulation, **options: Any) -> tuple[Session, Asked]:
    """Return a session, and what is asked about the schema from now on, of any node."""
    session = sim.connect("ks", **options)
    return session, asked_by_all(sim)


def other_session(sim: Simulation) -> Session:
    """Return a session of another client."""
    return sim.new_cluster(runtime=sim.new_runtime()).connect("ks")


def asked_by_all(sim: Simulation) -> Asked:
    """Return what is asked about the schema from now on, of any node, by anybody."""
    asked = Asked()
    for node in sim.nodes:
        schema = Rule(asked, text="system_", where=lambda event: "schema." in event.message.query)
        node.rules.append(schema)
    return asked


def connect_afresh(sim: Simulation) -> Cluster:
    """Return a cluster that was connected just now, and knows the schema."""
    cluster = sim.new_cluster(runtime=sim.new_runtime(), eager_schema=True)
    cluster.connect()
    return cluster


def put_type(sim: Simulation, name: str, *fields: str, keyspace: str = "ks") -> None:
    """Make or change a user type of these text fields."""
    types = {"field_names": list(fields), "field_types": ["text"] * len(fields)}
    row = ("types", (name,), {"type_name": name, **types})
    sim.cluster.change("UPDATED", "TYPE", keyspace, name, row)


def put_view(sim: Simulation, name: str, base: str, where: str = "k IS NOT NULL") -> None:
    """Make or change a view of ``ks.t`` or the like: k int, v text."""
    columns = [
        ("columns", (name, column), {"table_name": name, "column_name": column, **more})
        for column, more in (
            ("v", {"kind": "partition_key", "position": 0, "type": "text"}),
            ("k", {"kind": "clustering", "position": 0, "type": "int", "clustering_order": "asc"}),
        )
    ]
    row = {"view_name": name, "base_table_name": base, "where_clause": where}
    view = ("views", (name,), {**row, "include_all_columns": True})
    sim.cluster.change("UPDATED", "TABLE", "ks", name, view, *columns)


def put_function(sim: Simulation, name: str, *types: str, body: str = "return 1;") -> None:
    """Make or change a function."""
    row = {"function_name": name, "argument_types": list(types), "body": body}
    names = [f"a{number}" for number in range(len(types))]
    row |= {"argument_names": names, "called_on_null_input": True}
    row |= {"language": "java", "return_type": "int"}
    about = f"{name}({', '.join(types)})"
    sim.cluster.change("UPDATED", "FUNCTION", "ks", about, ("functions", (name, *types), row))
