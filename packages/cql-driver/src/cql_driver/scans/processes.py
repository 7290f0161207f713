"""`Workers`: processes that read a table together, and the pages that they send."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
from collections import deque
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from cql_driver.core.execution import Execution
from cql_driver.query import tuple_factory
from cql_driver.scans.blocking import decoded, items
from cql_driver.scans.connecting import pickled
from cql_driver.scans.partitions import ScanPartition
from cql_driver.scans.pipes import receive, send
from cql_driver.scans.worker import GONE, run
from cql_protocol.errors import DriverException, UnsupportedOperation
from cql_protocol.messages import RawRows, ResultMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

    from cql_driver.cluster.profiles import ExecutionProfile

__all__ = ["ScanWorkerDied", "Workers"]

_PATIENCE = 2.0
"""Seconds that processes have to end by themselves once their pipes are closed."""


class ScanWorkerDied(DriverException):
    """A process of a scan ended before its work: what it had not sent yet is missing.

    Rows that were given before are right, and none of them came twice.
    """


class _Worker:
    """A process, with the pipe to it, and what it was handed and has not finished."""

    __slots__ = ("columns", "handed", "pipe", "process")

    def __init__(self, process: Any, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe
        self.handed: list[ScanPartition] = []
        self.columns: Any = None

    def died(self) -> ScanWorkerDied:
        """Return the error for a process that has ended too early."""
        self.process.join(_PATIENCE)
        told = "; ".join(map(str, self.handed))
        return ScanWorkerDied(
            f"a worker process of the scan ended with exit code {self.process.exitcode}, before "
            f"all was sent of the partitions it had: {told or 'none yet'}. Where it has not even "
            "begun, look whether the program calls scan() under if __name__ == '__main__'"
        )


class Workers:
    """Processes that read partitions, handed out to them as they finish others.

    What they have read and nobody has taken waits in their pipes, and when these are full, so do
    they: no page is read from a pipe before somebody asks for it.
    """

    def __init__(
        self,
        session: Any,
        profile: ExecutionProfile,
        partitions: list[ScanPartition],
        function: Any,
    ) -> None:
        self.done = 0
        self._session = session
        self._profile = profile
        self._partitions = partitions
        self._function = function
        self._left = deque(partitions)
        self._workers: list[_Worker] = []
        self._ended: list[_Worker] = []
        self._turn: deque[_Worker] = deque()

    def open(self, count: int, concurrency: int) -> None:
        """Start processes, each of which reads so many partitions at once.

        Raises `InvalidArgument` where something cannot be sent to them, and
        `UnsupportedOperation` where this process may have none.
        """
        if multiprocessing.current_process().daemon:
            raise UnsupportedOperation(
                "this process is a daemonic one, which may start no others: scan in one process"
            )
        query = self._partitions[0].query
        decodes = self._decodes(query.choices["row_factory"])
        if not decodes:
            query = query.with_rows(tuple_factory)
        sent = {
            "function": self._function,
            "row_factory": query.choices["row_factory"],
            "parameters": query.parameters,
        }
        for name, value in sent.items():
            pickled(name, value, "give what another process can import")
        partitions = [ScanPartition(p.index, p.ranges, p.replicas, query) for p in self._partitions]
        task = pickle.dumps((query, partitions, decodes, self._function, concurrency), 5)
        context = multiprocessing.get_context("spawn")
        try:
            for _ in range(min(count, len(self._partitions))):
                here, there = context.Pipe()
                process = context.Process(target=run, args=(there,), name="scan", daemon=True)
                self._workers.append(_Worker(process, here))
                try:
                    with _sigint_blocked():
                        process.start()
                finally:
                    there.close()
            for worker in self._workers:
                _send(worker, "work", task)
            for _ in range(concurrency + 1):
                for worker in self._workers:
                    self._hand(worker)
        except BaseException:
            self.close()
            raise

    def _decodes(self, row_factory: Any) -> bool:
        """Say whether the workers decode pages: where the parent is given no rows."""
        return self._function is not None or hasattr(row_factory, "of_page")

    def _hand(self, worker: _Worker) -> None:
        """Hand a worker a partition, or the news that there are no more."""
        if not self._left:
            _send(worker, "no more")
            return
        partition = self._left.popleft()
        worker.handed.append(partition)
        _send(worker, "read", partition.index)

    # --- pages -----------------------------------------------------------------------------------

    def next_page(self) -> Any:
        """Return what is to be given for a page, None after the last one."""
        while True:
            worker = self._heard()
            if worker is None:
                return None
            try:
                kind, value = receive(worker.pipe)
            except GONE:
                raise worker.died() from None
            if kind == "page":
                return items(value[0]) if self._function is None else [value[0]]
            if kind == "raw":
                return items(self._decoded(worker, *value))
            if kind == "more":
                self._hand(worker)
            elif kind == "done":
                self.done += 1
                worker.handed = [p for p in worker.handed if p.index != value[0]]
            elif kind == "failed":
                error, error.__notes__ = value
                raise error
            else:
                _send(worker, "end")
                self._workers.remove(worker)
                self._ended.append(worker)

    def _heard(self) -> _Worker | None:
        """Return a worker that has sent something; in turn, so that none is kept waiting."""
        while self._workers:
            while self._turn:
                worker = self._turn.popleft()
                if worker in self._workers:
                    return worker
            ready = wait([worker.pipe for worker in self._workers])
            self._turn.extend(worker for worker in self._workers if worker.pipe in ready)
        return None

    def _decoded(
        self, worker: _Worker, index: int, columns: Any, count: int, offset: int, body: bytes
    ) -> Any:
        """Return the rows of a page that a worker has sent as it came from the server."""
        if columns is not None:
            worker.columns = columns
        options = self._profile.options()
        execution = Execution(self._session.pools, None, None, options, None, 0)  # type: ignore[arg-type]
        execution.outcome = RawRows(ResultMetadata(worker.columns), count, body, offset)
        return decoded(self._session, self._partitions[index], execution)

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        workers = [*self._workers, *self._ended]
        self._workers, self._ended = [], []
        self._turn.clear()
        _join(workers)


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Have a process that is started meanwhile not notice Ctrl-C, until it says so itself."""
    block = getattr(signal, "pthread_sigmask", None)
    if block is None:
        yield
        return
    resource_tracker.ensure_running()  # which unblocks the signal where it has to start its process
    before = block(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        block(signal.SIG_SETMASK, before)


def _send(worker: _Worker, kind: str, *value: Any) -> None:
    try:
        send(worker.pipe, kind, *value)
    except GONE:
        pass  # it shows when the worker is next listened to, with what it has sent before


def _join(workers: Iterable[_Worker]) -> None:
    """Close the pipes of processes, and wait until they have ended, or end them."""
    for worker in workers:
        worker.pipe.close()
    deadline = time.monotonic() + _PATIENCE
    for worker in workers:
        process = worker.process
        if process.pid is None:
            continue
        process.join(max(0.0, deadline - time.monotonic()))
        for end in (process.terminate, process.kill):
            if process.is_alive():
                end()
                process.join(_PATIENCE)
        if not process.is_alive():
            process.close()
