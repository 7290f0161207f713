"""The schema of models: as CQL, as it is on the servers, and what is different between them.

- `compare_models` tells what must be done so that a keyspace is what models say, as a list of
  `Difference`
- `create_table`, `create_type`, `create_view` are the CQL of a model
- `Index` describes an index of a column, `MaterializedView` is the base of models of views
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cqlengine.schema.differences import Difference, Kind, Safety, in_order
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cqlengine.schema.differences": "Difference Kind Safety in_order",
        },
    )

__all__ = ["Difference", "Kind", "Safety", "in_order"]
