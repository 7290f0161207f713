"""Concurrent execution on the reactor: a bounded window of statements in flight."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred

from cql_driver.cluster.concurrency import ExecutionResult, check_window, pair_of
from cql_driver.cluster.page import page_of
from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import DriverException
from cql_reactors.deferreds.results import TwistedResultSet
from cql_reactors.deferreds.waiting import hold, let_go, soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from twisted.python.failure import Failure

    from cql_driver.core.execution import Execution
    from cql_reactors.deferreds.session import TwistedSession

__all__ = ["Source", "Window"]

_END: Any = object()
_NO_STATEMENT: Any = object()


class Source:
    """Gives pairs of a statement and its parameters, from an iterable or an async one."""

    def __init__(self, given: Any, name: str, statement: Any = _NO_STATEMENT) -> None:
        self._statement = statement
        self._items: Iterator[Any] | None = None
        self._async_items: AsyncIterator[Any] | None = None
        if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
            if not hasattr(given, "__aiter__"):
                raise InvalidArgumentType(
                    f"{name} is a {type(given).__name__}: give a list, or another iterable (or "
                    "async iterable), " + _ITEMS[name]
                )
            self._async_items = given.__aiter__()
        else:
            self._items = iter(given)

    @property
    def waits(self) -> bool:
        """Whether items must be waited for."""
        return self._items is None

    def next(self) -> Any:
        """Return the next pair, or `_END`."""
        assert self._items is not None
        for item in self._items:
            return self._pair(item)
        return _END

    async def wait_for_next(self) -> Any:
        """Return the next pair, or `_END`."""
        assert self._async_items is not None
        try:
            return self._pair(await self._async_items.__anext__())
        except StopAsyncIteration:
            return _END

    def _pair(self, item: Any) -> Any:
        if self._statement is not _NO_STATEMENT:
            return self._statement, item
        return pair_of(item)


_ITEMS = {
    "statements_and_parameters": "of pairs of a statement and its parameters",
    "parameters": "of the parameters of each execution",
}


class _Place:
    """One statement in the window: its execution, or the error with which it was not made."""

    __slots__ = ("done", "execution", "outcome")

    def __init__(self) -> None:
        self.done = False
        self.execution: Execution | None = None
        self.outcome: Any = None


class Window:
    """Keeps a number of executions in flight, and gives their results in order.

    `bounded` is for who takes results one by one: what is done and not yet taken has its part
    in the number then.
    """

    def __init__(
        self,
        session: TwistedSession,
        source: Source,
        concurrency: int,
        raises: bool,
        profile: Any,
        bounded: bool,
    ) -> None:
        check_window(session, concurrency)
        self._session = session
        self._runtime = session.runtime
        self._source = source
        self._concurrency = concurrency
        self._raises = raises
        self._profile = session.profile(profile)
        self._bounded = bounded
        self._places: deque[_Place] = deque()
        self._in_flight = 0
        self._ended = False  # nothing more is started
        self._error: BaseException | None = None
        self._fetching: Deferred[Any] | None = None
        self._changed: Deferred[None] | None = None

    async def collect(self) -> list[ExecutionResult]:
        """Run everything and return the results."""
        return [result async for result in self.results()]

    async def results(self) -> AsyncIterator[ExecutionResult]:
        """Run everything and give the results as they become known, in order."""
        places = self._places
        try:
            self._fill()
            while True:
                while places and places[0].done:
                    result = self._take()
                    self._fill()
                    yield result
                if self._error is not None and not (self._bounded and places):
                    raise self._error
                if not places and self._ended and self._fetching is None:
                    return
                self._changed = Deferred()
                await self._changed
        except DriverException:
            places.clear()  # what is in flight goes on
            raise
        finally:
            self._ended = True
            self._cancel()

    def _take(self) -> ExecutionResult:
        place = self._places.popleft()
        outcome = place.outcome
        if not isinstance(outcome, BaseException):
            assert place.execution is not None
            return ExecutionResult(True, page_of(TwistedResultSet, self._session, place.execution))
        if self._raises:
            raise outcome
        return ExecutionResult(False, outcome)

    def _cancel(self) -> None:
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()
        for place in self._places:
            if place.execution is not None and not place.done:
                place.execution.cancel()

    # --- starting ------------------------------------------------------------------------------

    def _fill(self) -> None:
        source = self._source
        while not self._ended and self._fetching is None:
            if self._concurrency <= (len(self._places) if self._bounded else self._in_flight):
                return
            if source.waits:
                self._fetching = ensureDeferred(source.wait_for_next())
                self._fetching.addCallbacks(self._came, self._broke)
            else:
                self._start(source.next())

    def _came(self, pair: Any) -> None:
        self._fetching = None
        if not self._ended:
            self._start(pair)
            self._tell()

    def _broke(self, failure: Failure) -> None:
        self._fetching = None
        if not self._ended:
            self._ended = True
            self._error = failure.value
            self._tell()

    def _start(self, pair: Any) -> None:
        if pair is _END:
            self._ended = True
            return
        statement, parameters = pair
        place = _Place()
        self._places.append(place)
        try:
            execution = self._session.request(
                statement, parameters, self._profile, partial(self._completed, place)
            )
        except DriverException as exc:
            self._done(place, exc)
            return
        place.execution = execution
        self._in_flight += 1
        hold(execution)
        execution.start()

    def _completed(self, place: _Place, execution: Execution) -> None:
        self._in_flight -= 1
        let_go(execution)
        self._done(place, execution.outcome)
        if not self._bounded or (self._places and self._places[0] is place):
            self._tell()

    def _done(self, place: _Place, outcome: Any) -> None:
        place.done = True
        place.outcome = outcome
        if self._raises and isinstance(outcome, BaseException):
            self._ended = True
            if not self._bounded and self._error is None:
                self._error = outcome

    def _tell(self) -> None:
        """Have `results` go on, once for all that comes in one turn."""
        changed, self._changed = self._changed, None
        if changed is not None:
            soon(self._runtime, _fire, changed)


def _fire(changed: Deferred[None]) -> None:
    if not changed.called:
        changed.callback(None)
