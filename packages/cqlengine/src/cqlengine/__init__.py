"""The object mapper: models, columns and queries for Apache Cassandra and ScyllaDB.

Example::

    from cqlengine import columns, connection
    from cqlengine.management import sync_table
    from cqlengine.models import Model

    class User(Model):
        id = columns.UUID(primary_key=True, default=uuid4)
        name = columns.Text()

    connection.setup(["10.0.0.1"], "shop")
    sync_table(User)
    zoe = User.create(name="Zoë")
    User.objects.get(id=zoe.id)
"""

from __future__ import annotations

from cqlengine._generic import UnicodeMixin
from cqlengine._version import __version__
from cqlengine.errors import CQLEngineException, ValidationError

CACHING_ALL = "ALL"
CACHING_KEYS_ONLY = "KEYS_ONLY"
CACHING_ROWS_ONLY = "ROWS_ONLY"
CACHING_NONE = "NONE"

__all__ = [
    "CACHING_ALL",
    "CACHING_KEYS_ONLY",
    "CACHING_NONE",
    "CACHING_ROWS_ONLY",
    "CQLEngineException",
    "UnicodeMixin",
    "ValidationError",
    "__version__",
]
