"""The libraries that columns are made for, which are there or not."""

from __future__ import annotations

from importlib import import_module

from cql_protocol.errors import DependencyException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["library"]

_EXTRAS = {"pyarrow": "arrow", "numpy": "numpy", "pandas": "pandas", "polars": "polars"}


def library(name: str, what: str) -> Any:
    """Return the library that `what` needs; raise `DependencyException` where it is not there."""
    try:
        return import_module(name)
    except ImportError as exc:
        raise DependencyException(
            f"{what} needs {name}, which cannot be imported: "
            f"pip install 'cql-driver[{_EXTRAS[name]}]'",
            [exc],
        ) from exc
