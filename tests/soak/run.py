"""A run: nodes, the process that works, faults, and what is told of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.drivers import Driver
from tests.cassandra import ClusterOptions
from tests.proxy import ProxyCluster
from tests.soak.faults import KINDS, Fault, Faults
from tests.soak.judge import (
    AFTER,
    BEFORE,
    RECOVERY,
    Passage,
    Second,
    Verdict,
    errors,
    judge,
    passages,
)
from tests.soak.machine import Others

if TYPE_CHECKING:
    from tests.cassandra import Cluster

__all__ = ["NODES", "Plan", "Record", "run", "table"]

WORKER = Path(__file__).with_name("worker.py")
NODES = ClusterOptions(nodes=3)
START_TIMEOUT = 120.0
NO_CACHES = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Glibc keeps freed memory in caches of each thread, which fill for many minutes. With them the
memory of 50 threads grows by 4 MiB that no driver holds."""
END_TIMEOUT = 240.0
LONGEST = 30.0
"""Seconds that a fault may take with all that belongs to it, above its patience."""


@dataclass
class Plan:
    """What is wanted.

    :param seconds: how long it works; longer where not all kinds of faults came by then.
    :param calm: seconds before the first fault.
    :param patience: seconds that a hang lasts.
    :param timeout: seconds that each call is given.
    :param pause: seconds for which each thread waits between its calls: 0 is full speed.
    :param avoid_slow_replicas: have the policy do that, where the driver is ours.
    """

    seconds: float = 600.0
    seed: int = 0
    kinds: Sequence[str] = KINDS
    calm: float = 20.0
    patience: float = 20.0
    timeout: float = 10.0
    pause: float = 0.0
    writers: int = 24
    readers: int = 24
    swappers: int = 2
    protocol: int = 5
    avoid_slow_replicas: bool = False


@dataclass
class Record:
    """What was found out."""

    driver: str
    about: dict[str, Any]
    seconds: list[Second]
    faults: list[Fault]
    end: dict[str, Any]
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether all held that must."""
        return all(verdict.well for verdict in self.verdicts)

    @property
    def passages(self) -> list[Passage]:
        """How each fault was lived through."""
        return passages(self.seconds, self.faults)

    def to_json(self) -> dict[str, Any]:
        """Return everything, with times from the beginning of the work on."""
        start = self.seconds[0].begun if self.seconds else 0.0

        def relative(entry: dict[str, Any]) -> dict[str, Any]:
            times = {name: entry[name] - start for name in ("begun", "at", "over") if name in entry}
            return entry | {name: round(value, 3) for name, value in times.items()}

        return {
            "driver": self.driver,
            "about": self.about,
            "seconds": [relative(asdict(second)) for second in self.seconds],
            "faults": [relative(asdict(fault)) for fault in self.faults],
            "end": self.end,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }


class SoakError(Exception):
    """The process that works failed; the text says how."""


class Worker:
    """The process that works, and what it told."""

    def __init__(self, driver: Driver, options: dict[str, Any], nodes: Cluster) -> None:
        self.about: dict[str, Any] = {}
        self.seconds: list[Second] = []
        self.end: dict[str, Any] | None = None
        self.failure: str | None = None
        self.on_second: Callable[[Second], None] = lambda _: None
        self._nodes = nodes.nodes
        self._others = Others()
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [driver.python, str(WORKER), driver.root, json.dumps(options)],
            env=driver.environment | NO_CACHES,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._began = 0.0
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard(json.loads(line))
        if self.end is None and self.failure is None:
            self.failure = "it ended without a word"
        self._ready.set()

    def _heard(self, told: dict[str, Any]) -> None:
        if "about" in told:
            self.about = told["about"]
            self._began = time.monotonic()
            self._others.since(self._pids(), 1.0)
            self._ready.set()
        elif "second" in told:
            second = Second(begun=self._began, **told["second"])
            second.others = self._others.since(self._pids(), second.at - second.begun)
            self._began = second.at
            self.seconds.append(second)
            self.on_second(second)
        else:
            self.end, self.failure = told.get("end"), told.get("error")

    def _pids(self) -> list[int]:
        """All processes that belong to the soak."""
        nodes = [node.pid for node in self._nodes]
        return [os.getpid(), self._process.pid, *(pid for pid in nodes if pid is not None)]

    def wait_ready(self) -> None:
        """Wait until it works."""
        if not self._ready.wait(START_TIMEOUT):
            raise SoakError(f"it does not work after {START_TIMEOUT:.0f} s")
        self.check()

    def check(self) -> None:
        """Raise what went wrong in it."""
        if self.failure is not None:
            raise SoakError(self.failure)

    def finish(self) -> dict[str, Any]:
        """Have it end, and return what it found then."""
        self._hang_up()
        self._listener.join(END_TIMEOUT)
        self.check()
        if self.end is None:
            raise SoakError(f"it does not end within {END_TIMEOUT:.0f} s")
        return self.end

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        self._hang_up()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()


def run(plan: Plan, driver: Driver, nodes: Cluster, tell: Callable[[str], None] = print) -> Record:
    """Let one driver work while the nodes fail, and judge it.

    Where nodes are to be partitioned, all it does goes through proxies.
    """
    if "partition" not in plan.kinds:
        return _run(plan, driver, nodes, None, tell)
    with ProxyCluster(nodes) as proxies:
        return _run(plan, driver, nodes, proxies, tell)


def _run(
    plan: Plan,
    driver: Driver,
    nodes: Cluster,
    proxies: ProxyCluster | None,
    tell: Callable[[str], None],
) -> Record:
    points = nodes.contact_points if proxies is None else proxies.contact_points
    options = {
        "contact_points": points,
        "port": nodes.port,
        "translate": dict(zip(nodes.contact_points, points, strict=True)),
        "keyspace": f"soak_{plan.seed}_{int(time.time())}",
    } | {name: value for name, value in asdict(plan).items() if name != "kinds"}
    faults = Faults(nodes, proxies, plan.kinds, seed=plan.seed, patience=plan.patience)
    worker = Worker(driver, options, nodes)
    try:
        worker.wait_ready()
        tell(f"{driver.label} {worker.about}, seed {plan.seed}")
        start = time.monotonic()
        worker.on_second = lambda second: tell(_line(second, start))
        _disturb(plan, worker, faults, start, tell)
        end = worker.finish()
    finally:
        worker.close()
    record = Record(driver.label, worker.about, worker.seconds, faults.done, end)
    record.verdicts = judge(record.seconds, record.faults, record.end)
    return record


def _disturb(
    plan: Plan, worker: Worker, faults: Faults, start: float, tell: Callable[[str], None]
) -> None:
    """Have each kind of fault once, and then more as long as there is time for another."""
    over = start + plan.seconds
    time.sleep(max(plan.calm, BEFORE))
    while len(faults.done) < len(plan.kinds) or time.monotonic() + plan.patience + LONGEST < over:
        worker.check()
        fault = faults.one(tell)
        time.sleep(max(0.0, fault.over + RECOVERY + max(AFTER, BEFORE) + 1 - time.monotonic()))
    time.sleep(max(0.0, over - time.monotonic()))


def _line(second: Second, start: float) -> str:
    failed = sum(second.failed.values())
    return (
        f"{second.at - start:6.0f} s {second.rate:8.0f}/s  to {second.active:3} threads  "
        f"failed {failed:4}  slowest {second.slowest:6.2f} s  in flight {second.in_flight:4}  "
        f"threads {second.threads}  sockets {second.sockets}  "
        f"{second.resident / 2**20:.1f} MiB  others {second.others:.1f}"
    )


def table(record: Record) -> str:
    """Return what is to be read of a run.

    "others" is the mean of processors that were busy with other things: where it is not near 0,
    shares of throughput tell of the machine.
    """
    rows = [f"{'fault':<12}{'s':>5}{'before':>9}{'first 3 s':>11}{'then':>7}{'worst':>8}"]
    rows[0] += f"{'threads':>9}{'back in':>9}{'after 5 s':>11}{'failed':>8}{'others':>8}"
    for passage in record.passages:
        fault = passage.fault
        parts = [passage.shock, passage.during, passage.worst, passage.after]
        back = "–" if passage.back is None else f"{passage.back:.0f} s"
        shares = [_share(s) for s in (*map(passage.share, parts), passage.active)]
        rows.append(
            f"{fault.kind} {fault.node:<{11 - len(fault.kind)}}{fault.over - fault.begun:>5.0f}"
            f"{passage.before or 0:>7.0f}/s{shares[0]:>11}{shares[1]:>7}{shares[2]:>8}"
            f"{shares[4]:>9}{back:>9}{shares[3]:>11}{passage.failed:>8}{passage.others or 0:>8.1f}"
        )
    failed = ", ".join(f"{n} × {name}" for name, n in errors(record.seconds).most_common())
    rows.append(f"errors: {failed or 'none'}")
    rows += [
        f"{'well' if verdict.well else 'FAILED':<7}{verdict.what}: {verdict.found}"
        for verdict in record.verdicts
    ]
    return "\n".join(rows)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def to_stderr(text: str) -> None:
    """Print what is told while it runs."""
    print(text, file=sys.stderr, flush=True)
