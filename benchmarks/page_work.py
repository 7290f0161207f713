"""How a blocking session reads pages: as rows of every kind, and as columns.

It runs in the environment of each driver, so it imports nothing but the standard library and
that driver. `set_up` makes the session give what a workload wants; a workload is a statement
and what checks its result.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import schema

FACTORIES = {"tuples": "tuple_factory", "named": "named_tuple_factory", "dicts": "dict_factory"}
KINDS = {
    "page": "named",
    "tuples": "tuples",
    "named": "named",
    "dicts": "dicts",
    "vector-list": "tuples",
}
"""In which form a workload reads rows; the others read columns."""
LAST = schema.VECTOR_ROWS - 1


def statement_of(workload: str) -> str:
    """Return the statement that a workload executes."""
    return schema.SELECT_VECTORS if workload.startswith("vector") else schema.SELECT_PAGE


def set_up(root: str, session: Any, workload: str) -> None:
    """Have the session give rows, or columns, as this workload wants them."""
    # Nothing is assigned that is so already: a session that was told may take a longer way.
    query = importlib.import_module(f"{root}.query")
    protocol = importlib.import_module(f"{root}.protocol")
    kind = KINDS.get(workload, "tuples")
    factory = getattr(query, FACTORIES[kind])
    if session.row_factory is not factory:
        session.row_factory = factory
    handler = protocol.ProtocolHandler
    if root != "cql_driver" and workload == "numpy":
        handler = protocol.NumpyProtocolHandler
        if handler is None:
            raise RuntimeError("this driver has no NumpyProtocolHandler here")
    if session.client_protocol_handler is not handler:
        session.client_protocol_handler = handler


def checks(root: str) -> dict[str, Callable[[Any], None]]:
    """Return what reads the result of each workload and raises where it is wrong."""
    ours = root == "cql_driver"
    return {
        "tuples": _rows,
        "named": _rows,
        "dicts": _rows,
        "numpy": _our_arrays if ours else _their_arrays,
        "arrow": _table,
        "vector-list": _lists,
        "vector-numpy": _vectors,
        "vector-arrow": _vector_table,
    }


def _rows(result: Any) -> None:
    assert len(list(result)) == schema.PAGE_ROWS


def _our_arrays(result: Any) -> None:
    assert len(result.to_numpy()["number"]) == schema.PAGE_ROWS


def _their_arrays(result: Any) -> None:
    assert sum(len(page["number"]) for page in result) == schema.PAGE_ROWS


def _table(result: Any) -> None:
    assert result.to_arrow().num_rows == schema.PAGE_ROWS


def _lists(result: Any) -> None:
    rows = list(result)
    assert rows[LAST][0] == LAST
    assert len(rows[LAST][1]) == schema.DIMENSION


def _vectors(result: Any) -> None:
    assert result.to_numpy()["embedding"].shape == (schema.VECTOR_ROWS, schema.DIMENSION)


def _vector_table(result: Any) -> None:
    assert result.to_arrow().num_rows == schema.VECTOR_ROWS
