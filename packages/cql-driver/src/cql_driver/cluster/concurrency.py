"""Concurrent execution: a window of statements in flight, moved on by the caller's thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from cql_driver.cluster.page import page_of
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT
from cql_driver.cluster.results import ResultSet
from cql_driver.core.pending import Waitable
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import DriverException
from cql_protocol.types.base import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_driver.cluster.session import Session
    from cql_driver.core.execution import Execution

__all__ = ["ExecutionResult", "execute_concurrent", "execute_concurrent_with_args"]


class ExecutionResult(tuple[bool, Any]):
    """What became of one statement: ``(success, result_or_exc)``.

    `result_or_exc` is a `ResultSet`, or the exception when `success` is False.
    """

    __slots__ = ()

    def __new__(cls, success: bool, result_or_exc: Any) -> ExecutionResult:  # noqa: D102
        return tuple.__new__(cls, (success, result_or_exc))

    @property
    def success(self) -> bool:
        """Whether the statement was carried out."""
        return self[0]

    @property
    def result_or_exc(self) -> Any:
        """The `ResultSet`, or the exception."""
        return self[1]

    def __repr__(self) -> str:
        return f"ExecutionResult(success={self[0]!r}, result_or_exc={self[1]!r})"


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
    window = _Window(session, concurrency, raise_on_first_error, execution_profile)
    items = _checked(statements_and_parameters)
    if results_generator:
        return window.stream(items)
    return window.collect(items)


def execute_concurrent_with_args(
    session: Session, statement: Any, parameters: Iterable[Any], *args: Any, **kwargs: Any
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
    return execute_concurrent(
        session, ((statement, values) for values in parameters), *args, **kwargs
    )


def _checked(statements_and_parameters: Any) -> Iterator[Any]:
    if isinstance(statements_and_parameters, (str, bytes)) or not hasattr(
        statements_and_parameters, "__iter__"
    ):
        raise InvalidArgumentType(
            f"statements_and_parameters is a {type(statements_and_parameters).__name__}: give "
            "pairs of a statement and its parameters, [(statement, values), ...]"
        )
    return iter(statements_and_parameters)


def pair_of(item: Any) -> tuple[Any, Any]:
    """Return a statement and its parameters, given as a pair of another kind."""
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return item[0], item[1]
    raise InvalidArgumentType(
        f"statements_and_parameters gave {show(item)}, which is no pair of a statement and its "
        "parameters: give (statement, None) where there are none"
    )


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


class Failed:
    """Stands for an execution that could not even be made."""

    __slots__ = ("done", "outcome")

    def __init__(self, error: BaseException) -> None:
        self.done = True
        self.outcome = error


_PART = 8
"""The part of what is in flight that finishes before more is started: an eighth."""


class _Window:
    """Keeps a number of executions in flight.

    The caller's thread makes executions and reads results; `finished` counts on the loop. Each
    round of the caller starts what there is room for, and ends when a part of that has finished.
    """

    __slots__ = (
        "_ended",
        "_failed",
        "_finished",
        "_round",
        "_started",
        "_wanted",
        "concurrency",
        "profile",
        "raises",
        "session",
    )

    def __init__(self, session: Session, concurrency: int, raises: bool, profile: Any) -> None:
        check_window(session, concurrency)
        self.session = session
        self.concurrency = concurrency
        self.raises = raises
        self.profile = session.profile(profile)
        self._started = 0
        self._finished = 0
        self._ended = False
        """Whether nothing more shall be started."""
        self._wanted = 0
        """How many must have finished for the round to end."""
        self._failed: BaseException | None = None
        self._round: Waitable | None = None

    # --- on the loop -------------------------------------------------------------------------

    def finished(self, execution: Execution) -> None:
        """An execution is done."""
        self._finished += 1
        if self.raises and isinstance(execution.outcome, BaseException) and self._failed is None:
            self._failed = execution.outcome
        if self._round is not None and (self._finished >= self._wanted or self._failed is not None):
            self._round.finish()

    def _start(self, round_: Waitable, wanted: int, starting: list[Execution]) -> None:
        self._round = round_
        self._wanted = wanted
        for execution in starting:
            execution.start()
        if self._finished >= wanted or self._failed is not None:
            round_.finish()

    # --- in the caller's thread --------------------------------------------------------------

    def collect(self, items: Iterator[Any]) -> list[ExecutionResult]:
        """Run everything and return the results in order."""
        executions: list[Any] = []
        while self._go_on(items, executions):
            if self._failed is not None:
                raise self._failed
        if self._failed is not None:
            raise self._failed
        return [self._result(execution) for execution in executions]

    def stream(self, items: Iterator[Any]) -> Iterator[ExecutionResult]:
        """Run everything and give the results in order, as they become known."""
        executions: deque[Any] = deque()
        going = True
        while going or executions:
            if going:
                going = self._go_on(items, executions, len(executions))
            if self._failed is not None:
                raise self._failed
            while executions and executions[0].done:
                yield self._result(executions.popleft())

    def _go_on(self, items: Iterator[Any], executions: Any, held: int = 0) -> bool:
        """Start what there is room for and wait until something is done; False at the end."""
        seen = self._finished
        room = self.concurrency - max(self._started - seen, held)
        starting: list[Execution] = []
        make = self.session.request
        for _ in range(room):
            if self._ended:
                break
            try:
                item = next(items)
            except StopIteration:
                self._ended = True
                break
            if item.__class__ is not tuple or len(item) != 2:
                item = pair_of(item)
            statement, parameters = item
            try:
                execution = make(statement, parameters, self.profile, self.finished)
            except DriverException as exc:
                executions.append(Failed(exc))
                if self.raises:
                    self._failed = exc
                    self._ended = True
                continue
            executions.append(execution)
            starting.append(execution)
        self._started += len(starting)
        if self._started == seen:
            return not self._ended
        # A round costs as much as a request, so it ends when there is some work for the next.
        wanted = seen + max(1, (self._started - seen) // _PART)
        round_ = Waitable()
        runtime = self.session.pools.engine.runtime
        runtime.perform(lambda: self._start(round_, wanted, starting), round_)
        return not self._ended or self._started > self._finished

    def _result(self, execution: Any) -> ExecutionResult:
        outcome = execution.outcome
        if isinstance(outcome, BaseException):
            return ExecutionResult(False, outcome)
        return ExecutionResult(True, page_of(ResultSet, self.session, execution))
