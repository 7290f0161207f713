"""`Window`: partitions that are read at once, a page of each in flight or at hand, no more."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from cql_protocol.messages import RawRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.core.execution import Execution
    from cql_driver.query import PreparedStatement
    from cql_driver.scans.partitions import ScanPartition, ScanQuery

__all__ = ["Window"]


class _Course:
    """A partition that is being read, at one of its ranges."""

    __slots__ = ("partition", "ranges")

    def __init__(self, partition: ScanPartition) -> None:
        self.partition = partition
        self.ranges = iter(partition.ranges)


class Window:
    """Reads partitions, at most `concurrency` at a time.

    Each has one request: in flight, or done and its page not taken yet. When a page is taken, its
    partition asks for the next, so that the server works while the page is used; and no more than
    `concurrency` pages are ever held. A subclass says how requests are started.
    """

    def __init__(
        self,
        session: Any,
        query: ScanQuery,
        prepared: PreparedStatement,
        profile: ExecutionProfile,
        partitions: Iterator[ScanPartition],
        concurrency: int,
    ) -> None:
        self.session = session
        self.done = 0
        """The partitions that are read to their end."""
        self._query = query
        self.prepared = prepared
        self._profile = profile
        self._left = partitions
        self._concurrency = concurrency
        self._open: dict[_Course, Execution] = {}
        self._ready: deque[_Course] = deque()
        self._began = False

    # --- what a subclass has ---------------------------------------------------------------------

    def start(self, execution: Execution) -> None:
        """Have the loop start the execution."""
        raise NotImplementedError

    def cancel(self, execution: Execution) -> None:
        """Have the loop give the execution up."""
        raise NotImplementedError

    def wake(self) -> None:
        """Rouse who waits for a page; on the loop."""
        raise NotImplementedError

    # --- requests --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin to read as many partitions as there may be at once."""
        if not self._began:
            self._began = True
            while len(self._open) < self._concurrency and self._next_partition():
                pass

    def _next_partition(self) -> bool:
        return any(self._next_range(_Course(partition)) for partition in self._left)

    def _next_range(self, course: _Course) -> bool:
        for range_ in course.ranges:
            bound = self._query.bind(self.prepared, range_)
            done = partial(self._finished, course)
            self._start(course, self.session.request(bound, None, self._profile, done))
            return True
        return False

    def _start(self, course: _Course, execution: Execution) -> None:
        self._open[course] = execution
        self.start(execution)

    def _finished(self, course: _Course, execution: Execution) -> None:
        """A page has come, or an error; on the loop."""
        self._ready.append(course)
        self.wake()

    # --- pages -----------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self._open) and not self._ready

    def take(self) -> tuple[ScanPartition, Execution] | None:
        """Return a page that has come, and ask for the one that follows it; None without one.

        Raises the error of a page, which tells the partition. Empty pages are left out.
        """
        while self._ready:
            course = self._ready.popleft()
            execution = self._open.pop(course)
            outcome = execution.outcome
            if isinstance(outcome, BaseException):
                raise named(outcome, course.partition)
            assert isinstance(outcome, RawRows)
            if outcome.metadata.paging_state is not None:
                following = self.session.next_page(execution)
                following.complete = partial(self._finished, course)
                self._start(course, following)
            elif not self._next_range(course):
                self.done += 1
                self.ended(course.partition)
                self._next_partition()
            if outcome.row_count:
                return course.partition, execution
        return None

    def ended(self, partition: ScanPartition) -> None:
        """A partition is read to its end, but for the page that is being taken."""

    def close(self) -> None:
        """Give up what is in flight."""
        self._began = True
        self._left = iter(())
        left = [execution for execution in self._open.values() if not execution.done]
        self._open.clear()
        self._ready.clear()
        for execution in left:
            self.cancel(execution)


def named(error: BaseException, partition: ScanPartition) -> BaseException:
    """Return the error with a note that tells what was being read."""
    note = f"while scanning partition {partition}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error
