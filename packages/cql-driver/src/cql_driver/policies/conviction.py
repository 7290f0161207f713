"""When a failed connection means that the node is down."""

from __future__ import annotations

from cql_protocol.errors import OperationTimedOut

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.pools.host import Host

__all__ = ["ConvictionPolicy", "SimpleConvictionPolicy"]


class ConvictionPolicy:
    """Judges the failures of one host's connections; each `Host` gets one of its own.

    Give the class, or any function of a host, to ``Cluster(conviction_policy_factory=...)``.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def add_failure(self, connection_exc: BaseException) -> bool:
        """Return whether the host counts as down now, after this failure."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget the failures: the host is up."""
        raise NotImplementedError


class SimpleConvictionPolicy(ConvictionPolicy):
    """Any failure counts, but a timeout: a slow node is not down."""

    def add_failure(self, connection_exc: BaseException) -> bool:
        """Return True unless it is an `OperationTimedOut`."""
        return not isinstance(connection_exc, OperationTimedOut)

    def reset(self) -> None:
        """Do nothing, since nothing was kept."""
