"""The measured process of `benchmarks.scan`: it reads the table once, in the way it is told::

    python -m benchmarks.scan_worker '{"points": ["127.0.0.1"], "port": 9042, "how": "rows"}'

It prints a JSON object. ``how`` is one of:

plain     page by page, as `Session.execute` gives them: no scan
rows      a scan whose rows this process gets
sums      a scan whose function adds up a column of a page: hardly any work
shingles  a scan whose function compares texts: work of some forty microseconds a row, in Python
digest    a scan of rows, of which a sum is made that does not depend on their order
plain-digest  the same of a plain read
"""

from __future__ import annotations

import json
import resource
import sys
import time
import zlib
from collections.abc import Iterable
from typing import Any

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cql_driver.query import tuple_factory
from cql_driver.scans import scan
from cql_protocol._accel import IMPLEMENTATION

TABLE = "bench.readings"
SELECT = f"SELECT * FROM {TABLE}"
ID, TEXT = 2, 7
"""Where these columns stand: those of the key come first, the others by their name."""


def sums(rows: list[Any]) -> tuple[int, int]:
    """Return how many rows there are, and the sum of their ids."""
    return len(rows), sum([row[ID] for row in rows])


def shingles(rows: list[Any]) -> tuple[int, int]:
    """Find how many texts of a page are nearly the same; return as `sums` does.

    Each text is known by the smallest hashes of the groups of letters in it (MinHash).
    """
    known: set[tuple[int, ...]] = set()
    for row in rows:
        text = row[TEXT].encode()
        groups = {text[at : at + size] for size in (5, 9) for at in range(len(text) - size + 1)}
        known.add(tuple(sorted(map(zlib.crc32, groups))[:4]))
    return sums(rows)


def digest(rows: list[Any]) -> tuple[int, int]:
    """Return how many rows there are, and a sum of what is in them."""
    return len(rows), sum([zlib.crc32(repr(row).encode()) for row in rows])


def pages(session: Any, order: dict[str, Any]) -> Iterable[list[Any]]:
    """Return the pages of the whole table."""
    if order["how"].startswith("plain"):
        result = session.execute(SELECT)
        while True:
            yield result.current_rows
            if not result.has_more_pages:
                return
            result.fetch_next_page()
    with scan(session, TABLE, processes=order["processes"], row_factory=tuple_factory) as found:
        yield from found.pages()


def read(session: Any, order: dict[str, Any]) -> tuple[int, int]:
    """Read the table; return how many rows there are, and a sum."""
    how = order["how"]
    function = {"sums": sums, "shingles": shingles}.get(how)
    if function is not None:
        found = scan(
            session,
            TABLE,
            processes=order["processes"],
            row_factory=tuple_factory,
            function=function,
        )
        told: Iterable[tuple[int, int]] = found
    else:
        made = digest if how.endswith("digest") else sums
        told = (made(page) for page in pages(session, order))
    count = total = 0
    for part, added in told:
        count += part
        total += added
    return count, total


def main() -> None:
    order = json.loads(sys.argv[1])
    profile = ExecutionProfile(request_timeout=60, row_factory=tuple_factory)
    cluster = Cluster(
        order["points"],
        port=order["port"],
        connect_timeout=30,
        control_connection_timeout=30,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    with cluster, cluster.connect() as session:
        session.execute(f"{SELECT} LIMIT 10")
        before = _cpu(resource.RUSAGE_SELF)
        begin = time.perf_counter()
        count, total = read(session, order)
        wall = time.perf_counter() - begin
        own = _cpu(resource.RUSAGE_SELF) - before
        told = {
            "rows": count,
            "sum": total,
            "wall": wall,
            "parent": own,
            "workers": _cpu(resource.RUSAGE_CHILDREN),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "worker_memory": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
            "implementation": IMPLEMENTATION,
        }
    print(json.dumps(told))


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
