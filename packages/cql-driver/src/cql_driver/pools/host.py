"""`Host`: what is known of one node, and whether it is up."""

from __future__ import annotations

from itertools import count
from threading import RLock

from cql_driver.errors import InvalidArgument

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from uuid import UUID

    from cql_protocol import ShardingInfo

__all__ = ["Host", "as_host_id", "raw_host_id"]

_numbers = count(1)


def raw_host_id(host_id: Any) -> Any:
    """Return what tells a host id from others: the bytes of a `uuid.UUID`."""
    return getattr(host_id, "bytes", host_id)


def as_host_id(raw: Any) -> Any:
    """Return the `uuid.UUID` of its bytes; the inverse of `raw_host_id`."""
    if type(raw) is not bytes or len(raw) != 16:
        return raw
    from uuid import UUID  # here, since it takes longer to import than to connect

    return UUID(bytes=raw)


class Host:
    """One node of the cluster, as load-balancing policies and users see it.

    Its identity is `host_id`: a node that changes its address stays the same `Host`. Hosts
    compare equal by end point, and also to the text of their address. `is_up` is None until
    the first connection tells. What the node says of itself (`release_version`, the
    addresses) is filled in by the control connection; times and counts are elsewhere.
    """

    __slots__ = ("__dict__", "__weakref__", "key")  # this one is read by every request

    endpoint: Any
    raw_id: Any
    """The bytes of `host_id`, by which hosts are told apart."""
    is_up: bool | None
    is_sick: bool = False
    """Whether it is connected, but others are asked first: see `SickNodePolicy`."""
    broadcast_address: str | None = None
    broadcast_port: int | None = None
    broadcast_rpc_address: str | None = None
    broadcast_rpc_port: int | None = None
    listen_address: str | None = None
    listen_port: int | None = None
    release_version: str | None = None
    dse_version: str | None = None
    dse_workload: str | None = None
    dse_workloads: Any = None
    sharding_info: ShardingInfo | None = None
    tokens: tuple[str, ...] = ()
    """The node's tokens as the server writes them."""
    protocol_version: int | None = None
    """The version negotiated with this node, once one is."""

    def __init__(
        self,
        endpoint: Any,
        conviction_policy_factory: Callable[[Host], Any] | None,
        datacenter: str | None = None,
        rack: str | None = None,
        host_id: UUID | None = None,
    ) -> None:
        if endpoint is None:
            raise InvalidArgument("endpoint is None: a host needs one")
        if conviction_policy_factory is None:
            raise InvalidArgument(
                "conviction_policy_factory is None: give a class such as SimpleConvictionPolicy"
            )
        self.endpoint = endpoint
        self.conviction_policy = conviction_policy_factory(self)
        self.host_id = host_id
        self.is_up = None
        self.lock = RLock()
        self.key = next(_numbers)
        """A number of this object's own: hashing it costs less than hashing the host."""
        self._datacenter = datacenter
        self._rack = rack
        self._reconnection_handler: Any = None

    @property
    def host_id(self) -> UUID | None:
        """The id that the node keeps for life; None until its row has told it."""
        found: UUID | None = as_host_id(self.raw_id)
        return found

    @host_id.setter
    def host_id(self, host_id: UUID | None) -> None:
        self.raw_id = raw_host_id(host_id)

    @property
    def address(self) -> str:
        """The address the driver connects to."""
        return str(self.endpoint.address)

    @property
    def datacenter(self) -> str | None:
        """The data centre, once the cluster has told it."""
        return self._datacenter

    @property
    def rack(self) -> str | None:
        """The rack within the data centre."""
        return self._rack

    def set_location_info(self, datacenter: str | None, rack: str | None) -> None:
        """Set data centre and rack; policies are told by who calls this."""
        self._datacenter = datacenter
        self._rack = rack

    def set_up(self) -> None:
        """Mark the host as up and forget its failures."""
        self.conviction_policy.reset()
        self.is_up = True

    def set_down(self) -> None:
        """Mark the host as down."""
        self.is_up = False

    def signal_connection_failure(self, connection_exc: BaseException) -> bool:
        """Tell of a failed connection; return whether the host counts as down now."""
        return bool(self.conviction_policy.add_failure(connection_exc))

    def is_currently_reconnecting(self) -> bool:
        """Say whether somebody is trying to reach the host again."""
        return self._reconnection_handler is not None

    def get_and_set_reconnection_handler(self, new_handler: Any) -> Any:
        """Replace who is trying to reach the host, and return who was."""
        with self.lock:
            old, self._reconnection_handler = self._reconnection_handler, new_handler
        return old

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Host):
            return self is other or bool(self.endpoint == other.endpoint)
        if isinstance(other, str):
            return self.address == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.endpoint)

    def __lt__(self, other: Host) -> bool:
        return bool(self.endpoint < other.endpoint)

    def __str__(self) -> str:
        return str(self.endpoint)

    def __repr__(self) -> str:
        dc = f" {self._datacenter}" if self._datacenter else ""
        return f"<Host: {self.endpoint}{dc}>"
