"""The schema of models: as CQL, as it is on the servers, and what is different between them.

- `compare_models` tells what must be done so that a keyspace is what models say, as a list of
  `Difference`; `read_keyspace` are the steps that ask a server for it
- `create_table`, `create_indexes`, `create_type`, `create_view` are the CQL of a model
- `Index` describes an index of a column, `MaterializedView` is the base of models of views
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cqlengine.schema.compare import compare_models
    from cqlengine.schema.differences import Difference, Kind, Safety, in_order
    from cqlengine.schema.indexes import Index
    from cqlengine.schema.live import LiveKeyspace, read_keyspace
    from cqlengine.schema.views import MaterializedView
    from cqlengine.schema.wanted import create_indexes, create_table, create_type
    from cqlengine.schema.wanted_views import create_view
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cqlengine.schema.compare": "compare_models",
            "cqlengine.schema.differences": "Difference Kind Safety in_order",
            "cqlengine.schema.indexes": "Index",
            "cqlengine.schema.live": "LiveKeyspace read_keyspace",
            "cqlengine.schema.views": "MaterializedView",
            "cqlengine.schema.wanted": "create_indexes create_table create_type",
            "cqlengine.schema.wanted_views": "create_view",
        },
    )

__all__ = [
    "Difference",
    "Index",
    "Kind",
    "LiveKeyspace",
    "MaterializedView",
    "Safety",
    "compare_models",
    "create_indexes",
    "create_table",
    "create_type",
    "create_view",
    "in_order",
    "read_keyspace",
]
