"""Where nodes are reached: end points, their factories, and contact points."""

from __future__ import annotations

import ipaddress
import pickle
import socket
from typing import Any

import pytest

import cql_driver
from cql_driver import connection
from cql_driver.addresses import checked_port
from cql_driver.connection import (
    ConnectionException,
    DefaultEndPoint,
    DefaultEndPointFactory,
    EndPoint,
    EndPointFactory,
    SniEndPoint,
    SniEndPointFactory,
    UnixSocketEndPoint,
    contact_endpoints,
)
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import (
    DriverException,
    UnresolvableContactPoints,
    UnsupportedOperation,
)

# --- end points --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (DefaultEndPoint("10.0.0.1"), "10.0.0.1:9042"),
        (DefaultEndPoint("node.test", 9043), "node.test:9043"),
        (DefaultEndPoint("::1"), "[::1]:9042"),
        (DefaultEndPoint("fe80::1%eth0"), "[fe80::1%eth0]:9042"),
        (SniEndPoint("proxy", "node-1", 443), "proxy:443:node-1"),
        (SniEndPoint("::1", "node-1", 443), "[::1]:443:node-1"),
        (UnixSocketEndPoint("/run/cql.sock"), "/run/cql.sock"),
    ],
)
def test_texts(endpoint: EndPoint, text: str) -> None:
    assert str(endpoint) == text
    assert repr(endpoint) == f"<{type(endpoint).__name__}: {text}>"
    copy = pickle.loads(pickle.dumps(endpoint))
    assert copy == endpoint
    assert hash(copy) == hash(endpoint)


def test_a_default_end_point() -> None:
    endpoint = DefaultEndPoint("10.0.0.1", 9043)
    assert (endpoint.address, endpoint.port) == ("10.0.0.1", 9043)
    assert endpoint.resolve() == endpoint.target() == ("10.0.0.1", 9043)
    assert endpoint.tls_session_cache_key == ("10.0.0.1", 9043)
    assert endpoint.socket_family == socket.AF_UNSPEC
    assert endpoint.ssl_options is None
    assert endpoint.server_hostname is None


def test_nothing_of_it_can_be_set() -> None:
    with pytest.raises(AttributeError):
        DefaultEndPoint("10.0.0.1").port = 5  # type: ignore[misc]


@pytest.mark.parametrize("spelling", ["0:0:0:0:0:0:0:1", "::0001", "[::1]", "0::1"])
def test_all_spellings_of_an_ipv6_address_are_one(spelling: str) -> None:
    assert DefaultEndPoint(spelling) == DefaultEndPoint("::1")
    assert DefaultEndPoint(spelling).address == "::1"


def test_objects_of_ipaddress_are_addresses() -> None:
    assert DefaultEndPoint(ipaddress.ip_address("10.0.0.1")).address == "10.0.0.1"  # type: ignore[arg-type]
    assert DefaultEndPoint(ipaddress.ip_address("::1")).address == "::1"  # type: ignore[arg-type]


def test_an_sni_end_point() -> None:
    endpoint = SniEndPoint("proxy.test", "node-1", 443)
    assert (endpoint.address, endpoint.port) == ("proxy.test", 443)
    assert endpoint.ssl_options == {"server_hostname": "node-1"}
    assert endpoint.server_hostname == "node-1"
    assert endpoint.target() == ("proxy.test", 443)
    assert endpoint.tls_session_cache_key == ("proxy.test", 443, "node-1")


def test_an_sni_end_point_takes_the_addresses_of_its_proxy_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "proxy.test"
        return [(2, 1, 6, "", (address, port)) for address in ("10.0.0.2", "10.0.0.1", "10.0.0.2")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    endpoint = SniEndPoint("proxy.test", "node-1", 443)
    found = [endpoint.resolve() for _ in range(4)]
    assert set(found) == {("10.0.0.1", 443), ("10.0.0.2", 443)}
    assert found[0] != found[1]
    assert found[:2] == found[2:]
    others = {SniEndPoint("proxy.test", f"node-{number}", 443).resolve() for number in range(2)}
    assert len(others) == 2


def test_a_proxy_that_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(UnresolvableContactPoints, match=r"the proxy 'proxy\.test' cannot"):
        SniEndPoint("proxy.test", "node-1").resolve()


def test_a_unix_socket() -> None:
    endpoint = UnixSocketEndPoint("/run/cql.sock")
    assert (endpoint.address, endpoint.port) == ("/run/cql.sock", None)
    assert endpoint.resolve() == ("/run/cql.sock", None)
    assert endpoint.target() == "/run/cql.sock"


def test_a_system_without_unix_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = UnixSocketEndPoint("/run/cql.sock")
    if hasattr(socket, "AF_UNIX"):
        assert endpoint.socket_family == socket.AF_UNIX
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    with pytest.raises(UnsupportedOperation, match="no unix sockets"):
        _ = endpoint.socket_family


def test_equality() -> None:
    assert DefaultEndPoint("10.0.0.1") == DefaultEndPoint("10.0.0.1", 9042)
    assert DefaultEndPoint("10.0.0.1") != DefaultEndPoint("10.0.0.1", 9043)
    assert SniEndPoint("10.0.0.1", "a") != SniEndPoint("10.0.0.1", "b")
    assert SniEndPoint("10.0.0.1", "a") != DefaultEndPoint("10.0.0.1")
    assert UnixSocketEndPoint("/a") == UnixSocketEndPoint("/a")
    assert DefaultEndPoint("10.0.0.1") != "10.0.0.1:9042"
    assert UnixSocketEndPoint("/a") != "/a"
    both = {SniEndPoint("10.0.0.1", "a"), SniEndPoint("10.0.0.1", "a"), DefaultEndPoint("10.0.0.1")}
    assert len(both) == 2


def test_all_kinds_have_one_order() -> None:
    in_order = [
        UnixSocketEndPoint("/run/cql.sock"),
        DefaultEndPoint("10.0.0.1", 9042),
        SniEndPoint("10.0.0.1", "a", 9042),
        SniEndPoint("10.0.0.1", "b", 9042),
        DefaultEndPoint("10.0.0.1", 9043),
        DefaultEndPoint("10.0.0.2", 9042),
    ]
    mixed = [in_order[place] for place in (5, 0, 3, 1, 4, 2)]
    assert sorted(mixed) == in_order
    with pytest.raises(TypeError):
        _ = in_order[0] < "10.0.0.1"  # type: ignore[operator]


def test_an_end_point_of_ones_own() -> None:
    """Written for the reference's interface, which knows no `target`."""

    class Tunnel(EndPoint):
        @property
        def address(self) -> str:
            return "node.test"

        @property
        def port(self) -> int:
            return 9042

        @property
        def ssl_options(self) -> dict[str, Any]:
            return {"server_hostname": "tunnel.test"}

        def resolve(self) -> tuple[str, int]:
            return "127.0.0.1", 19042

    endpoint = Tunnel()
    assert endpoint.target() == ("127.0.0.1", 19042)
    assert endpoint.server_hostname == "tunnel.test"
    assert str(endpoint) == "node.test:9042"
    assert sorted([DefaultEndPoint("z.test"), endpoint])[0] is endpoint


@pytest.mark.parametrize("name", ["address", "port"])
def test_what_a_subclass_leaves_out_is_named(name: str) -> None:
    with pytest.raises(UnsupportedOperation, match=f"EndPoint must define {name}"):
        getattr(EndPoint(), name)
    with pytest.raises(UnsupportedOperation, match=r"EndPoint must define resolve\(\)"):
        EndPoint().target()


@pytest.mark.parametrize("cls", [SniEndPointFactory, SniEndPoint])
def test_texts_that_are_none(cls: Any) -> None:
    arguments = ("", "node") if cls is SniEndPoint else ("", 443)
    with pytest.raises(InvalidArgument, match="proxy_address"):
        cls(*arguments)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [("", InvalidArgument), ("a\0b", InvalidArgument), (None, InvalidArgumentType)],
)
def test_names_and_paths_are_looked_at(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="unix_socket_path"):
        UnixSocketEndPoint(wrong)
    with pytest.raises(error, match="server_name"):
        SniEndPoint("proxy", wrong)


# --- factories ---------------------------------------------------------------------------


class _Translator:
    def translate(self, addr: str) -> str:
        return addr.replace("10.", "192.")


class _Cluster:
    def __init__(self, port: int = 9999, translator: Any = None) -> None:
        self.port = port
        self.address_translator = translator


def _create(row: dict[str, Any], cluster: Any = None, port: int | None = None) -> str:
    factory: EndPointFactory = DefaultEndPointFactory(port)
    if cluster is not None:
        assert factory.configure(cluster) is factory
    return str(factory.create(row))


ANY = ipaddress.ip_address("0.0.0.0")
ANY6 = ipaddress.ip_address("::")


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"native_address": "10.0.0.1", "native_port": 9043, "peer": "10.0.0.9"}, "10.0.0.1:9043"),
        ({"rpc_address": "10.0.0.1", "peer": "10.0.0.9"}, "10.0.0.1:9999"),
        ({"rpc_address": ipaddress.ip_address("::1"), "rpc_port": 9044}, "[::1]:9044"),
        ({"rpc_address": ANY, "peer": "10.0.0.9"}, "10.0.0.9:9999"),
        ({"native_address": ANY6, "native_port": 0, "peer": "10.0.0.9"}, "10.0.0.9:9999"),
        ({"rpc_address": "0.0.0.0", "broadcast_address": "10.0.0.8"}, "10.0.0.8:9999"),
        ({"rpc_address": None, "peer": "10.0.0.9"}, "10.0.0.9:9999"),
    ],
)
def test_the_address_for_clients(row: dict[str, Any], wanted: str) -> None:
    assert _create(row, _Cluster()) == wanted


def test_ports_by_their_rank() -> None:
    row = {"rpc_address": "10.0.0.1"}
    assert _create(row) == "10.0.0.1:9042"
    assert _create(row, _Cluster(9999)) == "10.0.0.1:9999"
    assert _create(row, _Cluster(9999), port=7000) == "10.0.0.1:7000"
    assert _create({**row, "native_port": 5}, _Cluster(9999), port=7000) == "10.0.0.1:5"


def test_addresses_go_through_the_translator() -> None:
    row = {"rpc_address": ipaddress.ip_address("10.0.0.1")}
    assert _create(row, _Cluster(9042, _Translator())) == "192.0.0.1:9042"


@pytest.mark.parametrize(
    "row", [{}, {"rpc_address": None, "peer": None}, {"rpc_address": "0.0.0.0"}, {"peer": ANY6}]
)
def test_a_row_without_an_address_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"row of node 7 has (no address|only the wildcard)"):
        DefaultEndPointFactory().create({"host_id": 7, **row})


def test_a_translator_that_gives_nothing_is_found_out() -> None:
    class Nothing:
        def translate(self, addr: str) -> None:
            return None

    with pytest.raises(InvalidArgumentType, match="address must be a str"):
        _create({"rpc_address": "10.0.0.1"}, _Cluster(9042, Nothing()))


def test_nodes_behind_a_proxy() -> None:
    plain, named = SniEndPointFactory("proxy", 443), SniEndPointFactory("proxy", 443, "db.test")
    assert str(plain.create({"host_id": 7})) == "proxy:443:7"
    assert str(named.create({"host_id": 7})) == "proxy:443:7.db.test"
    assert plain.create_from_sni("x") == SniEndPoint("proxy", "x", 443)
    with pytest.raises(InvalidArgument, match="host_id"):
        plain.create({"rpc_address": "10.0.0.1"})


def test_a_factory_of_ones_own_must_create() -> None:
    with pytest.raises(UnsupportedOperation, match=r"must define create\(row\)"):
        EndPointFactory().create({})


# --- contact points ----------------------------------------------------------------------


def _texts(contact_points: Any, port: Any = 9042) -> list[str]:
    return [str(endpoint) for endpoint in contact_endpoints(contact_points, port)]


def test_every_form_of_a_contact_point() -> None:
    own = UnixSocketEndPoint("/run/cql.sock")
    points = ["10.0.0.1", "node.test", "::1", ("10.0.0.2", 9043), ["10.0.0.3", "9044"], own]
    assert _texts(points, "7000") == [
        "10.0.0.1:7000",
        "node.test:7000",
        "[::1]:7000",
        "10.0.0.2:9043",
        "10.0.0.3:9044",
        "/run/cql.sock",
    ]


def test_each_is_named_once_in_its_order() -> None:
    points = ("b", "a", ("b", 9042), DefaultEndPoint("a"), "::1", "0::1")
    assert _texts(points) == ["b:9042", "a:9042", "[::1]:9042"]


@pytest.mark.parametrize("points", [{"10.0.0.1"}, iter(["10.0.0.1"]), ("10.0.0.1",)])
def test_anything_with_items_will_do(points: Any) -> None:
    assert _texts(points) == ["10.0.0.1:9042"]


@pytest.mark.parametrize(
    ("points", "error", "shown"),
    [
        ("10.0.0.1", InvalidArgumentType, 'contact_points=["10.0.0.1"]'),
        (DefaultEndPoint("10.0.0.1"), InvalidArgumentType, "must be a list"),
        (None, InvalidArgumentType, "not NoneType"),
        (5, InvalidArgumentType, "not int"),
        (b"10.0.0.1", InvalidArgumentType, "not bytes"),
        ({"10.0.0.1": 9042}, InvalidArgumentType, "not dict"),
        ([], InvalidArgument, "is empty"),
        (["10.0.0.1", None], InvalidArgument, "contact_points[1] is None"),
        (("10.0.0.1", 9042), InvalidArgumentType, '[("10.0.0.1", 9042)]'),
        ([b"10.0.0.1"], InvalidArgumentType, "contact_points[0] must be a str"),
        ([""], InvalidArgument, "is an empty text"),
        ([" 10.0.0.1"], InvalidArgument, "white space"),
        (["10.0.0.1\n"], InvalidArgument, "white space"),
        (["a\0b"], InvalidArgument, "control characters"),
        (["a,b"], InvalidArgument, "a list with one text per host"),
        (["10.0.0.1:9043"], InvalidArgument, "give a tuple ('10.0.0.1', 9043)"),
        (["[::1]:9043"], InvalidArgument, "give a tuple ('::1', 9043)"),
        (["node.test:"], InvalidArgument, "give a tuple ('node.test', 9042)"),
        (["cassandra://10.0.0.1"], InvalidArgument, "is a URL: give the host alone"),
        (["/run/cql.sock"], InvalidArgument, "UnixSocketEndPoint(path)"),
        (["1:2:3"], InvalidArgument, "is not an IPv6 address"),
        (["[node]"], InvalidArgument, "is not an IPv6 address"),
        (["a..b"], InvalidArgument, "is not a host name"),
        (["a" * 64], InvalidArgument, "is not a host name"),
        ([".".join(["a" * 50] * 6)], InvalidArgument, "is not a host name"),
        (["ü" * 64], InvalidArgument, "is not a host name"),
        ([("10.0.0.1",)], InvalidArgument, "must be a pair (host, port)"),
        ([("10.0.0.1", 9042, 1)], InvalidArgument, "must be a pair (host, port)"),
        ([(None, 9042)], InvalidArgumentType, "contact_points[0]: the host must be a str"),
        ([("10.0.0.1", None)], InvalidArgumentType, "contact_points[0]: the port must be an int"),
        ([("10.0.0.1", 0)], InvalidArgument, "the port must be from 1 to 65535, not 0"),
        ([("10.0.0.1", "abc")], InvalidArgument, "not 'abc'"),
    ],
)
def test_contact_points_that_are_none(points: Any, error: type[Exception], shown: str) -> None:
    with pytest.raises(error) as caught:
        contact_endpoints(points)
    assert shown in str(caught.value)
    assert isinstance(caught.value, DriverException)


@pytest.mark.parametrize("name", ["bücher.example", "node.test.", "db_1", "xn--bcher-kva.example"])
def test_names_that_are_fine(name: str) -> None:
    assert _texts([name]) == [f"{name}:9042"]


@pytest.mark.parametrize("port", [1, 65535, "9042", "09042"])
def test_ports(port: Any) -> None:
    assert checked_port(port) == int(port)


@pytest.mark.parametrize("port", [0, -1, 65536, "", "abc", "0", "-1", "65536", " 1", "९", "1" * 50])
def test_ports_that_are_none(port: Any) -> None:
    with pytest.raises(InvalidArgument, match="port must be"):
        contact_endpoints(["10.0.0.1"], port)


@pytest.mark.parametrize("port", [None, 1.5, True, b"9042", [9042]])
def test_ports_of_wrong_types(port: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="port must be an int"):
        contact_endpoints(["10.0.0.1"], port)


# --- the rest of the module --------------------------------------------------------------


def test_errors_and_constants() -> None:
    error = ConnectionException("broken", DefaultEndPoint("10.0.0.1"))
    assert error.host == "10.0.0.1"
    assert issubclass(connection.ConnectionShutdown, ConnectionException)
    assert cql_driver.__version__ == connection.DRIVER_VERSION
    assert connection.DEFAULT_CQL_VERSION == "3.0.0"
    assert "cql-driver" in connection.DRIVER_NAME
