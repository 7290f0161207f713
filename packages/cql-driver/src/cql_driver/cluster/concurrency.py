"""Concurrent execution: a window of statements in flight, moved on by the caller's thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT
from cql_driver.cluster.rounds import ExecutionResult, Failed, Rounds, pair_of
from cql_driver.core.pending import Waitable
from cql_driver.errors import InvalidArgument, InvalidArgumentType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_driver.cluster.session import Session

__all__ = [
    "ExecutionResult",
    "Failed",
    "check_window",
    "execute_concurrent",
    "execute_concurrent_with_args",
    "pair_of",
]


def execute_concurrent(
    session: Session,
    statements_and_parameters: Iterable[tuple[Any, Any]],
    concurrency: int = 100,
    raise_on_first_error: bool = True,
    results_generator: bool = False,
    execution_profile: Any = EXEC_PROFILE_DEFAULT,
) -> list[ExecutionResult] | Iterator[ExecutionResult]:
    """Run statements, at most `concurrency` at a time, and return their results in order.

    `statements_and_parameters` gives pairs of a statement (anything `Session.execute` takes) and
    its parameters or None. It is read as places become free, so it may be endless.

    Returns a list, or with `results_generator` an iterator that runs the statements while it is
    read: it holds no more than `concurrency` results, so memory stays constant. Each statement has
    the time-out of its execution profile.

    With `raise_on_first_error` the first error is raised; what is in flight then goes on, and
    nothing more is started. Otherwise errors are among the results, as
    ``(False, exception)``.

    Example::

        results = execute_concurrent(session, [(insert, (1, "a")), (select, None)])
    """
    items = _checked(statements_and_parameters)
    window = _Window(session, concurrency, raise_on_first_error, execution_profile, None)
    return window.stream(items) if results_generator else window.collect(items)


def execute_concurrent_with_args(
    session: Session,
    statement: Any,
    parameters: Iterable[Any],
    concurrency: int = 100,
    raise_on_first_error: bool = True,
    results_generator: bool = False,
    execution_profile: Any = EXEC_PROFILE_DEFAULT,
) -> list[ExecutionResult] | Iterator[ExecutionResult]:
    """Run one statement with each of `parameters`; the rest is that of `execute_concurrent`.

    Example::

        select = session.prepare("SELECT name FROM users WHERE id = ?")
        rows = [r.result_or_exc.one() for r in
                execute_concurrent_with_args(session, select, [(1,), (2,)], concurrency=50)]
    """
    if isinstance(parameters, (str, bytes)) or not hasattr(parameters, "__iter__"):
        raise InvalidArgumentType(
            f"parameters is a {type(parameters).__name__}: give the parameters of each execution, "
            "a list of tuples for instance"
        )
    window = _Window(session, concurrency, raise_on_first_error, execution_profile, statement)
    items = iter(parameters)
    return window.stream(items) if results_generator else window.collect(items)


def _checked(statements_and_parameters: Any) -> Iterator[Any]:
    if isinstance(statements_and_parameters, (str, bytes)) or not hasattr(
        statements_and_parameters, "__iter__"
    ):
        raise InvalidArgumentType(
            f"statements_and_parameters is a {type(statements_and_parameters).__name__}: give "
            "pairs of a statement and its parameters, [(statement, values), ...]"
        )
    return iter(statements_and_parameters)


def check_window(session: Any, concurrency: Any) -> None:
    """Raise unless these can run statements."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int):
        raise InvalidArgumentType(f"concurrency={concurrency!r} is not an int")
    if concurrency < 1:
        raise InvalidArgument(f"concurrency={concurrency}: at least 1 must be in flight")
    if not hasattr(session, "request"):
        raise InvalidArgumentType(
            f"session={session!r} is not a Session: give what cluster.connect() returned"
        )


_PART = 8
"""The part of what is in flight that finishes before more is started: an eighth."""


class _Window(Rounds):
    """Keeps a number of executions in flight.

    The caller's thread makes executions and reads results. Each round of the caller starts what
    there is room for, and ends when a part of that has finished.
    """

    __slots__ = ("concurrency",)

    def __init__(
        self, session: Session, concurrency: int, raises: bool, profile: Any, statement: Any
    ) -> None:
        check_window(session, concurrency)
        super().__init__(session, raises, session.profile(profile), statement)
        self.concurrency = concurrency

    def collect(self, items: Iterator[Any]) -> list[ExecutionResult]:
        """Run everything and return the results in order."""
        executions: list[Any] = []
        while self._go_on(items, executions):
            if self.failed is not None:
                raise self.failed
        if self.failed is not None:
            raise self.failed
        return self.results(executions)

    def stream(self, items: Iterator[Any]) -> Iterator[ExecutionResult]:
        """Run everything and give the results in order, as they become known."""
        executions: deque[Any] = deque()
        going = True
        while going or executions:
            if going:
                going = self._go_on(items, executions, len(executions))
            if self.failed is not None:
                raise self.failed
            known = []
            while executions and executions[0].done:
                known.append(executions.popleft())
            yield from self.results(known)

    def _go_on(self, items: Iterator[Any], executions: Any, held: int = 0) -> bool:
        """Start what there is room for and wait until something is done; False at the end."""
        seen = self.finished
        starting = self.take(items, self.concurrency - max(self.started - seen, held))
        executions.extend(starting)
        if self.started == seen:
            return not self.ended
        # A round costs as much as a request, so it ends when there is some work for the next.
        wanted = seen + max(1, (self.started - seen) // _PART)
        end = Waitable()
        runtime = self.session.pools.engine.runtime
        runtime.perform(lambda: self.begin(end, wanted, starting), end)
        return not self.ended or self.started > self.finished
