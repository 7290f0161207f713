"""Many threads on one session while nodes die: nothing may hang, nothing may be lost or wrong.

By hand, as long as you like: ``python -m tests.integration.driver.soak --seconds 3600``.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from cql_driver import ConsistencyLevel, DriverException
from tests.integration.driver.support import in_flight, until

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes

__all__ = ["Soak"]

TIMEOUT = 10.0
"""Seconds that each call is given."""
GRACE = 2.0
"""Seconds by which a call may be late."""
KEYS = 20
"""Rows that each thread writes over and over."""
PAGE = 7

TABLES = (
    "CREATE TABLE soak (t int, n int, v bigint, PRIMARY KEY (t, n))",
    "CREATE TABLE soak_cas (t int PRIMARY KEY, v bigint)",
)


class Worker(threading.Thread):
    """One thread with rows of its own, of which it knows what may be in them."""

    def __init__(self, soak: Soak, number: int, seed: int) -> None:
        super().__init__(name=f"soak-{number}")
        self.soak = soak
        self.number = number
        self.random = random.Random(seed)
        self.version = 0
        self.known: dict[int, int] = {}
        """What was acknowledged last, or read since."""
        self.perhaps: dict[int, set[int]] = {}
        """What was written later without an answer: it may be there, now or at any time."""
        self.cas: set[int | None] = {None}
        """What the row of conditional writes may hold."""

    def run(self) -> None:
        steps = [self.write] * 9 + [self.read] * 8 + [self.compare_and_set, self.read_pages]
        try:
            while not self.soak.stop.is_set():
                self.random.choice(steps)()
        except BaseException as error:
            self.soak.wrong.append(f"{self.name} ended: {error!r}")
            raise

    def write(self) -> None:
        key = self.random.randrange(KEYS)
        self.version += 1
        value = self.version
        if self.call("write", self.soak.insert, (self.number, key, value)) is None:
            self.perhaps.setdefault(key, set()).add(value)
        else:
            self.saw(key, value)

    def read(self) -> None:
        key = self.random.randrange(KEYS)
        result = self.call("read", self.soak.select, (self.number, key))
        if result is not None:
            row = result.one()
            self.check(key, None if row is None else row.v)

    def check(self, key: int, value: int | None) -> None:
        """What was read must be the last that was acknowledged, or a later one without answer."""
        if value != self.known.get(key) and value not in self.perhaps.get(key, ()):
            self.soak.wrong.append(
                f"{self.name} read {value} at {key}: {self.known.get(key)} was acknowledged, "
                f"{self.perhaps.get(key)} was not"
            )
        if value is not None:
            self.saw(key, value)

    def saw(self, key: int, value: int) -> None:
        self.known[key] = value
        # A read at QUORUM is seen by all that follow; so what is older is over.
        self.perhaps[key] = {later for later in self.perhaps.get(key, ()) if later > value}

    def read_pages(self) -> None:
        result = self.call("page", self.soak.select_all, (self.number,))
        rows: dict[int, int] = {}
        while result is not None:
            rows.update((row.n, row.v) for row in result.current_rows)
            if not result.has_more_pages:
                break
            if self.timed("page", result.fetch_next_page) is FAILED:
                return
        if result is not None:
            for key in range(KEYS):
                self.check(key, rows.get(key))

    def compare_and_set(self) -> None:
        before = max(self.cas, key=lambda value: -1 if value is None else value)
        self.version += 1
        value = self.version
        result = self.call("cas", self.soak.update, (value, self.number, before))
        if result is None:
            self.cas.add(value)
            return
        if result.was_applied:
            found, allowed = before, self.cas
            self.cas = {value}
        else:
            found = getattr(result.one(), "v", None)
            allowed = self.cas - {before}
            self.cas = {found}
        if found not in allowed:
            self.soak.wrong.append(f"{self.name} found {found} in place of one of {allowed}")

    def call(self, kind: str, statement: Any, values: tuple[Any, ...]) -> Any:
        """The result, or None after an error."""

        def execute() -> Any:
            return self.soak.session.execute(statement, values, timeout=TIMEOUT)

        result = self.timed(kind, execute)
        return None if result is FAILED else result

    def timed(self, kind: str, call: Any) -> Any:
        """What the call returns, or FAILED after an error of the driver."""
        started = time.monotonic()
        try:
            result = call()
        except DriverException as error:
            result = FAILED
            self.soak.errors[kind, type(error).__name__] += 1
        took = time.monotonic() - started
        self.soak.slowest = max(self.soak.slowest, took)
        if took > TIMEOUT + GRACE:
            self.soak.late.append(f"{self.name}: a {kind} took {took:.1f} s")
        self.soak.calls[kind] += 1
        return result


FAILED: Any = object()


class Soak:
    """A run: threads at work, while something else happens to the nodes."""

    def __init__(self, session: Session, threads: int, seed: int) -> None:
        self.session = session
        self.stop = threading.Event()
        self.wrong: list[str] = []
        self.late: list[str] = []
        self.errors: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.slowest = 0.0
        for text in TABLES:
            session.execute(text)
        quorum = ConsistencyLevel.QUORUM
        self.insert = session.prepare("INSERT INTO soak (t, n, v) VALUES (?, ?, ?)")
        self.select = session.prepare("SELECT v FROM soak WHERE t = ? AND n = ?")
        self.select_all = session.prepare("SELECT n, v FROM soak WHERE t = ?")
        self.select_all.fetch_size = PAGE
        self.update = session.prepare("UPDATE soak_cas SET v = ? WHERE t = ? IF v = ?")
        for statement in (self.insert, self.select, self.select_all):
            statement.is_idempotent = True
            statement.consistency_level = quorum
        self.update.consistency_level = quorum
        self.workers = [Worker(self, number, seed + number) for number in range(threads)]

    def start(self) -> None:
        """Let the threads begin."""
        for worker in self.workers:
            worker.start()

    def finish(self) -> None:
        """End the threads; all must come back, each after its call."""
        self.stop.set()
        deadline = time.monotonic() + 3 * (TIMEOUT + GRACE)
        for worker in self.workers:
            worker.join(max(0.1, deadline - time.monotonic()))
        hung = [worker.name for worker in self.workers if worker.is_alive()]
        assert hung == [], f"calls that never returned: {hung}"

    def verify(self) -> None:
        """Everything that was acknowledged can be read, and no connection carries anything."""
        for worker in self.workers:
            worker.read_pages()
        assert self.wrong == []
        assert self.late == []
        until(lambda: in_flight(self.session) == 0, "nothing is left in flight", 30)

    def report(self) -> str:
        """A line on what was done."""
        done = ", ".join(f"{count:,} {kind}s" for kind, count in sorted(self.calls.items()))
        failed = ", ".join(f"{n} {k} {e}" for (k, e), n in sorted(self.errors.items())) or "no"
        return f"{done}; errors: {failed}; the slowest took {self.slowest:.1f} s"


def disturb(nodes: Nodes, seconds: float, rounds: int, seed: int) -> None:
    """Kill one node after the other, and start it again."""
    chance = random.Random(seed)
    deadline = time.monotonic() + seconds
    part = seconds / rounds
    for _ in range(rounds):
        victim = chance.choice(nodes.nodes)
        begun = time.monotonic()
        time.sleep(part / 6)
        victim.kill()
        time.sleep(part / 6)
        victim.start()
        time.sleep(max(0.0, begun + part - time.monotonic()))
    time.sleep(max(0.0, deadline - time.monotonic()))


def main() -> None:
    """Run as long as told, on nodes of our own."""
    from cql_driver.policies import ConstantReconnectionPolicy
    from tests.cassandra import Cluster, ClusterOptions
    from tests.integration.driver.support import connected, keyspace_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--every", type=float, default=60, help="seconds from kill to kill")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with (
        Cluster(ClusterOptions(nodes=3)) as nodes,
        connected(nodes, reconnection_policy=ConstantReconnectionPolicy(1, None)) as session,
        keyspace_of(session, 3),
    ):
        soak = Soak(session, given.threads, given.seed)
        soak.start()
        rounds = max(1, round(given.seconds / given.every))
        try:
            disturb(nodes, given.seconds, rounds, given.seed)
        finally:
            soak.finish()
            print(soak.report(), flush=True)
        soak.verify()
    print("all well", file=sys.stderr)


if __name__ == "__main__":
    main()
