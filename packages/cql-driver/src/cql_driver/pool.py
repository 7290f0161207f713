"""Hosts and their pools of connections.

Example::

    >>> from cql_driver.pool import Host, HostPool, NoConnectionsAvailable
"""

from __future__ import annotations

from cql_driver.errors import NoConnectionsAvailable
from cql_driver.pools.host import Host
from cql_driver.pools.pool import HostPool

__all__ = ["Host", "HostPool", "NoConnectionsAvailable"]
