"""What a cluster on asyncio has beside sessions: metadata, listeners, profiles, types, hosts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import SchemaListener, UserTypeDoesNotExist
from cql_driver.errors import InvalidArgumentType
from cql_driver.policies import HostStateListener
from cql_protocol.errors import UnsupportedOperation

if TYPE_CHECKING:
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes


async def test_the_schema(connect: Connect) -> None:
    async with connect() as session:
        cluster = session.cluster
        keyspace = cluster.metadata.keyspaces["ks"]
        with pytest.raises(
            UnsupportedOperation, match=r"await cluster\.refresh_keyspace_metadata\('ks'\)"
        ):
            keyspace.tables  # noqa: B018
        await cluster.refresh_keyspace_metadata("ks")
        assert {"t", "w", "c"} <= cluster.metadata.keyspaces["ks"].tables.keys()
        await cluster.refresh_table_metadata("ks", "t", 5)
        await cluster.refresh_schema_metadata()
        await cluster.refresh_materialized_view_metadata("ks", "nothing")
        await cluster.refresh_user_type_metadata("ks", "nothing")
        await cluster.refresh_user_function_metadata("ks", "nothing")
        await cluster.refresh_user_aggregate_metadata("ks", "nothing", -1)
        await cluster.refresh_nodes(True)
        with pytest.raises(InvalidArgumentType, match="keyspace=5"):
            await cluster.refresh_keyspace_metadata(5)  # type: ignore[arg-type]


async def test_changes_of_the_schema_are_told(connect: Connect) -> None:
    told: list[Any] = []

    class Listener(SchemaListener):
        def on_added(self, entity: Any) -> None:
            told.append(entity.name)

    async with connect() as session:
        with pytest.raises(InvalidArgumentType, match="SchemaListener"):
            await session.cluster.register_schema_listener(5)
        await session.cluster.register_schema_listener(Listener())
        assert "t" in session.cluster.metadata.keyspaces["ks"].tables
        await session.execute("CREATE TABLE told (k int PRIMARY KEY)")
        await asyncio.sleep(0)
        assert told == ["told"]
        await session.execute("DROP TABLE told")


async def test_user_types(connect: Connect) -> None:
    async with connect() as session:
        with pytest.raises(UserTypeDoesNotExist, match="'nothing'"):
            await session.cluster.register_user_type("ks", "nothing", dict)
        with pytest.raises(InvalidArgumentType, match="klass"):
            await session.cluster.register_user_type("ks", "nothing", None)  # type: ignore[arg-type]


async def test_hosts_are_told_and_may_be_handled(connect: Connect, nodes: LiveNodes) -> None:
    told: list[str] = []

    class Listener(HostStateListener):
        def on_up(self, host: Any) -> None:
            told.append("up")

        def on_down(self, host: Any) -> None:
            told.append("down")

    async with connect(status_event_refresh_window=0) as session:
        cluster = session.cluster
        cluster.register_listener(Listener())
        assert cluster.get_control_connection_host() in cluster.metadata.all_hosts()
        host = cluster.metadata.get_host(nodes[3].address)
        assert host is not None
        session.remove_pool(host)
        assert host not in session.hosts
        session.update_created_pools()
        assert host in session.hosts
        nodes.kill(nodes[3])
        while "down" not in told:  # noqa: ASYNC110 - of the nodes
            await asyncio.sleep(0.005)
        for key in range(10):
            await session.execute(f"SELECT * FROM t WHERE k = {key}")
        nodes.heal()
        while "up" not in told:  # noqa: ASYNC110 - of the nodes
            await asyncio.sleep(0.005)
        assert len(cluster.get_pool_snapshot()) == 3


async def test_everything_is_there_at_once(connect: Connect) -> None:
    async with connect(eager_schema=True) as session:
        assert "t" in session.cluster.metadata.keyspaces["ks"].tables
        assert "CREATE TABLE" in session.cluster.metadata.export_schema_as_string()
        assert "Simulated Cluster" in repr(session.cluster)
