"""The control side: which nodes there are, which are up, and the connection that tells."""

from __future__ import annotations

from cql_driver.control.connection import ControlConnection
from cql_driver.control.hosts import HostRegistry
from cql_driver.control.rows import NodeInfo, Topology

__all__ = ["ControlConnection", "HostRegistry", "NodeInfo", "Topology"]
