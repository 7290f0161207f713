"""`Rounds`: the part of concurrent execution that each statement goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.cluster.page import page_of
from cql_driver.cluster.results import ResultSet
from cql_driver.errors import InvalidArgumentType
from cql_protocol._accel import compiled
from cql_protocol.errors import DriverException
from cql_protocol.types.base import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_driver.cluster.session import Session
    from cql_driver.core.execution import Execution
    from cql_driver.core.pending import Waitable

__all__ = ["ExecutionResult", "Failed", "Rounds", "pair_of"]


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


def pair_of(item: Any) -> tuple[Any, Any]:
    """Return a statement and its parameters, given as a pair of another kind."""
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return item[0], item[1]
    raise InvalidArgumentType(
        f"statements_and_parameters gave {show(item)}, which is no pair of a statement and its "
        "parameters: give (statement, None) where there are none"
    )


class Failed:
    """Stands for an execution that could not even be made."""

    __slots__ = ("done", "outcome")

    def __init__(self, error: BaseException) -> None:
        self.done = True
        self.outcome = error


class Rounds:
    """Counts what is in flight of a number of statements.

    `take` and `results` are of the caller's thread, `begin` and `told` of the loop.
    """

    __slots__ = (
        "_end",
        "_wanted",
        "ended",
        "failed",
        "finished",
        "profile",
        "raises",
        "session",
        "started",
        "statement",
    )

    def __init__(self, session: Session, raises: bool, profile: Any, statement: Any) -> None:
        self.session = session
        self.raises = raises
        self.profile = profile
        self.statement = statement
        """The one that all parameters are for; None where each has its own."""
        self.started = 0
        self.finished = 0
        self.ended = False
        """Whether nothing more shall be started."""
        self.failed: BaseException | None = None
        self._wanted = 0
        """How many must have finished for the round to end."""
        self._end: Waitable | None = None

    def take(self, items: Iterator[Any], room: int) -> list[Any]:
        """Make executions of what comes next, `room` at most; those that failed are done."""
        taken: list[Any] = []
        make = self.session.request
        statement = self.statement
        for _ in range(room):
            if self.ended:
                break
            try:
                item = next(items)
            except StopIteration:
                self.ended = True
                break
            if self.statement is not None:
                parameters = item
            else:
                if item.__class__ is not tuple or len(item) != 2:
                    item = pair_of(item)
                statement, parameters = item
            try:
                execution = make(statement, parameters, self.profile, self.told)
            except DriverException as exc:
                taken.append(Failed(exc))
                if self.raises:
                    self.failed = exc
                    self.ended = True
                continue
            taken.append(execution)
            self.started += 1
        return taken

    def begin(self, end: Waitable, wanted: int, taken: list[Any]) -> None:
        """Start executions; `end` is done when `wanted` of all have finished, or one failed."""
        self._end = end
        self._wanted = wanted
        for execution in taken:
            if not execution.done:
                execution.start()
        if self.finished >= wanted or self.failed is not None:
            end.finish()

    def told(self, execution: Execution) -> None:
        """An execution is done."""
        self.finished += 1
        if self.raises and isinstance(execution.outcome, BaseException) and self.failed is None:
            self.failed = execution.outcome
        if self._end is not None and (self.finished >= self._wanted or self.failed is not None):
            self._end.finish()

    def results(self, executions: Iterable[Any]) -> list[ExecutionResult]:
        """Return what became of executions that are done."""
        session = self.session
        return [
            ExecutionResult(False, execution.outcome)
            if isinstance(execution.outcome, BaseException)
            else ExecutionResult(True, page_of(ResultSet, session, execution))
            for execution in executions
        ]


Rounds = compiled("rounds", "Rounds", Rounds)  # type: ignore[misc]
