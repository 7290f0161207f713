"""Statements of an application past its models, by the connections that models use."""

from __future__ import annotations

from cql_driver.cluster.profiles import NOT_SET, checked_consistency
from cqlengine.connection.registry import find_connection

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.aio import AsyncResultSet
    from cql_driver.cluster.results import ResultSet

__all__ = ["aexecute", "execute", "format_log_context"]


def execute(
    query: Any,
    params: Any = None,
    consistency_level: int | str | None = None,
    timeout: Any = NOT_SET,
    connection: Any = None,
) -> ResultSet:
    """Run a statement by a connection of models; its rows are dicts.

    - `query`, `params`: as for `cql_driver.cluster.Session.execute`; or a statement of
      `cqlengine.statements`
    - `consistency_level`: a `ConsistencyLevel`, the connection's when None
    - `timeout`: seconds, None for no limit
    - `connection`: see `find_connection`; None for the default

    Example::

        for row in execute("SELECT id, name FROM shop.users WHERE id = ?", (user_id,)):
            print(row["name"])
    """
    use = find_connection(connection).connected()
    query, params, profile = _prepared(use, query, params, consistency_level)
    return use.session.execute(query, params, timeout, execution_profile=profile)


async def aexecute(
    query: Any,
    params: Any = None,
    consistency_level: int | str | None = None,
    timeout: Any = NOT_SET,  # noqa: ASYNC109 - the request's own, which others do not share
    connection: Any = None,
) -> AsyncResultSet:
    """Do as `execute` on the running event loop.

    Example::

        async for row in await aexecute("SELECT id, name FROM shop.users"):
            print(row["name"])
    """
    use = await find_connection(connection).loop_sessions().opened()
    query, params, profile = _prepared(use, query, params, consistency_level)
    return await use.session.execute(query, params, timeout, execution_profile=profile)


def _prepared(use: Any, query: Any, params: Any, level: Any) -> tuple[Any, Any, Any]:
    """Return statement, values and profile as a session takes them."""
    from cql_driver.query import dict_factory

    if level is not None:
        level = checked_consistency("consistency_level", level)
        own = getattr(query, "consistency_level", None)
        if own is not None and own != level:
            # The statement's own would win over the profile's, and is not ours to change.
            from copy import copy

            query = copy(query)
            query.consistency_level = level
    if params is None and not isinstance(query, str):
        from cqlengine.statements.base import BaseCQLStatement

        if isinstance(query, BaseCQLStatement):
            query, params = query.text(), query.values()
    return query, params, use.profile(level, dict_factory)


def format_log_context(msg: str, connection: Any = None, keyspace: str | None = None) -> str:
    """Return a message with the names of connection and keyspace before it.

    Example::

        >>> format_log_context("creating table users", "reports", "shop")
        '[Connection: reports, Keyspace: shop] creating table users'
    """
    name = getattr(connection, "name", connection) or "DEFAULT_CONNECTION"
    if keyspace:
        return f"[Connection: {name}, Keyspace: {keyspace}] {msg}"
    return f"[Connection: {name}] {msg}"
