"""The home of the object mapper: models, columns and queries on top of cql-driver.

This release holds none of it yet: the package reserves the place and carries its version.
"""

from __future__ import annotations

from cqlengine._version import __version__

__all__ = ["__version__"]
