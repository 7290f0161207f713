"""TLS, with and without certificates of clients, and logins, on real nodes."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import AuthenticationFailed, Unauthorized
from cql_driver.auth import PlainTextAuthProvider
from cql_driver.cluster import NoHostAvailable, Session
from cql_driver.policies import ConstantReconnectionPolicy
from tests.cassandra import ClusterOptions
from tests.cassandra.tls import TlsFiles, make_tls_files
from tests.integration.driver.support import connected, keyspace_of, new_name, until

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool

pytestmark = [pytest.mark.once, pytest.mark.slow]

QUERY = "SELECT release_version FROM system.local"
ADMIN = PlainTextAuthProvider("cassandra", "cassandra")


@pytest.fixture(scope="module")
def guarded(clusters: ClusterPool) -> Nodes:
    """A node with TLS that asks for a password."""
    return clusters.get(ClusterOptions(tls="server", authentication=True, authorization=True))


@pytest.fixture(scope="module")
def mutual(clusters: ClusterPool) -> Nodes:
    """A node that asks clients for a certificate."""
    return clusters.get(ClusterOptions(tls="mutual"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """Another authority, with a client's certificate that the nodes do not trust."""
    return make_tls_files(tmp_path_factory.mktemp("stranger") / "tls", ["127.0.0.1"])


def works(nodes: Nodes, **options: Any) -> bool:
    with connected(nodes, **options) as session:
        return bool(session.execute(QUERY).one().release_version == nodes.version)


def refusal(nodes: Nodes, **options: Any) -> BaseException:
    """Why the one node could not be connected to; `NoHostAvailable` tells it in its text too."""
    with pytest.raises(NoHostAvailable) as caught, connected(nodes, **options):
        pass
    (error,) = caught.value.errors.values()
    assert str(error) in str(caught.value)
    return error  # type: ignore[no-any-return]


# --- the server's certificate --------------------------------------------------------------------


def context_of(nodes: Nodes, **choices: Any) -> ssl.SSLContext:
    assert nodes.tls is not None
    return nodes.tls.client_context(**choices)


def test_the_server_is_verified_by_its_address(guarded: Nodes) -> None:
    context = context_of(guarded, with_certificate=False)
    assert context.check_hostname
    assert works(guarded, ssl_context=context, auth_provider=ADMIN)
    assert guarded.tls is not None
    options = {"ca_certs": str(guarded.tls.ca_cert), "cert_reqs": ssl.CERT_REQUIRED}
    with pytest.deprecated_call():
        assert works(guarded, ssl_options={**options, "check_hostname": True}, auth_provider=ADMIN)


def test_a_server_of_another_name_is_refused(guarded: Nodes) -> None:
    context = context_of(guarded, with_certificate=False)
    name = {"server_hostname": "elsewhere.example"}
    error = refusal(guarded, ssl_context=context, ssl_options=name, auth_provider=ADMIN)
    assert "elsewhere.example" in str(error)
    assert "verify failed" in str(error)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    name = {"server_hostname": "localhost"}
    assert works(guarded, ssl_context=context, ssl_options=name, auth_provider=ADMIN)
    context.check_hostname = False
    name = {"server_hostname": "elsewhere.example"}
    assert works(guarded, ssl_context=context, ssl_options=name, auth_provider=ADMIN)


def test_a_server_of_an_unknown_authority_is_refused(guarded: Nodes, stranger: TlsFiles) -> None:
    for context in (ssl.create_default_context(), stranger.client_context()):
        error = refusal(guarded, ssl_context=context, auth_provider=ADMIN)
        assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
        assert "verify failed" in str(error)


def test_plain_text_with_a_server_of_tls(guarded: Nodes) -> None:
    refusal(guarded, auth_provider=ADMIN)


def test_tls_with_a_server_of_plain_text(cassandra: Nodes, stranger: TlsFiles) -> None:
    error = refusal(cassandra, ssl_context=stranger.client_context())
    assert isinstance(error.__cause__, OSError)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("compression", [False, "lz4"])
def test_much_through_tls(guarded: Nodes, version: ssl.TLSVersion, compression: Any) -> None:
    context = context_of(guarded, with_certificate=False)
    context.minimum_version = context.maximum_version = version
    with (
        connected(
            guarded, ssl_context=context, auth_provider=ADMIN, compression=compression
        ) as session,
        keyspace_of(session, 1),
    ):
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v blob)")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        values = [bytes([number]) * (number * 40_000) for number in range(30)]
        futures = [session.execute_async(insert, row) for row in enumerate(values)]
        for future in futures:
            future.result()
        rows = session.execute("SELECT k, v FROM t").all()
        assert {row.k: row.v for row in rows} == dict(enumerate(values))
        assert _tls_of(session) == {version.name.replace("_", ".")}


def _tls_of(session: Session) -> set[str]:
    clients = session.execute(
        "SELECT ssl_enabled, ssl_protocol, driver_name FROM system_views.clients"
    )
    return {row.ssl_protocol for row in clients if row.driver_name}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(guarded: Nodes, version: ssl.TLSVersion) -> None:
    context = context_of(guarded, with_certificate=False)
    context.minimum_version = context.maximum_version = version
    often = ConstantReconnectionPolicy(0.1, None)
    options = {"ssl_context": context, "auth_provider": ADMIN, "reconnection_policy": often}
    with connected(guarded, **options) as session:
        before = context.session_stats()["hits"]
        for _ in range(3):
            _reconnect(session)
        assert context.session_stats()["hits"] >= before + 3
    with connected(guarded, ssl_session_cache=False, **options) as session:
        before = context.session_stats()["hits"]
        _reconnect(session)
        assert context.session_stats()["hits"] == before


def _reconnect(session: Session) -> None:
    """Lose the session's connection, and have another one."""
    (pool,) = session.get_pools()
    link = pool.single
    assert link is not None
    assert session.execute(QUERY).one()
    session.on_loop(lambda: link.close(ConnectionResetError("cut by the test")))
    until(lambda: pool.single not in (None, link), "there is another connection")
    assert session.execute(QUERY).one()


# --- certificates of clients ---------------------------------------------------------------------


def test_a_clients_certificate(mutual: Nodes) -> None:
    assert works(mutual, ssl_context=context_of(mutual))
    assert mutual.tls is not None
    options = {
        "ca_certs": str(mutual.tls.ca_cert),
        "certfile": str(mutual.tls.client_cert),
        "keyfile": str(mutual.tls.client_key),
        "cert_reqs": ssl.CERT_REQUIRED,
    }
    with pytest.deprecated_call():
        assert works(mutual, ssl_options=options)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_certificate_or_a_strangers(
    mutual: Nodes, stranger: TlsFiles, version: ssl.TLSVersion
) -> None:
    without = context_of(mutual, with_certificate=False)
    wrong = context_of(mutual, with_certificate=False)
    wrong.load_cert_chain(str(stranger.client_cert), str(stranger.client_key))
    for context in (without, wrong):
        context.minimum_version = context.maximum_version = version
        error = refusal(mutual, ssl_context=context)
        assert mutual.contact_points[0] in str(error)


def test_certificates_are_rotated(mutual: Nodes, stranger: TlsFiles, tmp_path: Path) -> None:
    """The factory is asked for each connection, so the files in use are those of the moment."""
    assert mutual.tls is not None
    good, current = mutual.tls, tmp_path / "current"
    calls = []

    def use(files: TlsFiles) -> None:
        shutil.rmtree(current, ignore_errors=True)
        current.mkdir()
        for file in (files.client_cert, files.client_key):
            shutil.copy(file, current)

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(good.ca_cert))
        context.load_cert_chain(current / "client.pem", current / "client.key")
        calls.append(context)
        return context

    use(good)
    often = ConstantReconnectionPolicy(0.1, None)
    with connected(mutual, ssl_context=make, reconnection_policy=often) as session:
        assert len(calls) >= 2
        _reconnect(session)
        before = len(calls)
        use(stranger)
        (pool,) = session.get_pools()
        link = pool.single
        assert link is not None
        session.on_loop(lambda: link.close(ConnectionResetError("cut by the test")))
        until(lambda: len(calls) >= before + 3 and pool.last_error, "the node refuses")
        assert pool.single is None
        use(good)
        until(lambda: pool.single is not None, "the node lets us in again")
        assert session.execute(QUERY).one()


# --- logins --------------------------------------------------------------------------------------


@pytest.fixture
def tls(guarded: Nodes) -> dict[str, Any]:
    return {"ssl_context": context_of(guarded, with_certificate=False)}


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_right_password(guarded: Nodes, tls: dict[str, Any], version: int) -> None:
    assert works(guarded, auth_provider=ADMIN, protocol_version=version, **tls)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_wrong_password(guarded: Nodes, tls: dict[str, Any], version: int) -> None:
    for provider in (
        PlainTextAuthProvider("cassandra", "wrong"),
        PlainTextAuthProvider("nobody", "cassandra"),
    ):
        error = refusal(guarded, auth_provider=provider, protocol_version=version, **tls)
        assert isinstance(error, AuthenticationFailed)
        assert "incorrect" in str(error)
        assert "wrong" not in str(error)


def test_no_password(guarded: Nodes, tls: dict[str, Any]) -> None:
    error = refusal(guarded, **tls)
    assert isinstance(error, AuthenticationFailed)
    assert "auth_provider" in str(error)


def test_a_role_with_few_rights(guarded: Nodes, tls: dict[str, Any]) -> None:
    role = new_name("role")
    with (
        connected(guarded, auth_provider=ADMIN, **tls) as session,
        keyspace_of(session, 1) as keyspace,
    ):
        session.execute("CREATE TABLE t (k int PRIMARY KEY)")
        session.execute(f"CREATE ROLE {role} WITH PASSWORD = %s AND LOGIN = true", ("it's",))
        session.execute(f"GRANT SELECT ON KEYSPACE {keyspace} TO {role}")
        provider = PlainTextAuthProvider(role, "it's")
        with connected(guarded, keyspace, auth_provider=provider, **tls) as other:
            assert other.execute("SELECT * FROM t").all() == []
            with pytest.raises(Unauthorized, match="MODIFY"):
                other.execute("INSERT INTO t (k) VALUES (1)")
            with pytest.raises(Unauthorized):
                other.execute("INSERT INTO t (k) VALUES (?)", (1,))
        session.execute(f"ALTER ROLE {role} WITH LOGIN = false")
        error = refusal(guarded, auth_provider=provider, **tls)
        assert isinstance(error, AuthenticationFailed)
        session.execute(f"DROP ROLE {role}")


def test_a_password_where_none_is_asked_for(cassandra: Nodes) -> None:
    assert works(cassandra, auth_provider=ADMIN)
