"""`ReactorConnection`: what `Cluster(connection_class=…)` takes, so that it names a reactor.

Other drivers make a connection per reactor a class of its own, and users choose the reactor by
it. Here the classes of those names stand for the reactor and do nothing else.
"""

from __future__ import annotations

__all__ = ["ReactorConnection"]


class ReactorConnection:
    """Names a reactor; `Cluster(connection_class=…)` chooses that one."""

    reactor: str
    """The name of the entry point of the group ``cql_driver.reactors``."""
