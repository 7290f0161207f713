"""Event loops that cql-driver can run on besides its own, each a module named as its reactor.

Nothing here need be imported: `Cluster(reactor="gevent")` finds them by their names.
"""

from __future__ import annotations

from cql_reactors._version import __version__

__all__ = ["__version__"]
