"""A process of a scan: it reads the partitions that it is handed, and sends their pages.

Where no function is to be called, it sends pages as the server did, and the parent decodes them:
that costs the parent less than to unpickle rows would. Else it decodes, calls, and sends what
comes of it. It ends when it has nothing to do, and when the parent is gone.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from cql_driver.scans.blocking import BlockingWindow, argument, decoded
from cql_driver.scans.pipes import receive, send, widen
from cql_driver.scans.window import named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from cql_driver.core.execution import Execution
    from cql_driver.scans.partitions import ScanPartition

__all__ = ["run"]

GONE = (EOFError, BrokenPipeError, ConnectionResetError)
"""How it shows that the other end of a pipe is gone."""


def run(pipe: Connection) -> None:
    """Work for the parent at the other end of the pipe: the main function of the process."""
    # Ctrl-C reaches all processes of a terminal; the parent ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        widen(pipe)
        _work(pipe)
    except GONE:
        pass  # the parent has what it wanted, or is gone
    except BaseException as exc:  # noqa: BLE001 - the parent raises it
        _tell(pipe, exc)
    finally:
        pipe.close()


def _end_with_parent() -> None:
    """End the process when the parent is gone, whatever it is doing."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(pipe: Connection) -> None:
    _, (data,) = receive(pipe)
    query, partitions, decodes, function, concurrency = pickle.loads(data)
    session = query.connector.open()
    try:
        prepared = session.prepare(query.text)
        profile = query.profile(session)
        handed = _handed(pipe, partitions)
        window = _Window(session, query, prepared, profile, handed, concurrency)
        window.pipe = pipe
        window.function = function
        while (taken := window.next_execution()) is not None:
            if decodes:
                send(pipe, "page", window.made(*taken))
            else:
                send(pipe, "raw", *window.raw(*taken))
            window.tell_ended()
            del taken
        window.tell_ended()
        send(pipe, "end")
        # Not before the parent has all of it, since a closed pipe may lose what was sent.
        while receive(pipe)[0] != "end":
            pass
    finally:
        session.cluster.shutdown()


def _handed(pipe: Connection, partitions: list[ScanPartition]) -> Iterator[ScanPartition]:
    """Give the partitions that the parent hands out, one ahead of what is asked for."""
    while True:
        kind, value = receive(pipe)
        if kind != "read":
            return
        yield partitions[value[0]]


class _Window(BlockingWindow):
    """A window whose pages go to the parent."""

    pipe: Connection
    _columns: Any = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._ended: list[int] = []

    def made(self, partition: ScanPartition, execution: Execution) -> Any:
        """Return what the function makes of a page, or the row factory."""
        page = decoded(self.session, partition, execution)
        if self.function is None:
            return page
        try:
            return self.function(argument(page, execution.options.row_factory))
        except Exception as exc:
            named(exc, partition)
            raise

    def raw(self, partition: ScanPartition, execution: Execution) -> tuple[Any, ...]:
        """Return a page as it came, with the columns where they are others than before."""
        outcome: Any = execution.outcome
        columns = self.session.columns_of(execution)
        told, self._columns = (None if columns is self._columns else columns), columns
        body = pickle.PickleBuffer(outcome.body)
        return partition.index, told, outcome.row_count, outcome.offset, body

    def ended(self, partition: ScanPartition) -> None:
        """Take note of a partition's end; its last page is not sent yet."""
        self._ended.append(partition.index)
        send(self.pipe, "more")

    def tell_ended(self) -> None:
        """Tell of the partitions that have ended, all pages of which are sent."""
        while self._ended:
            send(self.pipe, "done", self._ended.pop())


def _tell(pipe: Connection, error: BaseException) -> None:
    """Have the parent raise an error, in words where it cannot be pickled."""
    told = "".join(traceback.format_exception(error))
    notes = getattr(error, "__notes__", [])
    try:
        error = pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - it may be any class of a user
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.__notes__ = [*notes, f"in a worker process of the scan:\n{told}"]
    try:
        send(pipe, "failed", error, error.__notes__)
    except GONE:
        sys.stderr.write(told)  # nobody else is left to be told
