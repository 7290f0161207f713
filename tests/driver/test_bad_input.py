"""What is wrong with a parameter is told when it is given, with its name and the remedy.

Nothing here connects; `test_bad_requests` goes on with a session.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from cql_driver import policies, query
from cql_driver.auth import PlainTextAuthProvider
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cql_driver.connection import DefaultEndPoint, DefaultEndPointFactory, UnixSocketEndPoint
from cql_driver.encoder import Encoder
from cql_driver.errors import InvalidArgument, InvalidArgumentType, SessionShutdown
from cql_driver.pool import Host
from cql_driver.timestamps import MonotonicTimestampGenerator
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import DriverException

NAN, INF = float("nan"), float("inf")

Row = tuple[str, Any, str]
"""A parameter, a value it cannot have, and what the message says beside the parameter's name."""


def _cases(rows: list[Row]) -> list[Any]:
    return [pytest.param(*row, id=f"{row[0]}={_short(row[1])}") for row in rows]


def _short(value: Any) -> str:
    named = getattr(value, "__name__", None)
    return named or (repr(value) if len(repr(value)) <= 30 else type(value).__name__)


def _told(error: pytest.ExceptionInfo[DriverException], *texts: str) -> None:
    message = str(error.value)
    for text in texts:
        assert text.lower() in message.lower(), f"{text!r} is not in {message!r}"
    # A message is a sentence or two, whatever the value was.
    assert len(message) < 400


CLUSTER: list[Row] = [
    ("contact_points", "10.0.0.1", '["10.0.0.1"]'),
    ("contact_points", DefaultEndPoint("10.0.0.1"), "must be a list"),
    ("contact_points", b"10.0.0.1", "must be a list"),
    ("contact_points", {"10.0.0.1": 9042}, "must be a list"),
    ("contact_points", 9042, "must be a list"),
    ("contact_points", [], "at least one"),
    ("contact_points", [None], "missing in your settings"),
    ("contact_points", [""], "empty"),
    ("contact_points", ["10.0.0.1:9043"], "('10.0.0.1', 9043)"),
    ("contact_points", ["[::1]:9043"], "('::1', 9043)"),
    ("contact_points", ["cql://10.0.0.1"], "the host alone"),
    ("contact_points", ["10.0.0.1,10.0.0.2"], "one text per host"),
    ("contact_points", [" 10.0.0.1"], "strip"),
    ("contact_points", ["10.0.0.1\0"], "control characters"),
    ("contact_points", ["/run/cql.sock"], "UnixSocketEndPoint"),
    ("contact_points", ["::1::2"], "not an IPv6 address"),
    ("contact_points", ["x" * 254], "at most 253"),
    ("contact_points", [b"10.0.0.1"], "must be a str"),
    ("contact_points", [9042], "pair"),
    ("contact_points", [("10.0.0.1",)], "(host, port)"),
    ("contact_points", [("10.0.0.1", 0)], "from 1 to 65535"),
    ("contact_points", [("10.0.0.1", "cql")], "1 to 65535"),
    ("contact_points", [("10.0.0.1", None)], "must be an int"),
    ("port", 0, "from 1 to 65535"),
    ("port", 65536, "from 1 to 65535"),
    ("port", "cql", "1 to 65535"),
    ("port", 9042.0, "must be an int"),
    ("port", True, "must be an int"),
    ("port", None, "must be an int"),
    ("compression", "zip", "cannot be had"),
    ("compression", 5, "'lz4'"),
    ("auth_provider", PlainTextAuthProvider, "PlainTextAuthProvider(...)"),
    ("auth_provider", {"username": "cassandra"}, "PlainTextAuthProvider("),
    ("load_balancing_policy", policies.RoundRobinPolicy, "RoundRobinPolicy(...)"),
    ("load_balancing_policy", "RoundRobinPolicy", "is not a LoadBalancingPolicy"),
    ("reconnection_policy", policies.ConstantReconnectionPolicy, "ConstantReconnectionPolicy(...)"),
    ("reconnection_policy", 5, "ExponentialReconnectionPolicy("),
    ("default_retry_policy", policies.RetryPolicy, "RetryPolicy(...)"),
    ("default_retry_policy", 3, "is not a RetryPolicy"),
    ("conviction_policy_factory", 5, "SimpleConvictionPolicy"),
    ("metrics_enabled", "yes", "True nor False"),
    ("connection_class", object, "reactor="),
    ("connection_class", "gevent", "GeventConnection"),
    ("ssl_options", [("ca_certs", "ca.pem")], "dict"),
    ("ssl_options", {"cert_file": "ca.pem"}, "cert_file"),
    ("ssl_context", True, "SSLContext"),
    ("ssl_context", ssl.SSLContext, "SSLContext"),
    ("ssl_session_cache", 5, "cache"),
    ("sockopts", 5, "(level, option, value)"),
    ("sockopts", [(1, 2)], "(level, option, value)"),
    ("sockopts", [("a", "b", "c")], "(level, option, value)"),
    ("cql_version", 3, "is not a str"),
    ("protocol_version", "5", "3, 4 or 5"),
    ("protocol_version", True, "3, 4 or 5"),
    ("protocol_version", None, "negotiated"),
    ("protocol_version", 2, "3, 4, 5"),
    ("protocol_version", 99, "3, 4, 5"),
    ("executor_threads", 0, "it can be"),
    ("max_schema_agreement_wait", NAN, "seconds"),
    ("max_schema_agreement_wait", None, "seconds"),
    ("control_connection_timeout", -1, "negative"),
    ("control_connection_timeout", "2", "seconds"),
    ("connect_timeout", -0.1, "negative"),
    ("connect_timeout", NAN, "seconds"),
    ("connect_timeout", INF, "None"),
    ("connect_timeout", 1e300, "None"),
    ("connect_timeout", "5", "seconds"),
    ("connect_timeout", True, "seconds"),
    ("metadata_request_timeout", -1, "negative"),
    ("idle_heartbeat_interval", None, "seconds"),
    ("idle_heartbeat_interval", -1, "negative"),
    ("idle_heartbeat_timeout", "30", "seconds"),
    ("schema_event_refresh_window", "2", "seconds"),
    ("topology_event_refresh_window", INF, "seconds"),
    ("status_event_refresh_window", [], "seconds"),
    ("schema_metadata_enabled", None, "True nor False"),
    ("token_metadata_enabled", 1, "True nor False"),
    ("schema_metadata_page_size", 0, "it can be"),
    ("address_translator", policies.IdentityTranslator, "IdentityTranslator(...)"),
    ("address_translator", str.upper, "translate"),
    ("prepare_on_all_hosts", "no", "True nor False"),
    ("reprepare_on_up", 0, "True nor False"),
    ("execution_profiles", [ExecutionProfile], "dict"),
    ("execution_profiles", {"reports": ExecutionProfile}, "ExecutionProfile(...)"),
    ("execution_profiles", {"reports": {"request_timeout": 5}}, "is not an ExecutionProfile"),
    ("execution_profiles", {}.items(), "dict"),
    ("allow_beta_protocol_version", 5, "True nor False"),
    ("timestamp_generator", 5, "microseconds"),
    ("timestamp_generator", MonotonicTimestampGenerator, "MonotonicTimestampGenerator()"),
    ("no_compact", "no", "True nor False"),
    ("endpoint_factory", DefaultEndPointFactory, "DefaultEndPointFactory(...)"),
    ("endpoint_factory", 5, "DefaultEndPointFactory("),
    ("application_info", {"name": "shop"}, "ApplicationInfo"),
    ("cloud", {"secure_connect_bundle": "b.zip"}, "contact_points"),
    ("scylla_cloud", "config.yaml", "contact_points"),
    ("column_encryption_policy", object(), "encrypt"),
    ("client_routes_config", object(), "leave it out"),
    ("allow_control_connection_query_fallback", "always", "'fallback'"),
    ("allow_control_connection_query_fallback", True, "'fallback'"),
    ("driver_config_reporting_enabled", 1, "True nor False"),
    ("reactor", 5, "'selector'"),
    ("reactor", "", "'selector'"),
    ("background_thread", None, "True nor False"),
    ("reconnect_after_fork", "yes", "True nor False"),
    ("observers", 5, "list"),
    ("observers", "log", "list"),
    ("observers", [object()], "request_ended"),
    ("connections_per_host", 0, "it can be"),
    ("max_connections_per_host", 2.0, "is not an int"),
    ("max_requests_per_connection", 40000, "32,768"),
    ("max_waiting_requests", -1, "it can be"),
    ("overload", "drop", "'wait'"),
    ("orphan_threshold", 0, "it can be"),
    ("prepared_cache_size", 0, "it can be"),
    ("eager_schema", 1, "neither True nor False"),
    ("schema_keyspaces", "shop", "a list of names of keyspaces"),
    ("schema_keyspaces", [""], "an item of schema_keyspaces='' is empty"),
    ("wait_for_cluster", -1, "cannot be negative"),
    ("wait_for_cluster", "long", "number of seconds"),
    ("runtime", 5, "event loop"),
    ("contact_point", ["10.0.0.1"], "has no parameter"),
]


@pytest.mark.parametrize(("parameter", "value", "remedy"), _cases(CLUSTER))
def test_parameters_of_a_cluster(parameter: str, value: Any, remedy: str) -> None:
    with pytest.raises(DriverException) as error:
        Cluster(**{parameter: value})
    _told(error, parameter, remedy)


LATER: list[Row] = [row for row in CLUSTER if row[0].endswith(("_timeout", "_enabled", "_host"))]


@pytest.mark.parametrize(("parameter", "value", "remedy"), _cases(LATER))
def test_attributes_of_a_cluster_are_checked_like_its_parameters(
    parameter: str, value: Any, remedy: str
) -> None:
    cluster = Cluster()
    before = getattr(cluster, parameter)
    with pytest.raises(DriverException) as error:
        setattr(cluster, parameter, value)
    _told(error, parameter, remedy)
    assert getattr(cluster, parameter) == before


PROFILE: list[Row] = [
    ("load_balancing_policy", policies.TokenAwarePolicy, "TokenAwarePolicy(...)"),
    ("load_balancing_policy", [], "is not a LoadBalancingPolicy"),
    ("retry_policy", policies.FallthroughRetryPolicy, "FallthroughRetryPolicy(...)"),
    ("retry_policy", "never", "is not a RetryPolicy"),
    ("consistency_level", "MOST", "ConsistencyLevel.LOCAL_QUORUM"),
    ("consistency_level", None, "ConsistencyLevel.LOCAL_QUORUM"),
    ("consistency_level", 99, "ConsistencyLevel"),
    ("consistency_level", True, "ConsistencyLevel"),
    ("serial_consistency_level", ConsistencyLevel.QUORUM, "SERIAL or LOCAL_SERIAL"),
    ("serial_consistency_level", "x", "ConsistencyLevel"),
    ("request_timeout", -1, "None means no limit"),
    ("request_timeout", NAN, "seconds"),
    ("request_timeout", INF, "None means no limit"),
    ("request_timeout", "10", "seconds"),
    ("row_factory", "dict", "dict_factory"),
    ("row_factory", None, "dict_factory"),
    (
        "speculative_execution_policy",
        policies.ConstantSpeculativeExecutionPolicy,
        "ConstantSpeculativeExecutionPolicy(...)",
    ),
    ("speculative_execution_policy", 5, "is not a SpeculativeExecutionPolicy"),
]


@pytest.mark.parametrize(("parameter", "value", "remedy"), _cases(PROFILE))
def test_parameters_and_attributes_of_a_profile(parameter: str, value: Any, remedy: str) -> None:
    with pytest.raises(DriverException) as error:
        ExecutionProfile(**{parameter: value})
    _told(error, parameter, remedy)
    profile = ExecutionProfile()
    with pytest.raises(DriverException) as error:
        setattr(profile, parameter, value)
    _told(error, parameter, remedy)


SESSION: list[Row] = [
    ("client_protocol_handler", dict, "ProtocolHandler"),
    ("default_fetch_size", 0, "it can be"),
    ("default_fetch_size", 2**31, "it can be"),
    ("default_fetch_size", "100", "is not an int"),
    ("encoder", Encoder, "Encoder(...)"),
    ("encoder", str, "Encoder"),
    ("encoder", None, "Encoder()"),
    ("keyspace", None, "name of a keyspace"),
    ("max_trace_wait", None, "seconds"),
    ("max_trace_wait", -1, "negative"),
    ("prefetch_pages", 5, "True nor False"),
    ("timestamp_generator", 1_700_000_000, "microseconds"),
    ("timestamp_generator", MonotonicTimestampGenerator, "MonotonicTimestampGenerator()"),
    ("use_client_timestamp", "no", "True nor False"),
    ("default_consistency_level", "most", "ConsistencyLevel"),
    ("default_serial_consistency_level", 1, "SERIAL or LOCAL_SERIAL"),
    ("default_timeout", -1, "None means no limit"),
    ("row_factory", "dict", "dict_factory"),
]
_LEGACY_NAMES = {"default_timeout": "request_timeout"}


@pytest.mark.parametrize(("parameter", "value", "remedy"), _cases(SESSION))
def test_attributes_of_a_session(parameter: str, value: Any, remedy: str) -> None:
    session = Session(Cluster())
    before = getattr(session, parameter)
    with pytest.raises(DriverException) as error:
        setattr(session, parameter, value)
    _told(error, _LEGACY_NAMES.get(parameter, parameter.removeprefix("default_")), remedy)
    assert getattr(session, parameter) == before


STATEMENT: list[Row] = [
    ("retry_policy", policies.RetryPolicy, "RetryPolicy()"),
    ("retry_policy", 5, "RetryPolicy"),
    ("consistency_level", "QUORUM", "ConsistencyLevel.QUORUM"),
    ("consistency_level", 11, "ConsistencyLevel"),
    ("serial_consistency_level", ConsistencyLevel.ONE, "SERIAL"),
    ("custom_payload", [("a", b"")], "is a dict"),
    ("custom_payload", {"a": "text"}, "encode it"),
    ("custom_payload", {5: b""}, "is str"),
    ("custom_payload", dict.fromkeys(map(str, range(65536))), "at most 65,535"),
]
SIMPLE: list[Row] = [
    ("query_string", b"SELECT", "decode it"),
    ("query_string", None, "text (str)"),
    ("routing_key", "5", "encode"),
    ("routing_key", 5, "bytes"),
    ("fetch_size", 0, "None for all rows"),
    ("fetch_size", -5, "None for all rows"),
    ("fetch_size", "100", "number of rows"),
    ("fetch_size", True, "number of rows"),
    ("keyspace", "", "None for none"),
    ("keyspace", 5, "name (str)"),
    ("keyspace", "a\0b", "None for none"),
]


@pytest.mark.parametrize(("parameter", "value", "remedy"), _cases(STATEMENT + SIMPLE))
def test_parameters_of_a_statement(parameter: str, value: Any, remedy: str) -> None:
    with pytest.raises(DriverException) as error:
        query.SimpleStatement(**{"query_string": "SELECT", parameter: value})
    _told(error, parameter, remedy)


@pytest.mark.parametrize(
    ("parameter", "value", "remedy"), _cases([*STATEMENT, ("batch_type", "BIG", "UNLOGGED")])
)
def test_parameters_of_a_batch(parameter: str, value: Any, remedy: str) -> None:
    with pytest.raises(DriverException) as error:
        query.BatchStatement(**{parameter: value})
    _told(error, parameter, remedy)


def _connected_before() -> Cluster:
    cluster = Cluster()
    cluster.shutdown()
    return cluster


def _full_batch() -> query.BatchStatement:
    batch = query.BatchStatement()
    batch.add_all(["SELECT"] * 65535, [None] * 65535)
    return batch


_HOST = Host(DefaultEndPoint("10.0.0.1"), policies.SimpleConvictionPolicy)

CALLS: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "connect-number": (lambda: Cluster().connect(5), ("keyspace=5", "name")),  # type: ignore[arg-type]
    "connect-empty": (lambda: Cluster().connect(""), ("keyspace", "name")),
    "connect-nul": (lambda: Cluster().connect("a\0b"), ("keyspace", "NUL")),
    "connect-surrogate": (lambda: Cluster().connect("\ud800"), ("keyspace", "UTF-8")),
    "connect-too-long": (lambda: Cluster().connect("k" * 70000), ("keyspace", "long")),
    "connect-after-shutdown": (lambda: _connected_before().connect(), ("make a new Cluster",)),
    "profiles-and-policy": (
        lambda: Cluster(load_balancing_policy=policies.RoundRobinPolicy(), execution_profiles={}),
        ("load_balancing_policy", "put it into a profile"),
    ),
    "profile-not-one": (
        lambda: Cluster().add_execution_profile("a", {}),  # type: ignore[arg-type]
        ("profile", "ExecutionProfile"),
    ),
    "profile-class": (
        lambda: Cluster().add_execution_profile("a", ExecutionProfile),  # type: ignore[arg-type]
        ("profile", "ExecutionProfile(...)"),
    ),
    "profile-twice": (
        lambda: Cluster().add_execution_profile(EXEC_PROFILE_DEFAULT, ExecutionProfile()),
        ("EXEC_PROFILE_DEFAULT", "already"),
    ),
    "profile-unhashable": (
        lambda: Cluster().add_execution_profile([], ExecutionProfile()),
        ("name", "hash"),
    ),
    "profile-wait": (
        lambda: Cluster().add_execution_profile("a", ExecutionProfile(), -1),
        ("pool_wait_timeout", "None means no limit"),
    ),
    "listener-class": (
        lambda: Cluster().register_listener(policies.HostStateListener),
        ("listener", "HostStateListener"),
    ),
    "listener-without-methods": (
        lambda: Cluster().register_listener(object()),
        ("listener", "HostStateListener"),
    ),
    "listener-unknown": (
        lambda: Cluster().unregister_listener(object()),
        ("listener", "not registered"),
    ),
    "type-keyspace": (lambda: Cluster().register_user_type("", "t", dict), ("keyspace", "name")),
    "type-name": (lambda: Cluster().register_user_type("k", 5, dict), ("user_type", "name")),  # type: ignore[arg-type]
    "type-class": (
        lambda: Cluster().register_user_type("k", "t", 5),  # type: ignore[arg-type]
        ("klass", "called"),
    ),
    "up-not-connected": (lambda: Cluster().on_up(_HOST), ("connect()",)),
    "up-address": (lambda: Cluster().on_up("10.0.0.1"), ("host=", "all_hosts()")),  # type: ignore[arg-type]
    "refresh-not-connected": (lambda: Cluster().refresh_nodes(), ("connect()",)),
    "sizes-distance": (
        lambda: Cluster().set_core_connections_per_host("LOCAL", 2),  # type: ignore[arg-type]
        ("host_distance", "HostDistance"),
    ),
    "sizes-remote": (
        lambda: Cluster().set_max_requests_per_connection(policies.HostDistance.REMOTE, 2),
        ("host_distance", "LOCAL"),
    ),
    "sizes-value": (
        lambda: Cluster().set_core_connections_per_host(policies.HostDistance.LOCAL, 0),
        ("connections_per_host", "it can be"),
    ),
    "sizes-min": (
        lambda: Cluster().set_min_requests_per_connection(policies.HostDistance.LOCAL, 5),
        ("set_min_requests_per_connection", "leave it out"),
    ),
    "remote-hosts": (
        lambda: setattr(Cluster(), "connect_to_remote_hosts", "no"),
        ("connect_to_remote_hosts", "True nor False"),
    ),
    "batch-of-numbers": (lambda: query.BatchStatement().add(5), ("int", "texts")),  # type: ignore[arg-type]
    "batch-of-bytes": (lambda: query.BatchStatement().add(b"x"), ("bytes", "texts")),  # type: ignore[arg-type]
    "batch-of-batches": (
        lambda: query.BatchStatement().add(query.BatchStatement()),  # type: ignore[arg-type]
        ("BatchStatement", "texts"),
    ),
    "batch-too-many": (lambda: _full_batch().add("SELECT"), ("65,535", "several batches")),
    "batch-parameters": (
        lambda: query.BatchStatement().add("INSERT %s %s", (1,)),
        ("2", "1"),
    ),
    "batch-add-all": (
        lambda: query.BatchStatement().add_all(["a", "b"], [None]),
        ("2 statements", "None"),
    ),
    "batch-add-all-number": (
        lambda: query.BatchStatement().add_all(5, 5),  # type: ignore[arg-type]
        ("statements", "list"),
    ),
    "bound-of-text": (
        lambda: query.BoundStatement("SELECT"),  # type: ignore[arg-type]
        ("prepared_statement", "session.prepare()"),
    ),
    "targeting-text": (
        lambda: query.HostTargetingStatement("SELECT", _HOST),
        ("inner_statement", "str"),
    ),
    "policy-dc": (lambda: policies.DCAwareRoundRobinPolicy(5), ("local_dc",)),  # type: ignore[arg-type]
    "policy-used-hosts": (
        lambda: policies.DCAwareRoundRobinPolicy("dc", -1),
        ("used_hosts_per_remote_dc",),
    ),
    "policy-rack": (lambda: policies.RackAwareRoundRobinPolicy("dc", None), ("local_rack",)),  # type: ignore[arg-type]
    "policy-child": (
        lambda: policies.TokenAwarePolicy(policies.RoundRobinPolicy),  # type: ignore[arg-type]
        ("child_policy", "RoundRobinPolicy("),
    ),
    "policy-hosts": (lambda: policies.WhiteListRoundRobinPolicy("10.0.0.1"), ("hosts", "list")),
    "policy-predicate": (
        lambda: policies.HostFilterPolicy(policies.RoundRobinPolicy(), True),  # type: ignore[arg-type]
        ("predicate",),
    ),
    "policy-delay": (lambda: policies.ConstantReconnectionPolicy(-1), ("delay",)),
    "policy-delays": (
        lambda: policies.ExponentialReconnectionPolicy(10, 1),
        ("base_delay", "max_delay"),
    ),
    "policy-speculative": (
        lambda: policies.ConstantSpeculativeExecutionPolicy(-1, 1),
        ("delay",),
    ),
    "endpoint-socket": (lambda: UnixSocketEndPoint(""), ("unix_socket_path",)),
    "auth-password": (lambda: PlainTextAuthProvider("user", None), ("password",)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    call, texts = CALLS[name]
    with pytest.raises(DriverException) as error:
        call()
    _told(error, *texts)


def test_mixing_the_two_ways_to_configure_is_told() -> None:
    session = Session(Cluster(execution_profiles={}))
    with pytest.raises(InvalidArgument, match=r"Session.default_timeout .*attribute of a profile"):
        session.default_timeout = 5
    cluster = Cluster(load_balancing_policy=policies.RoundRobinPolicy())
    with pytest.raises(InvalidArgument, match="give execution_profiles"):
        cluster.add_execution_profile("a", ExecutionProfile())


def test_errors_are_those_python_has_for_it() -> None:
    assert issubclass(InvalidArgument, ValueError)
    assert issubclass(InvalidArgumentType, TypeError)
    assert issubclass(SessionShutdown, DriverException)


def test_there_are_as_many_cases_as_asked_for() -> None:
    tables = (CLUSTER, LATER, PROFILE, SESSION, STATEMENT, SIMPLE, CALLS)
    assert sum(map(len, tables)) > 200
