"""The logger of queries."""

from __future__ import annotations

from cql_driver.logs import get_logger

__all__ = ["log"]

log = get_logger("cqlengine.query")
