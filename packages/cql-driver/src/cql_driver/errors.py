"""Exceptions of the client side: connections, pools and calls that cannot be made.

They belong to the one tree of `cql_protocol.errors`; what a server answers is there.
"""

from __future__ import annotations

from cql_protocol.errors import DriverException, NoHostAvailable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "ClientOverloaded",
    "ConnectionBusy",
    "ConnectionException",
    "ConnectionShutdown",
    "ForkedError",
    "InvalidArgument",
    "InvalidArgumentType",
    "NoConnectionsAvailable",
    "NoHostAvailable",
    "ProtocolError",
    "QueryExhausted",
    "RequestCancelled",
    "SessionShutdown",
    "TraceUnavailable",
    "UserTypeDoesNotExist",
]


class InvalidArgument(DriverException, ValueError):
    """An argument has a value that cannot be used; the message names it and the remedy."""


class InvalidArgumentType(DriverException, TypeError):
    """An argument is of a type that cannot be used; the message names it and the remedy."""


class ConnectionException(DriverException):
    """A connection could not be made or used. `endpoint` tells which, when it is known."""

    def __init__(self, message: str, endpoint: Any = None) -> None:
        super().__init__(message)
        self.endpoint = endpoint

    @property
    def host(self) -> Any:
        """The address of the connection's end point, or None."""
        return getattr(self.endpoint, "address", None)


class ConnectionShutdown(ConnectionException):
    """The connection was closed, or broke, while a request waited on it."""


class ConnectionBusy(ConnectionException):
    """The connection carries as many requests as it may: nothing was sent."""


class ProtocolError(ConnectionException):
    """The server answered something that does not belong into the conversation."""


class NoConnectionsAvailable(ConnectionException):
    """The host's pool has no connection that could carry the request: nothing was sent."""


class ClientOverloaded(DriverException):
    """More requests wait in this session than its bound allows: nothing was sent.

    Send fewer at once (`cql_driver.concurrent`), raise the bound, or let callers wait.
    """


class SessionShutdown(DriverException):
    """The session or its cluster is shut down: make a new one."""


class ForkedError(SessionShutdown):
    """The session was made in the parent of this process, whose sockets it cannot share.

    Make cluster and session after the fork, or use ``Cluster(reconnect_after_fork=True)``.
    """

    def __init__(self) -> None:
        super().__init__(
            "it was connected before the process was forked, and its sockets cannot be shared: "
            "connect in the child, or use Cluster(reconnect_after_fork=True)"
        )


class RequestCancelled(DriverException):
    """The request was cancelled by its caller; the server may still carry it out."""


class QueryExhausted(DriverException):
    """There is no next page to fetch."""


class TraceUnavailable(DriverException):
    """The trace could not be read in time: it may be written later, or not at all."""


class UserTypeDoesNotExist(DriverException):
    """The keyspace has no user type of this name."""


def no_host(errors: Mapping[Any, Any], why: str = "") -> NoHostAvailable:
    """Return the `NoHostAvailable` that tells what went wrong at each host."""
    if why:
        return NoHostAvailable(why, errors)
    if not errors:
        return NoHostAvailable(
            "No host is known to be up and allowed by the load-balancing policy: check the "
            "contact points, local_dc and the state of the nodes",
            errors,
        )
    told = "; ".join(f"{host}: {type(exc).__name__}: {exc}" for host, exc in errors.items())
    return NoHostAvailable(f"Unable to complete the operation against any hosts: {told}", errors)
