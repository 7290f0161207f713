"""Reading whole tables in parallel: by token ranges, from their replicas, in many processes.

Example::

    from cql_driver import scan

    for row in scan(session, "shop.orders", columns=["id", "total"]):
        ...
    print(sum(scan(session, "shop.orders", function=sum_of_totals, processes=4)))

`cql_driver.aio.scan` is the same for sessions of asyncio. `plan` gives the partitions of a table
to engines of others; `cql_driver.scans.dask` and `cql_driver.scans.ray` are for those two.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.scans.blocking import Scan, scan
    from cql_driver.scans.partitions import ScanPartition, ScanQuery
    from cql_driver.scans.planning import plan
    from cql_driver.scans.processes import ScanWorkerDied
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.scans.blocking": "Scan scan",
            "cql_driver.scans.partitions": "ScanPartition ScanQuery",
            "cql_driver.scans.planning": "plan",
            "cql_driver.scans.processes": "ScanWorkerDied",
        },
    )

__all__ = ["Scan", "ScanPartition", "ScanQuery", "ScanWorkerDied", "plan", "scan"]
