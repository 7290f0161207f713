"""A short program on one reactor: ``python -m tests.integration.driver.smoke NAME ADDRESS PORT``.

It patches what the reactor's users patch, before anything else is imported, does a little of
everything that the blocking API offers, and ends with status 0.
"""

from __future__ import annotations

import sys

from tests.on_reactor import patch

if __name__ == "__main__":
    patch(sys.argv[1])

import threading
import uuid
from typing import TYPE_CHECKING

from cql_driver import InvalidRequest
from cql_driver.cluster import Cluster
from cql_driver.query import BatchStatement, SimpleStatement

if TYPE_CHECKING:
    from cql_driver.cluster import Session

ROWS = 500


def main(reactor: str, address: str, port: int) -> None:
    """Connect, work, and leave nothing."""
    keyspace = f"smoke_{reactor}_{uuid.uuid4().hex[:8]}"
    # The machine that runs the tests is busy with the nodes.
    patience = {"connect_timeout": 30, "control_connection_timeout": 30}
    before = threading.active_count()
    with Cluster([address], port=port, reactor=reactor, **patience) as cluster:
        session = cluster.connect(wait_for_all_pools=True)
        session.default_timeout = 30
        session.execute(
            f"CREATE KEYSPACE {keyspace} WITH replication = "
            "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        try:
            session.set_keyspace(keyspace)
            work(session)
        finally:
            session.execute(f"DROP KEYSPACE {keyspace}", timeout=60)
        assert session.pools.engine.runtime.name == reactor
    # Twisted's reactor can run only once in a process, so its thread stays.
    assert reactor == "twisted" or threading.active_count() <= before


def work(session: Session) -> None:
    """Texts, prepared statements, batches, pages, errors, threads, callbacks."""
    session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
    session.execute("INSERT INTO t (k, v) VALUES (%s, %s)", (0, "it's"))
    assert session.execute("SELECT v FROM t WHERE k = ?", (0,)).one().v == "it's"
    insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
    rows = [(k, f"v{k}") for k in range(ROWS)]
    assert all(ok for ok, _ in session.execute_concurrent([(insert, row) for row in rows]))
    batch = BatchStatement()
    batch.add(insert, (ROWS, "batch"))
    batch.add("DELETE FROM t WHERE k = 0")
    session.execute(batch)
    pages = session.execute(SimpleStatement("SELECT k FROM t", fetch_size=90))
    assert sorted(row.k for row in pages) == list(range(1, ROWS + 1))
    try:
        session.execute("SELECT nowhere FROM t")
    except InvalidRequest as error:
        assert "nowhere" in str(error)  # noqa: PT017 - pytest is not loaded here
    else:
        raise AssertionError("a wrong statement raised nothing")
    found: list[str] = []
    select = session.prepare("SELECT v FROM t WHERE k = ?")

    def read(first: int) -> None:
        for k in range(first, first + 50):
            found.append(session.execute(select, (k,)).one().v)

    threads = [threading.Thread(target=read, args=(1 + 50 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(f"v{k}" for k in range(1, 401))
    told: list[str] = []
    done = threading.Event()
    futures = [session.execute_async(select, (k,)) for k in range(1, 101)]
    for future in futures:
        future.add_callback(lambda rows: (told.append(rows[0].v), len(told) < 100 or done.set()))
    assert done.wait(30)
    assert sorted(told) == sorted(f"v{k}" for k in range(1, 101))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
