"""TLS and logins of the asyncio API on real nodes."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import AuthenticationFailed, Unauthorized
from cql_driver.auth import PlainTextAuthProvider
from cql_driver.cluster import NoHostAvailable
from tests.cassandra import ClusterOptions
from tests.integration.aio.support import connected, keyspace_of
from tests.integration.driver.support import new_name

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool

pytestmark = [pytest.mark.once, pytest.mark.slow]

QUERY = "SELECT release_version FROM system.local"
ADMIN = PlainTextAuthProvider("cassandra", "cassandra")


@pytest.fixture
def guarded(clusters: ClusterPool) -> Nodes:
    """A node with TLS that asks for a password."""
    return clusters.get(ClusterOptions(tls="server", authentication=True, authorization=True))


@pytest.fixture
def mutual(clusters: ClusterPool) -> Nodes:
    """A node that asks clients for a certificate."""
    return clusters.get(ClusterOptions(tls="mutual"))


def context_of(nodes: Nodes, **choices: Any) -> ssl.SSLContext:
    assert nodes.tls is not None
    return nodes.tls.client_context(**choices)


async def works(nodes: Nodes, **options: Any) -> bool:
    async with connected(nodes, **options) as session:
        return bool((await session.execute(QUERY)).one().release_version == nodes.version)


async def refusal(nodes: Nodes, **options: Any) -> Any:
    """Why the one node could not be connected to."""
    with pytest.raises(NoHostAvailable) as caught:
        await works(nodes, **options)
    (error,) = caught.value.errors.values()
    return error


async def test_the_name_of_the_server(guarded: Nodes) -> None:
    context = context_of(guarded, with_certificate=False)
    assert await works(guarded, ssl_context=context, auth_provider=ADMIN)
    name = {"server_hostname": "elsewhere.example"}
    error = await refusal(guarded, ssl_context=context, ssl_options=name, auth_provider=ADMIN)
    assert "elsewhere.example" in str(error)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    name = {"server_hostname": "localhost"}
    assert await works(guarded, ssl_context=context, ssl_options=name, auth_provider=ADMIN)
    unknown = ssl.create_default_context()
    error = await refusal(guarded, ssl_context=unknown, auth_provider=ADMIN)
    assert "verify failed" in str(error)
    await refusal(guarded, auth_provider=ADMIN)


async def test_a_clients_certificate(mutual: Nodes) -> None:
    assert await works(mutual, ssl_context=context_of(mutual))
    await refusal(mutual, ssl_context=context_of(mutual, with_certificate=False))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_much_through_tls(guarded: Nodes, version: ssl.TLSVersion) -> None:
    context = context_of(guarded, with_certificate=False)
    context.minimum_version = context.maximum_version = version
    async with (
        connected(guarded, ssl_context=context, auth_provider=ADMIN) as session,
        keyspace_of(session, 1),
    ):
        await session.execute("CREATE TABLE t (k int PRIMARY KEY, v blob)")
        insert = await session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        values = [bytes([number]) * (number * 40_000) for number in range(30)]
        await asyncio.gather(*[session.execute(insert, row) for row in enumerate(values)])
        result = await session.execute("SELECT k, v FROM t")
        assert {row.k: row.v async for row in result} == dict(enumerate(values))


async def test_logins(guarded: Nodes) -> None:
    tls = {"ssl_context": context_of(guarded, with_certificate=False)}
    wrong = PlainTextAuthProvider("cassandra", "wrong")
    error = await refusal(guarded, auth_provider=wrong, **tls)
    assert isinstance(error, AuthenticationFailed)
    assert "wrong" not in str(error)
    error = await refusal(guarded, **tls)
    assert isinstance(error, AuthenticationFailed)
    assert "auth_provider" in str(error)
    role = new_name("role")
    async with (
        connected(guarded, auth_provider=ADMIN, **tls) as session,
        keyspace_of(session, 1) as keyspace,
    ):
        await session.execute("CREATE TABLE t (k int PRIMARY KEY)")
        await session.execute(f"CREATE ROLE {role} WITH PASSWORD = %s AND LOGIN = true", ("it's",))
        await session.execute(f"GRANT SELECT ON KEYSPACE {keyspace} TO {role}")
        provider = PlainTextAuthProvider(role, "it's")
        async with connected(guarded, keyspace, auth_provider=provider, **tls) as other:
            assert await (await other.execute("SELECT * FROM t")).all() == []
            with pytest.raises(Unauthorized, match="MODIFY"):
                await other.execute("INSERT INTO t (k) VALUES (?)", (1,))
        await session.execute(f"DROP ROLE {role}")
