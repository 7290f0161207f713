"""Ways to use a session: each runs a number of requests and returns when all are answered.

The same code runs on every driver: `cassandra.*` and `cql_driver.*` have the same names. A
pattern takes a `Work`, the number of requests and how many may be in flight, and returns the
latencies of every `SAMPLE`-th request in seconds (a measured request costs more, so the others
are left alone).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

SAMPLE = 16


class Work(NamedTuple):
    """A statement and what its answer must look like."""

    session: Any
    prepared: Any
    values: Callable[[int], tuple[Any, ...]]
    """the values of request number N"""
    check: Callable[[Any], None]
    """takes a ResultSet, reads its rows and raises when they are wrong"""
    check_rows: Callable[[Any], None]
    """does it with what a callback gets: a list of rows, or None"""
    concurrent: Any
    """the module `concurrent` of the driver"""

    def statement(self, number: int) -> Any:
        """Return request number N, bound."""
        return self.prepared.bind(self.values(number))


Pattern = Callable[[Work, int, int], list[float]]


def sync(work: Work, requests: int, concurrency: int) -> list[float]:
    """Execute one request after the other."""
    execute, prepared, check = work.session.execute, work.prepared, work.check
    latencies = []
    for number, values in enumerate(_made(work.values, requests)):
        if number % SAMPLE:
            check(execute(prepared, values))
        else:
            begin = perf_counter()
            check(execute(prepared, values))
            latencies.append(perf_counter() - begin)
    return latencies


@cache
def _made(values: Callable[[int], tuple[Any, ...]], requests: int) -> list[tuple[Any, ...]]:
    """Return the values of all requests: to make them is no work of a driver."""
    return [values(number) for number in range(requests)]


class _CallbackPipeline:
    """Keeps requests in flight: the callback of each one sends the next."""

    def __init__(self, work: Work, requests: int) -> None:
        self.work = work
        self.requests = requests
        self.numbers = iter(range(requests))
        self.left = requests
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.latencies: list[float] = []
        self.error: BaseException | None = None

    def send(self) -> None:
        number = next(self.numbers, None)
        if number is None:
            return
        begin = 0.0 if number % SAMPLE else perf_counter()
        future = self.work.session.execute_async(self.work.statement(number))
        future.add_callbacks(self.answered, self.failed, callback_args=(begin,))

    def answered(self, rows: Any, begin: float) -> None:
        if begin:
            self.latencies.append(perf_counter() - begin)
        try:
            self.work.check_rows(rows)
        except Exception as error:  # noqa: BLE001 - run() raises it
            self.failed(error)
            return
        with self.lock:
            self.left -= 1
            left = self.left
        if left:
            self.send()
        else:
            self.done.set()

    def failed(self, error: BaseException) -> None:
        self.error = error
        self.done.set()

    def run(self, concurrency: int) -> list[float]:
        for _ in range(min(concurrency, self.requests)):
            self.send()
        self.done.wait()
        if self.error is not None:
            raise self.error
        return self.latencies


def callback_full_pipeline(work: Work, requests: int, concurrency: int) -> list[float]:
    """Keep `concurrency` requests in flight; the callback of each one sends the next."""
    return _CallbackPipeline(work, requests).run(concurrency)


def _sampled(work: Work, number: int, latencies: list[float]) -> Any:
    """Send request number N and return its future; have its latency measured if it is a sample."""
    if number % SAMPLE:
        return work.session.execute_async(work.statement(number))
    begin = perf_counter()
    future = work.session.execute_async(work.statement(number))
    future.add_callback(lambda _: latencies.append(perf_counter() - begin))
    return future


def future_batches(work: Work, requests: int, concurrency: int) -> list[float]:
    """Send `concurrency` requests, wait for all of them, and start again."""
    latencies: list[float] = []
    for start in range(0, requests, concurrency):
        numbers = range(start, min(start + concurrency, requests))
        futures = [_sampled(work, number, latencies) for number in numbers]
        for future in futures:
            work.check(future.result())
    return latencies


def future_full_pipeline(work: Work, requests: int, concurrency: int) -> list[float]:
    """Keep up to `concurrency` requests in flight; wait for the oldest when there are so many."""
    latencies: list[float] = []
    waiting: queue.Queue[Any] = queue.Queue(maxsize=concurrency)
    for number in range(requests):
        if waiting.full():
            work.check(waiting.get_nowait().result())
        waiting.put_nowait(_sampled(work, number, latencies))
    while not waiting.empty():
        work.check(waiting.get_nowait().result())
    return latencies


def future_full_throttle(work: Work, requests: int, concurrency: int) -> list[float]:
    """Send all requests at once, then wait for all."""
    latencies: list[float] = []
    futures = [_sampled(work, number, latencies) for number in range(requests)]
    for future in futures:
        work.check(future.result())
    return latencies


def execute_concurrent(work: Work, requests: int, concurrency: int) -> list[float]:
    """Hand (statement, values) pairs to `execute_concurrent`."""
    pairs = ((work.prepared, work.values(number)) for number in range(requests))
    results = work.concurrent.execute_concurrent(work.session, pairs, concurrency=concurrency)
    return _checked(work, results, requests)


def execute_concurrent_with_args(work: Work, requests: int, concurrency: int) -> list[float]:
    """Hand values to `execute_concurrent_with_args`."""
    results = work.concurrent.execute_concurrent_with_args(
        work.session, work.prepared, _arguments(work, requests), concurrency=concurrency
    )
    return _checked(work, results, requests)


def _arguments(work: Work, requests: int) -> Iterator[tuple[Any, ...]]:
    values = work.values
    return (values(number) for number in range(requests))


def _checked(work: Work, results: Any, requests: int) -> list[float]:
    count = 0
    for success, result in results:
        assert success, result
        work.check(result)
        count += 1
    assert count == requests, f"{count} results of {requests} requests"
    return []


PATTERNS: dict[str, Pattern] = {
    "sync": sync,
    "callback-full-pipeline": callback_full_pipeline,
    "future-batches": future_batches,
    "future-full-pipeline": future_full_pipeline,
    "future-full-throttle": future_full_throttle,
    "execute-concurrent": execute_concurrent,
    "execute-concurrent-with-args": execute_concurrent_with_args,
}
