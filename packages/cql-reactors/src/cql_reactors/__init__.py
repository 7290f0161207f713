"""The home of the event loops that cql-driver can run on besides its own, as plugins.

This release holds none yet: the package reserves the place and carries its version.
"""

from __future__ import annotations

from cql_reactors._version import __version__

__all__ = ["__version__"]
