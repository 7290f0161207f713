"""Connections by name: how they are registered, found, replaced and closed."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import weakref
from typing import Any

import pytest

from cql_driver import NoHostAvailable
from cql_driver.cluster import Cluster, Session
from cqlengine import connection as face
from cqlengine.connection import (
    DEFAULT_CONNECTION,
    Connection,
    default_keyspace,
    execute,
    find_connection,
    format_log_context,
    get_cluster,
    get_connection,
    get_session,
    register_connection,
    set_default_connection,
    set_default_keyspace,
    set_session,
    setup,
    unregister_connection,
)
from cqlengine.errors import CQLEngineException
from cqlengine.query.requests import Request
from tests.aio.live import LiveNodes

READ = "SELECT v FROM ks.t WHERE k = ?"
NOWHERE = ["127.0.0.1"]
CLOSED = {"port": 1}


def test_setup_makes_the_default(hosts: list[str], options: dict[str, Any]) -> None:
    setup(hosts, "ks", **options)
    assert default_keyspace() == "ks"
    assert execute("SELECT v FROM ks.t WHERE k = 1").one() == {"v": "a"}
    assert face.session is get_session() is find_connection().session
    assert face.cluster is get_cluster() is face.session.cluster
    assert find_connection("default") is find_connection(DEFAULT_CONNECTION)
    unregister_connection("default")
    assert face.session is None
    assert face.cluster is None


@pytest.mark.parametrize("call", [find_connection, get_session, get_connection, execute])
def test_without_a_default_it_is_said_what_to_do(call: Any) -> None:
    arguments = ["SELECT 1"] if call is execute else []
    with pytest.raises(CQLEngineException, match=r"connection\.setup\(hosts, keyspace\)"):
        call(*arguments)


@pytest.mark.parametrize("name", ["username", "password"])
def test_credentials_are_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(CQLEngineException, match="auth_provider=PlainTextAuthProvider"):
        setup(NOWHERE, "ks", lazy_connect=True, **{name: "x"})
    with pytest.raises(CQLEngineException, match="auth_provider=PlainTextAuthProvider"):
        register_connection("x", NOWHERE, cluster_options={name: "x"}, lazy_connect=True)
    with pytest.raises(CQLEngineException, match="no connection is registered as 'x'"):
        find_connection("x")


def test_a_name_is_registered_once() -> None:
    first = register_connection("x", NOWHERE, lazy_connect=True)
    with pytest.raises(CQLEngineException, match=r"unregister_connection\('x'\)"):
        register_connection("x", NOWHERE, lazy_connect=True)
    assert find_connection("x") is first
    unregister_connection("x")
    assert register_connection("x", NOWHERE, lazy_connect=True) is not first


def test_who_cannot_connect_registers_nothing() -> None:
    with pytest.raises(NoHostAvailable):
        register_connection("x", NOWHERE, cluster_options=CLOSED, default=True)
    with pytest.raises(CQLEngineException, match="there are: none"):
        find_connection("x")
    with pytest.raises(CQLEngineException, match="no default connection"):
        find_connection()


def test_setup_that_fails_leaves_what_was(hosts: list[str], options: dict[str, Any]) -> None:
    setup(hosts, "ks", **options)
    before = find_connection()
    with pytest.raises(NoHostAvailable):
        setup(NOWHERE, "other", **CLOSED)
    assert find_connection() is before
    assert default_keyspace() == "ks"
    assert not before.session.is_shutdown


def test_setup_again_replaces_and_closes(hosts: list[str], options: dict[str, Any]) -> None:
    setup(hosts, "ks", **options)
    cluster, session = get_cluster(), get_session()
    setup(hosts, "other", **options)
    assert cluster.is_shutdown
    assert session.is_shutdown
    assert get_session() is not session
    assert default_keyspace() == "other"


def test_a_lazy_connection_connects_when_it_is_needed(
    nodes: LiveNodes, hosts: list[str], options: dict[str, Any]
) -> None:
    before = nodes.connections
    connection = register_connection("x", hosts, lazy_connect=True, cluster_options=options)
    assert nodes.connections == before
    assert connection.session is None
    assert connection.execute(Request(READ, (1,))).all() == [("a",)]
    assert connection.session is get_session("x")
    assert nodes.connections > before


def test_the_application_keeps_its_session(plain: Session) -> None:
    profile = plain.cluster.profile_manager.default
    before = dict(vars(profile)), dict(plain.encoder.mapping), plain.keyspace
    set_session(plain)
    assert default_keyspace() == "ks"
    assert find_connection().execute(Request(READ, (1,))).all() == [("a",)]
    assert execute(READ, (1,)).one() == {"v": "a"}
    assert plain.execute(READ, (1,)).one().v == "a"
    after = dict(vars(profile)), dict(plain.encoder.mapping), plain.keyspace
    assert after == before
    unregister_connection("default")
    assert not plain.is_shutdown
    assert plain.execute(READ, (1,)).one().v == "a"


def test_set_session_again_closes_nothing(plain: Session) -> None:
    set_session(plain)
    with plain.cluster.connect() as other:
        set_session(other)
        assert get_session() is other
        assert not plain.is_shutdown
        assert default_keyspace() == "ks"  # the other one uses none


def test_what_finds_a_connection(plain: Session, hosts: list[str]) -> None:
    named = register_connection("x", hosts, lazy_connect=True)
    assert find_connection("x") is named
    assert find_connection(named) is named
    of_session = find_connection(plain)
    assert of_session is find_connection(plain)
    assert of_session.execute(Request(READ, (1,))).all() == [("a",)]
    set_default_connection("x")
    assert find_connection() is named
    for wrong in (7, object(), Session, Connection):
        with pytest.raises(CQLEngineException, match="give the name of a connection"):
            find_connection(wrong)
    with pytest.raises(CQLEngineException, match="there are: 'x'"):
        set_default_connection("y")


def test_sessions_that_were_given_are_held_weakly(nodes: LiveNodes) -> None:
    with Cluster(**nodes.options) as cluster:
        session = cluster.connect()
        connection = find_connection(session)
        assert connection.execute(Request(READ, (1,))).all() == [("a",)]
        session.shutdown()
        gone = weakref.ref(session)
        del session
    del cluster
    gc.collect()
    assert gone() is None
    with pytest.raises(CQLEngineException, match="keep a reference"):
        connection.execute(Request(READ, (1,)))


def test_wrong_sessions_are_refused(plain: Session) -> None:
    for wrong in (7, Session, "x"):
        with pytest.raises(CQLEngineException, match="is no session"):
            register_connection("x", session=wrong)  # type: ignore[arg-type]
    with pytest.raises(CQLEngineException, match="leave them out"):
        register_connection("x", session=plain, cluster_options={"port": 1})
    plain.shutdown()
    with pytest.raises(CQLEngineException, match="is shut down"):
        register_connection("x", session=plain)


@pytest.mark.parametrize("name", ["", None, 7])
def test_names_are_texts(name: Any) -> None:
    with pytest.raises(CQLEngineException, match="is no name of a connection"):
        register_connection(name, NOWHERE, lazy_connect=True)


def test_options_may_be_made_for_each_cluster(hosts: list[str], options: dict[str, Any]) -> None:
    made: list[dict[str, Any]] = []

    def make() -> dict[str, Any]:
        made.append(dict(options))
        return made[-1]

    register_connection("x", hosts, cluster_options=make)
    assert made
    with pytest.raises(CQLEngineException, match="give a dict"):
        register_connection("y", hosts, cluster_options=lambda: 7)


def test_a_closed_connection_says_so(hosts: list[str], options: dict[str, Any]) -> None:
    connection = register_connection("x", hosts, cluster_options=options)
    unregister_connection("x")
    with pytest.raises(CQLEngineException, match="is closed: register it anew"):
        connection.execute(Request(READ, (1,)))
    unregister_connection("x")  # a second time does nothing
    connection.setup()
    assert connection.execute(Request(READ, (1,))).all() == [("a",)]
    connection.close()


def test_a_connection_that_retries(
    nodes: LiveNodes,
    hosts: list[str],
    options: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    nodes.kill(nodes[1])
    options = {**options, "wait_for_cluster": 0.05}
    with caplog.at_level(logging.WARNING, "cqlengine.connection"):
        connection = register_connection("x", hosts, retry_connect=True, cluster_options=options)
    assert "the next request tries again" in caplog.text
    with pytest.raises(NoHostAvailable):
        connection.execute(Request(READ, (1,)))
    nodes.heal()
    assert connection.execute(Request(READ, (1,))).all() == [("a",)]


def test_the_keyspace_of_models() -> None:
    from cqlengine import models

    assert models.DEFAULT_KEYSPACE is None
    set_default_keyspace("one")
    assert models.DEFAULT_KEYSPACE == default_keyspace() == "one"
    models.DEFAULT_KEYSPACE = "two"
    assert models.DEFAULT_KEYSPACE == default_keyspace() == "two"
    set_default_keyspace("three")
    assert models.DEFAULT_KEYSPACE == default_keyspace() == "three"
    for wrong in ("", 7):
        with pytest.raises(CQLEngineException, match="is no name of a keyspace"):
            set_default_keyspace(wrong)  # type: ignore[arg-type]


def test_the_context_of_a_log_line() -> None:
    assert format_log_context("made") == "[Connection: DEFAULT_CONNECTION] made"
    assert format_log_context("made", "x", "ks") == "[Connection: x, Keyspace: ks] made"


def test_it_costs_little_to_import() -> None:
    program = (
        "import sys, cqlengine.connection\n"
        "heavy = {'asyncio', 'ssl', 'socket', 'uuid', 're', 'logging'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program], check=True)
