"""The schema of real nodes: fetched when it is looked at, and followed while it changes."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import Cluster, UserTypeDoesNotExist
from cql_driver.policies import ConstantReconnectionPolicy, RoundRobinPolicy
from tests.cassandra import NO_RESTART, ClusterOptions
from tests.control.schemas import Mirror, assert_complete, assert_same, everything
from tests.integration.driver.ddl import Changes
from tests.integration.driver.support import (
    callbacks_wait,
    connected,
    keyspace_of,
    new_name,
    until,
)

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool

WINDOW = 0.3
SHORT = 0.1
"""The window where eighty bursts of changes are waited for."""
CHANGES = int(os.environ.get("SCHEMA_CHANGES", "1000"))
SEED = int(os.environ.get("SCHEMA_SEED", "1"))

BY_KIND = {
    "user_types": ("pair", "CREATE TYPE pair (a int, b text)", "DROP TYPE pair"),
    "functions": (
        "one(int)",
        "CREATE FUNCTION one (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return 1;'",
        "DROP FUNCTION one",
    ),
    "aggregates": (
        "many(int)",
        "CREATE AGGREGATE many (int) SFUNC two STYPE int INITCOND 0",
        "DROP AGGREGATE many",
    ),
    "views": (
        "by_v",
        (
            "CREATE MATERIALIZED VIEW by_v AS SELECT * FROM t "
            "WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)"
        ),
        "DROP MATERIALIZED VIEW by_v",
    ),
    "indexes": ("on_v", "CREATE INDEX on_v ON t (v)", "DROP INDEX on_v"),
    "tables": ("more", "CREATE TABLE more (k int PRIMARY KEY)", "DROP TABLE more"),
}
"""Of each kind of entity: its key, and the statements that create and drop it."""


def prepare_keyspace(session: Session) -> None:
    session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
    session.execute(
        "CREATE FUNCTION two (a int, b int) CALLED ON NULL INPUT RETURNS int LANGUAGE java "
        "AS 'return a;'"
    )


@pytest.mark.parametrize("version", [3, 4, 5])
def test_changes_of_ones_own_are_seen_at_once(cassandra: Nodes, version: int) -> None:
    with (
        connected(cassandra, protocol_version=version) as session,
        connected(cassandra, protocol_version=version, schema_event_refresh_window=WINDOW) as other,
        keyspace_of(session, 1) as name,
    ):
        prepare_keyspace(session)
        here, there = session.cluster.metadata, other.cluster.metadata
        until(lambda: name in there.keyspaces, "the other client hears of the keyspace")
        assert there.keyspaces[name].tables.keys() == {"t"}
        for kind, (key, create, drop) in BY_KIND.items():
            session.execute(create)
            assert key in getattr(here.keyspaces[name], kind)
            until(lambda: key in getattr(there.keyspaces[name], kind), f"{key} is there", 10)  # noqa: B023
            session.execute(drop)
            assert key not in getattr(here.keyspaces[name], kind)
            until(lambda: key not in getattr(there.keyspaces[name], kind), f"{key} is gone", 10)  # noqa: B023


@callbacks_wait
def test_a_callback_may_look_at_what_is_not_fetched_yet(
    session: Session, table: str, cassandra: Nodes
) -> None:
    with connected(cassandra, session.keyspace) as other:
        keyspace = other.cluster.metadata.keyspaces[str(session.keyspace)]
        seen: list[Any] = []
        future = other.execute_async(f"SELECT * FROM {table}")
        future.add_callback(lambda _: seen.append(keyspace.tables[table].export_as_string()))
        until(lambda: seen, "the callback has run", 10)
        assert seen[0].startswith("CREATE TABLE")


def test_prepared_statements_have_a_routing_key_on_the_oldest_protocol(
    session: Session, table: str, cassandra: Nodes
) -> None:
    with connected(cassandra, session.keyspace, protocol_version=3) as other:
        insert = other.prepare(f"INSERT INTO {table} (v, k) VALUES (?, ?)")
        assert insert.routing_key_indexes == (1,)
        assert insert.bind(("x", 7)).routing_key == b"\0\0\0\7"


def test_types_are_looked_for_before_they_are_registered(session: Session) -> None:
    class Pair:
        def __init__(self, a: int, b: str) -> None:
            self.a, self.b = a, b

    name, keyspace = new_name("u"), str(session.keyspace)
    with pytest.raises(UserTypeDoesNotExist, match=name):
        session.cluster.register_user_type(keyspace, name, Pair)
    session.execute(f"CREATE TYPE {name} (a int, b text)")
    table = new_name()
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v frozen<{name}>)")
    session.cluster.register_user_type(keyspace, name, Pair)
    session.execute(f"INSERT INTO {table} (k, v) VALUES (1, {{a: 1, b: 'x'}})")
    read = session.execute(f"SELECT v FROM {table}").one().v
    assert (type(read), read.a, read.b) == (Pair, 1, "x")


@pytest.mark.slow
@pytest.mark.once
def test_three_nodes_and_a_control_connection_that_is_lost(three: Nodes) -> None:
    mirror = Mirror()
    often = ConstantReconnectionPolicy(0.2, None)
    options: dict[str, Any] = {"schema_event_refresh_window": WINDOW, "reconnection_policy": often}
    with (
        connected(three) as session,
        connected(three, **options) as watching,
        keyspace_of(session, 3) as name,
    ):
        metadata = session.cluster.metadata
        watching.cluster.register_schema_listener(mirror)
        mirror.known = everything(watching.cluster)
        for number in range(6):
            session.execute(f"CREATE TABLE t{number} (k int PRIMARY KEY, v text)", timeout=60)
            assert f"t{number}" in metadata.keyspaces[name].tables
        host = watching.cluster.get_control_connection_host()
        next(node for node in three.nodes if node.address == host.address).kill()
        for number in range(3):
            session.execute(f"DROP TABLE t{number}", timeout=60)
            session.execute(f"ALTER TABLE t{number + 3} ADD more int", timeout=60)

        def is_told() -> bool:
            tables = watching.cluster.metadata.keyspaces[name].contents.tables
            return tables.keys() == {"t3", "t4", "t5"} and "more" in tables["t5"].columns

        until(is_told, "the other client has seen what was changed meanwhile")
        until(lambda: settled(watching), "the changes are taken over", 10)
        with fresh(three) as cluster:
            assert_same(everything(watching.cluster), everything(cluster))
            assert_same(mirror.known, everything(cluster))
        assert mirror.errors == []


@pytest.mark.slow
@pytest.mark.once
def test_random_changes_of_another_session(clusters: ClusterPool) -> None:
    """After each burst the metadata is what a fresh fetch shows, and a listener has it too."""
    options = ClusterOptions(jvm=NO_RESTART)
    changes = Changes("random_", SEED)
    left = itertools.islice(changes, CHANGES)
    with (
        clusters.private(options) as nodes,
        connected(nodes, schema_metadata_enabled=False) as other,
        connected(nodes, schema_event_refresh_window=SHORT) as watching,
        connected(nodes, schema_event_refresh_window=SHORT) as lazy,
    ):
        mirror = Mirror()
        watching.cluster.register_schema_listener(mirror)
        mirror.known = everything(watching.cluster)
        for known in lazy.cluster.metadata.keyspaces.values():
            assert known.tables is not None
        bursts = 0
        while burst := list(itertools.islice(left, changes.chance.randrange(1, 25))):
            bursts += 1
            for text in burst:
                other.execute(text, timeout=60)
            time.sleep(SHORT + 0.2)
            until(lambda: settled(watching) and settled(lazy), "the changes are taken over", 10)
            with fresh(nodes) as cluster:
                assert_complete(watching.cluster, cluster)
                assert_complete(lazy.cluster, cluster)
                assert_same(mirror.known, everything(cluster))
            assert mirror.errors == []
        assert bursts > CHANGES / 25


def settled(session: Session) -> bool:
    """Whether a session's cluster has looked at all it heard of."""
    keeper = session.cluster.control_connection.schema
    return not keeper._due and keeper._debounced._timer is None and not keeper._turns._taken


def fresh(nodes: Nodes) -> Cluster:
    """A cluster that was connected just now, and knows the schema."""
    cluster = Cluster(
        nodes.contact_points,
        port=nodes.port,
        eager_schema=True,
        connect_timeout=30,
        control_connection_timeout=30,
        load_balancing_policy=RoundRobinPolicy(),
    )
    cluster.connect()
    return cluster
