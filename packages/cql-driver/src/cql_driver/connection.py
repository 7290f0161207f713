"""Where nodes are reached: end points, the factories that make them, and errors of connections.

Example::

    >>> from cql_driver.connection import DefaultEndPoint
    >>> str(DefaultEndPoint("10.0.0.1")), str(DefaultEndPoint("::1", 9043))
    ('10.0.0.1:9042', '[::1]:9043')
"""

from __future__ import annotations

from itertools import count

from cql_driver._version import __version__
from cql_driver.addresses import checked_address, checked_port
from cql_driver.errors import (
    ConnectionBusy,
    ConnectionException,
    ConnectionShutdown,
    InvalidArgument,
    InvalidArgumentType,
    ProtocolError,
)
from cql_protocol.errors import UnresolvableContactPoints, UnsupportedOperation

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = [
    "EndPoint",
    "EndPointFactory",
    "DefaultEndPoint",
    "DefaultEndPointFactory",
    "SniEndPoint",
    "SniEndPointFactory",
    "UnixSocketEndPoint",
    "contact_endpoints",
    "ConnectionException",
    "ConnectionShutdown",
    "ConnectionBusy",
    "ProtocolError",
    "DRIVER_NAME",
    "DRIVER_VERSION",
    "DEFAULT_CQL_VERSION",
]

DRIVER_NAME = "cql-driver for Python"
"""What the driver calls itself to servers."""
DRIVER_VERSION = __version__
"""The version that the driver tells servers."""
DEFAULT_CQL_VERSION = "3.0.0"
"""The version of CQL to ask for where a server offers none."""

_DEFAULT_PORT = 9042
_WILDCARDS = ("0.0.0.0", "::")  # a node that listens everywhere says so instead of an address


class EndPoint:
    """Where a node is reached. Immutable; equal ones are the same place.

    A subclass of your own defines `address`, `port` and `resolve`, and `target` as well if
    its `resolve` blocks.
    """

    __slots__ = ()

    @property
    def address(self) -> str:
        """The IP address, the host name, or the path of a socket."""
        raise _undefined(self, "address")

    @property
    def port(self) -> int | None:
        """The port, or None where there are no ports."""
        raise _undefined(self, "port")

    @property
    def ssl_options(self) -> dict[str, Any] | None:
        """What TLS needs to know of this place: ``{"server_hostname": name}`` or None."""
        return None

    @property
    def server_hostname(self) -> str | None:
        """The name to ask for and to verify in TLS; None for the address."""
        return (self.ssl_options or {}).get("server_hostname")

    @property
    def tls_session_cache_key(self) -> tuple[Any, ...]:
        """What TLS sessions with this place are remembered by."""
        return (self.address, self.port)

    @property
    def socket_family(self) -> int:
        """The address family of the socket to connect by; 0 (AF_UNSPEC) for any."""
        return 0

    def resolve(self) -> tuple[str, int | None]:
        """Return (address, port) to connect to. It may look a name up, and block."""
        raise _undefined(self, "resolve()")

    def target(self) -> tuple[str, int] | str:
        """Return (host name or IP address, port) to look up and connect to, or a socket's path.

        The driver asks this one, and looks names up without blocking.
        """
        address, port = self.resolve()
        return address if port is None else (address, port)

    def _order(self) -> tuple[str, int, str, str]:
        """Return what end points of all kinds are ordered by."""
        return (self.address, self.port or 0, self.server_hostname or "", type(self).__name__)

    def __lt__(self, other: EndPoint) -> bool:
        if not isinstance(other, EndPoint):
            return NotImplemented
        return self._order() < other._order()

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class DefaultEndPoint(EndPoint):
    """A node by its IP address or name, and its port.

    Raises `InvalidArgument` or `InvalidArgumentType` for what can be neither.
    """

    __slots__ = ("_address", "_hash", "_port")

    def __init__(self, address: str, port: int = _DEFAULT_PORT) -> None:
        self._address = checked_address(address)
        self._port = checked_port(port)
        self._hash = hash((self._address, self._port))

    @property
    def address(self) -> str:
        """The IP address or name."""
        return self._address

    @property
    def port(self) -> int:
        """The port."""
        return self._port

    def resolve(self) -> tuple[str, int]:
        """Return (address, port) as they are: nothing is looked up here."""
        return self._address, self._port

    def target(self) -> tuple[str, int]:
        """Return (address, port)."""
        return self._address, self._port

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DefaultEndPoint):
            return NotImplemented
        return self._port == other._port and self._address == other._address

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return _joined(self._address, self._port)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._address, self._port)


class SniEndPoint(EndPoint):
    """A node behind a proxy, which finds it by the server name of TLS (SNI).

    `proxy_address` and `port` are the proxy's, `server_name` is the node's.
    """

    __slots__ = ("_hash", "_port", "_proxy", "_server_name", "_turn")

    _turns = count()

    def __init__(self, proxy_address: str, server_name: str, port: int = _DEFAULT_PORT) -> None:
        self._proxy = checked_address(proxy_address, "proxy_address")
        self._server_name = _checked_text(server_name, "server_name")
        self._port = checked_port(port)
        self._hash = hash((self._proxy, self._server_name, self._port))
        # Nodes begin with different addresses of the proxy, so that they spread over them.
        self._turn = next(self._turns)

    @property
    def address(self) -> str:
        """The proxy's address or name."""
        return self._proxy

    @property
    def port(self) -> int:
        """The proxy's port."""
        return self._port

    @property
    def ssl_options(self) -> dict[str, Any]:
        """The node's name, as TLS options."""
        return {"server_hostname": self._server_name}

    @property
    def server_hostname(self) -> str:
        """The node's name."""
        return self._server_name

    @property
    def tls_session_cache_key(self) -> tuple[Any, ...]:
        """Proxy, port and the node's name."""
        return (self._proxy, self._port, self._server_name)

    def resolve(self) -> tuple[str, int]:
        """Look the proxy up and return its next address with the port. Blocks.

        Raises `UnresolvableContactPoints` when the proxy has none.
        """
        import socket

        try:
            found = socket.getaddrinfo(self._proxy, self._port, type=socket.SOCK_STREAM)
        except OSError as exc:
            raise UnresolvableContactPoints(
                f"the proxy {self._proxy!r} cannot be resolved: {exc}"
            ) from exc
        addresses = sorted({str(address[4][0]) for address in found})
        self._turn += 1
        return addresses[self._turn % len(addresses)], self._port

    def target(self) -> tuple[str, int]:
        """Return the proxy's name and port, to be looked up."""
        return self._proxy, self._port

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SniEndPoint):
            return NotImplemented
        return self.tls_session_cache_key == other.tls_session_cache_key

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{_joined(self._proxy, self._port)}:{self._server_name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._proxy, self._server_name, self._port)


class UnixSocketEndPoint(EndPoint):
    """A node on this machine, by the path of its unix socket."""

    __slots__ = ("_path",)

    def __init__(self, unix_socket_path: str) -> None:
        self._path = _checked_text(unix_socket_path, "unix_socket_path")

    @property
    def address(self) -> str:
        """The path."""
        return self._path

    @property
    def port(self) -> None:
        """None: a unix socket has no port."""
        return None

    @property
    def socket_family(self) -> int:
        """AF_UNIX; raises `UnsupportedOperation` where the system has no unix sockets."""
        import socket

        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise UnsupportedOperation(f"{self}: this system has no unix sockets")
        return int(family)

    def resolve(self) -> tuple[str, None]:
        """Return (path, None)."""
        return self._path, None

    def target(self) -> str:
        """Return the path."""
        return self._path

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UnixSocketEndPoint):
            return NotImplemented
        return self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __str__(self) -> str:
        return self._path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._path,)


# --- factories ---------------------------------------------------------------------------


class EndPointFactory:
    """Makes the end points of the nodes that the cluster tells of; subclass it for your own."""

    cluster: Any = None
    """The cluster it works for, once it is configured."""

    def configure(self, cluster: Any) -> EndPointFactory:
        """Learn which cluster it works for; called once, before `create`."""
        self.cluster = cluster
        return self

    def create(self, row: Mapping[str, Any]) -> EndPoint:
        """Return the end point of a node, told of by a row of a system table, as a dict."""
        raise _undefined(self, "create(row)")


class DefaultEndPointFactory(EndPointFactory):
    """Makes a `DefaultEndPoint` of the address and port that a node gives to clients.

    `port` is for nodes that give none; None for the cluster's. Addresses go through the
    cluster's address translator.
    """

    port: int | None = None

    def __init__(self, port: int | None = None) -> None:
        self.port = None if port is None else checked_port(port)

    def create(self, row: Mapping[str, Any]) -> DefaultEndPoint:
        """Return the node's end point.

        Raises `InvalidArgument` when the row has no address (some servers write such rows
        of nodes that are joining), or the translator gives none.
        """
        address = _client_address(row)
        translator = getattr(self.cluster, "address_translator", None)
        if translator is not None:
            address = translator.translate(address)
        default = self.port or getattr(self.cluster, "port", None) or _DEFAULT_PORT
        return DefaultEndPoint(address, row.get("native_port") or row.get("rpc_port") or default)


class SniEndPointFactory(EndPointFactory):
    """Makes a `SniEndPoint` of each node, behind one proxy.

    A node's server name is its host_id, followed by a dot and `node_domain` if there is one.
    """

    def __init__(self, proxy_address: str, port: int, node_domain: str | None = None) -> None:
        self._proxy_address = checked_address(proxy_address, "proxy_address")
        self._port = checked_port(port)
        self._node_domain = node_domain and _checked_text(node_domain, "node_domain")

    def create(self, row: Mapping[str, Any]) -> SniEndPoint:
        """Return the node's end point; raises `InvalidArgument` when the row has no host_id."""
        host_id = row.get("host_id")
        if host_id is None:
            raise InvalidArgument("the row of a node has no host_id, which is its server name")
        name = f"{host_id}.{self._node_domain}" if self._node_domain else str(host_id)
        return self.create_from_sni(name)

    def create_from_sni(self, sni: str) -> SniEndPoint:
        """Return the end point of the server name `sni`."""
        return SniEndPoint(self._proxy_address, sni, self._port)


def _client_address(row: Mapping[str, Any]) -> str:
    """Return the address for clients, or for other nodes where that is a wildcard.

    The columns are those of system.peers_v2, system.peers and system.local, in this order.
    """
    wildcard = None
    for column in ("native_address", "rpc_address", "peer", "broadcast_address", "listen_address"):
        address = row.get(column)
        if address is not None and str(address) in _WILDCARDS:
            wildcard = str(address)
        elif address:
            return str(address)
    told = f"only the wildcard {wildcard}" if wildcard else "no address"
    raise InvalidArgument(f"the row of node {row.get('host_id')} has {told}")


# --- contact points ----------------------------------------------------------------------


def contact_endpoints(contact_points: Any, port: int | str = _DEFAULT_PORT) -> list[EndPoint]:
    """Return the end points that `contact_points` names, each once, in their order.

    It holds texts (an IP address or a host name), pairs (host, port), or end points; `port` is
    that of the texts. Nothing is looked up. Raises `InvalidArgumentType` or
    `InvalidArgument`, naming the contact point and the remedy.

    Example::

        >>> contact_endpoints(["10.0.0.1", ("::1", 9043)])
        [<DefaultEndPoint: 10.0.0.1:9042>, <DefaultEndPoint: [::1]:9043>]
    """
    port = checked_port(port)
    found = [
        _contact_endpoint(point, port, f"contact_points[{index}]")
        for index, point in enumerate(_listed(contact_points))
    ]
    if not found:
        raise InvalidArgument("contact_points is empty: name at least one node")
    return list(dict.fromkeys(found))


def _listed(contact_points: Any) -> Iterable[Any]:
    if isinstance(contact_points, (str, EndPoint)):
        shown = contact_points if isinstance(contact_points, EndPoint) else f'"{contact_points}"'
        raise InvalidArgumentType(f"contact_points must be a list: contact_points=[{shown}]")
    if isinstance(contact_points, (bytes, dict)) or not hasattr(contact_points, "__iter__"):
        raise InvalidArgumentType(
            'contact_points must be a list such as ["10.0.0.1"], '
            f"not {type(contact_points).__name__}"
        )
    listed: Iterable[Any] = contact_points
    return listed


def _contact_endpoint(point: Any, port: int, name: str) -> EndPoint:
    if isinstance(point, EndPoint):
        return point
    if isinstance(point, (tuple, list)):
        if len(point) != 2:
            raise InvalidArgument(f"{name} must be a pair (host, port), not {len(point)} values")
        host, own_port = point
        return DefaultEndPoint(
            checked_address(host, f"{name}: the host"),
            checked_port(own_port, f"{name}: the port"),
        )
    if point is None:
        raise InvalidArgument(f"{name} is None: is a host missing in your settings?")
    if isinstance(point, int):
        raise InvalidArgumentType(
            f"{name} must be a host, not the number {point}: for a port of its own give a "
            'pair, contact_points=[("10.0.0.1", 9042)]'
        )
    return DefaultEndPoint(checked_address(point, name), port)


# --- helpers -----------------------------------------------------------------------------


def _joined(address: str, port: int) -> str:
    """Write address and port together; an IPv6 address stands in brackets (RFC 3986)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _checked_text(text: Any, name: str) -> str:
    if not isinstance(text, str):
        raise InvalidArgumentType(f"{name} must be a str, not {type(text).__name__}")
    if not text or "\0" in text:
        raise InvalidArgument(f"{name} is empty or holds a NUL character: {text!r}")
    return text


def _undefined(thing: object, what: str) -> UnsupportedOperation:
    return UnsupportedOperation(f"{type(thing).__name__} must define {what}")
