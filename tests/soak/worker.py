"""The process that works: one session of one driver, with readers and writers at full speed.

It is started in the environment of each driver, as a file, and imports nothing but the standard
library, its neighbour `adapters` and that driver::

    python tests/soak/worker.py cql_driver '{"contact_points": ["127.0.9.1"], "port": 9042, …}'

It prints one JSON object a line: what it is, then what was done in each second. A line on its
standard input, or its end, ends the work; then everything is read once more, the session is shut
down, and the last line tells what was found and what was left behind.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from adapters import Adapter

PARTITIONS = 4
"""Partitions that each writer writes to, so that each of them needs every node."""
KEYS = 20
"""Rows of each partition, written over and over."""
PAGE = 7
GRACE = 1.0
"""Seconds by which a call may be late."""
MOST_TOLD = 20
"""So many faults of one kind are told of; all are counted."""
FAILED: Any = object()

# A coordinator asks another replica when one is late. By default "late" follows from latencies,
# which a node that has just started does not know: it then waits for half its time-out.
TABLES = (
    """CREATE TABLE soak (p int, k int, v bigint, PRIMARY KEY (p, k))
    WITH speculative_retry = '200ms' AND additional_write_policy = '200ms'""",
    "CREATE TABLE soak_cas (p int PRIMARY KEY, v bigint)",
)


class State:
    """What all threads know: what was written, and what went wrong."""

    def __init__(self, adapter: Adapter, session: Any, options: dict[str, Any]) -> None:
        self.adapter, self.session = adapter, session
        self.timeout: float = options["timeout"]
        self.pause: float = options["pause"]
        self.writers: int = options["writers"]
        self.stop = threading.Event()
        self.issued = [0] * (self.writers * PARTITIONS * KEYS)
        """The last version of each row that was sent."""
        self.floor = [0] * len(self.issued)
        """The last version that was acknowledged, or read by somebody: none may be older."""
        self.wrong: list[str] = []
        self.late: dict[int, str] = {}
        """Calls beyond their time-out, by thread and beginning: told when it is noticed."""
        self.counts: dict[str, Counter[str]] = {"done": Counter(), "failed": Counter()}
        self.lock = threading.Lock()

    def prepare(self, keyspace: str) -> None:
        """Make the tables and what is executed."""
        session = self.session
        session.execute(
            f"CREATE KEYSPACE {keyspace} WITH replication = "
            "{'class': 'NetworkTopologyStrategy', 'dc1': 3}",
            timeout=60,
        )
        session.set_keyspace(keyspace)
        for text in TABLES:
            session.execute(text, timeout=60)
        self.insert = session.prepare("INSERT INTO soak (p, k, v) VALUES (?, ?, ?)")
        self.select = session.prepare("SELECT v FROM soak WHERE p = ? AND k = ?")
        self.select_all = session.prepare("SELECT k, v FROM soak WHERE p = ?")
        self.select_all.fetch_size = PAGE
        self.update = session.prepare("UPDATE soak_cas SET v = ? WHERE p = ? IF v = ?")
        for statement in (self.insert, self.select, self.select_all):
            statement.is_idempotent = True
        for statement in (self.insert, self.select, self.select_all, self.update):
            statement.consistency_level = self.adapter.quorum


class Thread(threading.Thread):
    """One who calls, again and again."""

    def __init__(self, state: State, kind: str, number: int, seed: int) -> None:
        # Daemons: a call that never returns must not keep the process.
        super().__init__(name=f"{kind}-{number}", daemon=True)
        self.state = state
        self.number = number
        self.random = random.Random(seed)
        self.began: float | None = None
        """When the call that is out began."""
        self.slowest = 0.0
        self.answered = False
        """Whether a call was answered since the last look."""

    def run(self) -> None:
        try:
            while not self.state.stop.is_set():
                self.step()
                if self.state.pause:
                    self.state.stop.wait(self.state.pause)
        except BaseException as error:
            self.state.wrong.append(f"{self.name} ended: {error!r}")
            raise

    def step(self) -> None:
        raise NotImplementedError

    def call(self, kind: str, call: Callable[[], Any]) -> Any:
        """What the call returns, or FAILED after an error of the driver."""
        state = self.state
        self.began = began = time.monotonic()
        try:
            result = call()
            done, name = state.counts["done"], kind
            self.answered = True
        except state.adapter.errors as error:
            result = FAILED
            done, name = state.counts["failed"], f"{kind} {type(error).__name__}"
        took = time.monotonic() - began
        self.began = None
        self.slowest = max(self.slowest, took)
        with state.lock:
            done[name] += 1
            if took > state.timeout + GRACE:
                state.late[hash((self.name, began))] = f"{self.name}: {kind} took {took:.1f} s"
        return result

    def execute(self, kind: str, statement: Any, values: tuple[Any, ...]) -> Any:
        """The result, or FAILED."""
        state = self.state
        return self.call(
            kind, lambda: state.session.execute(statement, values, timeout=state.timeout)
        )

    def check(self, index: int, low: int, value: int | None) -> None:
        """What was read is no older than `low`, and no newer than what was sent."""
        state, found = self.state, value or 0
        if not low <= found <= state.issued[index]:
            state.wrong.append(
                f"{self.name} read version {found} of row {index}: "
                f"{low} was there before, {state.issued[index]} is the last that was sent"
            )
        # What was read at QUORUM is seen by all that follow. Two that raise it at once leave a
        # lower one at worst, which only asks less.
        if found > state.floor[index]:
            state.floor[index] = found

    def read_pages(self, partition: int) -> bool:
        """Read all rows of a partition page by page, and say whether that could be done."""
        first = partition * KEYS
        low = self.state.floor[first : first + KEYS]
        result = self.execute("page", self.state.select_all, (partition,))
        rows: dict[int, int] = {}
        while result is not FAILED:
            rows.update((row.k, row.v) for row in result.current_rows)
            if not result.has_more_pages:
                for key in range(KEYS):
                    self.check(first + key, low[key], rows.get(key))
                return True
            if self.call("page", result.fetch_next_page) is FAILED:
                break
        return False


class Writer(Thread):
    """Writes rows that nobody else writes."""

    def step(self) -> None:
        state, key = self.state, self.random.randrange(KEYS)
        partition = self.number * PARTITIONS + self.random.randrange(PARTITIONS)
        index = partition * KEYS + key
        state.issued[index] = version = state.issued[index] + 1
        result = self.execute("write", state.insert, (partition, key, version))
        if result is not FAILED and version > state.floor[index]:
            state.floor[index] = version


class Reader(Thread):
    """Reads what any writer wrote, one row in most cases."""

    def step(self) -> None:
        state = self.state
        index = self.random.randrange(len(state.issued))
        partition, key = divmod(index, KEYS)
        if self.random.random() < 0.1:
            self.read_pages(partition)
            return
        low = state.floor[index]
        result = self.execute("read", state.select, (partition, key))
        if result is not FAILED:
            row = result.one()
            self.check(index, low, None if row is None else row.v)


class Swapper(Thread):
    """Writes a row of its own on the condition that it holds what was written before."""

    version = 0
    may_be: set[int | None]
    """What the row may hold: what was answered last, and all without an answer since."""

    def step(self) -> None:
        if not self.version:
            self.may_be = {None}
        before = max(self.may_be, key=lambda value: value or 0)
        self.version += 1
        version = self.version
        result = self.execute("cas", self.state.update, (version, self.number, before))
        if result is FAILED:
            self.may_be.add(version)
            return
        if result.was_applied:
            found, allowed = before, self.may_be
            self.may_be = {version}
        else:
            found = getattr(result.one(), "v", None)
            allowed = self.may_be - {before}
            self.may_be = {found}
        if found not in allowed:
            self.state.wrong.append(f"{self.name} found {found} in place of one of {allowed}")


class Soak:
    """The threads, and what is told of them."""

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self.idle = {"threads": _threads(), "sockets": _sockets()}
        self.adapter = Adapter(root)
        self.session = self.adapter.connect(options)
        self.state = state = State(self.adapter, self.session, options)
        state.prepare(options["keyspace"])
        kinds = [Writer] * state.writers + [Reader] * options["readers"]
        kinds += [Swapper] * options["swappers"]
        self.threads: list[Thread] = []
        for seed, kind in enumerate(kinds, start=options["seed"]):
            number = sum(isinstance(thread, kind) for thread in self.threads)
            self.threads.append(kind(state, kind.__name__.lower(), number, seed))

    def about(self) -> dict[str, Any]:
        """Return what is told of the driver beside its figures."""
        accel = sys.modules.get("cql_protocol._accel")
        return {
            "version": getattr(self.adapter.package, "__version__", "?"),
            "implementation": getattr(accel, "IMPLEMENTATION", None),
            "pid": os.getpid(),
        }

    def look(self) -> dict[str, Any]:
        """Return what was done since the last look, and what there is now."""
        state, now = self.state, time.monotonic()
        slowest = max(thread.slowest for thread in self.threads)
        active = sum(thread.answered for thread in self.threads)
        for thread in self.threads:
            thread.slowest, thread.answered = 0.0, False
            began = thread.began
            if began is not None and now - began > state.timeout + GRACE:
                late = f"{thread.name}: a call is out for {now - began:.1f} s"
                with state.lock:
                    state.late[hash((thread.name, began))] = late
        with state.lock:
            done, failed = (dict(counts) for counts in state.counts.values())
            for counts in state.counts.values():
                counts.clear()
        return {
            "at": now,
            "done": done,
            "failed": failed,
            "active": active,
            "slowest": round(slowest, 3),
            "in_flight": sum(self.adapter.carried(self.session)),
            "threads": _threads(),
            "sockets": _sockets(),
            "resident": _resident(),
        }

    def finish(self) -> dict[str, Any]:
        """End the work, read everything once more, shut down; return what was found."""
        state = self.state
        state.stop.set()
        deadline = time.monotonic() + 3 * (state.timeout + GRACE)
        for thread in self.threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        alive = [thread for thread in self.threads if thread.is_alive()]
        self.look()
        wrong = len(state.wrong)
        unread = self.read_everything()
        streams = _wait(lambda: sum(self.adapter.carried(self.session)))
        self.session.cluster.shutdown()
        # The threads of the soak that hang still are told of as calls, not as leaked threads.
        hung = len(alive)
        left = _wait(lambda: max(0, _threads() - self.idle["threads"] - hung))
        return {
            "wrong": _told(state.wrong[:wrong]),
            "lost": _told(state.wrong[wrong:] + unread),
            "late": _told(list(state.late.values())),
            "streams": streams,
            "threads": left,
            "sockets": _wait(lambda: max(0, _sockets() - self.idle["sockets"])),
        }

    def read_everything(self) -> list[str]:
        """Check all rows; tell of the partitions that could not be read."""
        unread = []
        reader = self.threads[0]
        for partition in range(self.state.writers * PARTITIONS):
            deadline = time.monotonic() + 60
            while not (read := reader.read_pages(partition)):
                if time.monotonic() > deadline or len(unread) > MOST_TOLD:
                    break
            if not read:
                unread.append(f"partition {partition} cannot be read")
        return unread


def _told(faults: list[str]) -> dict[str, Any]:
    return {"count": len(faults), "first": faults[:MOST_TOLD]}


def _wait(count: Callable[[], int], seconds: float = 30.0) -> int:
    """Return 0 as soon as the count is that, else what it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while (left := count()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _sockets() -> int:
    found = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
        except FileNotFoundError:
            continue  # the folder itself, which was open while it was read
    return found


def _resident() -> int:
    """Return the bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Work until told to stop."""
    root, options = sys.argv[1], json.loads(sys.argv[2])
    # What a driver prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(what: dict[str, Any]) -> None:
        print(json.dumps(what), file=answers)

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    try:
        soak = Soak(root, options)
        tell({"about": soak.about()})
        for thread in soak.threads:
            thread.start()
        soak.look()
        due = time.monotonic()
        while not ended.is_set():
            due += 1
            ended.wait(max(0.0, due - time.monotonic()))
            tell({"second": soak.look()})
        tell({"end": soak.finish()})
    except Exception:  # noqa: BLE001 - the parent tells of it
        tell({"error": traceback.format_exc()})
    answers.close()
    # Threads that hang must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
