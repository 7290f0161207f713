"""What the tests with a proxy between driver and nodes share."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cql_driver import DriverException
from cql_driver.policies import ConstantReconnectionPolicy
from tests.integration.driver.support import connected, in_flight, new_name, until

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes
    from tests.proxy import ProxyCluster

__all__ = [
    "OFTEN",
    "ROWS",
    "Outcome",
    "Readers",
    "alive",
    "all_links",
    "quiet",
    "read",
    "some_rows",
    "through",
]

ROWS = 40
OFTEN = ConstantReconnectionPolicy(0.1, None)


@contextmanager
def through(
    proxies: ProxyCluster, keyspace: str, *, profile: Any = None, **options: Any
) -> Iterator[Session]:
    """A session that reaches the nodes through the proxies; nothing is in flight at the end."""
    translator = proxies.address_translator
    with connected(
        proxies,  # type: ignore[arg-type]
        keyspace,
        profile=profile,
        address_translator=translator,
        **options,
    ) as session:
        yield session
        proxies.heal()
        quiet(session)


def quiet(session: Session) -> None:
    """Wait until no request is in flight and no late answer is outstanding."""
    until(
        lambda: in_flight(session) == 0 and sum(link.orphans for link in all_links(session)) == 0,
        "nothing is in flight",
    )


def all_links(session: Session) -> list[Any]:
    """All connections of a session, those that were replaced too."""
    pools = session.get_pools()
    return [link for pool in pools for link in [*pool.all_links, *pool.retiring]]


def alive(session: Session) -> bool:
    """Whether the session has a connection to each of its hosts."""
    pools = session.get_pools()
    return bool(pools) and all(any(not li.closed for li in list(p.all_links)) for p in pools)


def read(session: Session, k: int = 1, **options: Any) -> tuple[Any, ...]:
    """The row of a key."""
    return tuple(session.execute(f"SELECT k, v FROM t WHERE k = {k}", **options).one())


@contextmanager
def some_rows(nodes: Nodes, replicas: int) -> Iterator[str]:
    """A keyspace with a table ``t`` of `ROWS` rows: ``k`` int, ``v`` text, the key in letters."""
    name = new_name("ks")
    with connected(nodes) as session:
        session.execute(
            f"CREATE KEYSPACE {name} WITH replication = "
            f"{{'class': 'NetworkTopologyStrategy', 'dc1': {replicas}}}"
        )
        session.execute(f"CREATE TABLE {name}.t (k int PRIMARY KEY, v text)")
        for k in range(ROWS):
            session.execute(f"INSERT INTO {name}.t (k, v) VALUES ({k}, 'v{k}')")
        yield name
        session.execute(f"DROP KEYSPACE {name}", timeout=60)


class Outcome:
    """Counts how often a future's callbacks are called, and with what."""

    def __init__(self, future: Any) -> None:
        self.rows: list[list[tuple[Any, ...]]] = []
        self.errors: list[BaseException] = []
        self.future = future
        future.add_callbacks(self._answered, self.errors.append)

    def _answered(self, rows: Any) -> None:
        self.rows.append([tuple(row) for row in rows or ()])

    @property
    def calls(self) -> int:
        return len(self.rows) + len(self.errors)


class Readers:
    """Threads that read while the block runs: each row must be right, each call in time."""

    def __init__(self, session: Session, threads: int = 4, timeout: float = 10.0) -> None:
        self.session = session
        self.timeout = timeout
        self.done = 0
        self.failed: list[BaseException] = []
        self.wrong: list[object] = []
        self.slowest = 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def _run(self, number: int) -> None:
        keys = random.Random(number)
        while not self._stop.wait(0.002):
            k = keys.randrange(ROWS)
            started = time.monotonic()
            try:
                row = read(self.session, k, timeout=self.timeout)
            except DriverException as error:
                self.failed.append(error)
            else:
                self.done += 1
                if row != (k, f"v{k}"):
                    self.wrong.append(row)
            self.slowest = max(self.slowest, time.monotonic() - started)

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def go_on(self, count: int = 50) -> None:
        """Wait until so many more reads have succeeded."""
        before = self.done
        until(lambda: self.done >= before + count, f"{count} more reads")

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self.timeout + 10)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.wrong == []
        assert self.slowest < self.timeout + 1
