"""Many statements at once, a bounded number of them in flight.

The calling thread drives the driver's loop itself, so that nothing waits for another thread.

Example::

    from cql_driver.concurrent import execute_concurrent_with_args

    insert = session.prepare("INSERT INTO users (id, name) VALUES (?, ?)")
    execute_concurrent_with_args(session, insert, [(1, "Ada"), (2, "Zoë")])
"""

from __future__ import annotations

from cql_driver.cluster.concurrency import (
    ExecutionResult,
    execute_concurrent,
    execute_concurrent_with_args,
)

__all__ = ["ExecutionResult", "execute_concurrent", "execute_concurrent_with_args"]
