"""The driver on asyncio: clusters and sessions on the loop that the application runs.

No thread, and no Task per request. Statements, policies, results and errors are those of
`cql_driver.cluster`; what waits there is awaited here.

Example::

    from cql_driver.aio import AsyncCluster

    async def main():
        async with AsyncCluster(["127.0.0.1"]) as cluster:
            session = await cluster.connect()
            result = await session.execute("SELECT host_id, rack FROM system.peers")
            async for row in result:
                print(row.rack)
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.aio.cluster import AsyncCluster
    from cql_driver.aio.results import AsyncResultSet
    from cql_driver.aio.scans import AsyncScan, scan
    from cql_driver.aio.session import AsyncSession

__all__ = ["AsyncCluster", "AsyncResultSet", "AsyncScan", "AsyncSession", "scan"]

# The reactor `asyncio` of cql-reactors needs the runtime alone.
__getattr__, __dir__ = lazily(
    __name__,
    {
        "cql_driver.aio.cluster": "AsyncCluster",
        "cql_driver.aio.results": "AsyncResultSet",
        "cql_driver.aio.scans": "AsyncScan scan",
        "cql_driver.aio.session": "AsyncSession",
    },
)
