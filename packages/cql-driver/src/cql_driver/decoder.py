"""Row factories, under the name they once had: this is their page, and nothing else.

They live in `cql_driver.query`. What decodes the bytes of rows is `cql_protocol.rows`.
"""

from __future__ import annotations

from cql_driver.query.rows import (
    dataclass_factory,
    dict_factory,
    named_tuple_factory,
    ordered_dict_factory,
    pseudo_namedtuple_factory,
    tuple_factory,
)

__all__ = [
    "dataclass_factory",
    "dict_factory",
    "named_tuple_factory",
    "ordered_dict_factory",
    "pseudo_namedtuple_factory",
    "tuple_factory",
]
