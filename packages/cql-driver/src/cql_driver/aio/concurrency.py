"""Concurrent execution on asyncio: a window of statements in flight, moved on by who reads it.

The reader makes executions and takes results; a source that is asynchronous has a task of its
own, so that results are not held up while it has nothing to give.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from cql_driver.aio.results import AsyncResultSet
from cql_driver.cluster.concurrency import ExecutionResult, Failed, check_window, pair_of
from cql_driver.cluster.page import page_of
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT
from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import DriverException

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable

    from cql_driver.aio.session import AsyncSession
    from cql_driver.core.execution import Execution

__all__ = ["ExecutionResult", "execute_concurrent", "execute_concurrent_with_args"]

_END: Any = object()


def execute_concurrent(
    session: AsyncSession,
    statements_and_parameters: Iterable[tuple[Any, Any]] | AsyncIterable[tuple[Any, Any]],
    concurrency: int = 100,
    raise_on_first_error: bool = True,
    execution_profile: Any = EXEC_PROFILE_DEFAULT,
) -> AsyncIterator[ExecutionResult]:
    """Run statements and iterate over their results, see `AsyncSession.execute_concurrent`.

    Nothing is read and nothing runs before the iteration begins. When it ends early (``break``
    and `aclose`, an error, a cancelled task), what is in flight is given up.

    Example::

        async for success, result in execute_concurrent(session, [(insert, (1, "a"))]):
            ...
    """
    return _run(
        session,
        _checked(
            "statements_and_parameters",
            statements_and_parameters,
            "pairs of a statement and its parameters, [(statement, values), ...]",
        ),
        concurrency,
        raise_on_first_error,
        execution_profile,
    )


def execute_concurrent_with_args(
    session: AsyncSession,
    statement: Any,
    parameters: Iterable[Any] | AsyncIterable[Any],
    concurrency: int = 100,
    raise_on_first_error: bool = True,
    execution_profile: Any = EXEC_PROFILE_DEFAULT,
) -> AsyncIterator[ExecutionResult]:
    """Run one statement with each of `parameters`; the rest is that of `execute_concurrent`."""
    checked = _checked("parameters", parameters, "the parameters of each execution in a list")
    pairs: Any
    if hasattr(checked, "__anext__"):
        pairs = _Pairs(statement, checked)
    else:
        pairs = ((statement, values) for values in checked)
    return _run(session, pairs, concurrency, raise_on_first_error, execution_profile)


def _checked(name: str, source: Any, wanted: str) -> Any:
    """Return an iterator, asynchronous or not, over what was given."""
    if not isinstance(source, (str, bytes)):
        if hasattr(source, "__aiter__"):
            return aiter(source)
        if hasattr(source, "__iter__"):
            return iter(source)
    raise InvalidArgumentType(f"{name} is a {type(source).__name__}: give {wanted}")


def _run(
    session: AsyncSession, source: Any, concurrency: int, raises: bool, profile: Any
) -> AsyncIterator[ExecutionResult]:
    check_window(session, concurrency)
    kind = _Fed if hasattr(source, "__anext__") else _Window
    return kind(session, source, concurrency, raises, profile).results()


class _Pairs:
    """The statement with each of its parameters; no generator, which would have to be closed."""

    __slots__ = ("_parameters", "_statement")

    def __init__(self, statement: Any, parameters: AsyncIterator[Any]) -> None:
        self._statement = statement
        self._parameters = parameters

    async def __anext__(self) -> tuple[Any, Any]:
        return self._statement, await anext(self._parameters)


class _Window:
    """Keeps a number of executions in flight, of a source that is an ordinary iterator."""

    def __init__(
        self, session: AsyncSession, source: Any, concurrency: int, raises: bool, profile: Any
    ) -> None:
        self._session = session
        self._source = source
        self._concurrency = concurrency
        self._raises = raises
        self._profile = session.profile(profile)
        self._executions: deque[Any] = deque()
        """In flight, or done and not taken yet, in order."""
        self._failed: BaseException | None = None
        """What ends everything."""
        self._ended: BaseException | bool = False
        """Whether the source has nothing more, or what it raised."""
        self._reader: asyncio.Future[None] | None = None
        """While the reader waits: for the first of all to be done, mostly."""

    async def results(self) -> AsyncIterator[ExecutionResult]:
        """Run everything and give the results in order, as they become known."""
        self._session.check_loop()
        executions = self._executions
        taken = 0  # since others had their turn
        try:
            while True:
                self._fill()
                if self._failed is not None:
                    raise self._failed
                if not executions:
                    if self._ended:
                        break
                elif executions[0].done:
                    yield self._result(executions.popleft())
                    taken += 1
                    if taken > self._concurrency:  # nothing had to go to a server
                        await asyncio.sleep(0)
                        taken = 0
                    continue
                await self._news()
                taken = 0
            if isinstance(self._ended, BaseException):
                raise self._ended
        finally:
            await self._end()

    def _fill(self) -> None:
        """Start what there is room for."""
        source, executions = self._source, self._executions
        while not self._ended and self._failed is None and len(executions) < self._concurrency:
            try:
                item = next(source, _END)
                if item is _END:
                    self._ended = True
                else:
                    self._start(item)
            except Exception as exc:  # noqa: BLE001 - raised once the results before it are taken
                self._ended = exc

    def _start(self, item: Any) -> None:
        if item.__class__ is not tuple or len(item) != 2:
            item = pair_of(item)
        statement, parameters = item
        try:
            execution = self._session.request(statement, parameters, self._profile, self._finished)
        except DriverException as exc:
            self._executions.append(Failed(exc))
            if self._raises:
                self._failed = exc
            return
        # Before it is started, as it may be done at once.
        self._executions.append(execution)
        execution.start()

    def _finished(self, execution: Execution) -> None:
        """An execution is done."""
        if self._raises and self._failed is None and isinstance(execution.outcome, BaseException):
            self._failed = execution.outcome
            self._wake()
        elif self._executions[0] is execution:
            self._wake()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def _news(self) -> None:
        """Wait until there is something to do."""
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader

    def _result(self, execution: Any) -> ExecutionResult:
        outcome = execution.outcome
        if isinstance(outcome, BaseException):
            return ExecutionResult(False, outcome)
        return ExecutionResult(True, page_of(AsyncResultSet, self._session, execution))

    async def _end(self) -> None:
        """Give up what is in flight."""
        for execution in tuple(self._executions):
            if not execution.done:
                execution.cancel()
        self._executions.clear()


class _Fed(_Window):
    """The same of an asynchronous source, which a task reads as places become free."""

    _task: asyncio.Task[None] | None = None
    _room: asyncio.Future[None] | None = None
    """While the task waits: for a place."""

    def _fill(self) -> None:
        """Have the task go on."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._feed())
        if self._room is not None and len(self._executions) < self._concurrency:
            room, self._room = self._room, None
            if not room.done():
                room.set_result(None)

    async def _feed(self) -> None:
        executions = self._executions
        try:
            while self._failed is None:
                if len(executions) >= self._concurrency:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                    continue
                item = await anext(self._source, _END)
                if item is _END or self._ended:  # the source may not care for being cancelled
                    break
                self._start(item)
                if executions and executions[0].done:
                    self._wake()
            self._ended = True
        except BaseException as exc:
            self._ended = exc  # raised once the results before it are taken
            if not isinstance(exc, Exception):
                raise
        finally:
            self._wake()

    async def _end(self) -> None:
        self._ended = True
        task = self._task
        try:
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait((task,))
        finally:
            await super()._end()
